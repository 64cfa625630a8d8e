"""The application becomes somebody: tickets, a new configuration, a factory reset."""

import asyncio

from app_rig import Empty, Rig, changed
from fake_relay import Answer

from callboard import codes
from callboard.app import RESTART
from callboard.errors import NetworkError
from callboard.voip.registration import KEY_NAME
from support import settle


async def register(url, **options):
    return Answer(200, {"device_key": "00" * 32})


async def test_registers_with_its_ticket_first():
    tickets = []

    async def post(url, **options):
        tickets.append(options["json"]["ticket"])
        return Answer(200, {"device_key": "00" * 32})

    rig = Rig(registered=False, post=post)
    await rig.boot()
    assert rig.names() == ["boot", "registered", "online", "ready"]
    assert tickets == ["ticket-1"] and rig.hardware.store.get(KEY_NAME) == bytes(32)
    await rig.press()
    assert rig.names()[-1] == "ringing"
    await rig.off()


async def test_bad_ticket_is_said_once_and_never_used_again():
    tickets = []

    async def post(url, **options):
        tickets.append(options["json"]["ticket"])
        return Answer(400, {"error": {"code": -10008, "message": "the ticket has expired"}})

    rig = Rig(registered=False, post=post)
    rig.task = asyncio.create_task(rig.app.main())
    await rig.clock.run(120000)
    assert rig.fields("error") == [{"code": -10008, "message": "the ticket has expired"}]
    assert tickets == ["ticket-1"] and rig.relay.attempts == 0
    assert await rig.off() == 0


# covers: V-15
async def test_a_ticket_outlives_a_relay_that_fails():
    answers = [
        Answer(502, None),  # of a proxy
        Answer(500, {"error": {"code": codes.SERVER, "message": "the relay failed"}}),
        Answer(429, {"error": {"code": codes.RPC_OVERLOADED, "message": "wait a little"}}),
        NetworkError("the line was cut"),
        Answer(200, {"device_key": "00" * 32}),
    ]
    asked = []

    async def post(url, **options):
        asked.append((options["json"]["ticket"], options["json"]["nonce"]))
        answer = answers[len(asked) - 1]
        if isinstance(answer, Exception):
            raise answer
        return answer

    rig = Rig(registered=False, post=post)
    rig.task = asyncio.create_task(rig.app.main())
    await rig.clock.run(120000)
    assert len(asked) == len(answers) and len(set(asked)) == 1
    assert rig.hardware.store.get(KEY_NAME) == bytes(32) and rig.names()[-1] == "online"
    assert await rig.off() == 0


# covers: V-09
async def test_an_unknown_model_is_said_and_the_ticket_stays():
    """It does not come as far as the ticket; once the relay knows the model, it registers."""
    rig = Rig(registered=False, post=register)
    error = {"code": codes.MODEL_REFUSED, "message": "model_id is not a model of this relay"}
    good, rig.relay.check_answer = rig.relay.check_answer, Answer(400, {"error": error})
    rig.task = asyncio.create_task(rig.app.main())
    await rig.clock.run(150000)
    assert rig.fields("error") and rig.fields("error")[0] == error
    status = await rig.ask("status", {})
    assert status["error"] == error and status["ticket"] and not status["registered"]
    assert len(rig.relay.checked) == 3  # a minute and more between them
    rig.relay.check_answer = good
    await rig.ask("config.set", {"values": {"sn": "SN2"}})  # at once, with the new identity
    assert (await rig.ask("status", {}))["error"] is None
    assert rig.names()[-2:] == ["registered", "online"]
    assert await rig.off() == 0


async def test_without_a_ticket_that_is_said_also_when_the_relay_is_away():
    for ticket, code in (("ticket-1", codes.NETWORK), ("", codes.NOT_REGISTERED)):
        rig = Rig(registered=False, post=register, constants=changed(TICKET=ticket))
        rig.relay.check_answer = NetworkError("nobody listens")
        rig.task = asyncio.create_task(rig.app.main())
        await rig.clock.run(2000)
        assert (await rig.ask("status", {}))["error"]["code"] == code
        assert await rig.off() == 0


async def test_waits_to_be_provisioned_and_then_comes_online():
    rig = Rig(registered=False, constants=Empty, post=register)
    rig.task = asyncio.create_task(rig.app.main())
    await rig.clock.run(5000)
    missing = ["relay_url", "model_id", "sn", "wxa_appid"]
    assert rig.fields("unprovisioned") == [{"missing": missing}] and rig.relay.attempts == 0
    values = {"relay_url": "https://relay.test", "model_id": "doorbell", "sn": "SN1"}
    values["wxa_appid"] = "wxdemo"
    answer = await rig.ask("config.set", {"values": values})
    assert answer["missing"] == ["ca"]  # https needs trust
    values = {"leaf_sha256": "ab" * 32, "ticket": "ticket-9", "users": ["user1"]}
    assert (await rig.ask("config.set", {"values": values}))["missing"] == []
    await rig.clock.run(100)
    rig.relay.push("voip.peer_ready", {})
    await settle()
    assert rig.names()[-3:] == ["registered", "online", "ready"]
    status = await rig.ask("status", {})
    assert status["state"] == "ready" and status["registered"] and not status["ticket"]
    await rig.press()
    assert rig.names()[-1] == "ringing"
    refused = await rig.refused("config.set", {"values": {"sn": "SN2"}})
    assert refused.code == codes.AVT_BUSY  # flash is not written in a call
    await rig.off()


async def test_another_configuration_takes_effect_at_once():
    rig = Rig()
    await rig.boot()
    attempts = rig.relay.attempts
    answer = await rig.ask("config.set", {"values": {"relay_url": "https://relay.test:9000"}})
    assert answer["changed"] == ["relay_url"]
    await rig.clock.run(1000)
    assert rig.relay.attempts == attempts + 1 and rig.hardware.leds[-1] == "on"
    answer = await rig.ask("config.set", {"values": {"relay_url": "https://relay.test:9000"}})
    assert answer["changed"] == [] and rig.relay.attempts == attempts + 1
    await rig.ask("config.set", {"values": {"sn": "SN2"}})  # another device has another key
    await rig.clock.run(1000)
    assert (await rig.ask("status", {}))["registered"] is False
    await rig.off()


async def test_restart_is_an_exit_status():
    rig = Rig()
    await rig.boot()
    await rig.ask("reboot", {})
    for _ in range(100):  # it is the real clock that waits
        if rig.task.done():
            break
        await rig.clock.run(100)
        await asyncio.sleep(0.02)
    assert await rig.task == RESTART


async def test_factory_reset_forgets_everything():
    rig = Rig()
    await rig.boot()
    await rig.ask("config.set", {"values": {"wifi_ssid": "x", "wifi_password": "y"}})
    await rig.clock.run(1000)
    assert (await rig.refused("factory_reset", {})).code == codes.INVALID_ARGUMENT
    await rig.ask("factory_reset", {"confirm": True})
    assert rig.hardware.store.keys() == []
    await rig.off()
