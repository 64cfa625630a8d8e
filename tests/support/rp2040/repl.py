"""Python's prompt on a board's serial line: raw REPL, as mpremote uses it, in the guest's time."""

from support.rp2040.chip import Chip
from support.rp2040.usb_host import UsbHost

BOOT_MS = 8000
PROMPT_MS = 10000
_CHUNK = 256


class RemoteError(Exception):
    """What ran on the board raised; the text is its traceback."""


class Repl:
    """The prompt of a board that is on. Interrupts what runs there."""

    def __init__(self, chip: Chip, host: UsbHost):
        self._chip = chip
        self._host = host
        chip.run(lambda: host.serial, BOOT_MS)
        self._enter()

    @property
    def _line(self):
        assert self._host.serial is not None, "the board is gone"
        return self._host.serial

    def _enter(self) -> None:
        for _ in range(5):
            self._line.received_bytes.clear()
            self._line.write(b"\r\x03\x03\r\x01")
            try:
                self._await(b"raw REPL; CTRL-B to exit\r\n>", 2000)
                return
            except TimeoutError:
                continue
        raise TimeoutError("the board gives no prompt")

    def _await(self, end: bytes, limit_ms: int) -> bytes:
        """What came up to and with `end`."""
        line = self._line
        deadline = self._chip.now_us + limit_ms * 1000
        while end not in line.received_bytes:
            if line.gone:
                raise RemoteError("the board was reset: " + line.received_bytes.decode())
            if self._chip.now_us > deadline:
                raise TimeoutError(f"not within {limit_ms} ms: {bytes(line.received_bytes)!r}")
            self._chip.step(20000)
        at = line.received_bytes.index(end) + len(end)
        got = bytes(line.received_bytes[:at])
        del line.received_bytes[:at]
        return got

    def start(self, code: str) -> None:
        """Begin to run `code`; finish() waits for its end."""
        line = self._line
        data = code.encode()
        for at in range(0, len(data), _CHUNK):
            line.write(data[at : at + _CHUNK])
        line.write(b"\x04")
        self._await(b"OK", PROMPT_MS)

    def finish(self, limit_ms: int) -> str:
        """What the code printed, when it is done. Raises RemoteError."""
        said = self._await(b"\x04", limit_ms)[:-1]
        wrong = self._await(b"\x04>", PROMPT_MS)[:-2]
        if wrong:
            raise RemoteError(wrong.decode(errors="replace"))
        return said.decode(errors="replace").replace("\r\n", "\n")

    def run(self, code: str, limit_ms: int = PROMPT_MS) -> str:
        """Run `code` and return what it printed; `limit_ms` of the guest's time."""
        self.start(code)
        return self.finish(limit_ms)

    def value(self, expression: str, limit_ms: int = PROMPT_MS):
        """What an expression is on the board: numbers, texts, and lists and dicts of them."""
        import ast

        return ast.literal_eval(self.run(f"print(repr({expression}))", limit_ms))
