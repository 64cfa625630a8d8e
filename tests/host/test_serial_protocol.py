"""PROTOCOL.md §9: the frames it shows are the frames we make."""

import re
from pathlib import Path

import callboard
from callboard.serial import channel, framing

PROTOCOL = Path(callboard.__file__).parents[1] / "PROTOCOL.md"


def test_every_example_frame_is_what_we_make_and_take_apart():
    text = PROTOCOL.read_text(encoding="utf-8")
    (block,) = re.findall(r"```serial-frames\n(.*?)```", text, re.S)
    kinds = set()
    for line in block.splitlines():
        kind, payload, frame = re.fullmatch(r"(\S+) (\S+) +([0-9A-F ]+)", line).groups()
        kind, payload, frame = int(kind, 16), bytes.fromhex(payload), bytes.fromhex(frame)
        assert framing.encode(kind, payload) == frame
        assert framing.decode(frame[1:-1]) == (kind, payload)
        kinds.add(kind)
    assert kinds == {channel.OPEN, channel.OPENED, channel.DATA, channel.ACK, channel.UNKNOWN}


def test_a_full_chunk_fits_into_what_a_board_takes_at_once():
    for filling in (0, 1, 255):
        payload = bytes([filling]) * (4 + channel.CHUNK_MAX)
        assert len(framing.encode(channel.DATA, payload)) <= 128
