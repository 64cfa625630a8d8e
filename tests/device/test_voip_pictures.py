"""The pictures of a call as the application sees them: sent, shown, wanted, ended, congested."""

from picture_bench import KEY, OURS, PLAIN, THEIRS, Camera, picture_loss, video_stream
from voip_bench import CONFIG, IDENTITY, VISITOR, Bench, media, rtp_packet

from callboard import codes
from callboard.errors import InvalidArgument, WrongOrder
from callboard.media import video
from callboard.media.devices import NullMicrophone, NullSpeaker
from support import outcome, raises, settle

SENDS, SHOWS = {"send_video": OURS}, {"receive_video": THEIRS}


class Rig(Bench):
    """A bench in a call with pictures, and the far end that puts them together."""

    async def talk_with(self, ways, devices=False, **changes):
        """`ways`: of SENDS and SHOWS; `changes` for init_av."""
        client = self.client
        client.init_system(CONFIG, self.seen)
        client.init_data_model()
        if devices:
            changes["microphone"] = NullMicrophone(8000, self.clock)
            changes["speaker"] = NullSpeaker(8000, self.clock)
        client.init_av(self.seen, **changes)
        await client.init_voip(0, self.store, *IDENTITY)
        self.push("voip.peer_ready")
        await settle()
        self.described = media()
        for side, ssrc in ways.items():
            self.described[side] = video_stream(ssrc)
        self.pictures = []
        self.receiver = video.VideoReceiver(video_stream(OURS), self._picture)
        self.read = 0
        return await self.again()

    async def again(self):
        """Call; the phone answers. Returns the answer to that."""
        self.call_id = await self.ring()
        params = {"call_id": self.call_id, "visitor": VISITOR, "media": self.described}
        answer = self.push("call.answered", params)
        await settle()
        return answer

    def _picture(self, buf, off, n, pts_ms, key):
        self.pictures.append(bytes(buf[off : off + n]))

    async def run(self, ms, reports=True):
        """Let time pass; the relay reports of each picture packet."""
        for _ in range(ms // 20):
            await self.clock.run(20)
            sent = self.relay.socket.media
            while self.read < len(sent):
                packet = sent[self.read]
                self.read += 1
                if packet[1] & 127 == 96:
                    self.receiver.receive(packet, 0, len(packet), 0)
                    if reports:
                        head = b"\x81\xc9\0\7\0\0\0\1" + packet[8:12] + bytes(6)
                        self.deliver(head + packet[2:4] + bytes(12))
            await settle()

    def deliver(self, packet):
        self.relay.socket.deliver(2, packet)

    def rtcp(self):
        """The RTCP packets sent so far."""
        return [packet for packet in self.relay.socket.media if 192 <= packet[1] <= 223]

    async def show(self, *pictures):
        """The far end sends these pictures."""
        line = Collected()
        sender = video.VideoSender(self.clock, video_stream(THEIRS), line, (7, 7))
        for picture in pictures:
            assert sender.send(picture, 0, len(picture), self.clock.ticks_ms())
            while sender.queued:
                sender.tick()
                sender.window.size = 32
            self.clock.advance(40)
        for packet in line.packets:
            self.deliver(packet)
        await settle()


class Collected:
    headroom = 0

    def __init__(self):
        self.packets = []

    def send(self, buf, off, n):
        self.packets.append(bytes(buf[off : off + n]))
        return True


# covers: V-31, V-32
async def test_what_an_end_can_take_is_told():
    for changes, caps, camera in (
        ({}, ["pcmu", "media-ws"], None),
        ({"screen": 4096}, ["pcmu", "h264", "media-ws"], None),
        ({"camera": True}, ["pcmu", "media-ws"], True),
    ):
        rig = Rig()
        await rig.talk_with({}, **changes)
        assert rig.relay.hellos[-1]["caps"] == caps
        await rig.client.hang_up()
        await rig.take()
        answer = rig.relay.requests[-1]
        assert answer[0] == "call.answer" and answer[1].get("camera") is camera
        assert answer[1]["codecs"] == caps[:-1]
        await rig.close()


# covers: V-31, V-45, V-51
async def test_a_cameras_pictures_arrive_beside_the_sound():
    for devices in (True, False):
        rig = Rig()
        camera = Camera(rig.clock)
        assert await rig.talk_with(SENDS, devices, camera=camera) == [{}]
        infos = [info for _, _, _, info, _ in rig.seen.of("on_get_av_enc_info")]
        assert [info["codec"] for info in infos] == ["pcmu", "h264"]
        assert (infos[1]["width"], infos[1]["height"], infos[1]["fps"]) == (640, 360, 25)
        await rig.run(1000)
        assert rig.pictures[0] == KEY and set(rig.pictures[1:]) == {PLAIN}
        assert 23 <= len(rig.pictures) <= 26 and camera.lost == 0
        sound = [packet for packet in rig.relay.socket.media if packet[1] & 127 == 0]
        assert len(sound) == (0 if not devices else 50)
        await rig.client.hang_up()
        await rig.clock.run(200)
        assert not camera.ready() and len(rig.seen.of("on_stop_real_play")) == 1
        (stats,) = rig.seen.of("on_call_stats")[0]
        assert stats["pictures_sent"] == len(rig.pictures) and stats["pictures_dropped"] == 0
        before = len(rig.relay.socket.media)
        await rig.clock.run(500)
        assert len(rig.relay.socket.media) == before
        await rig.again()
        await rig.run(200)
        assert camera.started == 2, "the next call begins anew"
        await rig.close()


# covers: V-51
async def test_a_key_frame_follows_a_request_within_a_picture():
    rig = Rig()
    camera = Camera(rig.clock)
    await rig.talk_with(SENDS, devices=True, camera=camera)
    await rig.run(500)
    assert rig.pictures.count(KEY) == 1
    for request in (picture_loss(OURS), b"\x80\xc9\0\1\0\0\0\7" + picture_loss(OURS)):
        rig.deliver(request)
        await settle()
        seen = len(rig.pictures)
        await rig.run(60)
        assert KEY in rig.pictures[seen : seen + 2]
    for other in (picture_loss(THEIRS), picture_loss(0), picture_loss(OURS)[:11]):
        rig.deliver(other)
    await rig.run(500)
    assert rig.pictures.count(KEY) == 3 == camera.wanted + 1
    await rig.close()


# covers: V-51
async def test_the_application_gives_pictures_itself():
    rig = Rig()
    await rig.talk_with(SENDS, camera=True)
    send, client = rig.client.send_video, rig.client
    assert send(VISITOR, 0, KEY, 0, len(KEY), 0) and client.stream_buffer(VISITOR, 0) == len(KEY)
    assert not send(VISITOR, 0, PLAIN, 0, len(PLAIN), 20), "the one before still waits"
    assert rig.seen.of("on_key_frame_wanted") == [(VISITOR, 0, codes.RES_HIGH)]
    assert not send(VISITOR, 0, KEY, 0, len(KEY), 20)
    await rig.run(100)
    assert client.stream_buffer(VISITOR, 0) == 0 and rig.pictures == [KEY]
    assert not send(VISITOR, 0, PLAIN, 0, len(PLAIN), 100), "a key frame first"
    assert send(VISITOR, 0, KEY, 0, len(KEY), 120)
    await rig.run(100)
    rig.deliver(picture_loss(OURS))
    await settle()
    assert len(rig.seen.of("on_key_frame_wanted")) == 2
    for bad in ((VISITOR + 1, 0, KEY), (VISITOR, 1, KEY), (VISITOR, 0, b"no picture")):
        raises(InvalidArgument, send, bad[0], bad[1], bad[2], 0, len(bad[2]), 200)
    await rig.client.hang_up()
    raises(WrongOrder, send, VISITOR, 0, KEY, 0, len(KEY), 300)
    raises(WrongOrder, client.finish_stream, VISITOR, 0, codes.RES_HIGH)
    assert client.stream_buffer(VISITOR, 0) == 0
    await rig.close()


async def test_without_a_viewer_or_beside_a_camera_nothing_can_be_sent():
    rig = Rig()
    await rig.talk_with({}, camera=True)
    raises(InvalidArgument, rig.client.send_video, VISITOR, 0, KEY, 0, len(KEY), 0)
    await rig.close()
    rig = Rig()
    await rig.talk_with(SENDS, camera=Camera(rig.clock))
    raises(WrongOrder, rig.client.send_video, VISITOR, 0, KEY, 0, len(KEY), 0)
    await rig.close()


# covers: V-48, V-49, V-50
async def test_the_far_ends_pictures_are_shown():
    rig = Rig()
    await rig.talk_with(SHOWS, screen=4096)
    await rig.show(KEY, PLAIN, PLAIN)
    rig.deliver(rtp_packet(1, 0))
    rig.deliver(rtp_packet(2, 160))
    await settle()
    started = [(kind, info["codec"]) for _, _, kind, info in rig.seen.of("on_start_recv_stream")]
    assert started == [(codes.STREAM_VIDEO, "h264"), (codes.STREAM_AUDIO, "pcmu")]
    got = [data for _, _, kind, data, _ in rig.seen.of("on_recv_stream") if kind == 1]
    assert got == [KEY, PLAIN, PLAIN]
    rig.end(rig.call_id, "hung_up_by_callee", "callee")
    await settle()
    assert rig.seen.of("on_stop_recv_stream") == [(VISITOR, 0, codes.STREAM_AV)]
    (stats,) = rig.seen.of("on_call_stats")[0]
    assert stats["pictures_received"] == 3 and stats["pictures_broken"] == 0
    await rig.close()


async def test_a_lost_picture_is_asked_for():
    rig = Rig()
    await rig.talk_with(SHOWS, screen=4096)
    await rig.show(KEY)
    rig.relay.socket.media.clear()
    await rig.show(KEY, KEY)  # another stream: its numbers begin anew, so these look late
    line = Collected()
    sender = video.VideoSender(rig.clock, video_stream(THEIRS), line, (900, 90000))
    assert sender.send(KEY, 0, len(KEY), 0)
    sender.tick()
    rig.deliver(line.packets[-1])
    await settle()
    (request,) = rig.rtcp()
    assert request == b"\x81\xce\0\2" + bytes(4) + THEIRS.to_bytes(4, "big")
    await rig.close()


# covers: V-52
async def test_pictures_can_be_finished_while_the_call_goes_on():
    rig = Rig()
    camera = Camera(rig.clock)
    await rig.talk_with(SENDS, devices=True, camera=camera)
    await rig.run(500)
    rig.client.finish_stream(VISITOR, 0, codes.RES_HIGH)
    rig.client.finish_stream(VISITOR, 0, codes.RES_HIGH)
    assert rig.rtcp() == [b"\x81\xcb\0\1" + OURS.to_bytes(4, "big")]
    status = rig.client.stream_status
    assert status(VISITOR, 0, codes.STREAM_VIDEO) == codes.STREAM_STATUS_OFF
    assert status(VISITOR, 0, codes.STREAM_AUDIO) == codes.STREAM_STATUS_SENDING
    seen, sent = len(rig.pictures), len(rig.relay.socket.media)
    await rig.run(500)
    assert len(rig.pictures) == seen and len(rig.relay.socket.media) - sent >= 20
    assert rig.client.call_state == "talking" and rig.seen.of("on_stop_real_play") == []
    await rig.client.hang_up()
    assert len(rig.seen.of("on_stop_real_play")) == 1
    await rig.close()


async def test_the_far_end_finishes_its_pictures():
    rig = Rig()
    await rig.talk_with(SHOWS, screen=4096)
    over = b"\x81\xcb\0\1" + THEIRS.to_bytes(4, "big")
    rig.deliver(over)
    await rig.show(KEY)
    for packet in (b"\x81\xcb\0\1" + OURS.to_bytes(4, "big"), over[:7], over, over):
        rig.deliver(packet)
    await settle()
    assert rig.seen.of("on_pictures_over") == [(VISITOR, 0)]
    await rig.close()


# covers: V-53, V-54
async def test_a_full_line_is_told_and_its_recovery():
    rig = Rig()
    camera = Camera(rig.clock)
    await rig.talk_with(SENDS, devices=True, camera=camera)
    client, told = rig.client, lambda: [event for event, _, _, _ in rig.seen.of("on_notify")][1:]
    await rig.run(500)
    assert client.stream_buffer(VISITOR, 0) == 0 and told() == []
    rig.relay.socket.congested = True
    rig.relay.socket.pending = 900
    await rig.run(200)
    assert client.stream_buffer(VISITOR, 0) >= 900 + len(PLAIN)
    assert told() == [codes.EVENT_CONGESTION_HIGH]
    status = client.stream_status(VISITOR, 0, codes.STREAM_VIDEO)
    assert status == codes.STREAM_STATUS_CONGESTED
    rig.relay.socket.congested = False
    rig.relay.socket.pending = 0
    await rig.run(2900)
    assert told() == [codes.EVENT_CONGESTION_HIGH], "not before 3 s"
    await rig.run(800)
    assert told() == [codes.EVENT_CONGESTION_HIGH, codes.EVENT_CONGESTION_NORMAL]
    assert rig.pictures[-1] == PLAIN and rig.pictures.count(KEY) == 2
    await rig.run(18000)
    assert told()[-1] == codes.EVENT_CONGESTION_LOW and len(told()) == 3
    await rig.close()


# covers: V-54
async def test_sound_alone_tells_of_a_full_line_too():
    for devices in (True, False):
        rig = Rig()
        await rig.talk_with({}, devices)
        rig.relay.socket.congested = True
        for _ in range(3):
            if not devices:
                rig.client.send_audio(VISITOR, 0, bytes(160), 0, 160)
            await rig.run(20)
        assert [each[0] for each in rig.seen.of("on_notify")][1:] == [codes.EVENT_CONGESTION_HIGH]
        rig.relay.socket.congested = False
        await rig.close()


async def test_pictures_that_were_not_offered_or_are_malformed_are_refused():
    for ways, changes in (
        (SENDS, {}),
        (SHOWS, {"camera": True}),
        ({"send_video": 0}, {"camera": True}),
        ({"receive_video": 1 << 32}, {"screen": 4096}),
    ):
        rig = Rig()
        (error,) = await rig.talk_with(ways, **changes)
        assert error.code == codes.INVALID_ARGUMENT, error
        assert rig.seen.of("on_start_real_play") == []
        await rig.close()


async def test_hostile_rtcp_changes_nothing():
    rig = Rig()
    await rig.talk_with({"send_video": OURS, "receive_video": THEIRS}, camera=True, screen=4096)
    assert rig.client.send_video(VISITOR, 0, KEY, 0, len(KEY), 0)
    await rig.run(200)
    good = picture_loss(OURS)
    for at in range(len(good)):
        for value in (0, 1, 0x7F, 0x80, 0xFF):
            rig.deliver(good[:at] + bytes((value,)) + good[at + 1 :])
        rig.deliver(good[:at])
        await settle()
    assert await outcome(rig.run(100)) is None
    assert rig.client.call_state == "talking"
    await rig.close()
