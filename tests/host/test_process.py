"""Programs that we start: their events, their end, and that none survives us."""

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
import time

import pytest

from callboard_host.errors import NotBuilt, ProgramFailed
from callboard_host.process import Child


def program(text: str) -> list[str]:
    return [sys.executable, "-u", "-c", textwrap.dedent(text)]


def alive(pid: int) -> bool:
    """True while the process runs (a zombie does not)."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
            return file.read().rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


async def gone(pid: int, within_s: float = 30.0) -> bool:
    deadline = time.monotonic() + within_s
    while alive(pid):
        if time.monotonic() > deadline:
            return False
        await asyncio.sleep(0.02)
    return True


async def test_events_and_lines_are_told_apart():
    child = await Child.start(
        "talker",
        program(
            """
            print('I (12) main: hello')
            print('@{"event": "online", "t_us": 5, "resumed": false}')
            print('@not json')
            """
        ),
    )
    async with child:
        event = await child.wait_event("online", timeout_s=30)
        assert event["resumed"] is False
        assert await child.wait(30) == 0
    assert list(child.last_lines) == ["I (12) main: hello", "@not json"]


async def test_an_event_may_have_been_there_before_it_was_waited_for_and_old_ones_do_not_count():
    lines = "".join(f'print(\'@{{"event": "tick", "t_us": {n}}}\')\n' for n in range(5))
    async with await Child.start("ticker", program(lines)) as child:
        await child.wait(30)
        assert (await child.wait_event("tick", timeout_s=1))["t_us"] == 0
        assert (await child.wait_event("tick", timeout_s=1, after_us=3))["t_us"] == 3
        assert (await child.wait_event("tick", timeout_s=1, match={"t_us": 4}))["t_us"] == 4


async def test_a_program_that_ends_early_is_reported_with_its_last_words():
    text = "print('no relay there'); raise SystemExit(4)"
    async with await Child.start("talker", program(text)) as child:
        with pytest.raises(ProgramFailed, match=r"the talker ended \(status 4\).*no relay there"):
            await child.wait_event("online", timeout_s=30)


async def test_an_error_event_gives_its_code():
    event = '@{"event": "error", "t_us": 1, "code": -10008, "message": "the ticket was used"}'
    text = f"print({event!r})"
    async with await Child.start("board", program(text)) as child:
        with pytest.raises(ProgramFailed, match="the ticket was used") as raised:
            await child.wait_event("ready", timeout_s=30)
    assert raised.value.code == -10008


async def test_an_event_that_does_not_come_times_out():
    async with await Child.start("sleeper", program("import time; time.sleep(60)")) as child:
        with pytest.raises(ProgramFailed, match="gave no `ready` within 0.2 s"):
            await child.wait_event("ready", timeout_s=0.2)


async def test_a_program_that_is_not_there_says_what_to_build(tmp_path):
    with pytest.raises(NotBuilt):
        await Child.start("board", [str(tmp_path / "micropython64")])


async def test_its_console_takes_lines():
    text = "import sys\nfor line in sys.stdin: print('got', line.strip())"
    async with await Child.start("echo", program(text), stdin=True) as child:
        heard = asyncio.Event()
        child.on_line = lambda line: heard.set() if line == "got button press" else None
        await child.write_line("button press")
        await asyncio.wait_for(heard.wait(), 30)


STUBBORN = """
    import signal, subprocess, sys, time
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    grandchild = subprocess.Popen([sys.executable, "-c",
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(60)"])
    print('@{"event": "up", "t_us": 1, "grandchild": %d}' % grandchild.pid)
    time.sleep(60)
"""


async def test_stop_kills_a_stubborn_program_and_what_it_started():
    child = await Child.start("stubborn", program(STUBBORN))
    grandchild = (await child.wait_event("up", timeout_s=30))["grandchild"]
    await child.stop(timeout_s=0.3)
    assert await gone(child.pid)
    assert await gone(grandchild)


async def test_what_it_printed_is_in_its_log(tmp_path):
    log = tmp_path / "talker.log"
    async with await Child.start("talker", program("print('hello')"), log=log) as child:
        await child.wait(30)
    assert log.read_text() == "hello\n"


async def test_children_die_with_a_parent_that_is_killed():
    parent_text = """
        import asyncio, sys
        from callboard_host.process import Child
        async def main():
            argv = [sys.executable, "-c", "import time; time.sleep(60)"]
            child = await Child.start("sleeper", argv)
            print(child.pid, flush=True)
            await asyncio.sleep(60)
        asyncio.run(main())
    """
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    parent = subprocess.Popen(program(parent_text), stdout=subprocess.PIPE, env=environment)
    try:
        child_pid = int(await asyncio.to_thread(parent.stdout.readline))
        assert alive(child_pid)
        parent.send_signal(signal.SIGKILL)
        assert await gone(child_pid)
    finally:
        parent.kill()
        parent.wait()
        parent.stdout.close()
