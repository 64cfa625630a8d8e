"""The relay's verbs of the `callboard` command: relay, ticket, invite, authorise, devices, …"""

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

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
DATA = Path("callboard-relay")


class WrongAdminToken(errors.HostError):
    """The relay refused the admin token."""

    exit_code = errors.EXIT_REFUSED


def register(app: typer.Typer) -> None:
    """Add the relay's verbs to the command."""
    app.command("relay")(relay_command)
    app.command("rotate-key")(rotate_command)
    app.command("ticket")(ticket_command)
    app.command("invite")(invite_command)
    app.command("authorise")(authorise_command)
    app.command("devices")(devices_command)
    model = typer.Typer(help="Device types of the relay.", no_args_is_help=True)
    model.command("add")(add_model_command)
    app.add_typer(model, name="model")
    apps = typer.Typer(help="Apps (mini programs) of the relay.", no_args_is_help=True)
    apps.command("add")(add_app_command)
    app.add_typer(apps, name="app")
    for group in (model, apps):
        group.callback()(_nothing)  # keeps `add` a word of its own


def relay_command(
    data: DataDir = DATA,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port; 0 takes a free one.", min=0, max=65535)] = 0,
    tls: Annotated[bool, typer.Option("--tls/--no-tls", help="HTTPS with an own CA.")] = True,
    name: Annotated[
        list[str] | None, typer.Option(help="Host name or address for the certificate; repeat it.")
    ] = None,
    database: Annotated[str, typer.Option(help="SQLAlchemy URL; default: a file in --data.")] = "",
    ready_file: Annotated[
        Path | None, typer.Option(help="JSON file to write when it listens.")
    ] = None,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Log what happens.")] = False,
) -> None:
    """Run the relay: devices register, users are invited, calls are made, media is passed on."""
    from .config import RelayConfig
    from .program import run_relay

    logging.basicConfig(
        level=logging.INFO if verbose else logging.WARNING,
        format="%(levelname).1s (%(relativeCreated)d) %(name)s: %(message)s",
    )
    run_relay(
        RelayConfig(
            data_dir=data,
            host=host,
            port=port,
            tls=tls,
            names=tuple(name or ()),
            database_url=database or None,
            ready_file=ready_file,
        )
    )


def rotate_command(
    data: DataDir = DATA,
    database: Annotated[str, typer.Option(help="SQLAlchemy URL; default: a file in --data.")] = "",
) -> None:
    """Seal the device keys under a new relay master key; the relay must be stopped."""
    from .rotation import rotate_master_key

    count = asyncio.run(rotate_master_key(data, database or None))
    print(f"{count} device keys are sealed under a new master key")


def ticket_command(
    model_id: Annotated[str, typer.Argument(help="Device type.")],
    sn: Annotated[str, typer.Argument(help="Serial number.")],
    data: DataDir = DATA,
    relay: Url = "",
    token: Token = "",
    ca: Ca = None,
) -> None:
    """Issue an SnTicket: the device registers with it within five minutes."""
    answer = _ask(lambda admin: admin.ticket(model_id, sn), data, relay, token, ca)
    print(answer["ticket"])
    typer.echo(f"valid until {_when(answer['expires_ms'])}", err=True)


def invite_command(
    wxa_appid: Annotated[str, typer.Argument(help="The app the user is of.")],
    name: Annotated[str, typer.Argument(help="What the user is called.")],
    data: DataDir = DATA,
    relay: Url = "",
    token: Token = "",
    ca: Ca = None,
) -> None:
    """Add a user and print their open_id and single-use invitation."""
    answer = _ask(lambda admin: admin.invite(wxa_appid, name), data, relay, token, ca)
    print(f"open_id     {answer['open_id']}")
    print(f"invitation  {answer['invitation']}")
    typer.echo(f"valid until {_when(answer['expires_ms'])}", err=True)


def authorise_command(
    open_id: Annotated[str, typer.Argument(help="The user.")],
    model_id: Annotated[str, typer.Argument(help="Device type.")],
    sn: Annotated[str, typer.Argument(help="Serial number.")],
    data: DataDir = DATA,
    relay: Url = "",
    token: Token = "",
    ca: Ca = None,
) -> None:
    """Let a device call a user."""
    _ask(lambda admin: admin.authorise(open_id, model_id, sn), data, relay, token, ca)
    print(f"{model_id}/{sn} may call {open_id}")


def devices_command(
    data: DataDir = DATA,
    relay: Url = "",
    token: Token = "",
    ca: Ca = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List the registered devices."""
    devices = _ask(lambda admin: admin.devices(), data, relay, token, ca)
    if as_json:
        print(json.dumps(devices, indent=2))
        return
    for device in devices:
        state = "online" if device["online"] else "offline"
        seen = _when(device["last_seen_ms"]) if device["last_seen_ms"] else "never"
        name = f"{device['model_id']}/{device['sn']}"
        firmware = device["firmware"] or "-"
        print(f"{name:32}  {state:7}  seen {seen}  firmware {firmware}  app {device['wxa_appid']}")
    if not devices:
        print("no device is registered")


def add_model_command(
    model_id: Annotated[str, typer.Argument(help="1-64 of [A-Za-z0-9_-].")],
    name: Annotated[str, typer.Option(help="What people call it.")] = "",
    data: DataDir = DATA,
    relay: Url = "",
    token: Token = "",
    ca: Ca = None,
) -> None:
    """Add or rename a device type."""
    _ask(lambda admin: admin.add_model(model_id, name), data, relay, token, ca)
    print(f"model {model_id}")


def add_app_command(
    wxa_appid: Annotated[str, typer.Argument(help="1-64 of [A-Za-z0-9_-].")],
    name: Annotated[str, typer.Option(help="What people call it.")] = "",
    data: DataDir = DATA,
    relay: Url = "",
    token: Token = "",
    ca: Ca = None,
) -> None:
    """Add or rename an app."""
    _ask(lambda admin: admin.add_app(wxa_appid, name), data, relay, token, ca)
    print(f"app {wxa_appid}")


def _nothing() -> None:
    pass


def _ask(
    question: "Callable[[AdminClient], Awaitable[T]]",
    data: Path,
    relay: str,
    token: str,
    ca: Path | None,
) -> T:
    """Ask the relay one thing. Raises HostError, RemoteError, NetworkError."""
    from .admin_client import AdminClient, is_wrong_token

    url, ca_path = (relay, ca) if relay else facts(data, ca)
    secret = token or _tokenfacts(data)

    async def ask() -> T:
        async with AdminClient(url, secret, ca_path) as admin:
            return await question(admin)

    try:
        return asyncio.run(ask())
    except RemoteError as error:
        if is_wrong_token(error):
            hint = f"it is in {ADMIN_TOKEN_FILE} of the relay's data directory"
            raise WrongAdminToken("the relay refused the admin token", hint) from error
        raise


class Admin:
    """The admin interface for other verbs: a relay by its data directory, or by address."""

    def __init__(self, data: Path, relay: str, token: str, ca: Path | None):
        self._relay = data, relay, token, ca

    def ticket(self, model_id: str, sn: str) -> str:
        """A new SnTicket."""
        return _ask(lambda admin: admin.ticket(model_id, sn), *self._relay)["ticket"]

    def authorise(self, open_id: str, model_id: str, sn: str) -> None:
        """Let a device call a user."""
        _ask(lambda admin: admin.authorise(open_id, model_id, sn), *self._relay)


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


def _tokenfacts(data: Path) -> str:
    path = data / ADMIN_TOKEN_FILE
    try:
        return path.read_text(encoding="ascii").strip()
    except OSError as error:
        raise errors.BadInput(
            f"{path} cannot be read: {error.strerror}", "give --data or --token"
        ) from error


def _when(time_ms: int) -> str:
    moment = datetime.fromtimestamp(time_ms / 1000, UTC).astimezone()
    return moment.strftime("%Y-%m-%d %H:%M:%S")
