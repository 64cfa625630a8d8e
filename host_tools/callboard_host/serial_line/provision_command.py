"""`callboard provision`: one board, or a file of them; what is said meanwhile and at the end."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer

from callboard.errors import InvalidArgument
from callboard_host.errors import EXIT_FAILED
from callboard_host.relay import asking

from . import batch as batches
from .plan import Plan, read_ca, wifi_name
from .provision import Result, open_and_provision
from .screen import Steps
from .secrets_input import read_secret

_RESULTS = ".results.jsonl"


@dataclass(frozen=True)
class Options:
    """The command line; see `callboard provision --help`."""

    port: str
    relay: str
    ca: Path | None
    model_id: str
    sn: str
    wxa_appid: str
    users: tuple[str, ...]
    ring_s: tuple[int, ...]
    auto_answer: int | None
    volume: int | None
    wifi: str
    wifi_password_file: Path | None
    ticket: bool
    ticket_file: Path | None
    issue_ticket: bool
    data: Path
    token: str
    pin_file: Path | None
    set_pin: bool
    batch: Path | None
    results: Path | None
    again: bool
    wait: bool
    timeout_s: float
    next_board_s: float
    baud: int
    as_json: bool


def run(options: Options) -> None:
    """Do it. Raises typer.Exit when a board of a batch failed; CallboardError."""
    job = _Job(options)
    with Steps(quiet=options.as_json) as job.say:
        if options.batch is None:
            result = job.one(options.port, job.plan)
            job.say.pause()
            print(json.dumps(result.json()) if options.as_json else _sentence(result))
        elif not job.all_of(options.batch):
            raise typer.Exit(EXIT_FAILED)


class _Job:
    """What the boards of one command have in common."""

    def __init__(self, options: Options):
        self._options = options
        relay, ca = options.relay, options.ca
        if options.issue_ticket:
            relay, ca = asking.which(options.data, relay, options.token, ca)
        self._admin = (
            asking.Admin(options.data, relay, options.token, ca) if options.issue_ticket else None
        )
        self._finished: set[str] = set()
        self.plan = _plan(options, relay, ca)
        self.say = Steps(quiet=True)

    def one(self, url: str, plan: Plan) -> Result:
        """Provision the board on a port; its users may then be called."""
        options = self._options
        result = open_and_provision(
            url,
            options.baud,
            plan,
            issue_ticket=self._admin.ticket if self._admin else None,
            again=options.again,
            wait=options.wait,
            register_s=options.timeout_s,
            progress=self.say,
        )
        if self._admin is not None:
            for open_id in plan.users:
                self._admin.authorise(open_id, result.model_id, result.sn)
        return result

    def all_of(self, file: Path) -> bool:
        """Provision the boards in a file. Whether none failed."""
        options = self._options
        counts = batches.run_batch(
            batches.read_rows(file),
            options.results or file.with_name(file.name + _RESULTS),
            self.plan,
            self._next,
            again=options.again,
            report=lambda row, entry: self._report(entry),
        )
        summary = ", ".join(f"{count} {name}" for name, count in counts.items())
        print(json.dumps(counts) if options.as_json else summary)
        return not counts["failed"]

    def _next(self, row: batches.Row, plan: Plan) -> Result:
        options = self._options
        if not row.port:
            self.say(f"plug in the board for {row.sn}")
            batches.wait_for_other_board(
                options.port, options.baud, self._finished, row.sn, options.next_board_s
            )
        result = self.one(row.port or options.port, plan)
        self._finished.add(result.sn)
        return result

    def _report(self, entry: dict[str, Any]) -> None:
        self.say.pause()
        if self._options.as_json:
            print(json.dumps(entry), flush=True)
            return
        what = entry["state"] if entry["ok"] else f"FAILED: {entry['error']}"
        print(f"{entry['sn']}: {what}", flush=True)


def _plan(options: Options, relay: str, ca: Path | None) -> Plan:
    return Plan(
        relay_url=relay or None,
        ca=read_ca(ca) if ca else None,
        model_id=options.model_id or None,
        sn=options.sn or None,
        wxa_appid=options.wxa_appid or None,
        users=options.users,
        ring_s=options.ring_s,
        auto_answer=options.auto_answer,
        volume=options.volume,
        wifi_ssid=wifi_name(options.wifi) if options.wifi else None,
        **_secrets(options),
    )


def _secrets(options: Options) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if options.wifi:
        found["wifi_password"] = read_secret(
            f"password of {options.wifi} (empty: none)",
            "CALLBOARD_WIFI_PASSWORD",
            options.wifi_password_file,
        )
    if options.ticket or options.ticket_file:
        found["ticket"] = _text(
            "the ticket", read_secret("SnTicket", "CALLBOARD_TICKET", options.ticket_file)
        )
    pin = read_secret("PIN", "CALLBOARD_PIN", options.pin_file, prompt=False)
    found["pin"] = _text("the PIN", pin) if pin else None
    if options.set_pin:
        new = read_secret("new PIN", "CALLBOARD_NEW_PIN", None, twice=True)
        found["new_pin"] = _text("the new PIN", new)
    return found


def _text(what: str, value: bytes | None) -> str:
    if not value:
        raise InvalidArgument(f"{what} is wanted, but neither file nor environment gives it")
    try:
        return value.decode()
    except UnicodeError:
        raise InvalidArgument(f"{what} is no text") from None


def _sentence(result: Result) -> str:
    known = "registered" if result.registered else "not registered yet"
    return f"{result.model_id}/{result.sn} on {result.port}: {result.state}, {known}"
