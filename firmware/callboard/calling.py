"""Whom a board calls: its users one after the other, until one of them answers."""

import asyncio

from . import codes
from .errors import Busy, RemoteError
from .voip import call as calls

RING_S = 30  # where there is another user to call, and nothing was configured


class Calling:
    """`client` the voip Client, `config` a Config, `clock`; `wishes` the (call_type,
    caller_camera, callee_camera) of each call; `failed(error)` hears why one user could not be
    called; `emit(event, fields)`; `changed()` is called when it begins and ends.

    `active`: from the button until somebody talks, or nobody is left. `number`: of the user who
    is called, from 1.
    """

    def __init__(self, client, config, clock, wishes, failed, emit, changed):
        self._client = client
        self._config = config
        self._clock = clock
        self._wishes = wishes
        self._failed = failed
        self._emit = emit
        self._changed = changed
        self._happened = asyncio.Event()
        self._state = self._reason = None  # of the call that rings
        self._cancelled = False
        self._called = []  # of this round
        self.active = False
        self.number = 0

    async def run(self):
        """Call; nothing happens when it is being done already. Raises CallboardError when it is
        not for the users that no call is possible."""
        if self.active:
            return
        self.active, self._cancelled, self._called = True, False, []
        self._changed()
        try:
            if not await self._each() and not self._cancelled:
                self._emit("unanswered", {"users": self.number})
        finally:
            self.active = False
            self._changed()

    async def hang_up(self):
        """End the call, whoever began it, and call nobody any more."""
        self.stop()
        await self._client.hang_up()

    def stop(self):
        """Call nobody any more."""
        self._cancelled = True
        self._happened.set()

    def call_state(self, state, reason):
        """What on_call_state tells."""
        if state in (calls.TALKING, calls.IDLE) and self._state is None:
            self._state, self._reason = state, reason
            self._happened.set()

    async def _each(self):
        """Call them all. True when one of them is to be talked to."""
        users = self._config.get("users") or ("",)
        for number in range(len(users)):
            if self._cancelled:
                return False
            self._called.append(users[number])
            self.number = number + 1
            try:
                if await self._one(users[number], self._ring_s(number, len(users))):
                    return True
            except Busy as error:
                if await self._crossed():
                    return True
                if self._client.call_state != calls.IDLE:
                    raise  # somebody else has called meanwhile
                self._failed(error)
            except RemoteError as error:
                if not self._cancelled:
                    self._failed(error)
        return False

    async def _one(self, user, ring_s):
        """Call one. True when that ends it: they talk, or the connection is lost."""
        self._state = None
        self._happened.clear()
        await self._client.call(user, *self._wishes)
        timer = None
        if ring_s is not None:
            timer = asyncio.create_task(self._ring_for(ring_s))
        try:
            while self._state is None and not self._cancelled:
                self._happened.clear()
                if timer is not None and timer.done():
                    await self._client.hang_up()
                    return False
                await self._happened.wait()
        finally:
            if timer is not None:
                timer.cancel()
        return self._state == calls.TALKING or self._reason == codes.END_ABORTED

    async def _ring_for(self, seconds):
        await self._clock.sleep_ms(1000 * seconds)
        self._happened.set()

    def _ring_s(self, number, count):
        """How long a user's phone rings, in s; None: as long as the relay lets it."""
        times = self._config.get("ring_s")
        if times:
            return times[min(number, len(times) - 1)]
        return RING_S if number < count - 1 else None

    async def _crossed(self):
        """One of those who were called calls here: both want to talk."""
        invitation = self._client.invitation
        if invitation is None or invitation["open_id"] not in self._called:
            return False
        await self._client.answer()
        return True
