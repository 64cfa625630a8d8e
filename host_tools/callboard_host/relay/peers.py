"""How each end is told of the other: in calls, commands and notices (PROTOCOL.md §4)."""

import hashlib
from typing import Any

from .transaction import Device, User


def device_peer(device: Device) -> dict[str, Any]:
    """A device, as a user is told of it."""
    return {"model_id": device.model_id, "sn": device.sn, "name": device.name or device.sn}


def user_peer(user: User) -> dict[str, Any]:
    """A user, as a device is told of them."""
    return {"open_id": user.open_id, "name": user.name}


def visitor_of(user: User) -> int:
    """The number that names a user in a device's callbacks (000 §3: visitor), always the same."""
    digest = hashlib.sha256(b"visitor\n" + user.open_id.encode()).digest()
    return int.from_bytes(digest[:4], "big") >> 1 or 1
