"""A link at a relay of a few lines, and what it tells its owner."""

from fake_relay import URL, FakeRelay, device_hello, fixed_random

from callboard.signalling.link import Link
from support import FakeClock, settle


class Owner:
    """Records what a link tells."""

    def __init__(self, relay, **options):
        self.told = []
        self.media = []
        self.times = []
        self.reports = []
        self.pushed = lambda method, params: None
        self.link = Link(
            options.pop("url", URL),
            options.pop("hello", device_hello()),
            clock=relay.clock,
            connect=relay.connect,
            random=fixed_random,
            on_request=lambda method, params: self.pushed(method, params),
            on_online=lambda answer: self.told.append(("online", answer["resumed"])),
            on_offline=lambda status, error: self.told.append(("offline", status)),
            on_lost=lambda: self.told.append("lost"),
            on_media=self._media_arrived,
            set_time=self.times.append,
            report=lambda what, error: self.reports.append((what, error)),
            **options,
        )

    def _media_arrived(self, buf, off, n, arrival_ms):
        self.media.append((bytes(buf[off : off + n]), arrival_ms))


async def online(**options):
    """(clock, relay, owner) with the link online."""
    clock = FakeClock()
    relay = FakeRelay(clock)
    owner = Owner(relay, **options)
    owner.link.start()
    await settle()
    assert owner.link.online
    return clock, relay, owner
