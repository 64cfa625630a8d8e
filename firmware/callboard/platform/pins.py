"""A button and an LED at pins: what they mean, apart from how a chip reads and drives them."""

from ..indicator import PATTERNS
from ..port import const, ticks_diff

SETTLED_MS = const(30)  # contacts bounce for a few ms, bad ones for 20
LONG_MS = const(3000)
LOOK_MS = const(10)  # how often a button is looked at while something happens to it
STEP_MS = const(50)  # of an LED's patterns


class Button:
    """Turns levels into "press", "release" and "long" (held for LONG_MS, once).

    A press counts at once, not when it ends: who needs help may not let go.
    """

    def __init__(self):
        self.pressed = False
        self._level = False
        self._since = 0  # when the level changed last
        self._long = False

    def look(self, level, now_ms):
        """Take the level there is now. Returns an action, or None."""
        if level != self._level:
            self._level = level
            self._since = now_ms
        held = ticks_diff(now_ms, self._since)
        if level != self.pressed and held >= SETTLED_MS:
            self.pressed = level
            self._long = False
            return "press" if level else "release"
        if level and self.pressed and not self._long and held >= LONG_MS:
            self._long = True
            return "long"
        return None

    @property
    def quiet(self):
        """True when only a change of the level can mean anything."""
        return not self._level and not self.pressed


class ButtonPin:
    """A button at a pin: `await run(on_action)`. `pin` has value() and irq(); `active` is the
    level that means pressed; `flag` a ThreadSafeFlag."""

    def __init__(self, pin, active, clock, flag):
        self._pin = pin
        self._active = active
        self._clock = clock
        self._flag = flag
        self._button = Button()
        self._edge = self._changed  # bound once: an interrupt must not allocate
        pin.irq(self._edge)

    def _changed(self, _pin):
        self._flag.set()

    async def run(self, on_action):
        """Call `on_action(action)` for ever. Costs nothing while nobody touches it."""
        while True:
            await self._flag.wait()
            while True:
                level = self._pin.value() == self._active
                action = self._button.look(level, self._clock.ticks_ms())
                if action is not None:
                    on_action(action)
                if self._button.quiet:
                    break
                await self._clock.sleep_ms(LOOK_MS)


class Led:
    """An LED at a pin; `active` is the level that lights it. Its states are those of
    indicator.PATTERNS."""

    def __init__(self, pin, active, clock):
        self._pin = pin
        self._active = active
        self._clock = clock
        self._at_ms = 0  # since the state began
        self.state = "off"
        self._lit = None
        self._light(False)

    def show(self, state):
        """From now on."""
        self.state = state
        self._at_ms = 0
        self._light(lit(PATTERNS[state], 0))

    def _light(self, on):
        if on != self._lit:  # at some chips it takes a message to the radio
            self._lit = on
            self._pin.value(self._active if on else 1 - self._active)

    async def run(self):
        """Go on as its state looks, for ever."""
        while True:
            await self._clock.sleep_ms(STEP_MS)
            self._at_ms += STEP_MS
            self._light(lit(PATTERNS[self.state], self._at_ms))


def lit(pattern, at_ms):
    """Whether a pattern, ms lit and dark in turn, is lit `at_ms` after it began."""
    if not pattern:
        return False
    at_ms %= sum(pattern)
    for i in range(len(pattern)):
        if at_ms < pattern[i]:
            return i % 2 == 0
        at_ms -= pattern[i]
    return False
