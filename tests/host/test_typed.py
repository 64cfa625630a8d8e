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


async def test_none_is_lost_when_they_come_faster_than_they_are_taken(monkeypatch):
    typed_lines = [f"{number:0100}" for number in range(6000)]
    out, into = os.pipe()

    def write():
        with os.fdopen(into, "w") as stream:
            stream.writelines(line + "\n" for line in typed_lines)

    with os.fdopen(out) as stream:
        monkeypatch.setattr("sys.stdin", stream)
        writing = asyncio.create_task(asyncio.to_thread(write))
        taken = []
        async for line in typed.lines():
            if not taken:
                await asyncio.sleep(0.1)  # time to read it all, and then there is no room
            taken.append(line)
        await writing
    assert taken == typed_lines


async def test_a_file_or_nothing_has_no_lines(monkeypatch, tmp_path):
    path = tmp_path / "file"
    path.write_text("line\n")
    with path.open() as stream:
        assert await read(monkeypatch, stream) == []
    assert await read(monkeypatch, stream) == []  # closed
    assert await read(monkeypatch, None) == []
