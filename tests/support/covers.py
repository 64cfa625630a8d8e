"""Which rows of the feature table a test shows: `@covers("V-17", "M-06")` above a host test.

Device tests must not import pytest; they carry the same as a comment line directly above the
function, several if need be:

    # covers: V-17, V-18
    def test_ticket_expires():
"""

import json
import re
from pathlib import Path

import pytest

ROWS_FILE = Path(__file__).parents[1] / "spec_rows.json"
ROWS: dict[str, str] = json.loads(ROWS_FILE.read_text(encoding="utf-8"))

_TEST = re.compile(r"(?:async )?def (test_\w+)\(")
_COVERS = re.compile(r"#\s*covers:\s*(.+)")
_SLOW = re.compile(r"#\s*slow\b")


def checked(rows: tuple[str, ...], where: str) -> tuple[str, ...]:
    """`rows` again; UsageError if one is not in the feature table."""
    unknown = [row for row in rows if row not in ROWS]
    if unknown:
        raise pytest.UsageError(f"{where}: no such row in {ROWS_FILE.name}: {', '.join(unknown)}")
    return rows


def covers(*rows: str) -> pytest.MarkDecorator:
    """Mark a test as showing these rows of the feature table."""
    return pytest.mark.covers(*checked(rows, "covers()"))


def comment_marks(path: Path) -> dict[str, list[pytest.MarkDecorator]]:
    """Test name -> marks from the comment lines (`# covers: ...`, `# slow`) right above it."""
    found: dict[str, list[pytest.MarkDecorator]] = {}
    marks: list[pytest.MarkDecorator] = []
    for line in path.read_text(encoding="utf-8").splitlines():
        if test := _TEST.match(line):
            found[test.group(1)] = marks
            marks = []
        elif rows := _COVERS.match(line):
            names = tuple(re.split(r"[,\s]+", rows.group(1).strip().rstrip(",")))
            marks.append(pytest.mark.covers(*checked(names, str(path))))
        elif _SLOW.match(line):
            marks.append(pytest.mark.slow)
        elif not line.startswith("#"):
            marks = []
    return found
