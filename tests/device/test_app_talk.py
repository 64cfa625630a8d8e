"""What a person turns: push to talk, mute, volume; by button, by words and as properties."""

from app_rig import Rig, changed
from test_half_duplex import a_board as one_peripheral
from voip_bench import rtp_packet

from callboard import codes
from callboard.chores import IDLE_MS
from support import settle


async def a_call(**constants):
    """A board in a call that it made, with one I2S; (rig, peripheral)."""
    rig = Rig(constants=changed(**constants))
    line, speaker, duplex = one_peripheral(rig.clock, 16000)
    rig.hardware.microphone = lambda: duplex.microphone._device
    rig.hardware.speaker = lambda: speaker
    await rig.boot()
    await rig.press()
    await rig.answer()
    return rig, line


def level(rig):
    """How loud the last frame sent was."""
    return rig.app._client.levels()["send"]


async def test_the_microphone_is_open_while_the_button_is_held():
    rig, line = await a_call(DUPLEX="half")
    for n in range(30):
        rig.relay.media(rtp_packet(n, n * 160))
        await rig.clock.run(20)
    assert rig.hardware.leds[-1] == "on" and line.user == "s" and level(rig) == -127
    for _ in range(2):
        rig.hardware.press()
        await rig.clock.run(1000)
        assert line.user == "m" and level(rig) > -20 and rig.hardware.leds[-1] == "talk"
        rig.hardware.press("long")  # it is held, nothing else
        await rig.clock.run(2000)
        assert line.user == "m"
        rig.hardware.press("release")
        await rig.clock.run(500)
        assert line.user == "s" and level(rig) == -127 and rig.hardware.leds[-1] == "on"
    sent = rig.relay.socket.media
    assert len(sent) >= 300  # silence is sent, too: the far end knows that it is there
    await rig.end(codes.END_HUNG_UP_BY_CALLEE, "callee")
    await rig.clock.run(50)
    assert line.user is None and rig.fields("stats")[0]["frames_played"] > 0
    assert await rig.off() == 0


async def test_two_short_presses_hang_up():
    rig, line = await a_call(DUPLEX="half")
    await rig.press()
    await rig.clock.run(2000)
    await rig.press()  # too late to be the second
    await rig.clock.run(100)
    assert rig.names()[-1] == "button" and line.user == "s"
    await rig.press()
    await rig.clock.run(100)
    assert rig.fields("ended") == [{"reason": codes.END_HUNG_UP_BY_CALLER}]
    assert line.user is None
    await rig.press()
    assert rig.names()[-1] == "ringing"  # the next call
    await rig.off()


async def test_a_call_that_ends_while_the_button_is_held():
    rig, line = await a_call(DUPLEX="half")
    rig.hardware.press()
    await rig.clock.run(500)
    await rig.end(codes.END_HUNG_UP_BY_CALLEE, "callee")
    await rig.clock.run(100)
    assert rig.hardware.leds[-1] == "on" and line.user is None
    rig.hardware.press("release")
    await rig.press()
    await rig.answer()
    await rig.clock.run(100)
    assert line.user == "s" and level(rig) == -127
    await rig.off()


async def test_mute_goes_before_the_button():
    rig, line = await a_call(DUPLEX="half")
    assert rig.hardware.type("mute on")
    rig.hardware.press()
    await rig.clock.run(200)
    assert line.user == "m" and level(rig) == -127 and rig.hardware.leds[-1] == "mute"
    assert rig.hardware.type("mute off")
    await rig.clock.run(40)
    assert level(rig) > -20 and rig.hardware.leds[-1] == "talk"
    rig.hardware.press("release")
    assert rig.hardware.type("talk on")
    await rig.clock.run(40)
    assert line.user == "m" and rig.hardware.type("talk off") and line.user == "s"
    await rig.off()


async def test_holding_to_talk_does_not_unlock_the_configuration():
    rig, _line = await a_call(DUPLEX="half")
    rig.hardware.press()
    rig.hardware.press("long")
    rig.hardware.press("release")
    assert not rig.hardware.commands._lasts("_open_until")
    rig.hardware.press("long")  # not held to talk: it hangs up, and somebody is there
    assert rig.hardware.commands._lasts("_open_until")
    await rig.clock.run(100)
    assert rig.names()[-1] == "ended"
    await rig.off()


async def test_where_everybody_may_speak_there_is_no_push_to_talk():
    rig = Rig()
    await rig.boot()
    assert rig.hardware.type("talk on")
    assert rig.fields("error")[0]["code"] == codes.INVALID_ARGUMENT
    await rig.off()


async def test_the_volume_is_heard_at_once_and_kept_when_there_is_time():
    rig = Rig()
    await rig.boot()
    assert rig.app._client.volume == 100 and rig.app._ringing.volume == 100
    await rig.press()
    await rig.answer()
    await rig.clock.run(100)
    session = rig.app._client._av._session
    assert session.volume_q12 == 4096
    assert rig.hardware.type("volume 50") and session.volume_q12 == 1024
    assert rig.fields("volume") == [{"percent": 50}] and rig.app._ringing.volume == 50
    await rig.clock.run(3 * IDLE_MS)
    assert rig.hardware.store.get("c.volume") is None  # not in a call
    assert rig.relay.requests[-1] == ("dm.report", {"properties": {"volume": 50, "mute": False}})
    await rig.press()
    await rig.clock.run(IDLE_MS + 100)
    assert rig.hardware.store.get("c.volume") == b"50"
    for wrong in ("volume 101", "volume -1", "volume loud", "volume 5 5", "volume  5"):
        rig.hardware.type(wrong)
    assert rig.app._client.volume == 50
    assert rig.hardware.type("volume") and rig.fields("volume")[-1] == {"percent": 50}
    await rig.ask("config.set", {"values": {"volume": 0}})
    await rig.clock.run(1000)
    assert rig.app._client.volume == 0 and rig.app._ringing.volume == 0
    assert (await rig.refused("config.set", {"values": {"volume": 101}})).code == 1
    assert await rig.off() == 0


# covers: V-03
async def test_volume_and_mute_are_properties():
    rig = Rig()
    await rig.boot()
    properties = {"volume": 100, "mute": False}
    assert rig.relay.requests == [("dm.report", {"properties": properties})]
    answer = rig.relay.push("dm.set", {"properties": {"volume": 30, "mute": True}})
    await settle()
    assert answer == [{}] and rig.app._client.volume == 30 and rig.app._client.mute
    assert rig.hardware.leds[-1] == "mute"
    for wrong in (
        {"volume": 30.5},
        {"volume": True},
        {"volume": 101},
        {"volume": None},
        {"mute": 1},
        {"mute": False, "volume": "loud"},
        {"mute": False, "colour": "red"},
    ):
        answer = rig.relay.push("dm.set", {"properties": wrong})
        await settle()
        assert answer[0].code == codes.INVALID_ARGUMENT, wrong
    assert rig.app._client.volume == 30 and rig.app._client.mute  # all of it, or nothing
    rig.relay.push("dm.set", {"properties": {"mute": False}})
    await settle()
    assert rig.hardware.leds[-1] == "on" and not rig.app._client.mute
    await rig.off()


def test_every_led_state_has_a_pattern():
    from callboard.indicator import PATTERNS

    assert set(PATTERNS) == {"off", "on", "blink", "ring", "talk", "mute"}
    looks = [tuple(pattern) for pattern in PATTERNS.values()]
    assert len(set(looks)) == len(looks)
    assert all(len(pattern) % 2 == 0 for pattern in looks)
