"""Golden transcripts: the ```transcript blocks of PROTOCOL.md §8, parsed, matched and filled in.

    for transcript in read(PROTOCOL): ...       # Transcript(name, online, steps)
    bindings = Bindings({"sn": "SN1", ...})
    bindings.match({"challenge": "<challenge>"}, message)   # binds <challenge>, or raises Mismatch
    bindings.fill({"resume": "<resume>"})                   # what a scripted end must send

Nothing here knows of sockets: the relay's tests play the clients, a device's tests play the relay.
"""

import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

PROTOCOL = Path(__file__).parents[2] / "firmware" / "PROTOCOL.md"

MESSAGE = "message"  # kinds of steps
HTTP_REQUEST = "http request"
HTTP_ANSWER = "http answer"
OPENS = "opens"
CUTS = "cuts"
CLOSES = "closes"

RELAY = "relay"

_BLOCK = re.compile(r"^```transcript ([^(\n]+?)(?: \(([^)\n]*)\))?\n(.*?)^```$", re.M | re.S)
_PATTERNS = (
    (HTTP_REQUEST, re.compile(r"(?P<source>\w+) → relay POST (?P<path>/\S+) (?P<body>\{.*\})")),
    (
        HTTP_ANSWER,
        re.compile(r"relay → (?P<target>\w+)(?P<lost> lost)? (?P<number>\d{3}) (?P<body>\{.*\})"),
    ),
    (MESSAGE, re.compile(r"(?P<source>\w+) → (?P<target>\w+)(?P<lost> lost)? (?P<body>\{.*\})")),
    (OPENS, re.compile(r"(?P<source>\w+) opens (?P<path>/\S+)")),
    (CUTS, re.compile(r"(?P<source>\w+) cuts")),
    (CLOSES, re.compile(r"relay closes (?P<target>\w+) (?P<number>\d{4})")),
)
_PLACEHOLDER = re.compile(r"<([^<>]+)>")


class Mismatch(AssertionError):
    """What came is not what the transcript says."""


@dataclass(frozen=True)
class Step:
    """One line. `client`: the end that is not the relay; `number`: HTTP status or close code."""

    kind: str
    source: str
    target: str
    line: int
    path: str = ""
    number: int = 0
    body: Any = None
    lost: bool = False  # sent, but it never arrived

    @property
    def client(self) -> str:
        """device or phone."""
        return self.target if self.source == RELAY else self.source


@dataclass(frozen=True)
class Transcript:
    """One block. `online`: clients that have said hello before it begins."""

    name: str
    online: tuple[str, ...]
    steps: tuple[Step, ...]


@dataclass
class Bindings:
    """The values of the placeholders seen so far."""

    values: dict[str, Any] = field(default_factory=dict)

    def match(self, pattern: Any, actual: Any, where: str = "") -> None:
        """Compare, binding placeholders on first sight. Raises Mismatch that says where."""
        name = _placeholder(pattern)
        if name is not None:
            if self.values.setdefault(name, actual) != actual:
                expected = self.values[name]
                raise Mismatch(f"{where}: <{name}> was {expected!r}, now {actual!r}")
        elif isinstance(pattern, dict) and isinstance(actual, dict):
            if pattern.keys() != actual.keys():
                missing, extra = pattern.keys() - actual.keys(), actual.keys() - pattern.keys()
                raise Mismatch(f"{where}: missing {sorted(missing)}, unexpected {sorted(extra)}")
            for key, value in pattern.items():
                self.match(value, actual[key], f"{where}.{key}")
        elif isinstance(pattern, list) and isinstance(actual, list):
            if len(pattern) != len(actual):
                raise Mismatch(f"{where}: {len(actual)} items instead of {len(pattern)}")
            for index, value in enumerate(pattern):
                self.match(value, actual[index], f"{where}[{index}]")
        elif type(pattern) is not type(actual) or pattern != actual:
            raise Mismatch(f"{where}: {actual!r} instead of {pattern!r}")

    def fill(self, pattern: Any) -> Any:
        """The pattern with the values put in. Raises Mismatch when one is not known."""
        name = _placeholder(pattern)
        if name is not None:
            if name not in self.values:
                raise Mismatch(f"<{name}> is not known yet")
            return self.values[name]
        if isinstance(pattern, dict):
            return {key: self.fill(value) for key, value in pattern.items()}
        if isinstance(pattern, list):
            return [self.fill(value) for value in pattern]
        return pattern


def read(path: Path = PROTOCOL) -> list[Transcript]:
    """The transcripts of a file. Raises ValueError with the line number of what it cannot read."""
    text = path.read_text(encoding="utf-8")
    transcripts = []
    for block in _BLOCK.finditer(text):
        name, online, body = block.groups()
        first_line = text.count("\n", 0, block.start(3)) + 1
        lines = enumerate(body.splitlines(), first_line)
        steps = tuple(_step(line.strip(), number) for number, line in lines if line.strip())
        clients = re.findall(r"(\w+) online", online or "")
        transcripts.append(Transcript(name.strip(), tuple(clients), steps))
    if len(transcripts) != text.count("```transcript"):
        raise ValueError(f"{path.name} has a transcript block with a malformed head")
    return transcripts


def _step(line: str, number: int) -> Step:
    for kind, pattern in _PATTERNS:
        found = pattern.fullmatch(line)
        if found is None:
            continue
        parts = found.groupdict()
        try:
            body = json.loads(parts["body"]) if parts.get("body") else None
        except ValueError as error:
            raise ValueError(f"line {number}: {error}") from None
        source = parts.get("source") or RELAY
        return Step(
            kind=kind,
            source=source,
            target=parts.get("target") or RELAY,
            line=number,
            path=parts.get("path") or "",
            number=int(parts.get("number") or 0),
            body=body,
            lost=bool(parts.get("lost")),
        )
    raise ValueError(f"line {number}: not a transcript line: {line[:60]}")


def _placeholder(value: Any) -> str | None:
    found = _PLACEHOLDER.fullmatch(value) if isinstance(value, str) else None
    return found.group(1) if found else None
