"""Registers a device again and again, and each time the line or the power is cut somewhere else.

Options: url of the relay, and cut_url of one whose line is cut; model, sn, app, tickets (one for
each try); `what` is cut: "line" or "flash"; `full`: with a key store that has to move to its
other sector meanwhile.

Prints {"keys": how many device keys there were; "last": the last, in hex; "cut": how many tries
were cut short}.
"""

import asyncio
import json
import sys
from binascii import hexlify

from callboard.errors import CallboardError
from callboard.net import http
from callboard.voip.identity import Identity
from callboard.voip.registration import KEY_NAME, Registration
from device.flash_rig import CutFlash, PowerCut, again, opened

OTHERS = {"c.sn": b"SN0001", "c.model_id": b"doorbell", "c.wifi": bytes(range(200))}


def flash_in_use(full):
    """The bytes of a flash with a configuration; almost `full`, the spare sector not erased."""
    flash = CutFlash()
    store = opened(flash)
    for name in OTHERS:
        store.put(name, OTHERS[name])
    if full:
        number = 0
        while store.stats()["sequence"] == 1 or store.stats()["free"] > 60:
            number += 1
            store.put("number", b"%d" % number)
        store.delete("number")
        assert not store.stats()["ready"]
    return flash.data


class Device:
    def __init__(self, options):
        self.options = options
        self.identity = Identity(0, options["model"], options["sn"], options["app"])

    async def register(self, flash, url, ticket):
        """Switch on, and register if need be; the key."""
        store = opened(flash)
        registration = Registration(store, http.post, url)
        await registration.register(self.identity, ticket)
        return registration.key()

    def switched_on(self, flash):
        """The store with the power on again: nothing else has suffered."""
        store = opened(flash)
        for name in OTHERS:
            assert store.get(name) == OTHERS[name], name
        assert store.get(KEY_NAME) is None or len(store.get(KEY_NAME)) == 32
        return store

    async def line(self, base, ticket):
        """The line is cut; the power fails in the middle of that. True if that was noticed."""
        flash = CutFlash(base)
        try:
            await self.register(flash, self.options["cut_url"], ticket)
            noticed = False
        except CallboardError:
            noticed = True
        flash = again(flash)
        self.switched_on(flash)
        return noticed, await self.register(flash, self.options["url"], ticket)

    async def flash(self, base, ticket, cut):
        """The power fails in operation number `cut` of the flash."""
        flash = CutFlash(base)
        opened(flash)
        flash.cut = cut
        try:
            await self.register(flash, self.options["url"], ticket)
            noticed = False
        except PowerCut:
            noticed = True
        flash = again(flash)
        self.switched_on(flash)
        return noticed, await self.register(flash, self.options["url"], ticket)


async def main(options):
    device = Device(options)
    base = flash_in_use(options["full"])
    keys = set()
    cut = 0
    for ticket in options["tickets"]:
        if options["what"] == "line":
            noticed, key = await device.line(base, ticket)
        else:
            noticed, key = await device.flash(base, ticket, cut)
        keys.add(key)
        cut += noticed
        if options["what"] == "flash" and not noticed:
            break
    print(json.dumps({"keys": len(keys), "last": hexlify(key).decode(), "cut": cut}))


asyncio.run(main(json.loads(sys.stdin.readline())))
