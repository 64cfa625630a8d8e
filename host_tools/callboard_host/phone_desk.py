"""What a phone does besides calls: devices that want to call it, notices, commands."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from callboard import codes
from callboard.errors import CallboardError

_REQUEST_MS = 15_000  # the relay gives the other end of a command 10 s
_LISTED = 1_000  # devices
_REMEMBERED = 64  # notices; one may come twice
FLAVOURS = ("formal", "trial", "developer")  # releases of the mini program, by codes.FLAVOUR_*

_NAMES = ("model_id", "sn", "name")

Request = Callable[[str, dict[str, Any], int], Awaitable[Any]]


class Desk:
    """`emit(name, **fields)` is told everything; `request` asks the relay.

    `on_command(args)` answers a device's command; by itself the phone says that it was seen.
    """

    def __init__(self, emit: Callable[..., None], request: Request):
        self._emit = emit
        self._request = request
        self._tasks: set[asyncio.Task[None]] = set()
        self._notices: deque[str] = deque(maxlen=_REMEMBERED)
        self.waiting: tuple[str, str] | None = None  # the device that was bound last
        self.on_command: Callable[[dict[str, Any]], dict[str, Any]] = lambda _: {"seen": True}

    def requested(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        """What the relay asks, other than calls. Raises CallboardError."""
        if method == "notice":
            return self._notice(params)
        if method == "device.bound":
            return self._bound(params)
        if method == "command":
            args = _object(params, "args")
            self._emit("command", peer=params.get("peer"), args=args)
            return {"args": self.on_command(args)}
        raise CallboardError(f"a phone does not know {method}", codes.RPC_METHOD_NOT_FOUND)

    def _notice(self, params: dict[str, Any]) -> dict[str, Any]:
        notice_id, _ = params.get("notice_id"), _object(params, "notice")
        if notice_id not in self._notices:
            self._notices.append(str(notice_id))
            names = ("notice_id", "peer", "notice", "time_ms")
            self._emit("notice", **{name: params.get(name) for name in names})
        return {}

    def _bound(self, params: dict[str, Any]) -> dict[str, Any]:
        device = {name: str(_object(params, "device").get(name)) for name in _NAMES}
        self.waiting = (device["model_id"], device["sn"])
        self._emit("bound", device=device)
        return {}

    def beside(self, work: Coroutine[Any, Any, Any]) -> None:
        """Do something beside whatever else goes on; what fails is an `error` event."""

        async def do() -> None:
            try:
                await work
            except CallboardError as error:
                self._emit("error", code=error.code, message=error.message)

        task = asyncio.create_task(do())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def stop(self) -> None:
        """Give up what goes on beside."""
        for task in self._tasks:
            task.cancel()

    # --- what the person does; all raise RemoteError, NetworkError ---

    async def devices(self) -> list[dict[str, Any]]:
        """The devices there are for this user; also a `devices` event."""
        names = (*_NAMES, "bound", "authorised", "online")
        listed: list[dict[str, Any]] = []
        while len(listed) < _LISTED:
            params = {"skip": len(listed)} if listed else {}
            answer = await self._request("device.list", params, _REQUEST_MS)
            for device in answer["devices"]:
                listed.append({name: device.get(name) for name in names})
            if not answer.get("more") or not answer["devices"]:
                break
        self._emit("devices", devices=listed)
        return listed

    async def authorise(self, model_id: str, sn: str) -> None:
        """Let a device call (003 §5.1)."""
        await self._request("device.authorise", {"model_id": model_id, "sn": sn}, _REQUEST_MS)
        if self.waiting == (model_id, sn):
            self.waiting = None
        self._emit("authorised", model_id=model_id, sn=sn)

    async def authorise_waiting(self) -> None:
        """Let the device call that was bound last. Nothing happens when none was."""
        if self.waiting is not None:
            await self.authorise(*self.waiting)

    async def revoke(self, model_id: str, sn: str) -> None:
        """Let a device call no longer."""
        await self._request("device.revoke", {"model_id": model_id, "sn": sn}, _REQUEST_MS)
        self._emit("revoked", model_id=model_id, sn=sn)

    async def send(self, model_id: str, sn: str, args: dict[str, Any]) -> dict[str, Any]:
        """Ask a device something; its answer, also as an `answer` event."""
        params = {"model_id": model_id, "sn": sn, "args": args}
        answer = await self._request("command.send", params, _REQUEST_MS)
        self._emit("answer", args=answer["args"])
        return answer["args"]


def _object(params: dict[str, Any], name: str) -> dict[str, Any]:
    value = params.get(name)
    if not isinstance(value, dict):
        raise CallboardError(f"{name} must be an object", codes.INVALID_ARGUMENT)
    return value
