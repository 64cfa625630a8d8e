"""Field by field: what may stand in a request. Errors name the field and its limits."""

import re
from typing import Any

from callboard import codes
from callboard.port import json_text

from .refusal import Refused

NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
SN = re.compile(r"[A-Za-z0-9_-]*")
SN_BYTES = 128
OPEN_ID = re.compile(r"[A-Za-z0-9_-]{1,128}")
HEX32 = re.compile(r"[0-9a-f]{32}")
PROPERTY_NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}")
PROPERTIES = 32  # in one message
PROPERTY_CHARACTERS = 1024
PROPERTIES_STORED = 128  # of one device
INT_LIMIT = 2**53  # what every JSON reader keeps exactly


def refuse(sentence: str) -> Refused:
    """The error for a malformed member."""
    return Refused(codes.INVALID_ARGUMENT, sentence)


def text(params: dict[str, Any], name: str, limit: int, default: str | None = None) -> str:
    """A string of at most `limit` characters."""
    value = params.get(name, default)
    if not isinstance(value, str) or len(value) > limit:
        raise refuse(f"{name} must be a string of at most {limit} characters")
    if any(ord(character) < 32 or 0xD800 <= ord(character) < 0xE000 for character in value):
        raise refuse(f"{name} must not have control characters")
    return value


def matching(params: dict[str, Any], name: str, pattern: re.Pattern[str]) -> str:
    """A string that matches the whole pattern."""
    value = params.get(name)
    if not isinstance(value, str) or not pattern.fullmatch(value):
        raise refuse(f"{name} must match {pattern.pattern}")
    return value


def token(params: dict[str, Any], name: str) -> str:
    """A secret somebody was given: 1-128 ASCII characters. The message never repeats it."""
    value = params.get(name)
    if not isinstance(value, str) or not 1 <= len(value) <= 128 or not value.isascii():
        raise refuse(f"{name} must be a string of 1-128 ASCII characters")
    return value


def serial_number(params: dict[str, Any]) -> str:
    """A device's sn, with its own codes (000 §3): 9800001 too long, 9800002 bad character."""
    value = params.get("sn")
    if not isinstance(value, str) or not value:
        raise refuse("sn must be a string of 1-128 bytes of [A-Za-z0-9_-]")
    if len(value.encode("utf-8", "surrogatepass")) > SN_BYTES:
        raise Refused(codes.SN_TOO_LONG, f"sn must have at most {SN_BYTES} bytes")
    if not SN.fullmatch(value):
        raise Refused(codes.SN_BAD_CHARACTER, "sn may hold letters, digits, _ and - only")
    return value


def device_id(params: dict[str, Any]) -> tuple[str, str]:
    """The members `model_id` and `sn`."""
    sn = serial_number(params)
    return matching(params, "model_id", NAME), sn


def integer(
    params: dict[str, Any], name: str, low: int, high: int, default: int | None = None
) -> int:
    """An integer in low … high."""
    value = params.get(name, default)
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise refuse(f"{name} must be an integer in {low} … {high}")
    return value


def boolean(params: dict[str, Any], name: str, default: bool | None = None) -> bool:
    """True or false."""
    value = params.get(name, default)
    if not isinstance(value, bool):
        raise refuse(f"{name} must be true or false")
    return value


def names(params: dict[str, Any], name: str, limit: int, default: Any = None) -> list[str]:
    """A list of at most `limit` short names."""
    value = params.get(name, default)
    good = isinstance(value, list) and len(value) <= limit
    if not good or not all(isinstance(v, str) and NAME.fullmatch(v) for v in value):
        raise refuse(f"{name} must be a list of at most {limit} names, each {NAME.pattern}")
    return value


def small_object(params: dict[str, Any], name: str, limit: int) -> dict[str, Any]:
    """An object that is passed on: at most `limit` members, flat or one level deep, no floats."""
    value = params.get(name, {})
    if not isinstance(value, dict) or not _is_small(value, limit, depth=2):
        raise refuse(
            f"{name} must be an object of at most {limit} members, two levels deep, "
            "of strings (128 characters), integers and booleans"
        )
    return value


def _is_small(value: Any, limit: int, depth: int) -> bool:
    if isinstance(value, dict):
        items = [*value.keys(), *value.values()]
        return (
            depth > 0
            and len(value) <= limit
            and all(_is_small(v, limit, depth - 1) for v in items)
        )
    if isinstance(value, list):
        return (
            depth > 0
            and len(value) <= limit
            and all(_is_small(v, limit, depth - 1) for v in value)
        )
    if isinstance(value, str):
        return len(value) <= 128
    return value is None or _is_plain_number(value)


def json_object(params: dict[str, Any], name: str, limit: int) -> dict[str, Any]:
    """An object of any members, without floats, at most `limit` bytes long and 8 levels deep."""
    value = params.get(name)
    if not isinstance(value, dict) or not _is_json(value, 8):
        raise refuse(f"{name} must be an object without floats, at most 8 levels deep")
    if len(json_text(value).encode("utf-8", "surrogatepass")) > limit:
        raise refuse(f"{name} must have at most {limit} bytes as JSON")
    return value


def _is_json(value: Any, depth: int) -> bool:
    if isinstance(value, dict):
        return depth > 0 and all(
            _is_json(name, 1) and _is_json(content, depth - 1) for name, content in value.items()
        )
    if isinstance(value, list):
        return depth > 0 and all(_is_json(content, depth - 1) for content in value)
    if isinstance(value, str):
        return not any(0xD800 <= ord(character) < 0xE000 for character in value)
    return value is None or _is_plain_number(value)


def _is_plain_number(value: Any) -> bool:
    return isinstance(value, int) and -INT_LIMIT < value < INT_LIMIT


def properties(params: dict[str, Any]) -> dict[str, Any]:
    """The members of the data model in a dm.report or dm.set (PROTOCOL.md §6)."""
    value = params.get("properties")
    if not isinstance(value, dict) or len(value) > PROPERTIES:
        raise refuse(f"properties must be an object of at most {PROPERTIES} members")
    for name, content in value.items():
        if not PROPERTY_NAME.fullmatch(name):
            raise refuse(f"properties: a name must match {PROPERTY_NAME.pattern}")
        is_text = isinstance(content, str) and len(content) <= PROPERTY_CHARACTERS
        if not (is_text or content is None or _is_plain_number(content)):
            raise refuse(
                f"properties: {name} must be a string of at most {PROPERTY_CHARACTERS} letters, "
                "an integer of 53 bits, a boolean or null"
            )
    return value
