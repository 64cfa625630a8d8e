"""A board's terminal behind a network socket: raw TCP, or RFC 2217 with pyserial's own server."""

import contextlib
import socket
import threading

import serial
import serial.rfc2217


class _Terminal(serial.Serial):
    """A pseudo-terminal has no modem lines."""

    cts = dsr = cd = True
    ri = False

    def _update_dtr_state(self):
        pass

    def _update_rts_state(self):
        pass


class PortServer:
    """Serves the terminal `path` to one client after the other. `url` is what a tool opens."""

    scheme = "socket"

    def __init__(self, path):
        self._path = str(path)
        self._server = socket.create_server(("127.0.0.1", 0))
        self.url = f"{self.scheme}://127.0.0.1:{self._server.getsockname()[1]}"
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._server.close()
        self._thread.join(5)

    def _run(self):
        self._server.settimeout(0.1)
        while not self._stop.is_set():
            try:
                connection, _ = self._server.accept()
            except TimeoutError:
                continue
            except OSError:
                break
            with connection, _Terminal(self._path, timeout=0.02) as port:
                self._serve(connection, port)

    def _serve(self, connection, port):
        into, out_of = self._filters(connection, port)
        connection.settimeout(0.02)
        with contextlib.suppress(OSError, serial.SerialException):
            while not self._stop.is_set():
                data = port.read(port.in_waiting or 1)
                if data:
                    connection.sendall(out_of(data))
                try:
                    data = connection.recv(1024)
                except TimeoutError:
                    continue
                if not data:
                    break
                port.write(into(data))

    def _filters(self, connection, port):
        return bytes, bytes


class Rfc2217Server(PortServer):
    """Telnet with COM port control (RFC 2217)."""

    scheme = "rfc2217"

    def _filters(self, connection, port):
        class Answers:
            """What the port manager writes to."""

            def write(self, data):
                connection.sendall(data)

        manager = serial.rfc2217.PortManager(port, Answers())
        return (
            lambda data: b"".join(manager.filter(data)),
            lambda data: b"".join(manager.escape(data)),
        )
