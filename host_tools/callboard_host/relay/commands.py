"""The relay's verbs of the `callboard` command: run it, and administer it."""

import asyncio
import logging
from pathlib import Path
from typing import Annotated

import typer

from . import app_commands, people_commands
from .asking import DATA, DataDir


def register(app: typer.Typer) -> None:
    """Add the relay's verbs to the command."""
    app.command("relay")(relay_command)
    app.command("rotate-key")(rotate_command)
    app_commands.register(app)
    people_commands.register(app)


def relay_command(
    data: DataDir = DATA,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port; 0 takes a free one.", min=0, max=65535)] = 0,
    tls: Annotated[bool, typer.Option("--tls/--no-tls", help="HTTPS with an own CA.")] = True,
    name: Annotated[
        list[str] | None, typer.Option(help="Host name or address for the certificate; repeat it.")
    ] = None,
    database: Annotated[str, typer.Option(help="SQLAlchemy URL; default: a file in --data.")] = "",
    ring: Annotated[
        float, typer.Option(min=1, max=240, help="How long a call rings, in seconds.")
    ] = 60.0,
    ready_file: Annotated[
        Path | None, typer.Option(help="JSON file to write when it listens.")
    ] = None,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Log what happens.")] = False,
) -> None:
    """Run the relay: devices register, users are invited, calls are made, media is passed on."""
    from .config import RelayConfig
    from .program import run_relay
    from .rooms import Limits

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
            limits=Limits(ring_ms=int(ring * 1000)),
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
