"""What a person sees while boards are flashed: a bar each, or lines where there is no screen."""

import contextlib
import sys
from collections.abc import Iterator
from typing import Any

from .job import Job
from .run import Watch


@contextlib.contextmanager
def shown(jobs: list[Job], quiet: bool = False) -> Iterator[Watch]:
    """Gives the function that run.run() tells everything to."""
    if quiet:
        yield lambda job, message: None
    elif sys.stderr.isatty():
        yield from _bars(jobs)
    else:
        yield lambda job, message: _line(job, message, len(jobs) > 1)


def _line(job: Job, message: dict[str, Any], named: bool) -> None:
    text = message.get("step") or message.get("note")
    if text:
        print(f"{job.name}: {text}" if named else text, file=sys.stderr, flush=True)


def _bars(jobs: list[Job]) -> Iterator[Watch]:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (
        TextColumn("{task.fields[name]}"),
        TextColumn("{task.description:10}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as progress:
        tasks = {job.name: progress.add_task("connect", total=None, name=job.name) for job in jobs}

        def watch(job: Job, message: dict[str, Any]) -> None:
            task = tasks[job.name]
            if "step" in message:
                total = message["total"] or None
                progress.reset(task, total=total, description=message["step"])
            elif "done" in message:
                progress.update(task, completed=message["done"], total=message["total"])
            elif "note" in message:
                progress.console.print(message["note"])
            elif "result" in message:
                progress.update(task, description="done", completed=1, total=1)
            elif "error" in message:
                progress.update(task, description="FAILED")

        yield watch
