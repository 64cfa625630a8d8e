"""What a person sees while a call is staged: a line per step, a bar during the talk."""

import asyncio
import time

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn


class Steps:
    """Prints each step with the seconds since the start."""

    def __init__(self, console: Console):
        self.console = console
        self._start = time.monotonic()

    def __call__(self, text: str) -> None:
        """One step begins, or something happened."""
        seconds = time.monotonic() - self._start
        self.console.print(f"{seconds:6.1f} s  {text}", markup=False, highlight=False)

    async def while_waiting(self, what: str, seconds: float, waiting: asyncio.Future) -> None:
        """Show how far `waiting` is, which takes about `seconds`."""
        if not self.console.is_terminal:
            self(f"{what} ({seconds:.0f} s)")
            await waiting
            return
        columns = (
            TextColumn("          {task.description}"),
            BarColumn(),
            TextColumn("{task.fields[left]}"),
        )
        with Progress(*columns, console=self.console, transient=True) as bar:
            task = bar.add_task(what, total=seconds, left="")
            start = time.monotonic()
            while not waiting.done():
                done = time.monotonic() - start
                bar.update(task, completed=done, left=f"{max(0.0, seconds - done):.0f} s")
                await asyncio.wait([waiting], timeout=0.1)
        await waiting
