"""The button calls the board's users one after the other, until one of them talks."""

from app_rig import Rig, changed
from voip_bench import VISITOR, media

from callboard import codes
from callboard.errors import InvalidArgument, RemoteError
from support import settle

THREE = "user1 user2 user3"


def called(rig):
    """Whom the relay was asked for, in order."""
    return [params["open_id"] for method, params in rig.relay.requests if method == "voip.call"]


async def a_board(**constants):
    rig = Rig(constants=changed(**({"OPEN_ID": THREE} | constants)))
    await rig.boot()
    return rig


# covers: V-30, V-44
async def test_the_next_one_is_called_when_one_does_not_answer_rejects_or_is_busy():
    rig = await a_board()
    await rig.press()
    for reason, by, now in (
        (codes.END_TIMEOUT, "network", ["user1", "user2"]),
        (codes.END_REJECTED, "callee", ["user1", "user2", "user3"]),
        (codes.END_BUSY, "callee", ["user1", "user2", "user3"]),
    ):
        assert rig.hardware.leds[-1] == "blink"
        await rig.end(reason, by)
        await rig.clock.run(20)
        assert called(rig) == now
    assert rig.fields("ended")[-1] == {"reason": codes.END_BUSY}
    assert rig.fields("unanswered") == [{"users": 3}]
    assert [each["user"] for each in rig.fields("calling")] == [1, 2, 3]
    assert rig.hardware.leds == ["off", "on", "blink", "on"]  # no flicker between two
    assert await rig.off() == 0


async def test_the_one_who_answers_is_the_last():
    rig = await a_board()
    await rig.press()
    await rig.end(codes.END_TIMEOUT, "network")
    await rig.answer()
    await rig.clock.run(500)
    assert rig.names()[-2:] == ["ringing", "answered"] and rig.hardware.leds[-1] == "on"
    await rig.end(codes.END_HUNG_UP_BY_CALLEE, "callee")
    await rig.clock.run(60000)
    assert called(rig) == ["user1", "user2"] and "unanswered" not in rig.names()
    await rig.press()
    assert called(rig) == ["user1", "user2", "user1"]  # and begins with the first again
    await rig.off()


# covers: V-33, V-35, V-68
async def test_a_user_who_cannot_be_called_is_told_and_skipped():
    rig = await a_board()
    refusals = {
        "user1": InvalidArgument("not authorised", codes.CALL_NOT_AUTHORISED),
        "user2": RemoteError("in another call", codes.AVT_BUSY),
        "user3": RemoteError("it could not be reached", codes.TIMEOUT),
    }

    def refuse(params):
        raise refusals[params["open_id"]]

    rig.relay.answers["voip.call"] = refuse
    await rig.press()
    await rig.clock.run(100)
    assert called(rig) == ["user1", "user2", "user3"]
    told = [each["code"] for each in rig.fields("error")]
    assert told == [codes.CALL_NOT_AUTHORISED, codes.AVT_BUSY, codes.TIMEOUT]
    assert rig.names()[-1] == "unanswered" and rig.hardware.leds[-1] == "on"
    assert await rig.off() == 0


async def test_how_long_each_one_rings():
    """30 s while there is another one; the last one until the relay ends it; or as configured."""
    rig = await a_board()
    await rig.press()
    await rig.clock.run(29900)
    assert called(rig) == ["user1"]
    await rig.clock.run(200)
    assert called(rig) == ["user1", "user2"] and rig.relay.methods().count("call.hang_up") == 1
    await rig.clock.run(30000)
    assert called(rig) == ["user1", "user2", "user3"]
    await rig.clock.run(59000)
    assert rig.relay.methods().count("call.hang_up") == 2 and rig.hardware.leds[-1] == "blink"
    await rig.end(codes.END_TIMEOUT, "network")
    await rig.clock.run(100)
    assert rig.names()[-1] == "unanswered"

    changed_fields = (await rig.ask("config.set", {"values": {"ring_s": "20 5"}}))["changed"]
    assert changed_fields == ["ring_s"]
    shown = (await rig.ask("config.get", {"names": ["ring_s", "users"]}))["values"]
    assert shown == {"ring_s": [20, 5], "users": THREE.split()}
    for wrong in (4, [20, 61], [], "soon", [True], [5] * 9):
        error = await rig.refused("config.set", {"values": {"ring_s": wrong}})
        assert "ring_s" in error.message
    await rig.clock.run(1000)
    rig.relay.push("voip.peer_ready", {})
    await settle()
    before = len(called(rig))
    await rig.press()
    for wait, count in ((19900, 1), (200, 2), (5000, 3), (4700, 3)):
        await rig.clock.run(wait)
        assert len(called(rig)) - before == count, wait
    await rig.clock.run(400)  # the last number goes for whoever is behind
    assert rig.names()[-1] == "unanswered"
    assert await rig.off() == 0


async def test_eight_users_is_the_limit():
    rig = await a_board(OPEN_ID=" ".join("u%d" % n for n in range(8)), RING_S=5)
    await rig.press()
    await rig.clock.run(41000)
    assert called(rig) == ["u%d" % n for n in range(8)] and rig.names()[-1] == "unanswered"
    assert (await rig.refused("users.add", {"open_id": "u9"})).code == codes.INVALID_ARGUMENT
    await rig.off()


# covers: V-41
async def test_a_long_press_cancels_and_nobody_else_is_called():
    rig = await a_board()
    await rig.press()
    await rig.clock.run(1000)
    for _ in range(5):
        await rig.press()  # in a panic
    await rig.clock.run(1000)
    assert called(rig) == ["user1"] and "call.hang_up" not in rig.relay.methods()
    await rig.hold()
    await rig.clock.run(60000)
    assert called(rig) == ["user1"] and rig.relay.methods().count("call.hang_up") == 1
    assert rig.fields("ended") == [{"reason": codes.END_CANCELLED}]
    assert "unanswered" not in rig.names() and rig.hardware.leds[-1] == "on"
    await rig.off()


async def test_whoever_needs_help_may_hold_on_to_the_button():
    rig = await a_board()
    await rig.hold(4000)
    await rig.clock.run(1000)
    assert rig.names()[-1] != "ended" and rig.hardware.leds[-1] == "blink"
    rig.hardware.press("long")  # typed
    await rig.clock.run(100)
    assert rig.fields("ended") == [{"reason": codes.END_CANCELLED}]
    await rig.off()


async def test_it_is_cancelled_before_the_relay_has_said_that_it_rings():
    rig = await a_board()
    rig.relay.silent.add("voip.call")
    await rig.press()
    rig.hardware.press("long")
    await settle()
    rig.relay.peer.respond(2, {"call_id": "c1"})
    await rig.clock.run(100)
    assert rig.relay.requests[-1] == ("call.hang_up", {"call_id": "c1"})
    assert called(rig) == ["user1"] and rig.hardware.leds[-1] == "on"
    assert rig.fields("error") == []
    await rig.off()


# covers: V-60
async def test_one_who_was_called_calls_back_and_is_answered_at_once():
    for open_id, answers in (("user1", True), ("user9", False)):
        rig = await a_board()
        rig.relay.answers["call.answer"] = lambda params: {"media": media()}
        await rig.press()
        rig.relay.silent.add("voip.call")
        await rig.end(codes.END_TIMEOUT, "network")  # user2 is asked for
        params = {"call_id": "i1", "call_type": codes.CALL_TYPE_AUDIO, "visitor": VISITOR}
        params["peer"] = {"open_id": open_id, "name": "Ada"}
        params["caller_camera"] = params["callee_camera"] = 0
        rig.relay.push("call.incoming", params)
        await settle()
        rig.relay.peer.respond_error(len(rig.relay.requests), codes.AVT_BUSY, "it calls you")
        await rig.clock.run(100)
        assert ("call.answer" in rig.relay.methods()) == answers
        assert rig.hardware.leds[-1] == ("on" if answers else "ring")
        assert called(rig) == ["user1", "user2"]
        await rig.off()


# covers: V-43, V-68
async def test_a_lost_connection_ends_the_round():
    rig = await a_board()
    await rig.press()
    rig.relay.unreachable = True
    rig.relay.restart()
    await rig.clock.run(8000)
    assert rig.fields("ended") == [{"reason": codes.END_ABORTED}]
    assert rig.hardware.leds[-1] == "off" and called(rig) == ["user1"]
    rig.relay.unreachable = False
    await rig.clock.run(20000)
    rig.relay.push("voip.peer_ready", {})
    await settle()
    await rig.press()
    assert called(rig) == ["user1", "user1"]
    await rig.off()


async def test_another_configuration_ends_the_round():
    rig = await a_board()
    await rig.press()
    task = rig.app.reconfigure()
    await rig.clock.run(100)
    await task
    await rig.clock.run(60000)
    assert called(rig) == ["user1"] and "unanswered" not in rig.names()
    await rig.off()


async def test_the_same_by_words():
    rig = await a_board()
    rig.relay.answers["call.answer"] = lambda params: {"media": media()}
    words = rig.hardware.type
    assert words("call")
    await settle()
    assert called(rig) == ["user1"] and words("call")
    await settle()
    assert called(rig) == ["user1"] and words("hang up")
    await rig.clock.run(60000)
    assert called(rig) == ["user1"]
    assert words("answer")  # nothing rings
    await settle()
    assert rig.fields("error")[-1]["code"] == codes.AVT_WRONG_ORDER
    for wrong in ("call user1", "hang", "answer 1"):
        assert not words(wrong)
    help_lines = " ".join(rig.hardware.commands.help)
    for word in ("call", "answer", "reject", "hang up", "talk", "mute", "volume", "button"):
        assert word in help_lines
    await rig.off()
