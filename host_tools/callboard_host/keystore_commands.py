"""`callboard keystore …`: look into and change the image of a board's key store."""

import binascii
import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from callboard_host import errors

File = Annotated[Path, typer.Argument(help="The 8 KB of a key store, as read from a board.")]
Name = Annotated[str, typer.Argument(help="A key's name.")]
Show = Annotated[bool, typer.Option("--show", help="Show values, which may be secret.")]


def register(app: typer.Typer) -> None:
    """Add the key store's verbs to the command."""
    group = typer.Typer(help="The image of a board's key store.", no_args_is_help=True)
    group.command("dump")(dump_command)
    group.command("get")(get_command)
    group.command("put")(put_command)
    group.command("verify")(verify_command)
    group.command("diff")(diff_command)
    app.add_typer(group, name="keystore")


def _shown(value: bytes | None, show: bool) -> str:
    if value is None:
        return "-"
    if not show:
        return f"{len(value)} bytes"
    return repr(value)[1:]


def dump_command(
    file: File,
    show: Show = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, values in hex.")] = False,
) -> None:
    """What a key store holds, and how it is."""
    from callboard_host import keystore_image

    image = keystore_image.read(keystore_image.load(file))
    active = image.active
    if as_json:
        values = {
            name: value.hex() if show else len(value) for name, value in image.values.items()
        }
        facts = {
            "sequence": active.sequence if active else None,
            "unit": active.unit if active else None,
            "ready": image.ready,
            "problems": image.problems,
            "values" if show else "sizes": values,
        }
        print(json.dumps(facts, indent=1))
        return
    if active:
        spare = "erased" if image.ready else "to be erased"
        print(
            f"sector {active.number}, number {active.sequence}, program unit {active.unit}", end=""
        )
        print(f", {keystore_image.SECTOR - active.end} bytes free, other sector {spare}")
    for name, value in image.values.items():
        print(f"{name:15}  {_shown(value, show)}")
    for problem in image.problems:
        print(f"! {problem}")


def get_command(
    file: File, name: Name, hex_: Annotated[bool, typer.Option("--hex", help="In hex.")] = False
) -> None:
    """Write a key's value to standard output, as it is."""
    from callboard_host import keystore_image

    value = keystore_image.read(keystore_image.load(file)).values.get(name)
    if value is None:
        raise errors.BadInput(
            f"{file} has no key {name}", hint="`callboard keystore dump` lists them"
        )
    if hex_:
        print(value.hex())
    else:
        sys.stdout.buffer.write(value)
        sys.stdout.buffer.flush()


def put_command(
    file: File,
    name: Name,
    value: Annotated[str, typer.Argument(help="The value; - reads standard input.")] = "-",
    hex_: Annotated[bool, typer.Option("--hex", help="The value is in hex.")] = False,
    delete: Annotated[bool, typer.Option("--delete", help="Remove the key.")] = False,
) -> None:
    """Keep a value under a name, in the image."""
    from callboard_host import keystore_image

    if delete:
        keystore_image.delete(file, name)
        return
    data = sys.stdin.buffer.read() if value == "-" else value.encode()
    if hex_:
        try:
            data = binascii.unhexlify(b"".join(data.split()))
        except binascii.Error:
            raise errors.BadInput("the value is not in hex") from None
    keystore_image.put(file, name, data)


def verify_command(
    file: File,
    repair: Annotated[
        bool, typer.Option("--repair", help="Finish what a power cut left, in the file.")
    ] = False,
) -> None:
    """Whether a key store is in good order; exits with 1 if not."""
    from callboard_host import keystore_image

    image = keystore_image.read(keystore_image.load(file))
    if repair and image.active is not None:
        keystore_image.repair(file)
        image = keystore_image.read(keystore_image.load(file))
    for problem in image.problems:
        print(f"! {problem}")
    if image.problems:
        raise typer.Exit(errors.EXIT_FAILED)
    print(f"{len(image.values)} keys, in good order")


def diff_command(
    first: Annotated[Path, typer.Argument(help="An image.")],
    second: Annotated[Path, typer.Argument(help="Another one.")],
    show: Show = False,
) -> None:
    """The keys in which two images differ; exits with 1 if there are any."""
    from callboard_host import keystore_image

    images = [keystore_image.read(keystore_image.load(path)) for path in (first, second)]
    found = keystore_image.differences(*images)
    for name, one, other in found:
        print(f"{name:15}  {_shown(one, show)} → {_shown(other, show)}")
    if found:
        raise typer.Exit(errors.EXIT_FAILED)
