"""A computer's end of the USB cable: enumerates what is there, and hands it to a driver.

The board is a serial line (a CDC interface: MicroPython) or a drive (mass storage: the boot ROM);
`host.serial` or `host.drive` is its driver while it is there, else None.
"""

from collections import deque
from collections.abc import Callable, Generator

from rp2040py.usb.interfaces import (
    DataDirection,
    DescriptorType,
    ISetupPacketParams,
    SetupRecipient,
    SetupType,
)
from rp2040py.usb.setup import (
    create_setup_packet,
    get_descriptor_packet,
    set_device_address_packet,
    set_device_configuration_packet,
)

from support.rp2040.chip import Chip
from support.rp2040.mass_storage import MassStorage
from support.rp2040.serial_port import SerialPort

_ADDRESS = 1
_CONFIGURATION = 1
_HEADER = 9  # bytes: of a configuration or interface descriptor
_PAUSE_NS = 1_000_000  # between requests: a computer is not quicker, and the board needs some
_ENDPOINT = 7  # bytes of an endpoint's descriptor
_CLASS_CONTROL, _CLASS_STORAGE, _CLASS_DATA = 2, 8, 10
_SET_CONTROL_LINE_STATE = 0x22
_DTR_RTS = 3

Steps = Generator[bytes, bytes, None]


class UsbHost:
    """Attach one to a chip before it gets power."""

    def __init__(self, chip: Chip):
        self.serial: SerialPort | None = None
        self.drive: MassStorage | None = None
        self.enumerations = 0  # how often a board became usable
        self._usb = chip.mcu.usb_ctrl
        self._next = chip.simulator.clock.create_alarm(self._step)
        self._usb.on_usb_enabled = self._usb.reset_device
        self._usb.on_reset_received = self._begin
        self._usb.on_endpoint_write = self._from_board
        self._usb.on_endpoint_read = self._board_reads
        self._usb.on_reset = self._gone
        self._gone()

    def _gone(self) -> None:
        """The board has dropped off the bus."""
        for driver in (self.serial, self.drive):
            if driver is not None:
                driver.gone = True
        self.serial = self.drive = None
        self._steps: Steps | None = None
        self._asked = False
        self._answer = bytearray()
        self._wanted = 0
        self._in: dict[int, Callable[[bytes], None]] = {}
        self._out: dict[int, deque[bytes]] = {}
        self._armed: set[int] = set()  # endpoints of which the board waits for a packet

    # --- control transfers ---

    def _begin(self) -> None:
        self._gone()
        self._steps = self._enumerate()
        self._next.schedule(_PAUSE_NS)

    def _step(self) -> None:
        """The next request of the enumeration, with the answer to the one before."""
        if self._steps is None:
            return
        answer = bytes(self._answer) if self._asked else None
        try:
            self._request(self._steps.send(answer))
        except StopIteration:
            self._steps = None

    def _request(self, setup: bytes) -> None:
        from_board = setup[0] & 0x80
        self._wanted = setup[6] | setup[7] << 8 if from_board else 0
        self._answer.clear()
        self._asked = True
        self._usb.send_setup_packet(setup)

    def _enumerate(self) -> Steps:
        yield set_device_address_packet(_ADDRESS)
        header = yield get_descriptor_packet(DescriptorType.CONFIGRATION, _HEADER)
        size = header[2] | header[3] << 8
        interfaces = _interfaces((yield get_descriptor_packet(DescriptorType.CONFIGRATION, size)))
        yield set_device_configuration_packet(_CONFIGURATION)
        if _CLASS_DATA in interfaces:
            yield _control_line_state(interfaces[_CLASS_CONTROL][0])
            _, board_to_us, us_to_board = interfaces[_CLASS_DATA]
            self.serial = SerialPort(lambda data: self._send(us_to_board, data))
            self._in[board_to_us] = self.serial.received
        elif _CLASS_STORAGE in interfaces:
            _, board_to_us, us_to_board = interfaces[_CLASS_STORAGE]
            self.drive = MassStorage(lambda data: self._send(us_to_board, data))
            self._in[board_to_us] = self.drive.received
        self.enumerations += 1

    def _from_board(self, endpoint: int, data: bytes) -> None:
        if endpoint:
            if endpoint in self._in:
                self._in[endpoint](bytes(data))
            return
        if self._steps is None:
            return
        self._answer += data
        if len(self._answer) >= self._wanted:
            self._next.schedule(_PAUSE_NS)

    # --- bulk transfers to the board ---

    def _board_reads(self, endpoint: int, size: int) -> None:
        if endpoint == 0:
            self._usb.endpoint_read_done(0, b"")  # the end of a control transfer
            return
        self._armed.add(endpoint)
        self._feed(endpoint)

    def _send(self, endpoint: int, data: bytes) -> None:
        queue = self._out.setdefault(endpoint, deque())
        queue.extend(data[at : at + 64] for at in range(0, len(data), 64))
        self._feed(endpoint)

    def _feed(self, endpoint: int) -> None:
        queue = self._out.get(endpoint)
        if queue and endpoint in self._armed:
            self._armed.remove(endpoint)
            self._usb.endpoint_read_done(endpoint, queue.popleft())


def _interfaces(descriptors: bytes) -> dict[int, tuple[int, int, int]]:
    """Class -> (number, bulk endpoint from the board, bulk endpoint to it); 0: it has none."""
    found: dict[int, tuple[int, int, int]] = {}
    kind = at = 0
    while at + 2 <= len(descriptors):
        length, descriptor = descriptors[at], descriptors[at + 1]
        if descriptor == DescriptorType.INTERFACE and length == _HEADER:
            kind = descriptors[at + 5]
            found.setdefault(kind, (descriptors[at + 2], 0, 0))
        elif descriptor == DescriptorType.ENDPOINT and length == _ENDPOINT:
            number, from_board, to_board = found[kind]
            address, bulk = descriptors[at + 2], descriptors[at + 3] & 3 == 2
            if bulk and address & 0x80:
                from_board = address & 15
            elif bulk:
                to_board = address & 15
            found[kind] = (number, from_board, to_board)
        at += length or len(descriptors)
    return found


def _control_line_state(interface: int) -> bytes:
    """What opening a serial port says: there is a terminal."""
    return create_setup_packet(
        ISetupPacketParams(
            data_direction=DataDirection.HOST_TO_DEVICE,
            type=SetupType.CLASS,
            recipient=SetupRecipient.INTERFACE,
            b_request=_SET_CONTROL_LINE_STATE,
            w_value=_DTR_RTS,
            w_index=interface,
            w_length=0,
        )
    )
