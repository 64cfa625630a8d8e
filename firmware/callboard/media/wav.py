"""WAV files as streams: 16-bit mono PCM, read and written without holding the file in memory.

A file being written is valid at any moment: its header is brought up to date once a second and at
the end.
"""

import struct

from ..errors import InvalidArgument
from ..port import const

_PCM = const(1)
_EXTENSIBLE = const(0xFFFE)
_PCM_GUID_TAIL = b"\x00\x00\x00\x00\x10\x00\x80\x00\x00\xaa\x00\x38\x9b\x71"
_MAX_CHUNKS = const(100)
_HEADER = const(44)
_MAX_DATA = const(0x3FFFFF00)  # bytes; sizes stay small integers on a board


class WavReader:
    """Reads samples of a 16-bit mono PCM file. `rate` in Hz, `samples` in all.

    InvalidArgument names the file and what is wrong with it.
    """

    def __init__(self, path):
        self.path = path
        try:
            self._file = open(path, "rb")
        except OSError as error:
            raise InvalidArgument("cannot read %s: %s" % (path, error))
        try:
            self._read_header()
        except OSError as error:
            self._file.close()
            raise InvalidArgument("cannot read %s: %s" % (path, error))
        except InvalidArgument:
            self._file.close()
            raise

    def _fail(self, reason):
        raise InvalidArgument("%s: %s" % (self.path, reason))

    def _read_header(self):
        riff = self._file.read(12)
        if len(riff) < 12 or riff[:4] != b"RIFF" or riff[8:] != b"WAVE":
            self._fail("not a WAV file (it must begin with RIFF … WAVE)")
        self.rate = 0
        size = self._find_data()
        if not self.rate:
            self._fail("its data come before its format")
        self._begin = self._file.tell()
        available = self._file.seek(0, 2) - self._begin
        if size > available:  # cut off, or written by a program that could not seek
            size = available
        self.samples = size // 2
        self.seek(0)

    def _find_data(self):
        """Walk the chunks up to the data; returns their size in bytes."""
        for _ in range(_MAX_CHUNKS):
            header = self._file.read(8)
            if len(header) < 8:
                self._fail("has no data chunk")
            size = struct.unpack("<I", header[4:])[0]
            if header[:4] == b"data":
                return size
            if size > _MAX_DATA:
                self._fail("has a chunk of %d bytes before its data" % size)
            if header[:4] == b"fmt ":
                self._read_format(size)
            else:
                self._file.seek(size + (size & 1), 1)
        self._fail("has more than %d chunks before its data" % _MAX_CHUNKS)

    def _read_format(self, size):
        chunk = self._file.read(min(size, 40))
        if len(chunk) < 16:
            self._fail("its format chunk has only %d bytes" % len(chunk))
        kind, channels, rate, _, block, bits = struct.unpack("<HHIIHH", chunk[:16])
        if kind == _EXTENSIBLE:
            if len(chunk) < 40 or chunk[26:40] != _PCM_GUID_TAIL:
                self._fail("its extensible format is not PCM")
            kind = struct.unpack("<H", chunk[24:26])[0]
        if kind != _PCM:
            self._fail("its encoding is %d; only 16-bit PCM (1) is supported" % kind)
        if bits != 16:
            self._fail("has %d bits per sample; only 16 are supported" % bits)
        if channels != 1:
            self._fail("has %d channels; make it mono first" % channels)
        if block != 2:
            self._fail("has blocks of %d bytes; mono 16-bit PCM has 2" % block)
        if not 0 < rate <= 192000:
            self._fail("its sample rate is %d Hz" % rate)
        self.rate = rate
        self._file.seek(size - len(chunk) + (size & 1), 1)

    def seek(self, sample):
        """Go to a sample, 0..samples."""
        self._file.seek(self._begin + 2 * sample)
        self._left = self.samples - sample

    def readinto(self, frame):
        """Fill an array('h') as far as the file reaches; returns the samples read, 0 at the end.

        What lies behind them in the array is undefined.
        """
        got = (self._file.readinto(frame) or 0) // 2
        if got > self._left:  # another chunk follows the data
            got = self._left
        self._left -= got
        return got

    def close(self):
        """Close the file."""
        self._file.close()


class WavWriter:
    """Writes a 16-bit mono PCM file at `rate` Hz. InvalidArgument when the file cannot be made.

    What does not fit (1 GB) is left out. After that, OSError when the disk refuses.
    """

    def __init__(self, path, rate):
        self.path = path
        self.rate = rate
        self._file = None
        self._size = bytearray(4)
        try:
            self.restart()
        except OSError as error:
            raise InvalidArgument("cannot write %s: %s" % (path, error))

    def restart(self):
        """Begin the file anew, as it is at first."""
        if self._file is not None and not self._bytes:
            return
        self.close()
        self._bytes = 0
        self._patched = 0
        self._file = open(self.path, "wb")
        self._file.write(wav_header(self.rate, 0))
        self._file.flush()

    @property
    def samples(self):
        """Samples written so far."""
        return self._bytes // 2

    def write(self, samples):
        """Append an array('h')."""
        if self._bytes + len(samples) * 2 > _MAX_DATA:
            return
        self._bytes += self._file.write(samples)
        if self._bytes - self._patched >= 2 * self.rate:
            self.flush()

    def flush(self):
        """Bring the file, and the two sizes in its header, up to date."""
        if self._file is None or self._patched == self._bytes:
            return
        self._patch(4, self._bytes + _HEADER - 8)
        self._patch(40, self._bytes)
        self._file.seek(_HEADER + self._bytes)
        self._file.flush()
        self._patched = self._bytes

    def _patch(self, position, value):
        size = self._size
        for i in range(4):
            size[i] = value & 255
            value >>= 8
        self._file.seek(position)
        self._file.write(size)

    def close(self):
        """Finish the file; a second close does nothing."""
        if self._file is None:
            return
        try:
            self.flush()
        finally:
            self._file.close()
            self._file = None


def wav_header(rate, data_bytes):
    """The 44 bytes before the samples of a 16-bit mono PCM file."""
    return (
        b"RIFF"
        + struct.pack("<I", data_bytes + _HEADER - 8)
        + b"WAVEfmt "
        + struct.pack("<IHHIIHH", 16, _PCM, 1, rate, rate * 2, 2, 16)
        + b"data"
        + struct.pack("<I", data_bytes)
    )
