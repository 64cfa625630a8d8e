"""Notices and commands between devices and phones (000 §3: sendMsgNotice, onRecvCommand)."""

import json
import os
from typing import Any

from callboard import codes

from .. import fields, permission
from ..auth import DEVICE, USER, device_identity, user_identity
from ..core import Core, Methods, Result
from ..peers import device_peer, user_peer, visitor_of
from ..refusal import Refused
from ..session import Session
from ..transaction import Notice

NOTICE_BYTES = 2_048
COMMAND_BYTES = 4_096
WAITING = 32  # notices for one user
WAITING_OF_DEVICE = 16


def register(methods: Methods) -> None:
    """Add this face's requests."""
    methods.add("notice.send", (DEVICE,), send_notice)
    methods.add("command.send", (DEVICE, USER), send_command)
    methods.greet(USER, deliver_waiting)


# --- notices ---


async def send_notice(core: Core, session: Session, _id: int, params: dict[str, Any]) -> Result:
    """A device tells a user something; kept until the user's phone has it."""
    device = session.client.device
    assert device is not None  # the registry lets only devices in
    content = fields.json_object(params, "notice", NOTICE_BYTES)
    core.check_rate(session)
    now_ms = core.clock.epoch_ms()
    async with core.store.write() as tx:
        user = await permission.find_user(tx, device, params.get("open_id"))
        await permission.check_relation(tx, device, user)
        await tx.drop_old_notices(now_ms - core.config.notice_ms)
        waiting, own = await tx.count_notices(user.open_id, device.model_id, device.sn)
        if waiting >= WAITING or own >= WAITING_OF_DEVICE:
            raise Refused(codes.RPC_OVERLOADED, "too many notices wait for this user already")
        ids = ("n_" + os.urandom(8).hex(), user.open_id, device.model_id, device.sn)
        notice = Notice(*ids, json.dumps(content), now_ms)
        await tx.add_notice(notice)
    phone = core.hub.sessions.get(user_identity(user.open_id).key)
    if phone is not None:
        _deliver(core, phone, notice, device.name)
    return {"notice_id": notice.notice_id}


async def deliver_waiting(core: Core, session: Session) -> None:
    """A phone has a new session: give it what waits for its user."""
    user = session.client.user
    assert user is not None
    async with core.store.read() as tx:
        notices = await tx.notices(user.open_id)
        devices = [await tx.device(notice.model_id, notice.sn) for notice in notices]
    for notice, device in zip(notices, devices, strict=True):
        _deliver(core, session, notice, device.name if device else "")


def _deliver(core: Core, phone: Session, notice: Notice, name: str) -> None:
    params = {
        "notice_id": notice.notice_id,
        "peer": {"model_id": notice.model_id, "sn": notice.sn, "name": name or notice.sn},
        "notice": json.loads(notice.content_json),
        "time_ms": notice.created_ms,
    }

    def done(_result: object, error: Any) -> None:
        if error is None:
            core.later(_arrived(core, notice.notice_id))

    phone.push("notice", params, done)


async def _arrived(core: Core, notice_id: str) -> None:
    async with core.store.write() as tx:
        await tx.drop_notice(notice_id)


# --- commands ---


async def send_command(core: Core, session: Session, request_id: int, params: Any) -> Result:
    """One end asks the other something; the answer's args come back. Both must be online."""
    args = fields.json_object(params, "args", COMMAND_BYTES)
    core.check_rate(session)
    client = session.client
    async with core.store.read() as tx:
        if client.device is not None:
            device = client.device
            user = await permission.find_user(tx, device, params.get("open_id"))
        else:
            assert client.user is not None
            user = client.user
            device = await permission.find_device(tx, user, params)
        await permission.check_relation(tx, device, user)
    if client.device is not None:
        to, sender = user_identity(user.open_id).key, device_peer(device)
    else:
        to, sender = device_identity(device.model_id, device.sn).key, user_peer(user)
    pushed: dict[str, Any] = {"peer": sender, "args": args}
    if client.user is not None:
        pushed["visitor"] = visitor_of(user)
    core.later(_forward(core, session, request_id, to, pushed))
    return None


async def _forward(
    core: Core, session: Session, request_id: int, to: str, pushed: dict[str, Any]
) -> None:
    """Ask the other end beside the sender's further requests; answer when it has answered."""
    try:
        result = await core.hub.push_and_wait(to, "command", pushed, core.config.push_ms)
        answer = fields.json_object(result if isinstance(result, dict) else {}, "args", 8_192)
    except Refused as error:
        session.peer.respond_error(request_id, error.code, error.message)
    else:
        session.peer.respond(request_id, {"args": answer})
