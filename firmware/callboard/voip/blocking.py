"""The client at Python's prompt: every step returns when it is done (000 §3: blocking calls).

    >>> from callboard.voip.blocking import Blocking
    >>> phone = Blocking()
    >>> phone.init_system({"relay_url": "https://relay:8443", "tls": context})
    >>> phone.init_data_model(); phone.init_av()
    >>> phone.init_voip(0, store, "doorbell", "SN0001", "wxdemo")
    >>> phone.wait_ready()
    >>> phone.call(open_id)["state"]
    'ringing'
    >>> phone.wait_call("talking", "idle")
    ('talking', None)
    >>> phone.wait(5000); phone.hang_up()

Between the steps nothing runs, no sound and no heartbeat: wait(ms) lets it. A relay that hears
nothing for half a minute drops the connection; the next step finds it again.
"""

import asyncio

from .. import port
from ..errors import TimedOut
from .client import CONNECT_MS, Client

STEPS = (
    "init_voip",
    "exit_voip",
    "register",
    "call",
    "answer",
    "reject",
    "hang_up",
    "wait_call",
    "report",
    "send_notice",
    "send_command",
)
_LOOK_MS = 20


class Blocking:
    """A Client, `client` or a new one, whose coroutines are plain functions. Everything else of
    it (init_system, is_busy, call_state, …) is there as it is.
    """

    def __init__(self, client=None):
        self.client = client or Client()
        self._run = port.stepwise_loop()

    def __getattr__(self, name):
        member = getattr(self.client, name)
        if name not in STEPS:
            return member
        return lambda *args, **options: self._run(member(*args, **options))

    def wait(self, ms):
        """Let everything run for `ms` milliseconds."""
        self._run(_pass(ms))

    def wait_ready(self, timeout_ms=CONNECT_MS):
        """Wait until calls may be made (EVENT_P2P_PEER_READY). Raises TimedOut."""
        self._run(self._ready(timeout_ms))

    async def _ready(self, timeout_ms):
        for _ in range(timeout_ms // _LOOK_MS):
            if self.client.ready:
                return
            await asyncio.sleep(_LOOK_MS / 1000)
        raise TimedOut("calls were not possible within %d ms" % timeout_ms)


async def _pass(ms):
    await asyncio.sleep(ms / 1000)
