"""Views of a device: who watches, what each is told of, one stream for many, and every end."""

from picture_bench import KEY, PLAIN, Camera, picture_loss, video_stream
from voip_bench import CONFIG, IDENTITY, Bench, media

from callboard import codes
from callboard.errors import CallboardError, InvalidArgument, RemoteError, WrongOrder
from callboard.media import video
from support import raises, settle

LIVE, OTHER = 0xFFFFFFF5, 0x7FFFFFF5
HIGH, PLAYBACK = codes.RES_HIGH, codes.RES_PLAYBACK


class Rig(Bench):
    """A device with a camera, or an application that gives pictures (`camera` True)."""

    async def up(self, camera=None):
        client = self.client
        client.init_system(CONFIG, self.seen)
        client.init_data_model()
        self.camera = Camera(self.clock) if camera is None else camera
        client.init_av(self.seen, camera=self.camera)
        await client.init_voip(0, self.store, *IDENTITY)
        self.push("voip.peer_ready")
        await settle()
        self.pictures = []
        self.receiver = video.VideoReceiver(video_stream(LIVE), self._picture)
        self.read = 0
        return self

    def _picture(self, buf, off, n, pts_ms, key):
        self.pictures.append(bytes(buf[off : off + n]))

    async def watch(self, visitor, channel=0, res_type=HIGH, ssrc=LIVE, **more):
        """A visitor comes; returns the device's answer."""
        params = {"visitor": visitor, "channel": channel, "res_type": res_type, "args": {}}
        params.update({"address": "192.0.2.%d" % visitor, "peer": {}})
        params["media"] = {"send_video": video_stream(ssrc)}
        params.update(more)
        (answer,) = await self._asked("view.start", params)
        return answer

    async def leave(self, visitor, channel=0, res_type=HIGH):
        """A visitor goes."""
        params = {"visitor": visitor, "channel": channel, "res_type": res_type}
        (answer,) = await self._asked("view.stop", params)
        assert answer == {}

    async def _asked(self, method, params):
        answer = self.push(method, params)
        await settle()
        return answer

    async def run(self, ms):
        """Let time pass; the relay reports of each picture packet."""
        for _ in range(ms // 20):
            await self.clock.run(20)
            sent = self.relay.socket.media
            while self.read < len(sent):
                packet = sent[self.read]
                self.read += 1
                self.receiver.receive(packet, 0, len(packet), 0)
                head = b"\x81\xc9\0\7\0\0\0\1" + packet[8:12] + bytes(6)
                self.relay.socket.deliver(2, head + packet[2:4] + bytes(12))
            await settle()


# covers: V-45, V-46, V-47, V-58, V-67
async def test_three_watch_one_leaves_two_go_on():
    rig = await Rig().up()
    for visitor in (1, 2, 3):
        answer = await rig.watch(visitor)
        assert answer["info"] == {
            "codec": "h264",
            "clock_rate": 90000,
            "width": 640,
            "height": 360,
            "fps": 25,
        }
        await rig.run(200)
    assert rig.client.watched == 3
    assert rig.seen.of("on_start_real_play") == [(n, 0, HIGH, {}) for n in (1, 2, 3)]
    assert rig.seen.of("on_get_peer_outer_net") == [(n, 0, "192.0.2.%d" % n) for n in (1, 2, 3)]
    assert rig.camera.started == 1 and rig.pictures.count(KEY) == 3, "each begins with a key frame"
    await rig.leave(2)
    assert rig.seen.of("on_stop_real_play") == [(2, 0, HIGH)]
    seen = len(rig.pictures)
    await rig.run(400)
    assert len(rig.pictures) - seen >= 8
    await rig.leave(2)  # again: nothing
    await rig.leave(1)
    await rig.leave(3)
    assert [visitor for visitor, _, _ in rig.seen.of("on_stop_real_play")] == [2, 1, 3]
    assert not rig.camera.ready()
    seen = len(rig.relay.socket.media)
    await rig.run(400)
    assert len(rig.relay.socket.media) == seen
    await rig.watch(1)
    assert rig.camera.started == 2
    await rig.close()
    assert len(rig.seen.of("on_stop_real_play")) == 4, "the end of the line ends it"


# covers: V-45
async def test_what_the_application_says_of_a_stream_reaches_the_visitor():
    rig = await Rig().up(True)

    def say(visitor, channel, res_type, info, args):
        if channel == 7:
            raise InvalidArgument("there is no camera 7")
        info["width"], info["codec_level"] = 320, "3.0"

    rig.client._av._events.on("on_get_av_enc_info", say)
    answer = await rig.watch(1)
    assert answer["info"]["width"] == 320 and answer["info"]["codec_level"] == "3.0"
    refused = await rig.watch(1, channel=7)
    assert isinstance(refused, RemoteError) and refused.code == codes.INVALID_ARGUMENT
    assert len(rig.seen.of("on_start_real_play")) == 1
    await rig.close()


# covers: V-66
async def test_a_playback_and_its_times_reach_the_application_unchanged():
    rig = await Rig().up(True)
    args = {"start_ms": 1763640000000, "end_ms": 1763640060000}
    await rig.watch(1, 3, PLAYBACK, OTHER, args=args)
    assert rig.seen.of("on_start_real_play") == [(1, 3, PLAYBACK, args)]
    (asked,) = rig.seen.of("on_get_av_enc_info")
    assert asked[:3] == (1, 3, PLAYBACK) and asked[4] == args
    await rig.watch(2)
    assert rig.client.send_video(1, 3, KEY, 0, len(KEY), 0)
    assert rig.client.send_video(2, 0, KEY, 0, len(KEY), 0), "another stream, not in the way"
    await rig.run(200)
    assert rig.pictures == [KEY]
    assert {packet[8:12] for packet in rig.relay.socket.media} == {
        LIVE.to_bytes(4, "big"),
        OTHER.to_bytes(4, "big"),
    }
    await rig.close()


# covers: V-51, V-53
async def test_the_application_gives_one_picture_for_all():
    rig = await Rig().up(True)
    client = rig.client
    raises(WrongOrder, client.send_video, 1, 0, KEY, 0, len(KEY), 0)
    assert client.stream_buffer(1, 0) == 0
    await rig.watch(1)
    await rig.watch(2)
    assert client.send_video(1, 0, KEY, 0, len(KEY), 0)
    assert client.stream_buffer(1, 0) == client.stream_buffer(2, 0) == len(KEY)
    assert client.stream_status(2, 0, codes.STREAM_VIDEO) == codes.STREAM_STATUS_SENDING
    assert client.stream_status(3, 0, codes.STREAM_VIDEO) == codes.STREAM_STATUS_OFF
    await rig.run(100)
    assert rig.pictures == [KEY] and client.stream_buffer(1, 0) == 0
    rig.relay.socket.deliver(2, picture_loss(LIVE))
    await settle()
    assert rig.seen.of("on_key_frame_wanted") == [(1, 0, HIGH)]
    assert not client.send_video(2, 0, PLAIN, 0, len(PLAIN), 40)
    raises(InvalidArgument, client.send_video, 3, 0, KEY, 0, len(KEY), 0)
    raises(InvalidArgument, client.stream_buffer, 3, 0)
    await rig.close()


# covers: V-52
async def test_nothing_more_comes_for_a_visitor():
    rig = await Rig().up()
    await rig.watch(1)
    await rig.watch(2)
    rig.client.finish_stream(1, 0, HIGH)
    await settle()
    asked = ("view.finish", {"visitor": 1, "channel": 0, "res_type": HIGH})
    assert rig.relay.requests[-1] == asked
    assert rig.seen.of("on_stop_real_play") == [(1, 0, HIGH)]
    raises(InvalidArgument, rig.client.finish_stream, 1, 0, HIGH)
    await rig.leave(1)  # the relay's own word crosses ours
    assert len(rig.seen.of("on_stop_real_play")) == 1
    await rig.run(200)
    assert rig.pictures
    await rig.close()


async def test_who_is_refused():
    rig = await Rig().up()
    await rig.watch(1)
    for more, code in (
        ({"visitor": 1}, codes.AVT_BUSY),
        ({"res_type": PLAYBACK, "ssrc": OTHER}, codes.INVALID_ARGUMENT),
        ({"channel": 1, "ssrc": OTHER}, codes.INVALID_ARGUMENT),
        ({"res_type": codes.RES_LOW, "ssrc": OTHER}, codes.AVT_BUSY),
        ({"channel": 16}, codes.INVALID_ARGUMENT),
        ({"visitor": True}, codes.INVALID_ARGUMENT),
        ({"args": []}, codes.INVALID_ARGUMENT),
        ({"media": None}, codes.INVALID_ARGUMENT),
        ({"media": {"send_video": {"codec": "h264"}}}, codes.INVALID_ARGUMENT),
    ):
        visitor = more.pop("visitor", 2)
        error = await rig.watch(visitor, **more)
        assert isinstance(error, CallboardError) and error.code == code, (more, error)
    for visitor in range(2, 9):
        assert "info" in await rig.watch(visitor)
    assert (await rig.watch(9)).code == codes.AVT_BUSY
    assert len(rig.seen.of("on_start_real_play")) == 8
    await rig.close()
    blind = Rig()
    await blind.ready()
    error = await blind.watch(1)
    assert error.code == codes.CODEC_UNAVAILABLE
    await blind.close()


async def test_a_call_takes_the_camera():
    rig = await Rig().up()
    await rig.watch(1)
    await rig.run(200)
    described = media()
    described["send_video"] = video_stream(OTHER)
    call_id = await rig.ring()
    rig.push("call.answered", {"call_id": call_id, "visitor": 9, "media": described})
    await settle()
    assert rig.seen.of("on_stop_real_play") == [(1, 0, HIGH)]
    assert ("view.finish", {"visitor": 1, "channel": 0, "res_type": HIGH}) in rig.relay.requests
    assert (await rig.watch(2)).code == codes.AVT_BUSY
    await rig.client.hang_up()
    assert "info" in await rig.watch(2)
    await rig.close()


# covers: V-43
async def test_a_lost_session_ends_every_view():
    rig = await Rig().up()
    await rig.watch(1)
    await rig.watch(2)
    rig.relay.restart()
    await rig.clock.run(60000)
    assert sorted(rig.seen.of("on_stop_real_play")) == [(1, 0, HIGH), (2, 0, HIGH)]
    assert rig.client.online and not rig.camera.ready()
    await rig.close()
