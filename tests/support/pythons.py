"""Runs device programs (tests/support/programs/) on every Python, and gives what they print.

@pytest.mark.parametrize("python", PYTHONS)
async def test_it(python):
    result = await run_program(python, "http_get.py", {"url": url})
"""

import asyncio
import json
import os
import sys
from pathlib import Path

TOP = Path(__file__).parents[2]
PROGRAMS = Path(__file__).parent / "programs"
PYTHONS = ("cpython", "micropython64", "micropython32")
_NATMODS = {"micropython64": "x64", "micropython32": "x86"}


def command_and_env(python: str, heap: str = "2M") -> tuple[list[str], dict[str, str]]:
    """How to start a program on `python` so that it finds callboard and `support`."""
    firmware, tests = TOP / "firmware", TOP / "tests"
    if python == "cpython":
        path = os.pathsep.join(map(str, (firmware, TOP / "native" / "host", tests)))
        return [sys.executable], {**os.environ, "PYTHONPATH": path}
    binary = TOP / "build" / "bin" / python
    assert binary.exists(), f"{binary.relative_to(TOP)} is missing: run make micropython"
    natmods = TOP / "build" / "natmods" / _NATMODS[python]
    path = os.pathsep.join([str(natmods), str(firmware), str(tests), ".frozen"])
    return [str(binary), "-X", f"heapsize={heap}"], {**os.environ, "MICROPYPATH": path}


def options_line(options: dict) -> bytes:
    """What a program reads from its standard input (an argument may have 255 bytes only)."""
    # MicroPython does not put the halves of an escaped surrogate pair together.
    return json.dumps(options, ensure_ascii=False).encode() + b"\n"


async def run_program(
    python: str,
    program: str,
    options: dict,
    preload: Path | None = None,
    timeout_s: float = 30,
    heap: str = "2M",
) -> dict:
    """Run a program with `options` (a line of JSON on stdin); the JSON of its last line.

    `preload`: a library for LD_PRELOAD. AssertionError with its output when it fails.
    """
    command, env = command_and_env(python, heap)
    if preload is not None:
        env["LD_PRELOAD"] = str(preload)
    process = await asyncio.create_subprocess_exec(
        *command,
        str(PROGRAMS / program),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env=env,
    )
    try:
        output, _ = await asyncio.wait_for(process.communicate(options_line(options)), timeout_s)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    text = output.decode(errors="replace")
    assert process.returncode == 0, f"{program} on {python} failed:\n{text}"
    return json.loads(text.splitlines()[-1])
