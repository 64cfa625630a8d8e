"""PROTOCOL.md §9: the frames it shows are the frames we make."""

import re
from pathlib import Path

import callboard
from callboard.serial import bridge, budget, channel, framing, pipes
from callboard_host.serial_line.bridge_line import IN_FLIGHT

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
    assert kinds == {*channel.REQUESTS, *bridge.CHANNEL, bridge.PING, bridge.PONG, bridge.MEDIA}


def test_what_it_says_about_the_bridge_is_what_we_do():
    text = PROTOCOL.read_text(encoding="utf-8")
    assert f"at most {IN_FLIGHT} bytes on their way" in text
    assert f"packet of at most {bridge.PACKET_MAX} bytes" in text
    assert f"at most {pipes.WINDOW} that were not confirmed" in text
    for number in (budget.needs("pcmu"), budget.needs("opus"), budget.spare(92160)):
        assert f"{number:,}".replace(",", " ") in text


def test_a_full_chunk_fits_into_what_a_board_takes_at_once():
    for filling in (0, 1, 255):
        payload = bytes([filling]) * (4 + channel.CHUNK_MAX)
        assert len(framing.encode(channel.DATA, payload)) <= 128
