"""A button that bounces and is held, an LED that blinks, on scripted pins and time."""

import asyncio

from callboard import port
from callboard.indicator import PATTERNS
from callboard.platform import pins
from support import FakeClock, settle


class Pin:
    """A pin of `machine`: a level, and whom to tell of a change."""

    def __init__(self, level=1):
        self.level = level
        self.handler = None
        self.driven = []

    def irq(self, handler):
        self.handler = handler

    def value(self, level=None):
        if level is None:
            return self.level
        self.driven.append(level)
        return None

    def set(self, level):
        self.level = level
        self.handler(self)


def looks(button, steps):
    """The actions for levels, each seen after so many ms more."""
    now, actions = 1000, []
    for level, ms in steps:
        now += ms
        action = button.look(level, now)
        if action is not None:
            actions.append((now - 1000, action))
    return actions


def test_a_press_that_bounces_is_one_press():
    bounces = [(True, 5), (False, 3), (True, 2), (False, 4), (True, 1)]
    steady = [(True, 10)] * 5
    let_go = [(False, 10), (True, 2), (False, 2)] + [(False, 10)] * 5
    actions = looks(pins.Button(), bounces + steady + let_go)
    assert [action for _, action in actions] == ["press", "release"], actions


def test_a_spike_is_no_press():
    steps = [(True, 10), (True, 10), (False, 5), (False, 100)]
    assert looks(pins.Button(), steps) == []


def test_held_it_is_long_once_and_pressed_at_once():
    actions = looks(pins.Button(), [(True, 10)] * 700 + [(False, 10)] * 10)
    assert [action for _, action in actions] == ["press", "long", "release"]
    assert actions[0][0] <= 50 and 3000 <= actions[1][0] <= 3100, actions


async def test_the_pin_wakes_it_and_it_sleeps_again():
    clock, pin, actions = FakeClock(), Pin(), []
    button = pins.ButtonPin(pin, 0, clock, port.ThreadSafeFlag())
    task = asyncio.create_task(button.run(actions.append))
    await settle()
    for level, ms in ((0, 200), (1, 200), (0, 4000), (1, 200)):
        pin.set(level)
        for _ in range(20):  # a real flag wakes its waiter by way of the loop's poll
            await asyncio.sleep(0.001)
            await settle()
        await clock.run(ms)
    assert actions == ["press", "release", "press", "long", "release"], actions
    task.cancel()


async def test_the_led_blinks_only_when_it_is_to():
    clock, pin = FakeClock(), Pin()
    led = pins.Led(pin, 0, clock)
    task = asyncio.create_task(led.run())
    await settle()
    assert pin.driven == [1]
    led.show("on")
    await clock.run(1000)
    assert pin.driven == [1, 0]
    led.show("blink")
    await clock.run(1000)
    assert pin.driven == [1, 0, 1, 0, 1, 0]
    led.show("off")
    await clock.run(1000)
    assert pin.driven == [1, 0, 1, 0, 1, 0, 1]
    task.cancel()


async def test_each_state_of_the_led_looks_as_its_pattern_says():
    for state in PATTERNS:
        clock, pin = FakeClock(), Pin()
        led = pins.Led(pin, 1, clock)
        task = asyncio.create_task(led.run())
        await settle()
        led.show(state)
        seen = []
        for _ in range(40):
            seen.append(pin.driven[-1])
            await clock.run(50)
        lit_ms = 50 * sum(seen)
        share = {"off": 0, "on": 2000, "blink": 1000, "ring": 600, "talk": 1800, "mute": 100}
        assert lit_ms == share[state], (state, lit_ms)
        task.cancel()
