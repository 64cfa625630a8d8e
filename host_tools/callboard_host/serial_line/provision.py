"""From a flashed board to a registered one: tell it everything at once, then watch it register."""

import contextlib
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from callboard import codes
from callboard.errors import RemoteError
from callboard_host.errors import EXIT_NO_BOARD, HostError

from .link import BoardSilent, SerialLink
from .plan import Plan
from .port import PortFailed

CONNECT_S = 15.0
REGISTER_S = 60.0
_POLL_S = 0.5
_DONE = ("online", "ready")


class NotProvisioned(HostError):
    """The board has its configuration but did not come online."""

    exit_code = EXIT_NO_BOARD


@dataclass(frozen=True)
class Result:
    """What became of one board."""

    port: str
    model_id: str
    sn: str
    state: str  # "ready" or "online"; "configured" when it was not to wait
    registered: bool
    changed: tuple[str, ...]
    seconds: float

    def json(self) -> dict[str, Any]:
        """For --json and result files."""
        return {**asdict(self), "changed": list(self.changed)}


IssueTicket = Callable[[str, str], str]
Progress = Callable[[str], None]


def _quiet(_: str) -> None:
    pass


def provision(
    link: SerialLink,
    url: str,
    plan: Plan,
    *,
    issue_ticket: IssueTicket | None = None,
    again: bool = False,
    wait: bool = True,
    connect_s: float = CONNECT_S,
    register_s: float = REGISTER_S,
    progress: Progress = _quiet,
) -> Result:
    """Provision the board on `link`; may be run again, and then changes only what differs.

    `issue_ticket(model_id, sn)` is asked for a ticket when the board is not registered, or
    `again` wants it registered anew. `wait`: until it is online. Raises InvalidArgument before
    the board is touched; RemoteError when the board or, through it, the relay refuses;
    BoardSilent, PortFailed; NotProvisioned when it did not come online within `register_s`.
    """
    started = time.monotonic()
    values = plan.values()
    link.wait_for_board(connect_s)
    hello = link.request("hello")
    _unlock(link, hello, plan, progress)
    known = link.request("config.get")["values"]
    model_id, sn = (values.get(name) or known.get(name) or "" for name in ("model_id", "sn"))
    same = all(
        known.get(name) == values.get(name, known.get(name))
        for name in ("model_id", "sn", "wxa_appid")
    )
    registered = link.request("status")["registered"] and same and not again
    if registered:
        values.pop("ticket", None)
        progress("the board is registered already")
    elif issue_ticket is not None:
        values["ticket"] = issue_ticket(model_id, sn)
        progress(f"ticket issued for {model_id}/{sn}")
    ticket = values.pop("ticket", None) if again else None
    progress("writing the configuration")
    changed = link.request("config.set", {"values": values})["changed"] if values else []
    if ticket is not None:
        link.request("register", {"ticket": ticket, "again": True})
        changed = sorted({*changed, "ticket"})
    if hello.get("network") == "serial":  # whose bridge cannot run while we have the port
        wait = False
        progress("it has no network of its own: run `callboard bridge` on this port now")
    state = _wait_online(link, register_s, progress) if wait else "configured"
    return Result(
        port=url,
        model_id=str(model_id),
        sn=str(sn),
        state=state,
        registered=link.request("status")["registered"],
        changed=tuple(changed),
        seconds=round(time.monotonic() - started, 2),
    )


def _unlock(link: SerialLink, hello: dict[str, Any], plan: Plan, progress: Progress) -> None:
    if not hello.get("locked"):
        return
    if plan.pin is None:
        raise HostError(
            "the board's configuration is locked by a PIN",
            "give it with --pin-file or CALLBOARD_PIN, or hold the board's button for 2 s",
        )
    link.request("unlock", {"pin": plan.pin})
    progress("unlocked")


def _wait_online(link: SerialLink, limit_s: float, progress: Progress) -> str:
    """Follow it until it is online. Returns its state."""
    deadline = time.monotonic() + limit_s
    shown = ""
    while True:
        status = _status(link)
        state = status.get("state", "")
        if state and state != shown:
            shown = state
            progress(f"the board is {state}")
        if state == "ready" or (state in _DONE and status["registered"]):
            return state
        if status.get("missing"):
            lacks = ", ".join(status["missing"])
            raise NotProvisioned(f"the board still lacks {lacks}", "give these, too")
        refusal = status.get("error")
        hopeless = not status["ticket"] or (refusal and refusal["code"] == codes.MODEL_REFUSED)
        if refusal and not status["registered"] and hopeless:
            raise _refused(refusal)
        if time.monotonic() >= deadline:
            raise _late(refusal, limit_s)
        _pause(link)


def _status(link: SerialLink) -> dict[str, Any]:
    """Its status; nothing while it is just busy."""
    try:
        return link.request("status", timeout_s=5.0)
    except BoardSilent:
        return {}


def _pause(link: SerialLink) -> None:
    until = time.monotonic() + _POLL_S
    while time.monotonic() < until:
        link.pump()


def _refused(refusal: dict[str, Any]) -> Exception:
    code, message = refusal["code"], refusal["message"]
    if code == codes.NOT_REGISTERED:
        return NotProvisioned(
            "the board has no ticket to register with", "run again with --issue-ticket"
        )
    return RemoteError(f"the relay refused the board: {message}", code)


def _late(refusal: dict[str, Any] | None, limit_s: float) -> NotProvisioned:
    what = f"the board is configured but did not come online within {limit_s:g} s"
    if not refusal:
        return NotProvisioned(what, "watch it with `callboard log`")
    hint = "can the board reach the relay, and is its CA the right one?"
    return NotProvisioned(f"{what}: {refusal['message']} (code {refusal['code']})", hint)


def open_and_provision(url: str, baud: int, plan: Plan, **options: Any) -> Result:
    """provision() on a port by name. Values are checked before the port is opened."""
    plan.values()
    with contextlib.closing(SerialLink.open(url, baud)) as link:
        try:
            return provision(link, url, plan, **options)
        except PortFailed as error:
            error.hint = error.hint or "plug it in and run the same command again"
            raise
