"""The driver for a board's serial line: bytes out, bytes in."""

from collections.abc import Callable


class SerialPort:
    """`write(data)` sends; what the board sends gathers in `received_bytes`, or goes to
    `on_data(data)` if that is set. `gone`: the board has dropped off the bus."""

    def __init__(self, send: Callable[[bytes], None]):
        self.write = send
        self.gone = False
        self.received_bytes = bytearray()
        self.on_data: Callable[[bytes], None] | None = None

    def received(self, data: bytes) -> None:
        """For the host: what the board sent."""
        if self.on_data is not None:
            self.on_data(data)
        else:
            self.received_bytes += data
