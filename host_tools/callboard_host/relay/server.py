"""The relay as a program: data directory, certificates, HTTP server, graceful stop."""

import asyncio
import errno
import logging
import os
import socket
from datetime import UTC, datetime
from pathlib import Path

from aiohttp import web

from callboard.errors import StorageError

from ..errors import BadInput, InUse
from . import media_socket
from .ca import Certificates, ensure_certificates
from .clock import Clock
from .config import MAX_TEXT, RelayConfig
from .core import Core, Methods
from .faces import data_model, files, messages, people, rooms, views, voip
from .faces.admin import Admin
from .faces.app_actions import AppActions
from .faces.backend import Backend
from .faces.public import Public
from .files import ADMIN_TOKEN_FILE
from .hub import STOP_S
from .limiters import Limiters
from .lock import DirectoryLock
from .rooms import Engine
from .signalling import Signalling
from .store import Store
from .tokens import new_token
from .vault import open_vault, read_or_make_secret

log = logging.getLogger(__name__)

_HOUSEKEEPING_S = 1.0
_CERTIFICATE_CHECK_S = 3600.0


class Relay:
    """One relay: `await start()`, use `url`, `await stop()`."""

    def __init__(self, config: RelayConfig, clock: Clock | None = None):
        self.config = config
        self.clock = clock or Clock()
        self.certificates: Certificates | None = None
        self._core: Core | None = None
        self._signalling: Signalling | None = None
        self._runner: web.AppRunner | None = None
        self._housekeeping: asyncio.Task[None] | None = None
        self._lock: DirectoryLock | None = None
        self.port = 0

    # -- what a user of the class sees ---------------------------------------------------------

    @property
    def core(self) -> Core:
        """The relay without its sockets; after start()."""
        if self._core is None:
            raise RuntimeError("the relay is not started")
        return self._core

    @property
    def url(self) -> str:
        """Where clients find it, e.g. https://127.0.0.1:8443."""
        host = f"[{self.config.host}]" if ":" in self.config.host else self.config.host
        return f"{'https' if self.config.tls else 'http'}://{host}:{self.port}"

    @property
    def ca_path(self) -> Path | None:
        """The PEM file of the relay's own CA; None without TLS."""
        return self.certificates.ca_path if self.certificates else None

    @property
    def admin_token_path(self) -> Path:
        """The file with the admin token."""
        return self.config.data_dir / ADMIN_TOKEN_FILE

    async def start(self) -> None:
        """Open everything and listen.

        Raises BadInput (data directory, plain HTTP for others), StorageError, InUse (the port).
        """
        config = self.config
        if not config.tls and not config.is_loopback:
            raise BadInput(
                f"plain HTTP on {config.host} would show every secret",
                "leave --no-tls out, or listen on 127.0.0.1",
            )
        _prepare_directory(config.data_dir)
        self._lock = DirectoryLock(config.data_dir)
        try:
            await self._start()
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Close every connection with 1001, then the port and the database."""
        if self._housekeeping is not None:
            self._housekeeping.cancel()
            await asyncio.gather(self._housekeeping, return_exceptions=True)
        if self._signalling is not None:
            await self._signalling.stop()
        if self._core is not None:
            await self._core.stop()
        if self._runner is not None:
            await self._runner.cleanup()
        if self._core is not None:
            await self._core.store.close()
        self._housekeeping = self._signalling = self._runner = self._core = None
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    # -- inside --------------------------------------------------------------------------------

    async def _start(self) -> None:
        config = self.config
        token = read_or_make_secret(self.admin_token_path, new_token("A")).strip()
        store = await Store.open(config.data_dir, open_vault(config.data_dir), config.database_url)
        self._core = core = Core(config, self.clock, store, Engine(limits=config.limits))
        register_faces(core.methods)
        limiters = Limiters(config, self.clock)
        self._signalling = Signalling(core, limiters)
        application = web.Application(client_max_size=MAX_TEXT)
        self._signalling.add_routes(application.router)
        Public(core, limiters).add_routes(application.router)
        actions = AppActions(core)
        Backend(core, actions, limiters).add_routes(application.router)
        Admin(core, token, actions, limiters).add_routes(application.router)
        await self._listen(application)
        self._housekeeping = asyncio.create_task(self._keep_house())

    async def _listen(self, application: web.Application) -> None:
        context = None
        if self.config.tls:
            self.certificates = self._certificates()
            self._tls = context = self.certificates.context()
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=STOP_S)
        await self._runner.setup()
        try:
            site = web.TCPSite(
                self._runner, self.config.host, self.config.port, ssl_context=context
            )
            await site.start()
        except OSError as error:
            raise _listen_error(self.config, error) from error
        self.port = self._runner.addresses[0][1]

    def _certificates(self) -> Certificates:
        config = self.config
        names = (*config.names, *([] if config.host in ("0.0.0.0", "::") else [config.host]))
        return ensure_certificates(config.data_dir, names, datetime.now(UTC))

    async def _keep_house(self) -> None:
        """Drop silent connections; renew the certificate before it ends."""
        next_check = asyncio.get_running_loop().time() + _CERTIFICATE_CHECK_S
        while True:
            await asyncio.sleep(_HOUSEKEEPING_S)
            if self._signalling is not None:
                self._signalling.drop_silent()
            if self.certificates and asyncio.get_running_loop().time() > next_check:
                next_check += _CERTIFICATE_CHECK_S
                self._renew_certificate()

    def _renew_certificate(self) -> None:
        """Put a renewed certificate into the running TLS context: new connections get it."""
        try:
            certificates = self._certificates()
            if certificates != self.certificates:
                self._tls.load_cert_chain(certificates.server_path, certificates.server_key_path)
                self.certificates = certificates
                log.info(
                    "the server certificate was renewed: SHA-256 %s", certificates.fingerprint
                )
        except (StorageError, OSError) as error:
            log.error("the server certificate could not be renewed: %s", error)


def register_faces(methods: Methods) -> None:
    """Every request that clients may make over their WebSocket."""
    for face in (voip, people, messages, rooms, views, files, data_model, media_socket):
        face.register(methods)


def _prepare_directory(path: Path) -> None:
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise BadInput(
            f"{path} cannot be used: {error.strerror}", "give another --data"
        ) from error
    if not os.access(path, os.R_OK | os.W_OK | os.X_OK):
        raise BadInput(f"{path} is not readable and writable", "give another --data")


def _listen_error(config: RelayConfig, error: OSError) -> Exception:
    where = f"{config.host}:{config.port}"
    if error.errno == errno.EADDRINUSE:
        return InUse(f"{where} is in use by another program", "give another --port, or stop it")
    if error.errno in (errno.EACCES, errno.EADDRNOTAVAIL) or isinstance(error, socket.gaierror):
        return BadInput(f"cannot listen on {where}: {error.strerror}", "check --host and --port")
    return BadInput(f"cannot listen on {where}: {error}")
