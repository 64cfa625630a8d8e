"""Every verb over pyserial's URLs: a board behind TCP, behind RFC 2217, and no board at all."""

import json
import time

import pytest

from callboard_host import errors
from callboard_host.serial_line import doctor, kept, shell
from callboard_host.serial_line.link import BoardSilent, SerialLink
from callboard_host.serial_line.plan import Plan
from callboard_host.serial_line.provision import provision
from support.boards import Blank
from support.port_servers import PortServer, Rfc2217Server
from system.programs import run

pytestmark = pytest.mark.system


@pytest.mark.parametrize("server", [PortServer, Rfc2217Server], ids=["socket", "rfc2217"])
def test_every_verb_over_the_network(tmp_path, server):
    with Blank(tmp_path / "board", program="board_with_prompt.py") as virtual:
        with SerialLink.open(virtual.path) as link:
            link.wait_for_board(30)
        with server(virtual.path) as served:
            values = ["--sn", "SN1", "--model-id", "doorbell", "--wxa-appid", "wxdemo"]
            values += ["--relay", "http://127.0.0.1:9", "--no-wait", "--json"]
            status, out = run("provision", served.url, *values)
            assert status == 0, out
            assert json.loads(out)["port"] == served.url and json.loads(out)["sn"] == "SN1"
            status, out = run("doctor", served.url, "--json")
            report = json.loads(out)
            assert status == errors.EXIT_FAILED and report["sn"] == "SN1", out
            wrong = [finding["name"] for finding in report["findings"] if not finding["ok"]]
            assert wrong == ["registered", "relay"]
            status, out = run("log", served.url, "--history", "--for", "1", "--json")
            texts = [json.loads(line)["text"] for line in out.splitlines()]
            assert status == 0 and any("to be provisioned" in text for text in texts), out
            status, out = run("log", served.url, "--last-boot")
            assert status == 0 and "earlier boot" in out
            status, out = run("shell", served.url, "exec", "print('in', 6 * 7)")
            assert status == 0 and "in 42" in out
        status, out = run("doctor", served.url)
        assert status == errors.EXIT_FILE and "is the other end listening?" in out


def test_a_line_that_leads_back_to_us():
    """loop:// is a cable whose two wires touch: what we say comes back, and is no board."""
    started = time.monotonic()
    for verb in (
        lambda link: provision(link, "loop://", Plan(sn="SN1"), connect_s=0.5),
        lambda link: doctor.examine(link, "loop://", connect_s=0.5),
        lambda link: kept.boots(link, connect_s=0.5),
    ):
        with SerialLink.open("loop://") as link, pytest.raises(BoardSilent) as raised:
            verb(link)
        assert "does not answer" in raised.value.message
        assert "what is sent comes back" in raised.value.hint
    with pytest.raises(BoardSilent) as raised:
        shell.knock("loop://", 0.5, print)
    assert "reset button" in raised.value.hint
    assert time.monotonic() - started < 20
