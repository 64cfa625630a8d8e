"""The data model face: a device's properties and modules (PROTOCOL.md §6)."""

from typing import Any

from callboard import codes

from .. import fields
from ..auth import DEVICE, device_identity
from ..core import Core, Methods, Result
from ..refusal import Refused
from ..session import Session
from ..transaction import Device


def register(methods: Methods) -> None:
    """Add this face's requests."""
    methods.add("dm.report", (DEVICE,), report)


async def report(core: Core, session: Session, _id: int, params: dict[str, Any]) -> Result:
    """The device reports properties; null deletes one."""
    device = session.client.device
    assert device is not None  # the registry lets only devices in
    await _store(core, device, fields.properties(params))
    return {}


async def set_properties(core: Core, device: Device, changes: dict[str, Any]) -> None:
    """Set properties on the device; they are kept once it took them. Raises Refused."""
    key = device_identity(device.model_id, device.sn).key
    await core.hub.push_and_wait(key, "dm.set", {"properties": changes}, core.config.push_ms)
    await _store(core, device, changes)


async def set_modules(core: Core, device: Device, modules: int) -> None:
    """Switch backend services for a device, and tell it when it is online."""
    async with core.store.write() as tx:
        await tx.set_modules(device.model_id, device.sn, modules)
    session = core.hub.sessions.get(device_identity(device.model_id, device.sn).key)
    if session is not None:
        session.push("voip.module_status", {"modules": modules})


async def _store(core: Core, device: Device, changes: dict[str, Any]) -> None:
    now_ms = core.clock.epoch_ms()
    async with core.store.write() as tx:
        have = await tx.properties(device.model_id, device.sn)
        after = {k: v for k, v in (have | changes).items() if v is not None}
        if len(after) > fields.PROPERTIES_STORED:
            limit = fields.PROPERTIES_STORED
            raise Refused(codes.INVALID_ARGUMENT, f"properties: a device has at most {limit}")
        await tx.put_properties(device.model_id, device.sn, changes, now_ms)
