"""Ctrl-C in the first moments: typed it leads to the prompt, inside frames it does not."""

from callboard import port_console
from callboard.serial import framing, way_in


def tried(data, ms=50):
    """Whether these bytes, typed at once, lead to the prompt."""
    waiting = list(data)
    real = port_console.typed_byte
    port_console.typed_byte = lambda _ms: bytes((waiting.pop(0),)) if waiting else None
    try:
        return way_in.interrupted_within(ms)
    finally:
        port_console.typed_byte = real


def test_ctrl_c_is_a_way_in():
    assert tried(b"\x03") and tried(b"\r\x03") and tried(b"\r\x03\r\x01")
    assert tried(b"hel\n\x03") and tried(b"\x03\x03\r")


def test_what_is_no_ctrl_c_is_none():
    assert not tried(b"") and not tried(b"help\n") and not tried(b"\x01\x04")
    assert not tried(b"hel\x03p\n") and not tried(b"\x03p\n")


def test_frames_that_contain_it_are_none():
    for payload in (b"\x03", b"\x03\x03\x03", b"ab\x00\x03"):
        frame = framing.encode(0x42, payload)
        assert 3 in frame
        assert not tried(frame * 3)
        assert tried(frame + b"\x03")


def test_the_end_of_the_input_is_the_end():
    real, port_console.typed_byte = port_console.typed_byte, lambda _ms: b""
    try:
        assert not way_in.interrupted_within(5000)
    finally:
        port_console.typed_byte = real


def test_without_time_it_does_not_look():
    assert not tried(b"\x03", 0)
