"""`callboard boards`: which boards there are, and whether a board.json is right."""

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from callboard_host.errors import EXIT_FILE

_SHOWN = 6  # columns that fit 80 characters


def register(app: typer.Typer) -> None:
    """Add the verb to the command."""
    group = typer.Typer(
        help="The boards that callboard knows.", invoke_without_command=True, no_args_is_help=False
    )
    group.callback()(boards_command)
    group.command("check")(check_command)
    app.add_typer(group, name="boards")


def boards_command(
    context: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help="Print all of board.json.")] = False,
    markdown: Annotated[
        bool, typer.Option("--markdown", help="Print the tables of boards/README.md.")
    ] = False,
) -> None:
    """Which boards there are, and what they can do."""
    if context.invoked_subcommand:
        return
    from . import load, table

    boards = load.load_all()
    if as_json:
        print(json.dumps([board.facts for board in boards], indent=1))
    elif markdown:
        print(table.markdown(boards), end="")
    else:
        _print_table(boards)


def _print_table(boards) -> None:
    from rich.console import Console
    from rich.table import Table

    from . import table

    shown = Table(box=None, header_style="bold", pad_edge=False)
    for name in table.COLUMNS[:_SHOWN]:
        shown.add_column(name.partition(",")[0], no_wrap=True)
    for board in boards:
        shown.add_row(*table.row(board)[:_SHOWN])
    console = Console(soft_wrap=not sys.stdout.isatty())
    console.print(shown)
    console.print("Codecs with stock firmware; more with custom firmware: boards/README.md")


def check_command(
    file: Annotated[Path, typer.Argument(help="A board.json.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Whether a board.json is right; exits with 6 and names every wrong field if not."""
    from . import check

    facts = check.read(file)
    folder = file.resolve().parent.name if file.name == "board.json" else ""
    found = check.problems(facts, folder)
    if as_json:
        print(json.dumps({"file": str(file), "ok": not found, "problems": found}, indent=1))
    else:
        for problem in found:
            print(f"{file}: {problem}")
        if not found:
            print(f"{file}: in order")
    if found:
        raise typer.Exit(EXIT_FILE)
