"""The verbs for a board on a serial line: provision, log, doctor, shell, bridge."""

import json
from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from callboard_host.errors import EXIT_FAILED, BadInput
from callboard_host.relay import asking

from .port import BAUD

PortName = Annotated[
    str,
    typer.Argument(
        metavar="PORT", help="/dev/ttyUSB0, COM3, socket://host:port, rfc2217://…, loop://"
    ),
]
Baud = Annotated[int, typer.Option(help="Bits per second, where the port has such a thing.")]
Json = Annotated[bool, typer.Option("--json", help="Print results as JSON.")]


class Level(Enum):
    """Levels of a board's log."""

    D = "D"
    I = "I"  # noqa: E741
    W = "W"
    E = "E"


def register(app: typer.Typer) -> None:
    """Add the verbs to the command."""
    app.command("provision")(provision_command)
    app.command("log")(log_command)
    app.command("doctor")(doctor_command)
    app.command("shell")(shell_command)
    app.command("bridge")(bridge_command)


def provision_command(
    port: PortName,
    relay: Annotated[str, typer.Option(help="The relay's address for the board.")] = "",
    ca: Annotated[Path | None, typer.Option(help="The relay's CA (PEM or DER).")] = None,
    model_id: Annotated[str, typer.Option(help="Device type.")] = "",
    sn: Annotated[str, typer.Option(help="Serial number.")] = "",
    wxa_appid: Annotated[str, typer.Option(help="The app that it talks to.")] = "",
    user: Annotated[
        list[str] | None, typer.Option(help="openId that its button calls; repeat it.")
    ] = None,
    ring: Annotated[
        list[int] | None, typer.Option(help="Seconds that each of them rings; repeat it.")
    ] = None,
    auto_answer: Annotated[
        int | None, typer.Option(help="It answers calls by itself after seconds.")
    ] = None,
    volume: Annotated[int | None, typer.Option(help="Of its speaker, 0-100.")] = None,
    wifi: Annotated[str, typer.Option(help="Its Wi-Fi network; hex:00ff for any bytes.")] = "",
    wifi_password_file: Annotated[
        Path | None,
        typer.Option(
            "--password-file", help="Of --wifi. Or CALLBOARD_WIFI_PASSWORD, or a prompt."
        ),
    ] = None,
    ticket: Annotated[
        bool, typer.Option("--ticket", help="Ask for an SnTicket, or CALLBOARD_TICKET.")
    ] = False,
    ticket_file: Annotated[Path | None, typer.Option(help="An SnTicket in a file.")] = None,
    issue_ticket: Annotated[
        bool, typer.Option("--issue-ticket", help="Get a ticket from the relay (--data).")
    ] = False,
    data: asking.DataDir = asking.DATA,
    token: asking.Token = "",
    pin_file: Annotated[
        Path | None, typer.Option(help="PIN of a locked board; or CALLBOARD_PIN.")
    ] = None,
    set_pin: Annotated[
        bool, typer.Option("--set-pin", help="Lock it with a PIN: prompt, CALLBOARD_NEW_PIN.")
    ] = False,
    batch: Annotated[
        Path | None, typer.Option(help="Many boards: CSV with sn, port, model_id, users, ….")
    ] = None,
    results: Annotated[
        Path | None, typer.Option(help="Result file of --batch; default: beside it.")
    ] = None,
    again: Annotated[
        bool, typer.Option("--again", help="Register anew what is registered or done.")
    ] = False,
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Until it is online.")] = True,
    timeout: Annotated[float, typer.Option(min=1, max=600, help="Seconds for that.")] = 60.0,
    next_board: Annotated[
        float, typer.Option(min=1, help="Seconds to wait for the next board of a batch.")
    ] = 300.0,
    baud: Baud = BAUD,
    as_json: Json = False,
) -> None:
    """Tell a board its network, its relay and who it is, and see it come online.

    Run it again after any failure: it changes only what differs. With --issue-ticket the relay's
    address and CA come from its data directory, and the users are authorised to be called.
    """
    from . import provision_command as command

    command.run(
        command.Options(
            port=port,
            relay=relay,
            ca=ca,
            model_id=model_id,
            sn=sn,
            wxa_appid=wxa_appid,
            users=tuple(user or ()),
            ring_s=tuple(ring or ()),
            auto_answer=auto_answer,
            volume=volume,
            wifi=wifi,
            wifi_password_file=wifi_password_file,
            ticket=ticket,
            ticket_file=ticket_file,
            issue_ticket=issue_ticket,
            data=data,
            token=token,
            pin_file=pin_file,
            set_pin=set_pin,
            batch=batch,
            results=results,
            again=again,
            wait=wait,
            timeout_s=timeout,
            next_board_s=next_board,
            baud=baud,
            as_json=as_json,
        )
    )


def log_command(
    port: PortName,
    level: Annotated[Level, typer.Option(help="This level and above: D, I, W, E.")] = Level.D,
    module: Annotated[list[str] | None, typer.Option(help="Only this one; repeat it.")] = None,
    grep: Annotated[str, typer.Option(help="Only lines in which this is found (regex).")] = "",
    output: Annotated[Path | None, typer.Option(help="Write to this file, too.")] = None,
    max_size: Annotated[
        int, typer.Option(min=1000, help="Bytes of the file before it is turned over.")
    ] = 10_000_000,
    keep: Annotated[int, typer.Option(min=0, max=99, help="Old files to keep.")] = 5,
    timestamps: Annotated[
        bool, typer.Option("--timestamps/--no-timestamps", help="The host's time.")
    ] = True,
    show_events: Annotated[bool, typer.Option("--events", help="Show event lines.")] = False,
    colour: Annotated[
        bool | None, typer.Option("--colour/--no-colour", help="Default: on a terminal.")
    ] = None,
    history: Annotated[
        bool, typer.Option("--history", help="First what it said before, from its memory.")
    ] = False,
    reconnect: Annotated[
        bool, typer.Option("--reconnect/--once", help="Go on after a pulled cable.")
    ] = True,
    seconds: Annotated[
        float | None, typer.Option("--for", min=0.1, help="Stop after these seconds.")
    ] = None,
    lines: Annotated[int | None, typer.Option(min=1, help="Stop after these lines.")] = None,
    set_level: Annotated[
        list[str] | None,
        typer.Option(help="Make it log more or less, until it restarts: D, or net=D; repeat it."),
    ] = None,
    last_boot: Annotated[
        bool, typer.Option("--last-boot", help="What its flash holds of the boot before this one.")
    ] = False,
    baud: Baud = BAUD,
    as_json: Annotated[bool, typer.Option("--json", help="JSON lines, here and there.")] = False,
) -> None:
    """Show what a board says, until Ctrl-C; goes on when it resets or its cable is pulled."""
    from . import log, records, screen

    wanted = records.Filter(level.value, module or (), grep)
    sinks: list[records.Sink] = [
        screen.JsonSink() if as_json else screen.ScreenSink(colour, timestamps, show_events)
    ]
    file = records.FileSink(output, max_size, keep, as_json) if output else None
    if file:
        sinks.append(file)
    try:
        if set_level:
            log.set_levels(port, set_level, baud)
        if last_boot:
            log.show_last_boot(port, sinks, wanted, baud)
            return
        log.capture(
            port,
            sinks,
            wanted,
            baud=baud,
            reconnect=reconnect,
            seconds=seconds,
            lines=lines,
            history=history,
        )
    except KeyboardInterrupt:
        pass  # how one leaves it
    except BrokenPipeError as error:
        raise BadInput("nobody reads our output any more") from error
    finally:
        if file:
            file.close()


def bridge_command(
    port: PortName,
    relay: Annotated[
        str, typer.Option(help="The relay it leads to, https://host:port; or that on --data.")
    ] = "",
    ca: Annotated[Path | None, typer.Option(help="The relay's CA (PEM).")] = None,
    data: asking.DataDir = asking.DATA,
    level: Annotated[Level, typer.Option(help="Show its log from this level.")] = Level.I,
    output: Annotated[Path | None, typer.Option(help="Write its log to this file, too.")] = None,
    show_events: Annotated[bool, typer.Option("--events", help="Show event lines.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Do not show its log.")] = False,
    reconnect: Annotated[
        bool, typer.Option("--reconnect/--once", help="Go on after a pulled cable.")
    ] = True,
    limited: Annotated[
        bool,
        typer.Option(
            "--uart/--usb", help="The line is as slow as --baud says, or USB all the way."
        ),
    ] = True,
    baud: Baud = BAUD,
    as_json: Json = False,
) -> None:
    """Be the network of a board that has none: signalling and media over its serial line.

    It leads to this relay and nowhere else. Shows the board's log meanwhile; what is typed goes to
    the board. Goes on when the board resets, is unplugged, or the relay restarts; until Ctrl-C,
    with status 0.
    """
    from . import bridge_command as command

    if not relay:
        relay, ca = asking.facts(data, ca)
    command.run(
        command.Options(
            port=port,
            relay=relay,
            ca=ca,
            level=level.value,
            output=output,
            events=show_events,
            quiet=quiet,
            reconnect=reconnect,
            limited=limited,
            baud=baud,
            as_json=as_json,
        )
    )


def doctor_command(port: PortName, baud: Baud = BAUD, as_json: Json = False) -> None:
    """Examine a board: its line, its parts, its network and its relay; it plays a tone.

    Says in plain words what is wrong and what to do. Status 1 when something is.
    """
    from . import doctor, screen
    from .link import SerialLink

    with SerialLink.open(port, baud) as link, screen.Steps(quiet=as_json) as say:
        say("the board tries its parts: a tone will be heard")
        report = doctor.examine(link, port)
    if as_json:
        print(json.dumps(report.json()))
    else:
        screen.show(doctor.lines(report))
    if not report.ok:
        raise typer.Exit(EXIT_FAILED)


def shell_command(
    port: PortName,
    arguments: Annotated[
        list[str] | None,
        typer.Argument(metavar="[COMMAND]...", help="mpremote's, e.g. exec 'print(1)'."),
    ] = None,
) -> None:
    """A board's Python prompt, through mpremote; a call is hung up. Ctrl-X leaves it.

    The application does not run then: reset the board, or Ctrl-D at the prompt, to start it.
    """
    from . import shell

    raise typer.Exit(shell.run(port, arguments or ()))
