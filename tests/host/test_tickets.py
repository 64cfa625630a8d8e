"""Tickets and registration, with a clock that the test moves (000 §3, PROTOCOL.md §1)."""

import pytest

from callboard import codes
from callboard_host.relay.auth import Authenticator, Hello, device_mac
from callboard_host.relay.clock import FakeClock
from callboard_host.relay.refusal import Refused
from callboard_host.relay.registration import Registrar, Registration
from callboard_host.relay.store import Store
from callboard_host.relay.vault import open_vault

NONCE, OTHER_NONCE = "a" * 32, "b" * 32
HOST, PATH, CHALLENGE = "relay:1", "/v1/device", "c" * 32


class World:
    """A registrar and an authenticator on one database."""

    def __init__(self, store):
        self.store = store
        self.clock = FakeClock()
        self.registrar = Registrar(store, self.clock, ticket_ms=300_000)
        self.authenticator = Authenticator(store, self.clock)

    async def ticket(self, model_id="m1", sn="SN1"):
        return (await self.registrar.issue_ticket(model_id, sn))[0]

    async def register(self, ticket, **more):
        body = {"model_id": "m1", "sn": "SN1", "wxa_appid": "wx1", "nonce": NONCE} | more
        asked = Registration.parse(body | {"ticket": ticket})
        return await self.registrar.register(asked)

    async def refused(self, ticket, **more):
        with pytest.raises(Refused) as refused:
            await self.register(ticket, **more)
        assert (
            not isinstance(ticket, str) or len(ticket) < 8 or ticket not in refused.value.message
        )
        return refused.value.code

    async def hello(self, key, **more):
        params = {"protocol": 1, "role": "device", "firmware": "1", "caps": ["pcmu"]}
        params |= {"model_id": "m1", "sn": "SN1", "wxa_appid": "wx1", "flavour": 0}
        params["mac"] = device_mac(key, HOST, PATH, CHALLENGE)
        hello = Hello.parse(params | more, "device")
        return await self.authenticator.device(hello, HOST, PATH, CHALLENGE)


@pytest.fixture
async def world(tmp_path):
    store = await Store.open(tmp_path, open_vault(tmp_path))
    async with store.write() as tx:
        for name in ("wx1", "wx2"):
            await tx.put_app(name, "", 1)
        for name in ("m1", "m2"):
            await tx.put_model(name, "", 1)
    yield World(store)
    await store.close()


async def test_a_ticket_becomes_a_key(world):
    registered = await world.register(await world.ticket())
    assert registered.is_new and len(registered.key) == 32
    client = await world.hello(registered.key)
    assert client.identity.key == "device:m1/SN1"


async def test_a_ticket_is_valid_for_five_minutes(world):
    ticket = await world.ticket()
    world.clock.advance(299_999)
    await world.register(ticket)
    ticket = await world.ticket()
    world.clock.advance(300_000)
    assert await world.refused(ticket) == codes.TICKET_REFUSED


async def test_a_lost_answer_does_not_burn_the_ticket(world):
    ticket = await world.ticket()
    first = await world.register(ticket)
    again = await world.register(ticket)
    assert again.key == first.key and not again.is_new
    assert await world.refused(ticket, nonce=OTHER_NONCE) == codes.TICKET_REFUSED
    await world.hello(first.key)
    assert await world.refused(ticket) == codes.TICKET_REFUSED  # used now


async def test_the_same_answer_is_repeated_within_the_tickets_life_only(world):
    ticket = await world.ticket()
    await world.register(ticket)
    world.clock.advance(300_000)
    assert await world.refused(ticket) == codes.TICKET_REFUSED


async def test_a_wrong_hello_does_not_use_the_ticket(world):
    ticket = await world.ticket()
    registered = await world.register(ticket)
    with pytest.raises(Refused):
        await world.hello(b"wrong key")
    assert (await world.register(ticket)).key == registered.key


async def test_a_second_registration_replaces_the_key(world):
    old = (await world.register(await world.ticket())).key
    await world.hello(old)
    registered = await world.register(await world.ticket(), nonce=OTHER_NONCE)
    assert registered.is_new and registered.key != old
    with pytest.raises(Refused) as refused:
        await world.hello(old)
    assert refused.value.code == codes.UNAUTHENTICATED
    await world.hello(registered.key)


async def test_a_claimed_ticket_is_void_once_another_one_gave_a_key(world):
    one, two = await world.ticket(), await world.ticket()
    await world.register(one)
    newer = await world.register(two)
    assert await world.refused(one) == codes.TICKET_REFUSED
    assert (await world.register(two)).key == newer.key


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"ticket": "Tunknown"}, codes.TICKET_REFUSED),
        ({"sn": "SN2"}, codes.TICKET_REFUSED),
        ({"model_id": "m2"}, codes.TICKET_REFUSED),
        ({"model_id": "m3"}, codes.MODEL_REFUSED),
        ({"wxa_appid": "wx3"}, codes.INVALID_ARGUMENT),
        ({"sn": "S" * 129}, codes.SN_TOO_LONG),
        ({"sn": "ä" * 65}, codes.SN_TOO_LONG),
        ({"sn": "S N"}, codes.SN_BAD_CHARACTER),
        ({"sn": "ä"}, codes.SN_BAD_CHARACTER),
        ({"sn": "\ud800"}, codes.SN_BAD_CHARACTER),
        ({"sn": ""}, codes.INVALID_ARGUMENT),
        ({"sn": 5}, codes.INVALID_ARGUMENT),
        ({"nonce": "A" * 32}, codes.INVALID_ARGUMENT),
        ({"nonce": None}, codes.INVALID_ARGUMENT),
        ({"ticket": ""}, codes.INVALID_ARGUMENT),
        ({"ticket": "ü"}, codes.INVALID_ARGUMENT),
        ({"ticket": 12}, codes.INVALID_ARGUMENT),
        ({"model_id": "m 1"}, codes.INVALID_ARGUMENT),
        ({"wxa_appid": ["wx1"]}, codes.INVALID_ARGUMENT),
    ],
)
async def test_bad_registrations_have_their_codes_and_change_nothing(world, changes, code):
    ticket = await world.ticket()
    given = changes.pop("ticket", ticket)
    assert await world.refused(given, **changes) == code
    async with world.store.read() as tx:
        assert await tx.devices() == []
    await world.register(ticket)  # as good as before


async def test_a_serial_number_may_have_128_bytes(world):
    sn = "S" * 128
    registered = await world.register(await world.ticket(sn=sn), sn=sn)
    await world.hello(registered.key, sn=sn)


async def test_a_device_is_bound_to_one_app(world):
    await world.register(await world.ticket())
    ticket = await world.ticket()
    assert await world.refused(ticket, wxa_appid="wx2") == codes.CALL_OTHER_APP
    await world.register(ticket, nonce=OTHER_NONCE)


async def test_a_ticket_for_an_unknown_model_is_not_issued(world):
    with pytest.raises(Refused) as refused:
        await world.ticket("m9")
    assert refused.value.code == codes.MODEL_REFUSED


@pytest.mark.parametrize("sn", ["SN-1", "x" * 128])
async def test_a_devices_uid_is_made_of_plain_characters(world, sn):
    registered = await world.register(await world.ticket(sn=sn), sn=sn)
    uid = (await world.hello(registered.key, sn=sn)).identity.uid
    assert len(uid) <= 128 and uid.replace("_", "").isalnum() and uid.isascii()
