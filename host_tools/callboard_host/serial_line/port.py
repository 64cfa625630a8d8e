"""A serial port by name or pyserial URL, with errors that say what to do."""

import contextlib
import errno
import os
from typing import Any

from callboard_host.errors import EXIT_FILE, EXIT_IN_USE, HostError, NotBuilt

BAUD = 115200
WRITE_S = 5.0
_READ_S = 0.05
READ_MAX = 4096


class PortFailed(HostError):
    """The port cannot be opened, or went away."""

    exit_code = EXIT_FILE

    def __init__(self, message: str, hint: str = "", in_use: bool = False):
        super().__init__(message, hint)
        if in_use:
            self.exit_code = EXIT_IN_USE


class SerialPort:
    """An open port. `url`: /dev/ttyUSB0, COM3, socket://host:port, rfc2217://…, loop://.

    Raises PortFailed, NotBuilt without pyserial, here and wherever the port goes away.
    """

    def __init__(self, url: str, baud: int = BAUD):
        self.url = url
        self._is_socket = url.startswith("socket://")
        self._serial = _open(url, baud)

    def __enter__(self) -> "SerialPort":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def read(self) -> bytes:
        """What has arrived; waits 50 ms at most, and returns b"" then."""
        try:
            waiting = self._serial.in_waiting
            data = bytes(self._serial.read(min(max(1, waiting), READ_MAX)))
            if data and self._is_socket:  # which says 1 however much is waiting
                self._serial.timeout = 0
                data += bytes(self._serial.read(READ_MAX))
                self._serial.timeout = _READ_S
            return data
        except (OSError, TypeError) as error:  # TypeError: pyserial's when closed meanwhile
            raise self._gone(error) from error

    def write(self, data: bytes) -> None:
        """Write all of it. Raises PortFailed when the other end takes nothing for 5 s."""
        try:
            self._serial.write(data)
        except (OSError, TypeError) as error:
            raise self._gone(error) from error

    def close(self) -> None:
        """Close it; more than once does no harm."""
        with contextlib.suppress(OSError):  # gone already, and that is what was wanted
            self._serial.close()

    def _gone(self, error: Exception) -> PortFailed:
        if type(error).__name__ == "SerialTimeoutException":
            return PortFailed(f"{self.url} takes no data", "is the board powered and running?")
        return PortFailed(f"{self.url} went away", "is the cable plugged in?")


def _open(url: str, baud: int) -> Any:
    try:
        import serial
    except ImportError as error:
        raise NotBuilt("pyserial is not installed", "pip install 'callboard[serial]'") from error
    options: dict[str, Any] = {"baudrate": baud, "timeout": _READ_S}
    if not url.startswith("rfc2217://"):  # whose client in pyserial refuses it
        options["write_timeout"] = WRITE_S
    if "://" not in url and os.name == "posix":
        options["exclusive"] = True
    try:
        return serial.serial_for_url(url, **options)
    except (OSError, ValueError) as error:
        raise _reason(url, error) from error


def _reason(url: str, error: Exception) -> PortFailed:
    """Why it could not be opened, for a person."""
    number = getattr(error, "errno", None)
    text = str(error)
    if number == errno.ENOENT or "No such file" in text or "FileNotFound" in text:
        return PortFailed(f"there is no port {url}", _known_ports())
    if number == errno.EACCES or "ermission" in text:
        return PortFailed(f"you may not open {url}", "join the group that owns it (dialout)")
    if number in (errno.EBUSY, errno.EAGAIN, errno.EWOULDBLOCK) or "lock" in text:
        return PortFailed(f"{url} is in use by another program", "close it there first", True)
    if "://" in url:
        return PortFailed(f"{url} cannot be opened: {text}", "is the other end listening?")
    return PortFailed(f"{url} cannot be opened: {text}", _known_ports())


def _known_ports() -> str:
    from serial.tools import list_ports

    names = sorted(port.device for port in list_ports.comports() if port.hwid != "n/a")
    return "ports here: " + ", ".join(names) if names else "no serial port is here: plug it in"
