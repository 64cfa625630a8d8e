"""`callboard phone` on a terminal: what it prints, and its keys."""

import asyncio
import contextlib
import gc
import json
from collections.abc import Callable
from typing import Any

from callboard_host import events, phone_keys
from callboard_host.phone import Phone, PhoneConfig
from callboard_host.phone_desk import FLAVOURS

_WORDS = {
    "online": "online; waiting for a call",
    "calling": "calling {sn}",
    "rings": "it rings at {peer}",
    "offline": "offline: {message}",
    "ringing": "ringing: {peer} calls{release}",
    "notice": "{peer} says: {text}",
    "bound": "{name} wants to call you: y lets it (`authorise {device}`)",
    "authorised": "{model_id}/{sn} may call you",
    "revoked": "{model_id}/{sn} may not call you any more",
    "command": "{peer} asks: {args}",
    "answer": "it answers: {args}",
    "answered": "talking ({codec})",
    "audio_first": "hearing the other end",
    "picture_first": "seeing the other end",
    "watching": "watching {model_id}/{sn}",
    "watched": "watched {pictures_received} pictures: {reason}",
    "fetched": "{file}: {bytes} of {size} bytes",
    "pictures_over": "the other end shows nothing more",
    "ended": "the call has ended: {reason}",
    "error": "error {code}: {message}",
}


def _tell(name: str, **fields: Any) -> None:
    """Events in words, for a person."""
    if "peer" in fields:
        fields["peer"] = _name_of(fields["peer"])
    if name == "ringing":
        flavour = FLAVOURS[fields["flavour"]]
        fields["release"] = "" if flavour == FLAVOURS[0] else f" ({flavour} release)"
    elif name == "notice":
        notice = fields["notice"]
        fields["text"] = notice.get("text") or json.dumps(notice, ensure_ascii=False)
    elif name == "bound":
        device = fields["device"]
        fields |= {"name": _name_of(device), "device": f"{device['model_id']}/{device['sn']}"}
    elif name in ("command", "answer"):
        fields["args"] = json.dumps(fields["args"], ensure_ascii=False)
    elif name == "devices":
        _list(fields["devices"])
    if name in _WORDS:
        print(_WORDS[name].format_map(fields), flush=True)


def _name_of(peer: Any) -> str:
    peer = peer if isinstance(peer, dict) else {}
    return peer.get("name") or peer.get("sn") or "somebody"


def _list(devices: list[dict[str, Any]]) -> None:
    for device in devices:
        words = [f"{device['model_id']}/{device['sn']}", "may call you"]
        if not device["authorised"]:
            words[1] = "wants to call you"
        elif not device["bound"]:
            words[1] = "is not yours"
        words += ["online"] if device["online"] else []
        print("  ".join(words), flush=True)
    if not devices:
        print("there is no device for you", flush=True)


async def run(
    config: PhoneConfig, machine_readable: bool, watch: Callable[..., None] | None = None
) -> Phone:
    """Be a phone until `quit`, or until the calls it was started for are over. That phone.

    `watch(name, **fields)` is told every event, too.
    """
    show = events.emit if machine_readable else _tell

    def emit(name: str, **fields: Any) -> None:
        if watch is not None:
            watch(name, **fields)
        show(name, **fields)

    phone = Phone(config, emit)

    def on_error(error: Exception) -> None:
        emit("error", code=getattr(error, "code", -30001), message=str(error))

    gc.collect()
    gc.freeze()  # a session collects garbage when it starts; what is loaded by now is none
    if not machine_readable:
        print(phone_keys.HELP, flush=True)
    keys = asyncio.create_task(phone_keys.listen(phone, on_error))
    try:
        await phone.run()
    finally:
        keys.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await keys
    return phone
