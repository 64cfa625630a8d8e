"""Standard input, line by line: a pipe, a file, nothing at all."""

import asyncio
import os

from callboard_host import typed


async def read(monkeypatch, stream):
    monkeypatch.setattr("sys.stdin", stream)
    return [line async for line in typed.lines()]


async def test_lines_from_a_pipe_come_whole(monkeypatch):
    out, into = os.pipe()
    os.write(into, b"one\nt" + "wü\n\n".encode()[:2])
    with os.fdopen(out) as stream:
        reading = asyncio.create_task(read(monkeypatch, stream))
        await asyncio.sleep(0.02)
        os.write(into, "wü\n\n".encode()[2:] + b"x" * 30_000)
        os.close(into)
        assert await asyncio.wait_for(reading, 20) == ["one", "twü", ""]


async def test_a_file_or_nothing_has_no_lines(monkeypatch, tmp_path):
    path = tmp_path / "file"
    path.write_text("line\n")
    with path.open() as stream:
        assert await read(monkeypatch, stream) == []
    assert await read(monkeypatch, stream) == []  # closed
    assert await read(monkeypatch, None) == []
