"""What is typed on standard input, line by line, without a thread."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator

_READ = 4096
_LINE_MAX = 10_000


async def lines() -> AsyncIterator[str]:
    """Each line as it comes, until the input ends; none when it is closed or a file."""
    loop = asyncio.get_running_loop()
    queue: asyncio.Queue[bytes] = asyncio.Queue(maxsize=100)

    def readable() -> None:
        data = os.read(descriptor, _READ)
        queue.put_nowait(data)
        if not data or queue.full():
            loop.remove_reader(descriptor)  # whoever types has to wait

    try:
        descriptor = sys.stdin.fileno()
        loop.add_reader(descriptor, readable)
    except (AttributeError, OSError, ValueError):
        return  # nobody types
    try:
        pending = b""
        while data := await queue.get():
            loop.add_reader(descriptor, readable)
            *complete, pending = (pending + data).split(b"\n")
            pending = pending[-_LINE_MAX:]
            for line in complete:
                yield line.decode("utf-8", "replace").strip()
    finally:
        loop.remove_reader(descriptor)
