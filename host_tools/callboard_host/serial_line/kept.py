"""What a board kept of its log in flash: how the boot before this one went."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from .link import SerialLink

CONNECT_S = 15.0
_PAGES_MAX = 1000


@dataclass(frozen=True)
class Boot:
    """One boot: why it started, how it ended ("" while it runs), what it logged."""

    number: int
    reset: str
    firmware: str
    ended: str
    lines: tuple[str, ...] = field(default=(), repr=False)


def boots(link: SerialLink, connect_s: float = CONNECT_S) -> list[dict[str, Any]]:
    """What the board tells of its boots, the oldest first; PROTOCOL.md §9, `log.boots`.

    Raises BoardSilent, PortFailed; RemoteError when it has no place for it or is in a call.
    """
    link.wait_for_board(connect_s)
    return link.request("log.boots")["boots"]


def last_boot(link: SerialLink) -> Boot | None:
    """The boot before the one that runs; None when nothing is kept of one. Raises as boots()."""
    found = boots(link)
    if len(found) < 2:
        return None
    told = found[-2]
    return Boot(
        number=told["boot"],
        reset=str(told.get("reset", "unknown")),
        firmware=str(told.get("firmware", "")),
        ended=str(told.get("ended", "")),
        lines=tuple(_lines(link, told["boot"])),
    )


def _lines(link: SerialLink, boot: int) -> Iterator[str]:
    count = 0
    for _ in range(_PAGES_MAX):
        page = link.request("log.kept", {"boot": boot, "skip": count})
        yield from page["lines"]
        count += len(page["lines"])
        if not page["more"]:
            break
