"""UF2, the file format that the RP2 family's boot ROM takes: blocks of 512 bytes with addresses.

https://github.com/microsoft/uf2: every block carries where its 256 bytes go, its number, how many
there are, and for which family of chips they are.
"""

import struct
from collections.abc import Iterable
from dataclasses import dataclass

from callboard_host.errors import BadInput

BLOCK = 512
PAYLOAD = 256
_HEAD = struct.Struct("<IIIIIIII")
_START0, _START1, _END = 0x0A324655, 0x9E5D5157, 0x0AB16F30
_NOT_FLASH, _HAS_FAMILY = 0x1, 0x2000


@dataclass(frozen=True)
class Uf2:
    """A whole file. `pages`: address → 256 bytes of the main family; `family` its number.

    `others`: blocks of other families, as they are, in front of them (the RP2350 needs one).
    """

    family: int
    pages: dict[int, bytes]
    others: tuple[bytes, ...] = ()


def read(data: bytes, what: str) -> Uf2:
    """Read a file. Raises BadInput when it is none, not whole, or of several families."""
    if len(data) < BLOCK or data[:4] != _START0.to_bytes(4, "little"):
        raise BadInput(f"{what} is no UF2 file", "give a firmware that ends in .uf2")
    if len(data) % BLOCK:
        raise BadInput(
            f"{what} is cut short: half a block at its end", "download it, or make it, again"
        )
    families: dict[int, dict[int, bytes]] = {}
    blocks: dict[int, list[bytes]] = {}
    numbers: dict[int, set[int]] = {}
    counts: dict[int, int] = {}
    for at in range(0, len(data), BLOCK):
        block = data[at : at + BLOCK]
        start0, start1, flags, address, size, number, count, family = _HEAD.unpack_from(block)
        ends = int.from_bytes(block[-4:], "little")
        if (start0, start1, ends) != (_START0, _START1, _END):
            raise BadInput(
                f"{what} is damaged: block {at // BLOCK} is none", "download it, or make it, again"
            )
        if flags & _NOT_FLASH:
            continue
        if not flags & _HAS_FAMILY or size != PAYLOAD or address % PAYLOAD:
            raise BadInput(f"{what} is no UF2 for an RP2 board", "give MicroPython's own file")
        families.setdefault(family, {})[address] = block[32 : 32 + PAYLOAD]
        blocks.setdefault(family, []).append(block)
        numbers.setdefault(family, set()).add(number)
        counts[family] = count
    if not families:
        raise BadInput(f"{what} has nothing for the flash")
    main = max(families, key=lambda family: len(families[family]))
    if numbers[main] != set(range(counts[main])):
        missing = counts[main] - len(numbers[main])
        raise BadInput(
            f"{what} is not whole: {missing} of {counts[main]} blocks are missing",
            "download it, or make it, again; a board would wait for them for ever",
        )
    others = [block for family, kept in blocks.items() if family != main for block in kept]
    return Uf2(main, families[main], tuple(others))


def write(uf2: Uf2) -> bytes:
    """The file, its blocks in the order of their addresses."""
    pages = sorted(uf2.pages.items())
    out = bytearray(b"".join(uf2.others))
    for number, (address, page) in enumerate(pages):
        head = _HEAD.pack(
            _START0, _START1, _HAS_FAMILY, address, PAYLOAD, number, len(pages), uf2.family
        )
        out += (head + page).ljust(BLOCK - 4, b"\0") + _END.to_bytes(4, "little")
    return bytes(out)


def pages_of(address: int, data: bytes) -> Iterable[tuple[int, bytes]]:
    """(address, page) of data that starts on a page; the last one is filled up with 0xFF."""
    for at in range(0, len(data), PAYLOAD):
        yield address + at, data[at : at + PAYLOAD].ljust(PAYLOAD, b"\xff")
