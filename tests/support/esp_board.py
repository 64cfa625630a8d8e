"""An ESP32-family board on a serial port: chip, flash, reset lines, and what runs after a reset.

    with EspBoard("esp32s3", 8 << 20) as board:
        board.url             socket://…: bytes only, as through a terminal server
        board.rfc2217_url     with DTR and RTS: esptool resets the chip as on a real board
        board.pty()           the path of a pseudo-terminal

Behind the reset lines the chip is in its loader (GPIO 0 low) or runs what its flash holds:
nothing, or, if all of an image is there, an application that answers callboard's requests. Without
reset lines somebody presses its buttons: it is in its loader when esptool speaks, else it runs.
"""

import contextlib
import json
import os
import select
import socket
import threading
import tty

from serial.rfc2217 import PortManager

from callboard import port as device_port
from callboard.serial import framing
from callboard.serial.channel import BOARD, Channel
from callboard_host.boards.chips import CHIPS
from callboard_host.errors import HostError
from callboard_host.image import inspect

from .esp_rom import Fault, Loader

_BOOT_LOG = b"\r\nets Jul 29 2019 12:21:46\r\nrst:0x1 (POWERON_RESET),boot:0x13\r\n"


class App(framing.Handler):
    """What runs from the flash: our console's channel, and hello from the image's own facts."""

    def __init__(self, image, send, mute=False):
        self.facts = image.facts
        self._send = send
        self._mute = mute
        self._decoder = framing.Decoder(self, 4096)
        self._channel = Channel(BOARD, device_port.CLOCK, send, self._request, lambda why: None)

    def feed(self, data):
        """Bytes from the host."""
        if not self._mute:
            self._decoder.feed(data, len(data), device_port.ticks_ms())
            self._channel.tick()

    def tick(self):
        """Send again what was lost."""
        self._channel.tick()

    def on_line(self, line, cut):
        """Lines typed are not for this one."""

    def on_frame(self, kind, payload):
        """From the decoder."""
        self._channel.received(kind, payload)

    def _request(self, message):
        request = json.loads(message)
        result = {"firmware": self.facts["callboard"], "board": self.facts["board"]}
        answer = {"jsonrpc": "2.0", "id": request["id"], "result": result}
        self._channel.send(json.dumps(answer).encode())


class EspBoard:
    """One board. `mute`: its application does not answer. Use it as a context manager."""

    def __init__(
        self, chip: str, flash_bytes: int, fault: Fault | None = None, mute=False, **more
    ):
        self.loader = Loader(chip, bytearray(b"\xff" * flash_bytes), fault, **more)
        self.mute = mute
        self.app: App | None = None
        self.in_loader = False
        self._send = None
        self.boots = 0
        self._rts = self._reset_lines = False
        self._closing = False
        self._woken = threading.Event()
        self._threads: list[threading.Thread] = []
        self._open: list = []
        self.url = self._listen(self._serve_socket, "socket")
        self.rfc2217_url = self._listen(self._serve_rfc2217, "rfc2217")

    @property
    def flash(self) -> bytearray:
        """Its flash."""
        return self.loader.flash

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._closing = True
        for thing in self._open:
            thing.close()
        for thread in self._threads:
            thread.join(2)

    # --- the chip ---

    def reset(self, loader: bool, send) -> None:
        """Reset it, into its loader or into what its flash holds."""
        self.loader.reset()
        self.in_loader = loader
        self.app = None
        self.boots += 1
        if loader:
            send(_BOOT_LOG.replace(b"0x13", b"0x3 (DOWNLOAD_BOOT)") + b"waiting for download\r\n")
            return
        send(_BOOT_LOG)
        try:
            start = CHIPS[self.loader.chip].bootloader  # what lies before it, no chip looks at
            found = inspect.read(b"\xff" * start + self.flash[start:], "the flash")
        except HostError as error:
            send(f"flash read err: {error}\r\n".encode())
            return
        self.app = App(found.image, lambda data: self._send(data), self.mute)
        send(b"I (300) app: to be provisioned\r\n")

    def lines(self, dtr: bool, rts: bool, send) -> None:
        """RTS holds the reset input down; when it lets go, DTR says whether GPIO 0 is down."""
        released = self._rts and not rts
        self._rts = rts
        if released:
            self.reset(dtr, send)

    def feed(self, data: bytes, send) -> None:
        """Bytes from the host to whatever runs."""
        self._send = send  # an application outlives the connection in which it was started
        if not self._reset_lines:
            self._press_buttons(data, send)
        if self.in_loader:
            send(self.loader.feed(data))
        elif self.app is not None:
            self.app.feed(data)

    def _press_buttons(self, data: bytes, send) -> None:
        """What a person does where no lines reach the chip: brings it to where it is wanted."""
        if data[:1] == b"\xc0" and not self.in_loader:
            self.reset(True, send)
        elif data[:1] != b"\xc0" and self.in_loader and self.loader.idle:
            self.reset(False, send)

    # --- ports ---

    def _start(self, target, *arguments) -> None:
        thread = threading.Thread(target=target, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _listen(self, serve, scheme: str) -> str:
        server = socket.create_server(("127.0.0.1", 0))
        self._open.append(server)
        self._start(self._accept, server, serve)
        return f"{scheme}://127.0.0.1:{server.getsockname()[1]}"

    def _accept(self, server, serve) -> None:
        while not self._closing:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with connection, contextlib.suppress(OSError):
                serve(connection)

    def _serve_socket(self, connection) -> None:
        def send(data):
            if data:
                connection.sendall(data)

        self._pump(connection.fileno(), lambda: connection.recv(4096) or None, send)

    def _pump(self, number: int, receive, send) -> None:
        """Until the host goes: `receive()` gives bytes, or None then."""
        while not self._closing and not self.loader.unplugged:
            ready, _, _ = select.select([number], [], [], 0.05)
            if ready:
                data = receive()
                if data is None:
                    return
                self.feed(data, send)
            elif self.app is not None:
                self.app.tick()

    def _serve_rfc2217(self, connection) -> None:
        """pyserial's own server of RFC 2217, which tells the reset lines."""
        self._reset_lines = True
        lock = threading.Lock()

        def raw(data):
            with lock:
                connection.sendall(data)

        def send(data):
            if data:
                raw(b"".join(manager.escape(data)))

        def receive():
            data = connection.recv(4096)
            return b"".join(manager.filter(data)) if data else None

        manager = PortManager(_Port(lambda dtr, rts: self.lines(dtr, rts, send)), _Writer(raw))
        self._pump(connection.fileno(), receive, send)

    def pty(self) -> str:
        """A pseudo-terminal: no reset lines, as for socket://."""
        ours, theirs = os.openpty()
        tty.setraw(theirs)
        path = os.ttyname(theirs)

        def send(data):
            while data:
                data = data[os.write(ours, data) :]

        def serve():
            poll = select.poll()
            poll.register(ours, select.POLLIN)
            while not self._closing and not self.loader.unplugged:
                if poll.poll(20) and not poll.poll(0)[0][1] & select.POLLHUP:
                    with contextlib.suppress(OSError):  # EIO: the host has closed it
                        self._pump(ours, lambda: os.read(ours, 4096) or None, send)
                else:
                    self._woken.wait(0.02)
            os.close(ours)

        os.close(theirs)
        self._start(serve)
        return path


class _Writer:
    """What PortManager writes to."""

    def __init__(self, write):
        self.write = write


class _Port:
    """A serial port as PortManager wants it, of which only the reset lines matter."""

    baudrate, bytesize, parity, stopbits = 115200, 8, "N", 1
    rtscts = xonxoff = break_condition = False
    cts = dsr = ri = cd = False

    def __init__(self, lines):
        self.__dict__.update(_lines=lines, dtr=False, rts=False)

    def __setattr__(self, name, value):
        self.__dict__[name] = value
        if name in ("dtr", "rts"):
            self._lines(self.dtr, self.rts)

    def reset_input_buffer(self):
        """Nothing waits here."""

    reset_output_buffer = reset_input_buffer
