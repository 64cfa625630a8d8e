"""What a board does beside its work: its log kept, its flash tended, its watchdog fed.

chores = Chores(hardware, log, idle)
reason = chores.begin(firmware)     # at boot: why it started
chores.start(tasks, store, keep)    # tasks of a Supervisor, for ever
chores.end("restart")               # the last thing
"""

import asyncio

from .journal import Journal

BEAT_MS = 1000
IDLE_MS = 2000  # how often to look whether there is time for the flash


class Chores:
    """`log` a log.Module; `idle()`: no call runs, so flash may be written. `journal` a Journal."""

    def __init__(self, hardware, log, idle):
        self._hardware = hardware
        self._log = log
        self._idle = idle
        self._store = self._keep = self._watchdog = None
        self.journal = Journal(hardware.log, hardware.log_ring(), hardware.clock, idle)

    def begin(self, firmware):
        """A boot begins. Returns why, as far as is known."""
        asyncio.get_event_loop().set_exception_handler(self._task_broke)
        return self.journal.begin(self._hardware.reset_cause(), firmware)

    def start(self, tasks, store, keep):
        """Start the tasks; `keep()` writes to the key `store` what waited for the time."""
        self._store, self._keep = store, keep
        tasks.start("journal", self.journal.run)
        tasks.start("watchdog", self._beat)
        tasks.start("flash", self._maintain)

    def end(self, how):
        """The boot ends: see Journal.end()."""
        asyncio.get_event_loop().set_exception_handler(None)
        self.journal.end(how)
        if self._watchdog is not None:
            self._watchdog.rest()

    async def _beat(self):
        """Tell the watchdog that the loop lives. A loop that hangs must not lock anybody out."""
        self._watchdog = self._hardware.watchdog()
        while self._watchdog is not None:
            self._watchdog.beat()
            await self._hardware.clock.sleep_ms(BEAT_MS)

    async def _maintain(self):
        """What would stall the board in a call, an erase of flash, is done between calls."""
        while True:
            self._store.maintain()
            if self._idle():
                self._keep()
            await self._hardware.clock.sleep_ms(IDLE_MS)

    def _task_broke(self, loop, context):
        """A task that nobody waits for ended with an exception."""
        error = context.get("exception")
        if error is not None:
            self._log.exception(error)
        self._log.error("a task failed: %s", context.get("message"))
