"""The table of boards: as Markdown for boards/README.md, as rows for everything else."""

from .load import Board

_NETWORK = {"wifi": "Wi-Fi", "bridge": "serial line", "host": "the host's"}
_KEYS = {"file": "a file", "partition": "a partition", "pin_files": "pin files"}
COLUMNS = (
    "board",
    "chip",
    "flash",
    "network",
    "duplex",
    "codecs, stock firmware",
    "codecs, custom firmware",
    "key store",
)


def size(number: int) -> str:
    """Bytes for a person."""
    return f"{number >> 20} MB" if number >= 1 << 20 else f"{number >> 10} KB"


def row(board: Board) -> tuple[str, ...]:
    """What a table says of a board."""
    facts = board.facts
    custom = facts.get("custom", facts)["codecs"]
    return (
        board.name,
        board.chip.title,
        size(board.flash_bytes) if "file_system" in facts["flash"] else "a file",
        _NETWORK[facts["network"]],
        facts["duplex"],
        ", ".join(facts["codecs"]),
        ", ".join(custom),
        _KEYS[board.key_store],
    )


def markdown(boards: list[Board]) -> str:
    """The tables of boards/README.md: the boards, and their wires."""
    lines = [_line(COLUMNS), _line(["---"] * len(COLUMNS))]
    lines += [_line(row(board)) for board in boards]
    lines += ["", _line(_WIRES), _line(["---"] * len(_WIRES))]
    lines += [_line(_wires(board)) for board in boards if "microphone" in board.facts["audio"]]
    return "\n".join(lines) + "\n"


_WIRES = ("pins", "microphone sck, ws, sd", "speaker sck, ws, sd", "button to ground", "LED")


def _wires(board: Board) -> list[str]:
    facts = board.facts
    sound = [
        ", ".join(str(facts["audio"][role][name]) for name in ("sck", "ws", "sd"))
        for role in ("microphone", "speaker")
    ]
    led = facts["led"]["pin"]
    return [
        board.name,
        *sound,
        str(facts["button"]["pin"]),
        "its own" if led == "LED" else str(led),
    ]


def _line(cells) -> str:
    return "| " + " | ".join(cells) + " |"
