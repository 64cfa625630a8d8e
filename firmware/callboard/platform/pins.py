"""A button and an LED at pins: what they mean, apart from how a chip reads and drives them."""

from ..port import const, ticks_diff

SETTLED_MS = const(30)  # contacts bounce for a few ms, bad ones for 20
LONG_MS = const(3000)
LOOK_MS = const(10)  # how often a button is looked at while something happens to it
BLINK_MS = const(250)


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
    """An LED at a pin: "on", "off" or "blink"; `active` is the level that lights it."""

    def __init__(self, pin, active, clock):
        self._pin = pin
        self._active = active
        self._clock = clock
        self.state = "off"
        self._light(False)

    def show(self, state):
        """From now on."""
        self.state = state
        self._light(state != "off")

    def _light(self, lit):
        self._pin.value(self._active if lit else 1 - self._active)

    async def run(self):
        """Blink when it is to, for ever."""
        lit = True
        while True:
            await self._clock.sleep_ms(BLINK_MS)
            if self.state == "blink":
                lit = not lit
                self._light(lit)
            else:
                lit = True
