"""The whole system on one machine: relay, administrator, phone and board, each its own process."""

import asyncio
import contextlib
import json
import shutil
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from callboard_host import board as boards
from callboard_host import paths
from callboard_host.board import BoardConfig
from callboard_host.errors import ProgramFailed
from callboard_host.process import Child
from callboard_host.relay.admin_client import AdminClient

APP = "wxdemo"
MODEL = "doorbell"
SN = "SN0001"

START_S = 20.0  # a program of ours on a busy machine
ONLINE_S = 20.0
RING_S = 15.0

Log = Callable[[str], None]


@dataclass
class Stage:
    """Start what a call needs, in order; `close()` stops everything, always.

    `folder` gets one folder or file for each program. `log` is told each step in a few words.
    """

    folder: Path
    log: Log = print
    tls: bool = True
    relay: Child | None = None
    relay_url: str = ""
    ca_path: Path | None = None
    admin_token: str = ""
    open_id: str = ""
    invitation: str = ""
    ticket: str = ""
    children: list[Child] = field(default_factory=list)

    async def __aenter__(self) -> "Stage":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Stop every program, the last started first."""
        children, self.children = self.children[::-1], []
        stops = [asyncio.ensure_future(self._stop(child)) for child in children]
        try:
            await asyncio.gather(*stops, return_exceptions=True)
        finally:  # a second Ctrl-C
            for child in children:
                if child.returncode is None:
                    child.kill()

    async def _stop(self, child: Child) -> None:
        if child.name.startswith("board"):
            await boards.switch_off(child)
        else:
            await child.stop()

    def forget(self) -> None:
        """Remove the data of an earlier call, but nothing that a person may have put there."""
        for name in ("relay", "board", "phone"):
            shutil.rmtree(self.folder / name, ignore_errors=True)
        for path in self.folder.glob("*.log"):
            path.unlink()
        self.folder.mkdir(parents=True, exist_ok=True)

    async def start_relay(self, *options: str, port: int = 0) -> None:
        """Start the relay on a free port of the loopback, or on `port`."""
        self.log("starting the relay")
        data, ready = self.folder / "relay", self.folder / "relay" / "ready.json"
        data.mkdir(parents=True, exist_ok=True)
        ready.unlink(missing_ok=True)
        argv = ["relay", "--data", data, "--host", "127.0.0.1", "--port", str(port)]
        argv += ["--tls" if self.tls else "--no-tls", "--ready-file", ready]
        self.relay = await self._start("relay", [*argv, *options])
        facts = await self._facts(self.relay, ready)
        self.relay_url = facts["url"]
        self.ca_path = Path(facts["ca_path"]) if self.tls and facts.get("ca_path") else None
        self.admin_token = Path(facts["admin_token_path"]).read_text(encoding="utf-8").strip()

    @property
    def relay_port(self) -> int:
        """The port it listens on."""
        return int(self.relay_url.rsplit(":", 1)[1].rstrip("/"))

    async def _facts(self, relay: Child, ready: Path) -> dict[str, Any]:
        """What the relay writes when it is ready."""
        deadline = time.monotonic() + START_S
        while not ready.exists():
            if relay.returncode is not None:
                said = "; ".join(relay.last_lines_of_interest())
                raise ProgramFailed(f"the relay ended with status {relay.returncode}: {said}")
            if time.monotonic() > deadline:
                raise ProgramFailed(
                    f"the relay was not ready within {START_S:g} s",
                    f"see {self.folder / 'relay.log'}",
                )
            await asyncio.sleep(0.02)
        return json.loads(ready.read_text(encoding="utf-8"))

    async def create_accounts(self) -> None:
        """An app, a model, a user with an invitation, a ticket, and the user's authorisation."""
        self.log("creating app, model, user, ticket and authorisation")
        async with self.admin() as admin:
            await admin.add_app(APP, "callboard demo")
            await admin.add_model(MODEL, "doorbell")
            user = await admin.invite(APP, "a person")
            self.open_id, self.invitation = user["open_id"], user["invitation"]
            self.ticket = (await admin.ticket(MODEL, SN))["ticket"]
            await admin.authorise(self.open_id, MODEL, SN)

    def admin(self) -> AdminClient:
        """An administrator of the relay, to be entered with `async with`."""
        return AdminClient(self.relay_url, self.admin_token, self.ca_path)

    async def start_phone(self, *options: str | Path, name: str = "phone") -> Child:
        """Start `callboard phone` with our relay and invitation; wait until it is online."""
        self.log("starting the phone")
        state = self.folder / name / "state.json"
        argv: list[str | Path] = ["phone", "--events", "--relay", self.relay_url, "--state", state]
        if self.ca_path:
            argv += ["--ca", self.ca_path]
        if not state.exists():
            argv += ["--invitation", self.invitation]
        phone = await self._start(name, [*argv, *options], stdin=True)
        await phone.wait_event("online", timeout_s=ONLINE_S)
        return phone

    async def start_board(self, config: BoardConfig, name: str = "board") -> Child:
        """Boot a board with our relay, ticket and user filled in; does not wait."""
        self.log(f"booting the board ({config.python}, {config.bits} bits)")
        config = replace(
            config,
            relay_url=config.relay_url or self.relay_url,
            ca_path=config.ca_path or self.ca_path,
            open_id=config.open_id or self.open_id,
            ticket=config.ticket or self.ticket,
        )
        board = await boards.start(config, self.folder / f"{name}.log", name)
        self.children.append(board)
        return board

    async def _start(self, name: str, argv: list[Any], stdin: bool = False) -> Child:
        command = [sys.executable, "-m", "callboard_host", *map(str, argv)]
        environment = {"PYTHONPATH": paths.python_path(), "PYTHONUNBUFFERED": "1"}
        log = self.folder / f"{name}.log"
        child = await Child.start(name, command, env=environment, log=log, stdin=stdin)
        self.children.append(child)
        return child


@contextlib.contextmanager
def locked(folder: Path):
    """Hold the output folder for ourselves. Raises InUse when another call runs in it."""
    import fcntl

    from callboard_host.errors import BadInput, InUse

    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / ".lock").open("w", encoding="utf-8")
    except OSError as error:
        raise BadInput(f"cannot write to {folder}: {error.strerror}", "choose --output") from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise InUse(
                f"another call runs in {folder}", "wait for it, or give --output another folder"
            ) from None
        yield
