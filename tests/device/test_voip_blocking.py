"""The client at Python's prompt: every step returns when it is done."""

import gc

from fake_relay import KEY, FakeRelay, fixed_random
from flash_rig import CutFlash, opened
from voip_bench import CONFIG, IDENTITY, VISITOR, Recorder, media

from callboard import codes, port
from callboard.errors import Busy, TimedOut, WrongOrder
from callboard.voip.blocking import STEPS, Blocking
from callboard.voip.client import Client
from callboard.voip.registration import KEY_NAME
from support import SkipTest, raises

CO_COROUTINE = 0x80  # inspect's


def at_the_prompt():
    """(the blocking client, its relay, what it was told), registered and not yet brought up."""
    relay = FakeRelay(port.CLOCK)
    relay.answers["voip.call"] = lambda params: {"call_id": "c1", "state": "ringing"}
    relay.answers["call.answer"] = lambda params: {"media": media()}
    store = opened(CutFlash())
    store.put(KEY_NAME, KEY)
    client = Client(connect=relay.connect, random=fixed_random, set_time=lambda ms: None)
    seen = Recorder()
    prompt = Blocking(client)
    prompt.init_system(CONFIG, seen)
    prompt.init_data_model()
    prompt.init_av(seen)
    prompt.init_voip(codes.FLAVOUR_FORMAL, store, *IDENTITY)
    return prompt, relay, seen


def down(prompt):
    """Take it down again."""
    prompt.exit_voip()
    prompt.exit_av()
    prompt.exit_data_model()
    prompt.exit_system()
    assert prompt.level == "off"
    gc.collect()


# covers: V-05, V-28, V-29, V-30, V-41
def test_a_call_step_by_step():
    prompt, relay, seen = at_the_prompt()
    assert prompt.online and prompt.level == "voip" and prompt.is_registered() == 1
    assert raises(WrongOrder, prompt.call, "user1").code == codes.AVT_WRONG_ORDER
    raises(TimedOut, prompt.wait_ready, 40)
    relay.push("voip.peer_ready", {})
    prompt.wait_ready()
    assert prompt.call("user1")["call_id"] == "c1" and prompt.is_busy() == 1
    raises(Busy, prompt.call, "user2")
    relay.push("call.answered", {"call_id": "c1", "visitor": VISITOR, "media": media()})
    assert prompt.wait_call("talking", "idle") == ("talking", None)
    assert prompt.send_audio(VISITOR, 0, bytearray(160), 0, 160)
    prompt.wait(30)
    prompt.hang_up()
    assert prompt.is_busy() == 0 and relay.requests[-1] == ("call.hang_up", {"call_id": "c1"})
    assert seen.of("on_call_state")[-1] == ("idle", codes.END_HUNG_UP_BY_CALLER)
    down(prompt)


# covers: V-60
def test_a_call_that_comes_in():
    prompt, relay, _seen = at_the_prompt()
    params = {"call_id": "i1", "visitor": VISITOR, "peer": {"open_id": "user1", "name": "Ada"}}
    params.update(call_type=2, caller_camera=0, callee_camera=0, video_info={}, ring_ms=60000)
    relay.push("call.incoming", params)
    assert prompt.wait_call("incoming") == ("incoming", None)
    assert prompt.invitation["name"] == "Ada"
    assert prompt.answer() is True and prompt.call_state == "talking"
    relay.push("call.ended", {"call_id": "i1", "reason": "hung_up_by_caller", "by": "caller"})
    assert prompt.wait_call("idle") == ("idle", codes.END_HUNG_UP_BY_CALLER)
    raises(WrongOrder, prompt.reject)
    down(prompt)


def test_every_coroutine_of_the_client_is_a_step():
    """What is to be awaited would do nothing at the prompt."""
    if getattr(getattr(Client.hang_up, "__code__", None), "co_flags", None) is None:
        raise SkipTest("this Python does not tell a coroutine from a function")
    for name in dir(Client):
        code = getattr(getattr(Client, name), "__code__", None)
        if name[0] != "_" and code is not None:
            assert bool(code.co_flags & CO_COROUTINE) == (name in STEPS), name
    raises(AttributeError, getattr, Blocking(Client()), "no_such_thing")
