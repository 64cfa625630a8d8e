"""I2S microphone and speaker on a scripted `machine.I2S`: frames, loss, silence, no allocation."""

from array import array

from callboard import port
from callboard.media import i2s
from support import FakeClock, heap_locked, require_heap_lock

RATE = 16000
FRAME = 320


class Machine:
    """A `machine` whose I2S does what the test says."""

    def __init__(self):
        outer = self
        self.made = []

        class I2S:
            RX, TX, MONO, STEREO = 0, 1, 0, 1

            def __init__(self, number, **options):
                self.options = options
                self.number = number
                self.buffer = None
                self.taken = []
                self.closed = False
                outer.made.append(self)

            def irq(self, handler):
                self.handler = handler

            def readinto(self, buf):
                assert not self.closed
                self.buffer = buf
                return 0

            def write(self, buf):
                assert not self.closed
                self.buffer = buf
                return len(buf)

            def deinit(self):
                self.closed = True

            # what the driver does

            def fill(self, byte):
                for i in range(len(self.buffer)):
                    self.buffer[i] = byte
                self.handler(self)

            def take(self):
                self.taken.append(self.buffer[0])
                self.handler(self)

        self.I2S = I2S
        self.Pin = lambda number: ("pin", number)


LINE = {"i2s": 0, "sck": 16, "ws": 17, "sd": 18, "bits": 32, "channel": "left"}


def microphone(clock, **line):
    machine = Machine()
    device = i2s.I2sMicrophone(dict(LINE, **line), RATE, clock, machine)
    device.start()
    return device, machine.made[0]


def test_the_pins_and_the_format_are_the_boards():
    _, bus = microphone(FakeClock())
    assert bus.number == 0 and bus.options["sd"] == ("pin", 18)
    assert bus.options["bits"] == 32 and bus.options["format"] == bus.MONO
    assert bus.options["rate"] == RATE and bus.options["mode"] == bus.RX
    _, bus = microphone(FakeClock(), channel="right")
    assert bus.options["format"] == bus.STEREO and len(bus.buffer) == FRAME * 8


def test_each_full_buffer_is_a_frame():
    clock = FakeClock()
    device, bus = microphone(clock)
    frame = array("h", bytes(2 * FRAME))
    assert device.left_us() == 20000 and device.readinto(frame) == 0 and not any(frame)
    clock.advance(20)
    bus.fill(0x01)
    assert device.left_us() == 0
    clock.advance(3)
    assert device.readinto(frame) == 0
    assert frame[0] == frame[FRAME - 1] == 0x01010101 >> 14
    assert device.age_us == 3000 and device.left_us() == 17000
    clock.advance(18)
    assert device.left_us() == 1000  # it is late: look again soon


def test_what_nobody_takes_is_lost_the_oldest_first():
    clock = FakeClock()
    device, bus = microphone(clock)
    for byte in (1, 2, 3, 4, 5):
        clock.advance(20)
        bus.fill(byte)
    frame = array("h", bytes(2 * FRAME))
    assert device.readinto(frame) == 2 and frame[0] == 0x03030303 >> 14
    assert device.readinto(frame) == 0 and frame[0] == 0x04040404 >> 14
    device.stop()
    assert bus.closed


def test_it_starts_anew():
    clock = FakeClock()
    machine = Machine()
    device = i2s.I2sMicrophone(LINE, RATE, clock, machine)
    for _ in range(2):
        device.start()
        machine.made[-1].fill(1)
        assert device.left_us() == 0
        device.stop()
        machine.made[-1].handler(machine.made[-1])  # one that was on its way
    assert len(machine.made) == 2


def speaker(clock):
    machine = Machine()
    device = i2s.I2sSpeaker(LINE, RATE, clock, machine)
    device.start()
    return device, machine.made[0]


def sound(value):
    return array("h", [value] * FRAME)


def test_frames_are_played_in_order():
    clock = FakeClock()
    device, bus = speaker(clock)
    assert bus.options["bits"] == 16 and bus.options["mode"] == bus.TX
    assert device.space() == 2 and device.queued() == 0
    device.write(sound(1))
    device.write(sound(2))
    assert device.space() == 0 and device.queued() == 2 * FRAME
    bus.take()
    assert device.space() == 1
    device.write(sound(3))
    bus.take()
    bus.take()
    assert bus.taken == [1, 2, 3] and device.space() == 2
    assert device.queued() == 2 * FRAME  # in the driver's own buffer
    clock.advance(10)
    assert device.queued() == 2 * FRAME - 160
    assert device.underruns == 0


def test_running_dry_is_counted_with_the_silence():
    clock = FakeClock()
    device, bus = speaker(clock)
    device.write(sound(1))
    bus.take()
    clock.advance(100)
    assert device.queued() == 0
    device.write(sound(2))
    assert device.underruns == 1 and device.silent >= 80 * 16
    device.write(sound(3))
    device.write(sound(4))  # no room
    bus.take()
    bus.take()
    bus.handler(bus)
    assert bus.taken == [1, 2, 3]


def test_a_frame_allocates_nothing():
    require_heap_lock()
    device, bus = microphone(port.CLOCK)
    out, line = speaker(port.CLOCK)
    frame, loud = array("h", bytes(2 * FRAME)), sound(5)
    for _ in range(2):
        bus.handler(bus)
        out.write(loud)
        with heap_locked():
            bus.handler(bus)
            device.left_us()
            device.readinto(frame)
            out.space()
            out.queued()
            line.handler(line)
            out.write(loud)
        line.handler(line)
