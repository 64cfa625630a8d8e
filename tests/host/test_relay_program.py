"""`callboard relay` as a process, and the shell commands that talk to it."""

import asyncio
import contextlib
import json
import os
import signal
import socket
import ssl
import sys
import urllib.request
from pathlib import Path
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner

from callboard_host import cli, errors
from callboard_host.relay import Relay, RelayConfig, ca
from callboard_host.relay.admin_client import AdminClient
from callboard_host.relay.rotation import rotate_master_key
from support.relay_client import rtp_packet

from .conftest import APP, MODEL, World
from .test_relay_calls import answer, start_call

START_S = 30.0


async def run(*arguments):
    """Run `callboard ARGUMENTS`; returns status, stdout, stderr."""
    process = await start(*arguments)
    out, error = await asyncio.wait_for(process.communicate(), START_S)
    return process.returncode, out.decode(), error.decode()


async def start(*arguments):
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "callboard_host", *map(str, arguments)),
        env=os.environ | {"PYTHONPATH": os.pathsep.join(p for p in sys.path if p)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


@contextlib.asynccontextmanager
async def relay(data, *options):
    """A running `callboard relay`; gives the process and what its ready file says."""
    ready = data.parent / "ready.json"
    process = await start("relay", "--data", data, "--ready-file", ready, *options)
    try:
        line = await asyncio.wait_for(process.stdout.readline(), START_S)
        assert line, await process.stderr.read()
        yield process, line.decode().strip(), json.loads(ready.read_text())
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def test_it_says_where_it_is_and_stops_cleanly(tmp_path):
    data = tmp_path / "data"
    async with relay(data) as (process, line, facts):
        assert line == f"relay: listening on {facts['url']}"
        assert facts["url"] == f"https://127.0.0.1:{facts['port']}"
        assert json.loads((data / "relay.json").read_text()) == facts
        context = ssl.create_default_context(cafile=facts["ca_path"])
        url = facts["url"] + "/v1/health"
        answer = await asyncio.to_thread(lambda: urllib.request.urlopen(url, context=context))
        assert json.loads(answer.read())["status"] == "ok"
        shown = (await asyncio.wait_for(process.stdout.readline(), START_S)).decode()
        assert shown.startswith("relay: certificate SHA-256 ") and facts["fingerprint"] in shown
        process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(process.wait(), START_S) == 0
        assert not (data / "relay.json").exists()
        assert await process.stderr.read() == b""


async def test_a_call_over_tls_through_the_process_and_its_graceful_end(tmp_path):
    """As a user runs it: uvloop, TLS, its own CA; SIGTERM closes both ends with 1001."""
    async with relay(tmp_path / "data") as (process, _, facts):
        token = Path(facts["admin_token_path"]).read_text().strip()
        async with AdminClient(facts["url"], token, Path(facts["ca_path"])) as admin:
            await admin.add_app(APP)
            await admin.add_model(MODEL)
            world = World(SimpleNamespace(url=facts["url"], ca_path=facts["ca_path"]), admin)
            device, phone = await world.device(), await world.phone()
            call, _ = await start_call(device, phone)
            media, _ = await answer(device, phone, call)
        for number in range(20):
            await device.socket.send(rtp_packet(media["send"]["ssrc"], number))
            packet = await asyncio.wait_for(phone.media.get(), START_S)
            assert packet == rtp_packet(media["send"]["ssrc"], number)
        process.send_signal(signal.SIGTERM)
        assert await device.closed() == await phone.closed() == 1001
        assert await asyncio.wait_for(process.wait(), START_S) == 0


async def test_the_commands_work_with_the_data_directory_alone(tmp_path):
    data = tmp_path / "data"
    async with relay(data):
        options = ("--data", data)
        added = await asyncio.gather(
            run("app", "add", "wx1", "--name", "x", *options), run("model", "add", "m1", *options)
        )
        assert added == [(0, "app wx1\n", ""), (0, "model m1\n", "")]
        (status, ticket, _), (invited, out, _), listed, as_json = await asyncio.gather(
            run("ticket", "m1", "SN1", *options),
            run("invite", "wx1", "Ada", *options),
            run("devices", *options),
            run("devices", "--json", *options),
        )
        assert status == 0 and ticket.startswith("T")
        assert invited == 0 and "invitation" in out
        assert listed == (0, "no device is registered\n", "")
        assert json.loads(as_json[1]) == []
        await asyncio.to_thread(check_people_verbs, out.split()[1], options)


def verb(*arguments):
    """(status, output) of `callboard ARGUMENTS`, in this process."""
    result = CliRunner().invoke(cli.app, list(map(str, arguments)))
    if isinstance(result.exception, errors.CallboardError):
        return errors.exit_code(result.exception), str(result.exception)
    return result.exit_code, result.output if result.exit_code else result.stdout


def check_people_verbs(open_id, options):
    """users, authorise and app, each for people and with --json."""
    device = (open_id, "m1", "SN1")
    bound, listed, users = (
        verb("authorise", "add", *device, "--bind-only", *options),
        verb("authorise", "list", "--user", "nobody", *options),
        verb("users", "--json", *options),
    )
    assert bound[0] == 0 and "may authorise it on the phone" in bound[1]
    assert listed == (0, "nobody may call anybody\n")
    (user,) = json.loads(users[1])
    assert (user["open_id"], user["name"], user["online"]) == (open_id, "Ada", False)
    shown = verb("authorise", "list", *options)
    assert shown[1] == f"{open_id}  m1/SN1  bound  not authorised\n"
    added, keyed, flagged = (
        verb("authorise", "add", *device, *options),
        verb("app", "add-key", "wx1", "--name", "backend", "--json", *options),
        verb("app", "set", "wx1", "--arrears", "--campus", *options),
    )
    assert added[0] == 0 and json.loads(keyed[1])["key"].startswith("B")
    assert flagged == (0, "wx1  arrears, campus  x\n")
    revoked, unbound, keys, apps, token = (
        verb("authorise", "revoke", *device, *options),
        verb("authorise", "revoke", *device, "--unbind", *options),
        verb("app", "keys", "wx1", *options),
        verb("app", "list", "--json", *options),
        verb("app", "voip-token", "wx1", "campus", "m1", "--person", "pupil", *options),
    )
    assert revoked[0] == unbound[0] == 0 and "backend" in keys[1]
    assert json.loads(apps[1])[0]["campus"] is True and token[1].startswith("V")
    dropped, removed, unknown, again = (
        verb("app", "drop-key", "wx1", json.loads(keyed[1])["key_id"], *options),
        verb("users", "remove", open_id, *options),
        verb("app", "set", "wx9", "--arrears", *options),
        verb("devices", "remove", "m1", "SN1", *options),
    )
    assert dropped[0] == removed[0] == 0
    assert unknown[0] == errors.EXIT_USAGE and "app add" in unknown[1]
    assert again[0] == errors.EXIT_REFUSED and "no such device" in again[1]
    assert "removed" in verb("users", *options)[1]


async def test_errors_of_the_commands(tmp_path):
    data = tmp_path / "data"
    async with relay(data, "--no-tls") as (_, _, facts):
        refused, wrong, lost = await asyncio.gather(
            run("ticket", "nomodel", "SN1", "--data", data),
            run("devices", "--data", data, "--token", "wrong"),
            run("devices", "--relay", facts["url"], "--data", tmp_path),
        )
        assert refused[0] == errors.EXIT_REFUSED and "9800003" in refused[2]
        assert wrong[0] == errors.EXIT_REFUSED and "admin token" in wrong[2]
        assert lost[0] == errors.EXIT_FILE and "admin.token" in lost[2]
    killed, none = await asyncio.gather(
        run("devices", "--data", data), run("devices", "--data", tmp_path / "none")
    )
    assert killed[0] == errors.EXIT_NETWORK  # its relay.json is still there
    assert none[0] == errors.EXIT_FILE and "no relay runs" in none[2]


async def test_an_occupied_port(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        status, _, error = await run("relay", "--data", tmp_path / "d", "--port", port)
    assert status == errors.EXIT_IN_USE
    assert f"127.0.0.1:{port} is in use" in error and "Traceback" not in error


async def test_a_data_directory_that_is_a_file(tmp_path):
    path = tmp_path / "file"
    path.write_text("")
    status, _, error = await run("relay", "--data", path)
    assert status == errors.EXIT_FILE and str(path) in error and "Traceback" not in error


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "example.invalid"])
async def test_plain_http_is_for_loopback_only(tmp_path, host):
    with pytest.raises(errors.BadInput, match="plain HTTP"):
        await Relay(RelayConfig(tmp_path, host=host, tls=False)).start()


async def test_an_address_that_is_not_ours(tmp_path):
    with pytest.raises(errors.BadInput, match="cannot listen"):
        await Relay(RelayConfig(tmp_path, host="192.0.2.1")).start()


async def test_one_relay_for_a_data_directory(tmp_path):
    one = Relay(RelayConfig(tmp_path))
    await one.start()
    with pytest.raises(errors.InUse, match="another relay runs"):
        await Relay(RelayConfig(tmp_path)).start()
    with pytest.raises(errors.InUse):
        await rotate_master_key(tmp_path)
    assert one.core.hub is not None  # undisturbed
    await one.stop()
    await one.start()
    await one.stop()


async def test_two_relays_with_their_own_directories(tmp_path):
    one, two = (Relay(RelayConfig(tmp_path / name)) for name in "ab")
    await one.start()
    await two.start()
    assert one.port != two.port
    await one.stop()
    await two.stop()
    await two.stop()  # once more does no harm


async def test_a_running_relay_renews_its_certificate(tmp_path, monkeypatch):
    relay = Relay(RelayConfig(tmp_path))
    await relay.start()
    old = relay.certificates
    monkeypatch.setattr(ca, "RENEW_BEFORE", ca.SERVER_LIFE)
    relay._renew_certificate()
    assert relay.certificates.fingerprint != old.fingerprint
    context = ssl.create_default_context(cafile=str(relay.ca_path))
    _, writer = await asyncio.open_connection("127.0.0.1", relay.port, ssl=context)
    served = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    assert served == (tmp_path / "server.der").read_bytes()
    writer.close()
    await relay.stop()


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1"])
async def test_hosts_to_listen_on(tmp_path, host):
    relay = Relay(RelayConfig(tmp_path, host=host))
    await relay.start()
    context = ssl.create_default_context(cafile=str(relay.ca_path))
    _, writer = await asyncio.open_connection(host, relay.port, ssl=context)
    writer.close()
    await relay.stop()
