"""`callboard image`: make an image for a board, or tell what one is."""

import json
from pathlib import Path
from typing import Annotated

import typer

from callboard.errors import InvalidArgument
from callboard_host.errors import BadInput

_CONSTANTS = ("RELAY_URL", "MODEL_ID", "SN", "WXA_APPID")


def register(app: typer.Typer) -> None:
    """Add the verb to the command."""
    app.command("image")(image_command)


def image_command(
    board: Annotated[str, typer.Option(help="Its name; `callboard boards` lists them.")] = "",
    firmware: Annotated[
        Path | None, typer.Option(help="MicroPython for it: a .bin (ESP32) or .uf2 (RP2).")
    ] = None,
    output: Annotated[
        Path | None, typer.Option(help="Folder for the results; default: build/images/BOARD.")
    ] = None,
    relay: Annotated[str, typer.Option(help="The relay's address, if all boards share it.")] = "",
    ca: Annotated[Path | None, typer.Option(help="The relay's CA (PEM or DER).")] = None,
    constant: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="A constant of board.py; repeat it."),
    ] = None,
    natmods: Annotated[
        Path | None, typer.Option(help="Folder of its native modules; default: build/natmods/CPU.")
    ] = None,
    show: Annotated[
        Path | None, typer.Option(metavar="IMAGE", help="Tell what an image is, make none.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print results as JSON.")] = False,
) -> None:
    """Make an image for a board: MicroPython, callboard and its modules, ready to be flashed.

    The same input makes the same bytes. Secrets do not belong into an image: `callboard provision`
    tells each board who it is.
    """
    if show is not None:
        _show(show, as_json)
        return
    if not board or firmware is None:
        raise InvalidArgument("say --board and --firmware, or --show IMAGE")
    from callboard_host import paths
    from callboard_host.serial_line.plan import read_ca

    from . import build

    constants = dict(_constant(text) for text in constant or ())
    if relay:
        constants["RELAY_URL"] = relay
    options = build.Options(
        board=board,
        firmware=firmware,
        ca=read_ca(ca) if ca else None,
        constants=constants,
        natmods=natmods,
    )
    built = build.build(options)
    folder = output or paths.BUILD / "images" / built.image.board.name
    path = _write(built, folder)
    if as_json:
        print(json.dumps({**_summary(built.image, built.files), "file": str(path)}, indent=1))
        return
    _print(built.image, built.files)
    here = Path.cwd()
    shown = path.relative_to(here) if path.is_relative_to(here) else path
    print(f"image: {shown}")
    print(f"flash it: callboard flash {shown}")


def _constant(text: str) -> tuple[str, str | int]:
    name, sign, value = text.partition("=")
    if not sign or not name.isidentifier() or name != name.upper():
        raise InvalidArgument(f"--set {text}: NAME=VALUE, e.g. SN=SN0001")
    return name, int(value) if value.lstrip("-").isdigit() and name not in _CONSTANTS else value


def _write(built, folder: Path) -> Path:
    """Write the image and what goes with it; the path of the image."""
    from . import manifest

    image = built.image
    files = {f"callboard-{image.board.name}{image.suffix}": image.file()}
    if image.suffix == ".bin":
        text, parts = manifest.web_tools(image)
        files["web/manifest.json"] = text.encode()
        files.update({f"web/{name}": part for name, part in parts.items()})
    text, modules = manifest.mip(built.files)
    if modules:
        files["mip/package.json"] = text.encode()
        files.update({f"mip/{name}": content for name, content in modules.items()})
    try:
        for name, content in files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
    except OSError as error:
        raise BadInput(
            f"cannot write {path}: {error.strerror}", "make room there, or choose another --output"
        ) from error
    return folder / next(iter(files))


def _show(path: Path, as_json: bool) -> None:
    from . import inspect

    found = inspect.load_image(path)
    if as_json:
        print(json.dumps({**_summary(found.image, found.files), "file": str(path)}, indent=1))
    else:
        _print(found.image, found.files)


def _summary(image, files: dict[str, bytes]) -> dict:
    return {
        **image.facts,
        "bytes": image.size,
        "parts": [{"offset": at, "bytes": len(part)} for at, part in sorted(image.parts.items())],
        "key_sectors": list(image.key_sectors),
        "files": {path: len(content) for path, content in sorted(files.items())},
    }


def _print(image, files: dict[str, bytes]) -> None:
    facts = image.facts
    size = sum(map(len, files.values()))
    print(f"board      {facts['board']} ({image.board.chip.title})")
    print(f"firmware   MicroPython {facts['micropython']}, callboard {facts['callboard']}")
    print(f"files      {len(files)}, {size >> 10} KB")
    print(f"key store  {facts['key_store']}, at {', '.join(hex(at) for at in image.key_sectors)}")
    print(f"to write   {image.size >> 10} KB")
    print(f"build      {facts['build']}")
