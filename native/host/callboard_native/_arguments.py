"""Python arguments to C and C results to Python, as every wrapper here needs them.

The rules are those of the MicroPython glue (native/common/mp_glue.h): TypeError for what is no
buffer, or a read-only one where a writable one is needed; ValueError for numbers out of range and
bad states.
"""

CB_ERANGE = -101
CB_ESTATE = -102
_MESSAGES = {CB_ERANGE: "out of range", CB_ESTATE: "bad state"}


class Buffers:
    """Turns Python buffers into C arrays of bytes that stay valid while referenced."""

    def __init__(self, ffi):
        self._from_buffer = ffi.from_buffer
        self._type = ffi.typeof("uint8_t[]")

    def read(self, buffer):
        """The bytes of any contiguous buffer."""
        try:
            return self._from_buffer(self._type, buffer)
        except (BufferError, ValueError) as error:
            raise TypeError(str(error)) from None

    def write(self, buffer):
        """The bytes of a contiguous, writable buffer."""
        try:
            return self._from_buffer(self._type, buffer, True)
        except (BufferError, ValueError) as error:
            raise TypeError(str(error)) from None


def call(function, *args):
    """function(*args), with its argument errors as exceptions."""
    try:
        result = function(*args)
    except OverflowError:
        raise ValueError(_MESSAGES[CB_ERANGE]) from None
    if result <= CB_ERANGE:
        raise ValueError(_MESSAGES[result])
    return result
