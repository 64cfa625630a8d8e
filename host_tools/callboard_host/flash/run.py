"""Several boards at once: a worker for each, a time limit for each of its steps."""

import asyncio
import contextlib
import json
import os
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from callboard_host import paths
from callboard_host.errors import EXIT_FAILED, EXIT_OK

from .job import ADVICE, LIMITS, Job, TooLate

_LINE_MAX = 1 << 16


@dataclass
class Outcome:
    """What became of a job: `result` (job.Result's members), or error, hint and status."""

    port: str
    result: dict[str, Any] | None = None
    error: str = ""
    hint: str = ""
    status: int = EXIT_OK
    notes: list[str] = field(default_factory=list)

    def json(self) -> dict[str, Any]:
        """For --json."""
        if self.result is not None:
            return {"ok": True, **self.result}
        return {
            "ok": False,
            "port": self.port,
            "error": self.error,
            "hint": self.hint,
            "status": self.status,
        }


Watch = Callable[[Job, dict[str, Any]], None]


async def run(jobs: list[Job], watch: Watch) -> list[Outcome]:
    """Do all jobs side by side; `watch(job, message)` gets what each worker tells.

    Cancelled, it ends every worker before it returns.
    """
    return list(await asyncio.gather(*(_one(job, watch) for job in jobs)))


async def _one(job: Job, watch: Watch) -> Outcome:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "callboard_host.flash.worker",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        limit=_LINE_MAX,
        env={**os.environ, "PYTHONPATH": paths.python_path()},
        start_new_session=True,
    )
    try:
        return await _follow(process, job, watch)
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(signal.SIGKILL)
        await process.wait()


async def _follow(process: asyncio.subprocess.Process, job: Job, watch: Watch) -> Outcome:
    assert process.stdin and process.stdout and process.stderr
    outcome = Outcome(job.name)
    process.stdin.write(job.json().encode() + b"\n")
    step, limit_s, until = "connect", LIMITS["connect"], time.monotonic() + LIMITS["connect"]
    while True:
        try:
            async with asyncio.timeout(until - time.monotonic()):
                line = await process.stdout.readline()
        except TimeoutError:
            late = TooLate(f"the step “{step}” took longer than {limit_s:.0f} s")
            outcome.error, outcome.status = late.message, late.exit_code
            outcome.hint = ADVICE.get(step, "")
            return outcome
        if not line:
            return await _ended(process, outcome)
        message = json.loads(line)
        watch(job, message)
        if "step" in message:
            step, limit_s = message["step"], message["limit_s"]
            until = time.monotonic() + limit_s
        elif "note" in message:
            outcome.notes.append(message["note"])
        elif "result" in message:
            outcome.result = message["result"]
        elif "error" in message:
            outcome.error, outcome.hint = message["error"], message["hint"]
            outcome.status = message["status"]


async def _ended(process: asyncio.subprocess.Process, outcome: Outcome) -> Outcome:
    assert process.stderr
    said = (await process.stderr.read()).decode(errors="replace").strip()
    await process.wait()
    if outcome.result is None and not outcome.error:
        last = said.splitlines()[-1] if said else f"exit status {process.returncode}"
        outcome.error, outcome.status = f"flashing it failed unexpectedly: {last}", EXIT_FAILED
        outcome.hint = "run it again; if it stays so, that is a bug of ours"
    return outcome
