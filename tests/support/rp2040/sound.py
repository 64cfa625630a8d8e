"""Sound of an emulated board: its microphone and speaker are buffers in its memory.

The board's half is board_sound.py; this one finds its buffers in the emulated RAM, as a debugger
finds a trace buffer, keeps the microphone's filled and takes what the speaker played. It costs the
board a copy of each frame, and nothing that would wait, as a write to flash does.
"""

from collections.abc import Callable

from support.rp2040.board_sound import FRAMES, HEAD, MAGIC, NUMBERS, PLAYED
from support.rp2040.chip import Chip

_SAMPLE = 2


class Sound:
    """`said`: what the microphone takes, 16-bit samples as bytes; `heard` what was played.
    `started_us`: when, on the chip's clock, the microphone was started last."""

    def __init__(self, chip: Chip, said: bytes, rate: int):
        self._chip = chip
        self._ram = chip.mcu.sram
        self._said = said
        self._frame = rate // 50 * _SAMPLE
        self._at: int | None = None
        self._played = self._starts = 0
        self.started_us = 0
        self.heard = bytearray()
        self.look: Callable[[], None] = self._find

    def _find(self) -> None:
        """Until the board has made its buffers."""
        at = bytes(self._ram).find(MAGIC[::-1])
        if at >= 0:
            self._at = at
            self.look = self._serve
            self._serve()

    def _number(self, index: int) -> int:
        at = self._at + HEAD * index + len(MAGIC)
        return int.from_bytes(self._ram[at : at + HEAD], "little")

    def _serve(self) -> None:
        """Often enough: at least every 20 ms of the board's time."""
        base = self._at + len(MAGIC) + NUMBERS * HEAD
        starts = self._number(2)
        if starts != self._starts:
            self._starts = starts
            self.started_us = self._chip.now_us
        asked = self._number(0)
        for index in range(asked, asked + FRAMES):
            frame = self._said[index * self._frame : (index + 1) * self._frame]
            at = base + index % FRAMES * self._frame
            self._ram[at : at + self._frame] = frame.ljust(self._frame, b"\0")
        played = self._number(1)
        if played < self._played:  # it was started anew
            self._played = 0
            self.heard.clear()
        ring = base + FRAMES * self._frame
        while self._played < played:
            at = ring + self._played % PLAYED * _SAMPLE
            self.heard += self._ram[at : at + _SAMPLE]
            self._played += 1
