"""`callboard flash`: an image onto one or several boards."""

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from callboard.errors import InvalidArgument
from callboard_host.errors import EXIT_FAILED, BadInput, Interrupted

AUTO = "auto"
_EXITS = """Exit status:

0  every board runs what was written

1  writing or verifying failed, or one of several boards failed

3  image and board do not fit together; nothing was written

6  a file is no image, or cannot be read or written

7  the port is in use by another program

8  esptool, pyserial or littlefs-python is not installed

9  no board answers, or it does not start, or a step took too long

130  interrupted by Ctrl-C; flash it again before use"""


def register(app: typer.Typer) -> None:
    """Add the verb to the command."""
    app.command("flash", epilog=_EXITS)(flash_command)


def flash_command(
    image: Annotated[Path | None, typer.Argument(help="What `callboard image` made.")] = None,
    port: Annotated[
        list[str] | None,
        typer.Option(help="Serial port, URL, or drive of an RP2; repeat it. Default: auto."),
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Every board that is plugged in.")] = False,
    show: Annotated[bool, typer.Option("--list", help="List the boards plugged in.")] = False,
    board: Annotated[str, typer.Option(help="Refuse an image for any other board.")] = "",
    erase: Annotated[
        bool, typer.Option("--erase", help="Erase all, its identity too, instead of keeping it.")
    ] = False,
    skip_flashed: Annotated[
        bool, typer.Option("--skip-flashed", help="Write only what differs.")
    ] = False,
    other_board: Annotated[
        bool, typer.Option("--other-board", help="It was flashed as another board: so what.")
    ] = False,
    baud: Annotated[int, typer.Option(min=9600, help="Bits per second while writing.")] = 460800,
    stub: Annotated[
        bool, typer.Option("--stub/--no-stub", help="Use esptool's fast loader.")
    ] = True,
    hello: Annotated[
        bool, typer.Option("--hello/--no-hello", help="Wait until it says hello.")
    ] = True,
    wait: Annotated[float, typer.Option(min=1, max=600, help="Seconds for that.")] = 60.0,
    backups: Annotated[
        Path | None, typer.Option(help="Folder that keeps keys while a board is written.")
    ] = None,
    drives: Annotated[
        list[Path] | None, typer.Option(help="Folder in which drives are mounted; repeat it.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print results as JSON.")] = False,
) -> None:
    """Write an image to a board, keep its identity, and see it start.

    Before anything is written the image is checked against chip, flash and board. Keys are kept on
    disk until the board has them back. After any failure run the same command again.
    """
    from . import ports

    roots = tuple(str(path) for path in drives or ())
    if show:
        _list(ports.serial_places() + ports.drive_places(roots), as_json)
        return
    if image is None:
        raise InvalidArgument("say which image to write; `callboard image` makes one")
    from callboard_host.image import inspect

    made = inspect.load_image(image).image
    if board and board != made.board.name:
        from .job import Refused

        raise Refused(
            f"the image is for {made.board.name}, not for {board}", "take the image for this board"
        )
    family = made.board.chip.family
    if family == "esp32":
        from .esp import require_esptool

        require_esptool()
    options: dict[str, Any] = {
        "image": str(image),
        "baud": baud,
        "erase": erase,
        "skip_flashed": skip_flashed,
        "other_board": other_board,
        "stub": stub,
        "hello": hello,
        "backups": str(backups.resolve()) if backups else "",
        "drives": roots,
        "limits": {"start": wait + 5},
    }
    places = _places(port or [AUTO], every, family, roots)
    outcomes = _run(places, options, as_json)
    _finish(outcomes, as_json)


def _places(wanted: list[str], every: bool, family: str, roots: tuple[str, ...]) -> list[Any]:
    """The boards to flash. Raises NoBoard, BadInput, InvalidArgument."""
    from . import ports
    from .job import NoBoard

    if wanted != [AUTO]:
        named = [name for name in wanted if name != AUTO]
        for name in named:
            if Path(name).is_dir() and not ports.info(Path(name)):
                raise BadInput(
                    f"{name} is no drive of a boot ROM: there is no {ports.INFO} in it",
                    "hold BOOTSEL while you plug the board in; `callboard flash --list` shows it",
                )
        return [
            ports.Place(family, drive=name)
            if ports.info(Path(name))
            else ports.Place(family, port=name)
            for name in dict.fromkeys(named)
        ]
    found = [place for place in ports.serial_places() if place.family == family]
    if family == "rp2":
        found += ports.drive_places(roots)
    if not found:
        raise NoBoard(
            "no board is plugged in",
            "plug it in with a USB cable that has data wires; or say --port PORT"
            if family == "esp32"
            else "hold BOOTSEL while you plug it in; or say --port PORT",
        )
    if len(found) > 1 and not every:
        names = ", ".join(place.name for place in found)
        raise InvalidArgument(f"several boards are plugged in: {names}; say --port, or --all")
    return found


def _list(places: list[Any], as_json: bool) -> None:
    if as_json:
        facts = [
            {"family": place.family, "name": place.name, "title": place.title} for place in places
        ]
        print(json.dumps(facts, indent=1))
        return
    for place in places:
        print(f"{place.name}  {place.family}  {place.title}")
    if not places:
        print("no board is plugged in", file=sys.stderr)


def _run(places: list[Any], options: dict[str, Any], as_json: bool) -> list[Any]:
    from callboard_host import running

    from . import bars, run
    from .job import Job

    jobs = [Job(port=place.port, drive=place.drive, **options) for place in places]
    try:
        with bars.shown(jobs, quiet=as_json) as watch:
            return running.run(run.run(jobs, watch))
    except Interrupted as error:
        error.hint = "the board may be half written: run the same command again before you use it"
        raise


def _finish(outcomes: list[Any], as_json: bool) -> None:
    failed = [outcome for outcome in outcomes if outcome.status]
    if as_json:
        facts = [outcome.json() for outcome in outcomes]
        print(json.dumps(facts[0] if len(facts) == 1 else facts, indent=1))
    else:
        for outcome in outcomes:
            if outcome.result:
                print(_sentence(outcome.result))
        for outcome in failed:
            where = f"{outcome.port}: " if len(outcomes) > 1 else ""
            print(f"callboard: {where}{outcome.error}", file=sys.stderr)
            if outcome.hint:
                print(f"  hint: {outcome.hint}", file=sys.stderr)
    if failed:
        raise typer.Exit(failed[0].status if len(outcomes) == 1 else EXIT_FAILED)


_KEYS = {
    "kept": "its identity kept",
    "new": "a new key store",
    "erased": "its identity erased",
    "untouched": "its key store left as it was",
}


def _sentence(result: dict[str, Any]) -> str:
    what = "had it already" if result["skipped"] else f"{result['written'] >> 10} KB written"
    runs = f"; callboard {result['firmware']} runs" if result["firmware"] else ""
    return (
        f"{result['board']} on {result['port']}: {what}, {_KEYS[result['keys']]}{runs} "
        f"({result['seconds']:.1f} s)"
    )
