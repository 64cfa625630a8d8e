"""The file face: users fetch files from devices, piece by piece (PROTOCOL.md §6; 000 §3)."""

from typing import Any

from .. import fields, permission
from ..auth import USER, device_identity
from ..core import Core, Methods, Result
from ..peers import visitor_of
from ..refusal import Refused
from ..session import Session

NAME = 128
PIECE = 4_096  # bytes
SIZE = 0x3FFFFFFF


def register(methods: Methods) -> None:
    """Add this face's requests."""
    methods.add("file.open", (USER,), open_file)
    methods.add("file.read", (USER,), read)
    methods.add("file.close", (USER,), close)


async def open_file(
    core: Core, session: Session, request_id: int, params: dict[str, Any]
) -> Result:
    """Begin to fetch a file."""
    asked = {
        "name": fields.text(params, "name", NAME),
        "offset": fields.integer(params, "offset", 0, SIZE, 0),
    }
    core.check_rate(session)
    return await _forward(core, session, request_id, "file.open", params, asked)


async def read(core: Core, session: Session, request_id: int, params: dict[str, Any]) -> Result:
    """The next piece."""
    asked = {
        "file_id": fields.integer(params, "file_id", 0, SIZE),
        "n": fields.integer(params, "n", 1, PIECE, PIECE),
    }
    return await _forward(core, session, request_id, "file.read", params, asked)


async def close(core: Core, session: Session, request_id: int, params: dict[str, Any]) -> Result:
    """Enough of it."""
    asked = {"file_id": fields.integer(params, "file_id", 0, SIZE)}
    return await _forward(core, session, request_id, "file.close", params, asked)


async def _forward(
    core: Core,
    session: Session,
    request_id: int,
    method: str,
    params: dict[str, Any],
    asked: dict[str, Any],
) -> Result:
    """Ask the device beside the user's further requests. Raises Refused: they may not meet."""
    user = session.client.user
    assert user is not None  # the registry lets only users in
    async with core.store.read() as tx:
        device = await permission.find_device(tx, user, params)
        await permission.check_relation(tx, device, user)
    to = device_identity(device.model_id, device.sn).key
    pushed = {"visitor": visitor_of(user), **asked}
    core.later(_answer(core, session, request_id, to, method, pushed))
    return None


async def _answer(
    core: Core, session: Session, request_id: int, to: str, method: str, pushed: dict[str, Any]
) -> None:
    try:
        result = await core.hub.push_and_wait(to, method, pushed, core.config.push_ms)
    except Refused as error:
        session.peer.respond_error(request_id, error.code, error.message)
    else:
        session.peer.respond(request_id, result if isinstance(result, dict) else {})
