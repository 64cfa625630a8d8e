"""The sound of a call as the application sees it: codecs, mute, levels."""

from media_rig import opus_stream
from voip_bench import CONFIG, IDENTITY, PAYLOAD, VISITOR, Bench, media, rtp_packet

from callboard.errors import WrongOrder
from callboard.media.devices import NullMicrophone, NullSpeaker
from callboard.native import opus, pcm
from callboard.voip.client import Client
from support import SkipTest, raises, settle

OPUS = {"rate": 16000, "bitrate_bps": 24000, "fec": True, "dtx": True, "carriers": ["ws"]}
ALL = ["opus", "opus-8k", "pcmu"]


def require_opus():
    if opus is None:
        raise SkipTest("no opus here: run make native natmods")


class Buzz(NullMicrophone):
    """Captures a loud buzz."""

    def _fill(self, frame):
        for i in range(0, self.frame, 8):
            pcm.fill(frame, i, 8, 8000 if i & 64 else -8000)


def opus_media():
    send = opus_stream(0xFFFFFFF0, "d", feed_id="d", **OPUS)
    return {"send": send, "receive": opus_stream(0x7FFFFFF0, "p", feed_id="p", **OPUS)}


async def talking(described=None, devices=True, **changes):
    """A bench in a call; `described` by the relay."""
    bench = Bench()
    client, clock = bench.client, bench.clock
    client.init_system(CONFIG, bench.seen)
    client.init_data_model()
    if devices:
        changes["microphone"], changes["speaker"] = Buzz(16000, clock), NullSpeaker(16000, clock)
    client.init_av(bench.seen, **changes)
    await client.init_voip(0, bench.store, *IDENTITY)
    bench.push("voip.peer_ready")
    await settle()
    if described is not None:
        await answered(bench, described)
    return bench


async def answered(bench, described):
    call_id = await bench.ring()
    params = {"call_id": call_id, "visitor": VISITOR, "media": described}
    answer = bench.push("call.answered", params)
    await settle()
    return answer


def caps(bench):
    return bench.relay.hellos[-1]["caps"]


# covers: V-63
async def test_hello_lists_the_codecs_that_are_here():
    require_opus()
    for codecs, listed in (
        (None, ALL),
        (("opus",), ALL),
        (("opus-8k",), ["opus-8k", "pcmu"]),
        (("pcmu",), ["pcmu"]),
    ):
        bench = await talking(codecs=codecs)
        assert caps(bench) == listed + ["media-ws"], codecs
        await bench.close()


async def test_who_codes_itself_says_what_it_can():
    require_opus()
    for codecs, listed in ((None, ["pcmu"]), (("opus",), ALL)):
        bench = await talking(devices=False, codecs=codecs)
        assert caps(bench) == listed + ["media-ws"], codecs
        await bench.close()


# covers: V-30, V-63
async def test_a_call_with_opus():
    require_opus()
    bench = await talking(opus_media())
    await bench.clock.run(1000)
    info = {"codec": "opus", "rate": 16000, "clock_rate": 48000, "channels": 1, "frame_ms": 20}
    assert bench.seen.of("on_get_av_enc_info") == [(VISITOR, 0, 0, info, {})]
    sent = bench.relay.socket.media
    assert 45 <= len(sent) <= 51
    assert all(packet[1] & 127 == 111 and len(packet) < 140 for packet in sent)
    for n in range(1, len(sent)):
        before, now = (int.from_bytes(each[4:8], "big") for each in sent[n - 1 : n + 1])
        assert (now - before) & 0xFFFFFFFF == 960
    await bench.close()


async def test_calls_with_one_codec_after_the_other():
    require_opus()
    bench = await talking()
    for described in (opus_media(), media(), opus_media()):
        bench.relay.socket.media.clear()
        assert await answered(bench, described) == [{}]
        await bench.clock.run(300)
        payload_type = described["send"]["payload_type"]
        sent = bench.relay.socket.media
        assert len(sent) > 10 and all(packet[1] & 127 == payload_type for packet in sent)
        await bench.client.hang_up()
        await settle()
    await bench.close()


async def test_a_codec_that_was_not_offered_is_refused():
    require_opus()
    bench = await talking(codecs=("pcmu",))
    answer = await answered(bench, opus_media())
    assert answer[0].code == 1 and "opus" in answer[0].message
    assert bench.client.call_state == "ringing"
    await bench.close()


def silent(bench, since):
    """Whether all that was sent from packet `since` on is silence (PCMU's 0xFF, or 0x7F)."""
    sent = bench.relay.socket.media[since:]
    return len(sent) > 5 and all(byte & 0x7F == 0x7F for p in sent for byte in p[-160:])


async def test_mute():
    bench = await talking(media())
    client, sent = bench.client, bench.relay.socket.media
    await bench.clock.run(200)
    assert not client.mute and not silent(bench, 0)
    client.mute = True
    await bench.clock.run(100)
    since = len(sent)
    await bench.clock.run(200)
    assert client.mute and silent(bench, since)
    client.mute = False
    since = len(sent)
    await bench.clock.run(200)
    assert not silent(bench, since)
    await bench.close()


async def test_mute_stays_from_call_to_call():
    bench = await talking()
    bench.client.mute = True
    await answered(bench, media())
    await bench.clock.run(300)
    assert silent(bench, 0)
    await bench.client.hang_up()
    await settle()
    since = len(bench.relay.socket.media)
    await answered(bench, media())
    await bench.clock.run(300)
    assert silent(bench, since) and bench.client.mute
    await bench.close()


async def test_mute_without_devices_sends_nothing_and_time_passes():
    bench = await talking(media(), devices=False)
    client, sent = bench.client, bench.relay.socket.media
    assert client.send_audio(VISITOR, 0, PAYLOAD, 0, 160)
    client.mute = True
    for _ in range(3):
        assert not client.send_audio(VISITOR, 0, PAYLOAD, 0, 160)
    client.mute = False
    assert client.send_audio(VISITOR, 0, PAYLOAD, 0, 160)
    await settle()
    assert len(sent) == 2
    first, second = sent
    assert int.from_bytes(second[2:4], "big") - int.from_bytes(first[2:4], "big") & 0xFFFF == 1
    times = [int.from_bytes(packet[4:8], "big") for packet in sent]
    assert times[1] - times[0] & 0xFFFFFFFF == 4 * 160
    assert second[1] & 0x80  # marked: a new beginning
    await bench.close()


async def test_levels():
    bench = await talking()
    assert bench.client.levels() is None
    await answered(bench, media())
    for n in range(20):
        bench.relay.media(rtp_packet(n, n * 160, bytes([0x80, 0x00] * 80)))  # as loud as it gets
        await bench.clock.run(20)
    levels = bench.client.levels()
    assert -14 < levels["send"] < -10 and -4 < levels["receive"] <= 0, levels
    bench.client.mute = True
    await bench.clock.run(1000)
    assert bench.client.levels()["send"] == -127
    assert bench.client.levels()["receive"] < -40  # comfort noise at most
    await bench.client.hang_up()
    assert bench.client.levels() is None
    await bench.close()


async def test_no_levels_without_devices():
    bench = await talking(media(), devices=False)
    assert bench.client.levels() is None
    await bench.close()


def test_mute_and_levels_need_the_av_module():
    client = Client()
    raises(WrongOrder, client.levels)
    raises(WrongOrder, lambda: client.mute)
    raises(WrongOrder, setattr, client, "mute", True)
