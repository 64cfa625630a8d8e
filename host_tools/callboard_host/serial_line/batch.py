"""A file of boards, provisioned one after the other; a result file makes it safe to run again.

Columns of the file: `sn` is needed; `port`, `model_id`, `wxa_appid`, `users` (openIds with spaces
between) may be given, and go before the command line's. The result file is JSON lines, one for
each attempt, each on the disk before the next board is touched. A board that is done is skipped.
"""

import csv
import json
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from callboard.errors import CallboardError
from callboard_host.errors import BadInput

from .link import BoardSilent, SerialLink
from .plan import Plan
from .port import PortFailed
from .provision import CONNECT_S, Result

COLUMNS = ("sn", "port", "model_id", "wxa_appid", "users")
ROWS_MAX = 100_000
_LOOK_S = 0.5


@dataclass(frozen=True)
class Row:
    """One board of the file; `line` where it stands."""

    line: int
    sn: str
    port: str
    model_id: str
    wxa_appid: str
    users: tuple[str, ...]

    def plan(self, base: Plan) -> Plan:
        """The command line's plan with this row's values."""
        return base.but(
            sn=self.sn,
            model_id=self.model_id or base.model_id,
            wxa_appid=self.wxa_appid or base.wxa_appid,
            users=self.users or base.users,
        )


def read_rows(path: Path) -> list[Row]:
    """The boards in a CSV file. Raises BadInput that names line and column."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            return list(_rows(path, csv.DictReader(file)))
    except (OSError, UnicodeError, csv.Error) as error:
        raise BadInput(f"cannot read {path}: {error}") from error


def _rows(path: Path, reader: csv.DictReader) -> Iterator[Row]:
    unknown = set(reader.fieldnames or ()) - set(COLUMNS)
    if unknown or "sn" not in (reader.fieldnames or ()):
        names = ", ".join(COLUMNS)
        wrong = f"unknown: {', '.join(sorted(unknown))}" if unknown else "there is no column sn"
        raise BadInput(f"{path}: {wrong}", f"the first line names the columns, of {names}")
    seen: dict[str, int] = {}
    for cells in reader:
        line = reader.line_num
        if None in cells or line > ROWS_MAX:
            raise BadInput(f"{path}, line {line}: too many cells or lines")
        value = {name: (cells.get(name) or "").strip() for name in COLUMNS}
        if not value["sn"]:
            raise BadInput(f"{path}, line {line}: sn is empty")
        if value["sn"] in seen:
            first = seen[value["sn"]]
            raise BadInput(f"{path}, line {line}: sn {value['sn']} is in line {first} already")
        seen[value["sn"]] = line
        users = tuple(value.pop("users").split())
        yield Row(line=line, users=users, **value)


def done_before(results: Path) -> set[str]:
    """Serial numbers that a result file says are done; a last line cut short does not count."""
    try:
        lines = results.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return set()
    except (OSError, UnicodeError) as error:
        raise BadInput(f"cannot read {results}: {error}") from error
    done = set()
    for line in lines:
        try:
            entry = json.loads(line)
        except ValueError:
            continue
        if isinstance(entry, dict) and entry.get("ok") is True:
            done.add(str(entry.get("sn")))
    return done


def run_batch(
    rows: list[Row],
    results: Path,
    base: Plan,
    one: Callable[[Row, Plan], Result],
    *,
    again: bool = False,
    report: Callable[[Row, dict[str, Any]], None] = lambda row, entry: None,
) -> dict[str, int]:
    """Provision every row that is not done; go on after a failure.

    `one(row, plan)` provisions a board. Returns {"done", "skipped", "failed"} counts. Raises
    BadInput when a value is wrong, before any board is touched, or `results` cannot be written.
    """
    for row in rows:
        try:
            row.plan(base).values()
        except CallboardError as error:
            raise BadInput(f"line {row.line}: {error.message}") from error
    done = set() if again else done_before(results)
    counts = {"done": 0, "skipped": 0, "failed": 0}
    for row in rows:
        if row.sn in done:
            counts["skipped"] += 1
            continue
        entry = _attempt(row, base, one)
        counts["done" if entry["ok"] else "failed"] += 1
        _append(results, entry)
        report(row, entry)
    return counts


def _attempt(row: Row, base: Plan, one: Callable[[Row, Plan], Result]) -> dict[str, Any]:
    entry: dict[str, Any] = {"sn": row.sn, "ok": False, "time_ms": time.time_ns() // 1_000_000}
    try:
        entry.update(one(row, row.plan(base)).json(), ok=True)
    except CallboardError as error:
        entry.update(code=error.code, error=error.message)
        if hint := getattr(error, "hint", ""):
            entry["hint"] = hint
    return entry


def wait_for_other_board(
    url: str, baud: int, finished: set[str], sn: str, timeout_s: float
) -> None:
    """Wait until a board is on the port that is not one of `finished`, or is `sn` itself.

    Raises BoardSilent or PortFailed with what was wrong last.
    """
    deadline = time.monotonic() + timeout_s
    while True:
        try:
            with SerialLink.open(url, baud) as link:
                link.wait_for_board(min(CONNECT_S, timeout_s))
                there = link.request("hello").get("sn") or ""
            if there == sn or there not in finished:
                return
            late: CallboardError = BoardSilent(
                f"the board {there} is still on {url}", f"plug in the one for {sn}"
            )
        except (PortFailed, BoardSilent) as error:
            late = error
        if time.monotonic() >= deadline:
            raise late
        time.sleep(_LOOK_S)


def _append(path: Path, entry: dict[str, Any]) -> None:
    """Add a line and have it on the disk; a line cut short by a crash is closed first."""
    try:
        with path.open("a+b") as file:
            if file.tell():
                file.seek(-1, os.SEEK_END)
                if file.read(1) != b"\n":
                    file.write(b"\n")
            file.write(json.dumps(entry, ensure_ascii=False).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise BadInput(f"cannot write {path}: {error.strerror}") from error
