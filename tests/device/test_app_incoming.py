"""A phone calls the board: LED, ring tone, button, auto-answer, and calls that cross."""

from array import array

from app_rig import BoardConstants, Rig
from fake_relay import fixed_random
from voip_bench import VISITOR, media

from callboard import codes
from callboard.app import App
from callboard.errors import Busy
from callboard.media.devices import NullSpeaker
from callboard.media.ring_tone import PATTERN_MS, RingTone, is_sound
from callboard.native import pcm
from support import FakeClock, settle


class Heard(NullSpeaker):
    """A speaker that remembers how loud each 20 ms were, and who used it."""

    def __init__(self, clock, rate=16000):
        super().__init__(rate, clock)
        self.levels = []
        self.uses = []

    def start(self):
        self.uses.append("start")
        super().start()

    def stop(self):
        self.uses.append("stop")
        super().stop()

    def write(self, frame):
        self.levels.append(pcm.level(frame, 0, self.frame))
        super().write(frame)


def with_speaker(rig):
    """The rig's board gets a speaker that remembers."""
    speaker = Heard(rig.clock)
    rig.hardware.speaker = lambda: speaker
    return speaker


async def ring(rig, call_id="i1", open_id="user1"):
    """A phone calls; the board's answer to the relay."""
    answer = rig.relay.push(
        "call.incoming",
        {
            "call_id": call_id,
            "call_type": 2,
            "peer": {"open_id": open_id, "name": "Ada"},
            "visitor": VISITOR,
            "caller_camera": 0,
            "callee_camera": 0,
            "video_info": {},
            "ring_ms": 60000,
        },
    )
    await settle()
    return answer


def takes(rig):
    """Let the relay connect what the board answers."""
    rig.relay.answers["call.answer"] = lambda params: {"media": media()}


# covers: V-60
async def test_it_rings_with_led_and_tone_and_the_button_answers():
    rig = Rig()
    speaker = with_speaker(rig)
    takes(rig)
    await rig.boot()
    assert await ring(rig) == [{}]
    assert rig.hardware.leds[-1] == "ring"
    assert rig.fields("incoming") == [{"open_id": "user1", "name": "Ada"}]
    await rig.clock.run(1000)
    assert speaker.uses == ["start"] and min(speaker.levels) < 30  # dBov below full scale
    assert "call.answer" not in rig.relay.methods()  # nothing by itself
    await rig.press()
    assert rig.relay.methods()[-1] == "call.answer"
    assert speaker.uses == ["start", "stop", "start"]  # the tone's, then the call's
    assert rig.hardware.leds[-1] == "on" and rig.names()[-1] == "answered"
    await rig.press()
    await rig.clock.run(100)
    assert rig.relay.methods()[-1] == "call.hang_up"
    assert rig.fields("ended") == [{"reason": codes.END_HUNG_UP_BY_CALLEE}]
    assert speaker.uses == ["start", "stop", "start", "stop"]
    assert await rig.off() == 0


# covers: V-60
async def test_a_long_press_rejects():
    rig = Rig()
    speaker = with_speaker(rig)
    await rig.boot()
    await ring(rig)
    rig.hardware.press("long")
    await settle()
    assert rig.relay.requests[-1] == ("call.reject", {"call_id": "i1"})
    assert rig.fields("ended") == [{"reason": codes.END_REJECTED}]
    assert speaker.uses == ["start", "stop"] and rig.hardware.leds[-1] == "on"
    await rig.off()


# covers: V-44, V-60
async def test_the_caller_gives_up_or_nobody_answers():
    for reason, by in ((codes.END_CANCELLED, "caller"), (codes.END_TIMEOUT, "network")):
        rig = Rig()
        speaker = with_speaker(rig)
        await rig.boot()
        await ring(rig)
        await rig.clock.run(500)
        rig.relay.push("call.ended", {"call_id": "i1", "reason": reason, "by": by})
        await settle()
        silent = len(speaker.levels)
        await rig.clock.run(3000)
        assert len(speaker.levels) == silent and speaker.uses == ["start", "stop"]
        assert rig.fields("ended") == [{"reason": reason}] and rig.hardware.leds[-1] == "on"
        await rig.off()


# covers: V-60
async def test_it_answers_by_itself_when_it_was_told_to():
    class After2(BoardConstants):
        AUTO_ANSWER = 2

    rig = Rig(constants=After2)
    takes(rig)
    await rig.boot()
    await ring(rig)
    await rig.clock.run(1900)
    assert "call.answer" not in rig.relay.methods()
    await rig.clock.run(200)
    assert rig.relay.methods().count("call.answer") == 1 and rig.names()[-1] == "answered"
    await rig.off()


# covers: V-60
async def test_auto_answer_is_configured_and_at_once_makes_no_tone():
    rig = Rig()
    speaker = with_speaker(rig)
    takes(rig)
    await rig.boot()
    for wrong in (-1, 61, True, "soon", 1.5):
        error = await rig.refused("config.set", {"values": {"auto_answer": wrong}})
        assert error.code == codes.INVALID_ARGUMENT and "auto_answer" in error.message
    await rig.ask("config.set", {"values": {"auto_answer": 0}})
    await rig.clock.run(1000)
    rig.relay.push("voip.peer_ready", {})
    await settle()
    await ring(rig)
    await rig.clock.run(50)
    assert rig.names()[-1] == "answered" and speaker.uses == ["start"]  # the call's
    await rig.off()


# covers: V-60
async def test_an_auto_answer_that_is_overtaken_does_nothing():
    class After2(BoardConstants):
        AUTO_ANSWER = 2

    rig = Rig(constants=After2)
    await rig.boot()
    await ring(rig)
    rig.hardware.press("long")
    await settle()
    await rig.clock.run(3000)
    assert "call.answer" not in rig.relay.methods() and rig.fields("error") == []
    await rig.off()


# covers: V-33, V-60
async def test_calls_that_cross_talk_at_once_if_it_is_the_one_called():
    """The board calls user1 while user1 calls it: nobody has to press anything more."""
    for open_id, answers in (("user1", True), ("user2", False)):
        rig = Rig()
        takes(rig)
        await rig.boot()
        rig.relay.silent.add("voip.call")
        await rig.press()
        assert await ring(rig, open_id=open_id) == [{}]
        rig.relay.peer.respond_error(2, codes.AVT_BUSY, "the one you call is calling you")
        await settle()
        assert ("call.answer" in rig.relay.methods()) == answers
        assert rig.hardware.leds[-1] == ("on" if answers else "ring")
        assert len(rig.fields("error")) == (0 if answers else 1)
        await rig.off()


# covers: V-33
async def test_two_phones_the_second_one_is_told_busy():
    rig = Rig()
    takes(rig)
    await rig.boot()
    await ring(rig, "i1", "user1")
    assert isinstance((await ring(rig, "i2", "user2"))[0], Exception)
    await rig.press()
    assert (await ring(rig, "i3", "user2"))[0].code == Busy.default_code
    rig.relay.push("call.ended", {"call_id": "i1", "reason": "hung_up_by_caller", "by": "caller"})
    await rig.clock.run(100)
    assert await ring(rig, "i4", "user2") == [{}]
    assert rig.fields("incoming")[-1]["open_id"] == "user2"
    await rig.off()


async def test_a_speaker_that_fails_leaves_a_call_that_can_be_answered():
    rig = Rig()
    speaker = with_speaker(rig)
    takes(rig)
    await rig.boot()

    def broken():
        raise OSError(5)

    good, speaker.start = speaker.start, broken
    await ring(rig)
    assert rig.hardware.leds[-1] == "ring"
    assert any("ring tone" in line for line in rig.hardware.lines)
    speaker.start = good
    await rig.press()
    assert rig.names()[-1] == "answered"
    await rig.off()


async def test_the_tone_follows_its_pattern_and_stops_at_once():
    clock = FakeClock()
    speaker = Heard(clock, 8000)
    tone = RingTone(speaker, clock, None)
    tone.start()
    tone.start()
    await clock.run(sum(PATTERN_MS))
    tone.stop()
    assert speaker.uses == ["start", "stop"] and not tone.ringing
    sounds = [level < 127 for level in speaker.levels]
    assert sounds == [is_sound(20 * n) for n in range(len(sounds))]
    assert 145 <= len(sounds) <= 155 and 35 <= sum(sounds) <= 45
    tone.stop()
    await clock.run(1000)
    assert len(speaker.levels) == len(sounds) and clock.earliest() is None


def test_the_pattern():
    sounds = [is_sound(at) for at in range(0, 6000, 20)]
    assert sounds[:20] == [True] * 20 and sounds[20:30] == [False] * 10
    assert sounds[30:50] == [True] * 20 and not any(sounds[50:150])
    assert sounds[150:] == sounds[:150]


def test_the_tone_is_no_louder_than_the_call():
    """The peak of both tones together stays below full scale."""
    state, frame = bytearray(pcm.TONE_STATE), array("h", bytes(640))
    pcm.tone_init(state, 16000, 650, 850, 8000)
    for _ in range(10):
        pcm.tone(state, frame, 0, 320)
        assert 0 < pcm.peak(frame, 0, 320) <= 16000


# covers: V-59
async def test_a_slow_callback_and_what_a_phone_asks_in_vain():
    """The log names the callback and its time; a command is refused, which is not worth a line."""
    rig = Rig()
    own = {"connect": rig.relay.connect, "random": fixed_random, "set_time": lambda ms: None}

    class Network:
        host_tls = False

        def client_options(self):
            return own

    rig.hardware.network = Network()
    rig.app = App(rig.hardware)
    rig.app.on_module_status = lambda mask: rig.clock.advance(40)
    rig.relay.modules = 1
    await rig.boot()
    (line,) = [line for line in rig.hardware.lines if "callback" in line]
    assert line.startswith("W") and "on_module_status took 40 ms" in line
    answer = rig.relay.push("command", {"visitor": VISITOR, "args": {"open": True}})
    await settle()
    assert answer[0].code == codes.INVALID_ARGUMENT
    assert len([line for line in rig.hardware.lines if "callback" in line]) == 1
    await rig.off()
