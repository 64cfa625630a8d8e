"""What the board's button means, in each state of the call.

                    press           release     long (3 s)
    ready           calls           -           -
    calling         -               -           cancels, unless this press began it
    rings here      -               answers     rejects
    talking         hangs up        -           hangs up
    push to talk    talk            listen      hangs up, unless it is held to talk

With push to talk two short presses hang up. Calls are made at once: who needs help may not let go.
"""

from .errors import InvalidArgument
from .port import const, ticks_diff
from .voip import call as calls

TAP_MS = const(300)  # a press that is no word
TAPS_MS = const(700)  # from one such press to the end of the next


class Button:
    """`client` the voip Client; `calling` a Calling; `start(act)` runs a coroutine function and
    tells its errors; `duplex` a HalfDuplex, None: everybody may speak at any time; `changed()` is
    called when talking begins and ends.
    """

    def __init__(self, client, calling, start, clock, duplex, changed):
        self._client = client
        self._calling = calling
        self._start = start
        self._clock = clock
        self._duplex = duplex
        self._changed = changed
        self._began = None  # what this press began: "call", "answer", "talk"
        self._pressed_ms = 0
        self._tapped_ms = None

    @property
    def talking(self):
        """True while it is held to talk."""
        return self._duplex is not None and self._duplex.talk

    def __call__(self, action):
        """`action`: "press", "release" or "long"."""
        getattr(self, "_" + action)(self._client.call_state)

    def call_state(self, state):
        """The call is in another state: with push to talk this end listens first."""
        if self._duplex is not None and state != calls.TALKING:
            self._tapped_ms = None
            self.talk(False)

    def talk(self, on):
        """Push to talk, in a call. InvalidArgument where everybody may speak at any time."""
        if self._duplex is None:
            raise InvalidArgument("this board needs no push to talk: everybody may speak")
        on = on and self._client.call_state == calls.TALKING
        if self._duplex.talk != on:
            self._duplex.talk = on
            self._changed()

    def _press(self, state):
        self._began = None
        self._pressed_ms = self._clock.ticks_ms()
        if state == calls.TALKING:
            if self._duplex is None:
                self._start(self._calling.hang_up)
            else:
                self._began = "talk"
                self.talk(True)
        elif state == calls.INCOMING:
            self._began = "answer"
        elif state == calls.IDLE and not self._calling.active:
            self._began = "call"
            self._start(self._calling.run)

    def _release(self, state):
        began, self._began = self._began, None
        if began == "answer" and state == calls.INCOMING:
            self._start(self._client.answer)
        elif began == "talk":
            self.talk(False)
            self._tap(self._clock.ticks_ms())

    def _tap(self, now_ms):
        """The second short press hangs up."""
        if ticks_diff(now_ms, self._pressed_ms) > TAP_MS:
            self._tapped_ms = None
        elif self._tapped_ms is None or ticks_diff(now_ms, self._tapped_ms) > TAPS_MS:
            self._tapped_ms = now_ms
        else:
            self._tapped_ms = None
            self._start(self._calling.hang_up)

    def _long(self, state):
        if self._began in ("call", "talk"):
            return
        self._began = None
        if state == calls.INCOMING:
            self._start(self._client.reject)
        elif self._calling.active or state != calls.IDLE:
            self._start(self._calling.hang_up)
