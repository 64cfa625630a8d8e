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
Json = Annotated[bool, typer.Option("--json", help="Print JSON; values in hex.")]
RootKey = Annotated[
    Path | None,
    typer.Option("--root-key", help="The values are sealed: a file with the root key, in hex."),
]
UniqueId = Annotated[
    str | None,
    typer.Option(
        "--unique-id", help="The values are obfuscated: the chip's machine.unique_id(), in hex."
    ),
]


def register(app: typer.Typer) -> None:
    """Add the key store's verbs to the command."""
    group = typer.Typer(help="The image of a board's key store.", no_args_is_help=True)
    group.command("dump")(dump_command)
    group.command("get")(get_command)
    group.command("put")(put_command)
    group.command("verify")(verify_command)
    group.command("diff")(diff_command)
    app.add_typer(group, name="keystore")


def _root(root_key: Path | None, unique_id: str | None):
    """The RootKey that these options mean; None: nothing is sealed. Raises BadInput."""
    from callboard.flash import seal

    if root_key is not None and unique_id is not None:
        raise errors.BadInput("a store has one root: give --root-key or --unique-id")
    try:
        if root_key is not None:
            key = binascii.unhexlify(root_key.read_text(encoding="ascii").strip())
            if len(key) < 16:
                raise errors.BadInput(f"the root key in {root_key} has fewer than 16 bytes")
            return seal.RootKey(key, True)
        if unique_id is not None:
            return seal.obfuscation_root(binascii.unhexlify(unique_id))
    except OSError as error:
        raise errors.BadInput(f"cannot read {root_key}: {error.strerror}") from None
    except ValueError:
        raise errors.BadInput("the root key or unique id is not in hex") from None
    return None


def _shown(value: bytes | None, show: bool) -> str:
    if value is None:
        return "-"
    if not show:
        return f"{len(value)} bytes"
    return repr(value)[1:]


def _in_json(value: bytes | None, show: bool) -> str | int | None:
    if value is None:
        return None
    return value.hex() if show else len(value)


def dump_command(
    file: File,
    show: Show = False,
    as_json: Json = False,
    root_key: RootKey = None,
    unique_id: UniqueId = None,
) -> None:
    """What a key store holds, and how it is. Values are not shown unless asked for."""
    from callboard_host import keystore_image

    image = keystore_image.read(keystore_image.load(file), _root(root_key, unique_id))
    active = image.active
    if as_json:
        values = {name: _in_json(value, show) for name, value in image.values.items()}
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
    file: File,
    name: Name,
    hex_: Annotated[bool, typer.Option("--hex", help="In hex.")] = False,
    root_key: RootKey = None,
    unique_id: UniqueId = None,
) -> None:
    """Write a key's value to standard output, as it is, secret or not."""
    from callboard_host import keystore_image

    image = keystore_image.read(keystore_image.load(file), _root(root_key, unique_id))
    value = image.values.get(name)
    if value is None and name in image.unreadable:
        raise errors.BadInput(f"{name} was not sealed with this root key, or is damaged")
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
    root_key: RootKey = None,
    unique_id: UniqueId = None,
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
    keystore_image.put(file, name, data, _root(root_key, unique_id))


def verify_command(
    file: File,
    repair: Annotated[
        bool, typer.Option("--repair", help="Finish what a power cut left, in the file.")
    ] = False,
    as_json: Json = False,
    root_key: RootKey = None,
    unique_id: UniqueId = None,
) -> None:
    """Whether a key store is in good order; exits with 1 if not."""
    from callboard_host import keystore_image

    root = _root(root_key, unique_id)
    image = keystore_image.read(keystore_image.load(file), root)
    if repair and image.active is not None:
        keystore_image.repair(file)
        image = keystore_image.read(keystore_image.load(file), root)
    if as_json:
        print(json.dumps({"keys": len(image.values), "problems": image.problems}))
    else:
        for problem in image.problems:
            print(f"! {problem}")
    if image.problems:
        raise typer.Exit(errors.EXIT_FAILED)
    if not as_json:
        print(f"{len(image.values)} keys, in good order")


def diff_command(
    first: Annotated[Path, typer.Argument(help="An image.")],
    second: Annotated[Path, typer.Argument(help="Another one.")],
    show: Show = False,
    as_json: Json = False,
    root_key: RootKey = None,
    unique_id: UniqueId = None,
) -> None:
    """The keys in which two images differ; exits with 1 if there are any."""
    from callboard_host import keystore_image

    root = _root(root_key, unique_id)
    images = [keystore_image.read(keystore_image.load(path), root) for path in (first, second)]
    found = keystore_image.differences(*images)
    if as_json:
        print(json.dumps([[name, *(_in_json(v, show) for v in pair)] for name, *pair in found]))
    else:
        for name, one, other in found:
            print(f"{name:15}  {_shown(one, show)} → {_shown(other, show)}")
    if found:
        raise typer.Exit(errors.EXIT_FAILED)
