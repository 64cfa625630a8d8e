"""Is a board.json right? First against boards/board.schema.json, then against its chip."""

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from callboard_host import paths
from callboard_host.errors import BadInput

from .chips import CHIPS

_ROLES = ("microphone", "speaker")


def read(path: Path) -> dict[str, Any]:
    """The JSON object in a file. Raises BadInput."""
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise BadInput(f"cannot read {path}: {error.strerror}") from None
    except UnicodeError:
        raise BadInput(f"{path} is no text file") from None
    except json.JSONDecodeError as error:
        raise BadInput(f"{path}, line {error.lineno}: this is no JSON: {error.msg}") from None
    if not isinstance(facts, dict):
        raise BadInput(f"{path} holds no JSON object")
    return facts


def problems(facts: dict[str, Any], folder: str = "") -> list[str]:
    """What is wrong with a board.json, a sentence each that names the field; [] if nothing.

    `folder`: the name of the folder that it lies in, if that counts.
    """
    found = sorted({_sentence(error) for error in _validator().iter_errors(facts)})
    if found:
        return found  # the rest would stumble over what is missing
    found = [*_parts(facts), *_flash(facts), *_sound(facts), *_pins(facts), *_codecs(facts)]
    if folder and facts["name"] != folder:
        found.append(f"name must be that of the folder, {folder}, not {facts['name']}")
    return found


@cache
def _validator() -> Any:
    from jsonschema import Draft202012Validator

    return Draft202012Validator(json.loads((paths.BOARDS / "board.schema.json").read_text()))


# --- the schema's errors as sentences ---


def _sentence(error: Any) -> str:
    where = ".".join(str(part) for part in error.absolute_path) or "board.json"
    limit, value = error.validator_value, json.dumps(error.instance)
    if error.validator == "required":
        missing = [name for name in limit if name not in error.instance]
        return f"{where} lacks {', '.join(missing)}"
    if error.validator == "additionalProperties" and limit is False:
        known = error.schema.get("properties", {})
        strange = sorted(name for name in error.instance if name not in known)
        return f"{where} has {', '.join(strange)}, which is no member of it: {', '.join(known)}"
    if error.validator == "enum":
        return f"{where} must be one of {', '.join(map(str, limit))}, not {value}"
    if error.validator == "anyOf":
        kinds = [kind.get("const") or kind["type"] for kind in limit]
        return f"{where} must be {' or '.join(kinds)}, not {value}"
    if error.validator == "type":
        kinds = limit if isinstance(limit, list) else [limit]
        return f"{where} must be of type {' or '.join(kinds)}, not {value}"
    if error.validator == "contains":
        return f"{where} must contain {limit['const']}, which every board can do"
    words = {
        "minimum": "at least",
        "maximum": "at most",
        "multipleOf": "a multiple of",
        "pattern": "as the pattern",
        "minItems": "a list of at least",
        "uniqueItems": "a list without repetition:",
        "minLength": "a text with at least this many characters:",
        "maxLength": "a text with at most this many characters:",
    }
    if error.validator in words:
        return f"{where} must be {words[error.validator]} {limit}, not {value}"
    return f"{where}: {error.message}"


# --- what a schema cannot say ---


def _parts(facts: dict[str, Any]) -> Iterator[str]:
    if CHIPS[facts["chip"]].family == "unix":
        return
    for name in ("firmware", "button", "led", "custom"):
        if name not in facts:
            yield f"board.json lacks {name}, which a {facts['chip']} board has"
    for role in _ROLES:
        if role not in facts["audio"]:
            yield f"audio lacks {role}"


def _flash(facts: dict[str, Any]) -> Iterator[str]:
    flash, family = facts["flash"], CHIPS[facts["chip"]].family
    places = {
        "unix": ("file",),
        "rp2": ("pin_files",),
        "esp32": ("partition", "pin_files"),
    }[family]
    if flash["key_store"] not in places:
        yield (
            f"flash.key_store must be {' or '.join(places)} on {facts['chip']}, "
            f"not {flash['key_store']}"
        )
    system = flash.get("file_system", {})
    if family != "unix" and not system:
        yield "flash lacks file_system"
    elif family == "rp2":
        if "offset" not in system or "bytes" not in system:
            yield "flash.file_system lacks offset or bytes: no partition table tells them here"
        elif system["offset"] + system["bytes"] > flash["bytes"]:
            end = system["offset"] + system["bytes"]
            yield f"flash.file_system ends at {end}, beyond flash.bytes, {flash['bytes']}"
    elif "offset" in system or "bytes" in system:
        yield "flash.file_system must not have offset or bytes: the partition table tells them"


def _sound(facts: dict[str, Any]) -> Iterator[str]:
    chip = CHIPS[facts["chip"]]
    roles = {role: facts["audio"][role] for role in _ROLES if role in facts["audio"]}
    for role, line in roles.items():
        if line["i2s"] >= chip.i2s:
            yield (
                f"audio.{role}.i2s must be below {chip.i2s}, not {line['i2s']}: "
                f"{chip.title} has {chip.i2s} I2S peripheral{'s' if chip.i2s != 1 else ''}"
            )
        if chip.neighbours and line["ws"] != line["sck"] + 1:
            yield f"audio.{role}.ws must be {line['sck'] + 1}, the pin after sck, on {chip.title}"
    if len(roles) == 2 and roles["microphone"]["i2s"] == roles["speaker"]["i2s"]:
        number = roles["speaker"]["i2s"]
        if facts["duplex"] == "full":
            yield (
                f"audio.speaker.i2s is {number}, which audio.microphone has already, and one I2S "
                f"peripheral has one direction: duplex must be half, or the numbers must differ"
                + (f" ({chip.title} has only one)" if chip.i2s == 1 else "")
            )


def _pins(facts: dict[str, Any]) -> Iterator[str]:
    chip = CHIPS[facts["chip"]]
    used: dict[int, str] = {}
    for where, pin, output in _wires(facts):
        if pin not in chip.pins:
            yield f"{where} is {pin}, which is no free pin of {chip.title}"
        elif output and pin in chip.inputs_only:
            yield f"{where} is {pin}, which is an input only on {chip.title}"
        other = used.setdefault(pin, where)
        if other != where and not _may_share(facts, other, where):
            yield f"{where} is {pin}, which {other} has already"


def _wires(facts: dict[str, Any]) -> Iterator[tuple[str, int, bool]]:
    """(field, pin, whether the chip drives it)."""
    for role in _ROLES:
        line = facts["audio"].get(role, {})
        for name in ("sck", "ws", "sd"):
            if name in line:
                yield f"audio.{role}.{name}", line[name], name != "sd" or role == "speaker"
    for part in ("button", "led"):
        pin = facts.get(part, {}).get("pin")
        if isinstance(pin, int):
            yield f"{part}.pin", pin, part == "led"


def _may_share(facts: dict[str, Any], first: str, second: str) -> bool:
    """Half duplex on one peripheral shares its clocks."""
    shared = first.rsplit(".", 1)[-1] == second.rsplit(".", 1)[-1] in ("sck", "ws")
    return shared and facts["duplex"] == "half"


def _codecs(facts: dict[str, Any]) -> Iterator[str]:
    for codec in facts["codecs"]:
        if codec != "pcmu" and "opus" not in facts["native"]:
            yield f"codecs has {codec}, but native has no opus"
