"""How a verb of the shell asks a relay: which one, with which token, and what if it says no."""

import asyncio
import functools
import inspect
import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Protocol, TypeVar

import typer

from callboard.errors import RemoteError

from .. import errors
from .files import ADMIN_TOKEN_FILE, FACTS_FILE

if TYPE_CHECKING:
    from .admin_client import AdminClient

T = TypeVar("T")

DataDir = Annotated[Path, typer.Option("--data", help="The relay's data directory.")]
Url = Annotated[str, typer.Option("--relay", help="Its address; default: the one in --data.")]
Ca = Annotated[Path | None, typer.Option("--ca", help="Its CA (PEM); default: the one in --data.")]
Token = Annotated[
    str,
    typer.Option(
        "--token",
        envvar="CALLBOARD_ADMIN_TOKEN",
        help="Admin token; default: the one in --data.",
        show_default=False,
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
ModelId = Annotated[str, typer.Argument(help="Device type.")]
Sn = Annotated[str, typer.Argument(help="Serial number.")]
OpenId = Annotated[str, typer.Argument(help="The user.")]
DATA = Path("callboard-relay")


class WrongAdminToken(errors.HostError):
    """The relay refused the admin token."""

    exit_code = errors.EXIT_REFUSED


def ask(
    question: "Callable[[AdminClient], Awaitable[T]]",
    data: Path,
    relay: str,
    token: str,
    ca: Path | None,
) -> T:
    """Ask the relay one thing. Raises HostError, RemoteError, NetworkError."""
    from .admin_client import AdminClient, is_wrong_token

    url, ca_path = which(data, relay, token, ca)
    secret = token or _admin_token(data)

    async def asking() -> T:
        async with AdminClient(url, secret, ca_path) as admin:
            return await question(admin)

    try:
        return asyncio.run(asking())
    except RemoteError as error:
        if is_wrong_token(error):
            hint = f"it is in {ADMIN_TOKEN_FILE} of the relay's data directory"
            raise WrongAdminToken("the relay refused the admin token", hint) from error
        raise


class Ask(Protocol):
    """ask(), of the relay that the options name."""

    def __call__(self, question: "Callable[[AdminClient], Awaitable[T]]", /) -> T: ...


def _which(data: DataDir = DATA, relay: Url = "", token: Token = "", ca: Ca = None) -> Ask:
    """The options of all verbs that ask a relay, and what they make of them."""
    return lambda question: ask(question, data, relay, token, ca)


def of_relay(verb: Callable[..., None]) -> Callable[..., None]:
    """A command out of a verb that takes an Ask first: instead it has the options of _which."""
    options = inspect.signature(_which).parameters
    own = list(inspect.signature(verb).parameters.values())[1:]

    @functools.wraps(verb)
    def command(**given: Any) -> None:
        which = {name: given.pop(name) for name in options}
        verb(_which(**which), **given)

    command.__signature__ = inspect.Signature([*own, *options.values()])  # type: ignore[attr-defined]
    return command


class Admin:
    """The admin interface for other verbs: a relay by its data directory, or by address."""

    def __init__(self, data: Path, relay: str, token: str, ca: Path | None):
        self._relay = data, relay, token, ca

    def ticket(self, model_id: str, sn: str) -> str:
        """A new SnTicket."""
        return ask(lambda admin: admin.ticket(model_id, sn), *self._relay)["ticket"]

    def authorise(self, open_id: str, model_id: str, sn: str) -> None:
        """Let a device and a user call each other."""
        ask(lambda admin: admin.authorise(open_id, model_id, sn), *self._relay)


def which(data: Path, relay: str, token: str, ca: Path | None) -> tuple[str, Path | None]:
    """(URL, CA file) of the relay that the options name; what they lack is in its data directory.

    With an address and a token nothing is looked for there: it may be far away. Raises BadInput.
    """
    if relay and (ca or token or not (data / FACTS_FILE).exists()):
        return relay, ca
    url, known_ca = facts(data, ca)
    return relay or url, known_ca


def facts(data: Path, ca: Path | None) -> tuple[str, Path | None]:
    """(URL, CA file) of the relay that runs on a data directory. Raises BadInput."""
    path = data / FACTS_FILE
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
        known_ca = Path(facts["ca_path"]) if facts["ca_path"] else None
        return facts["url"], ca or known_ca
    except FileNotFoundError:
        raise errors.BadInput(
            f"no relay runs on {data}", "start `callboard relay`, or give --relay and --token"
        ) from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise errors.BadInput(f"{path} cannot be used: {error}", "give --relay") from error


def _admin_token(data: Path) -> str:
    path = data / ADMIN_TOKEN_FILE
    try:
        return path.read_text(encoding="ascii").strip()
    except OSError as error:
        raise errors.BadInput(
            f"{path} cannot be read: {error.strerror}", "give --data or --token"
        ) from error


def print_json(value: Any) -> None:
    """For programs."""
    print(json.dumps(value, indent=2))


def print_rows(rows: list[list[str]], nothing: str) -> None:
    """Columns for people; `nothing` when there is none."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        print(
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        )
    if not rows:
        print(nothing)


def when(time_ms: int | None) -> str:
    """A time for people, in this place's own."""
    if time_ms is None:
        return "never"
    moment = datetime.fromtimestamp(time_ms / 1000, UTC).astimezone()
    return moment.strftime("%Y-%m-%d %H:%M:%S")


def valid_until(time_ms: int) -> None:
    """Say how long what was printed is good, beside it."""
    typer.echo(f"valid until {when(time_ms)}", err=True)
