"""`mpremote mip install` of callboard, from a server of ours, onto a real MicroPython."""

import functools
import http.server
import os
import subprocess
import sys
import threading
import tty

import pytest

from callboard_host import paths
from callboard_host.boards import load
from callboard_host.image import build, manifest
from support import firmwares
from support.pythons import PROGRAMS, command_and_env

pytestmark = [pytest.mark.system, pytest.mark.slow, pytest.mark.timeout(180)]


@pytest.fixture
def serve():
    """serve(folder) → the URL of a web server for it."""
    servers = []

    def start(folder):
        handler = functools.partial(Quiet, directory=str(folder))
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_port}"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Without a line for every file."""

    def log_message(self, *_):
        pass


@pytest.fixture
def device():
    """The path of a serial line with a MicroPython's raw REPL behind it."""
    ours, theirs = os.openpty()
    tty.setraw(theirs)
    command, env = command_and_env("micropython64")
    process = subprocess.Popen(
        [*command, str(PROGRAMS / "raw_repl.py")], stdin=ours, stdout=ours, env=env
    )
    yield os.ttyname(theirs)
    process.kill()
    process.wait()
    os.close(ours)
    os.close(theirs)


def install(device, url, target):
    command = [sys.executable, "-m", "mpremote", "connect", device, "resume", "mip", "install"]
    command += ["--no-mpy", "--target", str(target), url]
    done = subprocess.run(command, capture_output=True, text=True, timeout=150, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return {str(path.relative_to(target)): path for path in target.rglob("*") if path.is_file()}


def test_the_firmware_folder_is_a_mip_package(tmp_path, serve, device):
    found = install(device, serve(paths.FIRMWARE) + "/package.json", tmp_path / "lib")
    wanted = {str(p.relative_to(paths.FIRMWARE)) for p in paths.FIRMWARE.glob("callboard/**/*.py")}
    assert set(found) == wanted
    assert all(found[name].read_bytes() == (paths.FIRMWARE / name).read_bytes() for name in wanted)


def test_callboard_image_makes_a_mip_package_with_native_modules(tmp_path, serve, device):
    firmware = firmwares.firmware_file(tmp_path, "RPI_PICO2_W")
    natmods = firmwares.natmods(tmp_path, load.load("RPI_PICO2_W").chip.natmods)
    built = build.build(build.Options("RPI_PICO2_W", firmware, natmods=natmods))
    text, files = manifest.mip(built.files)
    folder = tmp_path / "mip"
    for name, content in {"package.json": text.encode(), **files}.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    found = install(device, serve(folder) + "/package.json", tmp_path / "lib")
    assert {name: path.read_bytes() for name, path in found.items()} == files
    assert "callboard_opus.mpy" in files and "callboard/app.mpy" in files
