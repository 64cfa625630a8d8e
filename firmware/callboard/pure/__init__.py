"""Pure-Python stand-ins for the native modules: same calls, same results to the bit, much slower.

They allocate, so a board that falls back to them will stutter; `IMPLEMENTATION` says which one is
in use. Here: the views of buffers and the checks of arguments that both share.
"""

try:
    from uctypes import addressof, bytearray_at
except ImportError:  # CPython, whose memoryview can be cast instead
    addressof = None


def read(buffer):
    """The bytes of a buffer, for reading. TypeError if it is none."""
    view = memoryview(buffer)
    if addressof is None:
        return view.cast("B")
    if isinstance(buffer, (bytes, bytearray)):
        return view
    # A memoryview or array of any item size; the copy is only there to count its bytes.
    return bytearray_at(addressof(buffer), len(bytes(buffer)))


def write(buffer):
    """The bytes of a buffer, for writing. TypeError if it is none or read-only."""
    view = memoryview(buffer)
    if addressof is None:
        if view.readonly:
            raise TypeError("writable buffer expected")
    elif len(view):
        view[0] = view[0]  # a read-only one refuses
    return read(buffer)


def check(*conditions):
    """ValueError unless every condition holds."""
    if not all(conditions):
        raise ValueError("out of range")


def fits(size, off, n):
    """True if n units from offset off lie inside size units. TypeError for what is no integer."""
    if not (isinstance(off, int) and isinstance(n, int)):
        raise TypeError("integer expected")
    return off >= 0 and n >= 0 and off + n <= size
