"""`callboard phone` on a terminal: what it prints, and its keys."""

import asyncio
import contextlib
import gc
from typing import Any

from callboard_host import events, phone_keys
from callboard_host.phone import Phone, PhoneConfig

_WORDS = {
    "online": "online; waiting for a call",
    "calling": "calling {sn}",
    "rings": "it rings at {peer}",
    "offline": "offline: {message}",
    "ringing": "ringing: {peer} calls",
    "answered": "talking ({codec})",
    "audio_first": "hearing the other end",
    "ended": "the call has ended: {reason}",
    "error": "error {code}: {message}",
}


def _tell(name: str, **fields: Any) -> None:
    """Events in words, for a person."""
    if name in ("ringing", "rings"):
        peer = fields.get("peer") or {}
        fields["peer"] = peer.get("name") or peer.get("sn") or "somebody"
    if name in _WORDS:
        print(_WORDS[name].format_map(fields), flush=True)


async def run(config: PhoneConfig, machine_readable: bool) -> Phone:
    """Be a phone until `quit`, or until the calls it was started for are over. That phone."""
    emit = events.emit if machine_readable else _tell
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
