"""Registration: what is stored before what is sent, lost answers, refusals, wrong identities."""

import binascii

from fake_relay import Answer

from callboard import codes, keystore
from callboard.errors import (
    InvalidArgument,
    NetworkError,
    NotRegistered,
    ProtocolError,
    RemoteError,
)
from callboard.flash.devices import RamFlash
from callboard.voip.identity import Identity
from callboard.voip.registration import KEY_NAME, KEY_SIZE, NONCE_NAME, Registration
from support import outcome, raises

KEY = bytes(range(32))
URL = "https://relay.test:8443"


class Backend:
    """The relay's end. `answer`: an Answer or an exception; notes which nonce was stored."""

    def __init__(self, store):
        self._store = store
        self.answer = Answer(200, {"device_key": binascii.hexlify(KEY).decode(), "time_ms": 1})
        self.asked = []
        self.stored_before = []

    async def post(self, url, json=None, timeout=None, tls=None):
        assert timeout is not None
        self.asked.append((url, dict(json)))
        self.stored_before.append(self._store.get(NONCE_NAME))
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def made(flash=None):
    """(store, backend, registration, identity)."""
    store = keystore.open(flash or RamFlash(), identity=False)
    backend = Backend(store)
    return (
        store,
        backend,
        Registration(store, backend.post, URL),
        Identity(0, "doorbell", "SN1", "wxdemo"),
    )


async def test_ticket_becomes_a_key():
    store, backend, registration, identity = made()
    assert registration.is_registered() == 0
    raises(NotRegistered, registration.key)
    await registration.register(identity, "ticket-1")
    assert registration.is_registered() == 1 and registration.key() == KEY
    url, params = backend.asked[0]
    nonce = params.pop("nonce")
    assert url == URL + "/v1/register"
    assert params == {
        "model_id": "doorbell",
        "sn": "SN1",
        "wxa_appid": "wxdemo",
        "ticket": "ticket-1",
    }
    assert len(nonce) == 32 and binascii.unhexlify(nonce) == backend.stored_before[0]
    assert store.keys() == [KEY_NAME]


async def test_registered_device_asks_nobody():
    store, backend, registration, identity = made()
    await registration.register(identity, "ticket-1")
    await registration.register(identity, "whatever")
    await registration.register(identity, "")
    assert len(backend.asked) == 1


async def test_lost_answer_is_asked_for_with_the_same_nonce():
    store, backend, registration, identity = made()
    good, backend.answer = backend.answer, NetworkError("cut")
    assert isinstance(await outcome(registration.register(identity, "t")), NetworkError)
    assert registration.is_registered() == 0
    backend.answer = good
    again = Registration(store, backend.post, URL)  # after a restart
    await again.register(identity, "t")
    assert backend.asked[0] == backend.asked[1] and again.is_registered() == 1


async def test_refusals_carry_the_documented_code():
    for code in (-10008, 9800001, 9800002, 9800003, codes.CALL_OTHER_APP, 1):
        store, backend, registration, identity = made()
        backend.answer = Answer(400, {"error": {"code": code, "message": "because"}})
        error = await outcome(registration.register(identity, "t"))
        assert isinstance(error, RemoteError), code
        assert error.code == code and error.message == "because"
        assert registration.is_registered() == 0


async def test_nonsense_from_the_relay_is_refused():
    for status, body, kind in (
        (500, None, RemoteError),
        (400, {}, RemoteError),
        (400, {"error": {"code": "x"}}, RemoteError),
        (404, [], RemoteError),
        (200, None, ProtocolError),
        (200, {}, ProtocolError),
        (200, {"device_key": "00"}, ProtocolError),
        (200, {"device_key": "zz" * 32}, ProtocolError),
        (200, {"device_key": 5}, ProtocolError),
    ):
        store, backend, registration, identity = made()
        backend.answer = Answer(status, body)
        error = await outcome(registration.register(identity, "t"))
        assert isinstance(error, kind), (status, body, error)
        assert registration.is_registered() == 0 and store.get(KEY_NAME) is None


# covers: V-09
async def test_the_relay_is_asked_whether_it_knows_the_model():
    store, backend, registration, identity = made()
    backend.answer = Answer(200, {"time_ms": 1})
    await registration.check(identity)
    names = {"model_id": "doorbell", "sn": "SN1", "wxa_appid": "wxdemo"}
    assert backend.asked == [(URL + "/v1/check", names)]
    backend.answer = Answer(404, None)  # an older relay says it at registration
    await registration.check(identity)
    for status, code, expected in (
        (400, codes.MODEL_REFUSED, codes.MODEL_REFUSED),
        (429, codes.RPC_OVERLOADED, codes.RPC_OVERLOADED),
        (400, "x", codes.SERVER),
    ):
        backend.answer = Answer(status, {"error": {"code": code, "message": "because"}})
        error = await outcome(registration.check(identity))
        assert isinstance(error, RemoteError) and error.code == expected
    backend.answer = NetworkError("cut")
    assert isinstance(await outcome(registration.check(identity)), NetworkError)
    assert store.keys() == []  # asking leaves nothing


async def test_ticket_must_be_one():
    for ticket in (None, "", "x" * 257, 5):
        store, backend, registration, identity = made()
        error = await outcome(registration.register(identity, ticket))
        assert isinstance(error, InvalidArgument) and error.code == codes.TICKET_REFUSED
        assert backend.asked == [] and store.keys() == []


async def test_damaged_key_counts_as_unregistered():
    store, backend, registration, identity = made()
    store.put(KEY_NAME, b"short")
    assert registration.is_registered() == 0
    await registration.register(identity, "t")
    assert registration.key() == KEY
    registration.forget()
    assert registration.is_registered() == 0 and store.keys() == []


# covers: V-14, V-19
async def test_every_damaged_byte_of_the_key_makes_it_register_again():
    flash = RamFlash()
    store, backend, registration, identity = made(flash)
    assert registration.is_registered() == 0
    await registration.register(identity, "t")
    assert registration.is_registered() == 1
    name_at = bytes(flash.data).find(KEY_NAME.encode())
    for at in range(name_at - 2, name_at + len(KEY_NAME) + KEY_SIZE + 4):
        damaged = RamFlash(flash.data)
        damaged.data[at] ^= 0x10
        store, backend, registration, identity = made(damaged)
        assert registration.is_registered() == 0 and store.stats()["corrupt"], at
        await registration.register(identity, "another")
        assert registration.is_registered() == 1 and registration.key() == KEY
        assert len(backend.asked) == 1


def test_identity_limits():
    Identity(2, "m" * 64, "S-_9" * 32, "w")
    for arguments, code in (
        ((3, "m", "s", "w"), codes.INVALID_ARGUMENT),
        ((None, "m", "s", "w"), codes.INVALID_ARGUMENT),
        ((0, "", "s", "w"), codes.MODEL_REFUSED),
        ((0, "m" * 65, "s", "w"), codes.MODEL_REFUSED),
        ((0, "m m", "s", "w"), codes.MODEL_REFUSED),
        ((0, "m", "s" * 129, "w"), codes.SN_TOO_LONG),
        ((0, "m", "é" * 65, "w"), codes.SN_TOO_LONG),
        ((0, "m", "s s", "w"), codes.SN_BAD_CHARACTER),
        ((0, "m", 's"', "w"), codes.SN_BAD_CHARACTER),
        ((0, "m", "é", "w"), codes.SN_BAD_CHARACTER),
        ((0, "m", "", "w"), codes.SN_BAD_CHARACTER),
        ((0, "m", None, "w"), codes.SN_BAD_CHARACTER),
        ((0, "m", "s", ""), codes.INVALID_ARGUMENT),
        ((0, "m", "s", "w w"), codes.INVALID_ARGUMENT),
    ):
        error = raises(InvalidArgument, Identity, *arguments)
        assert error.code == code, arguments
