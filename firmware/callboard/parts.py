"""Parts of callboard that firmware for a small board leaves out (firmware/rp2/manifest.py).

    tls = optional("net.tls")           # None where it is left out
    Rooms = part("rooms", "rooms").Rooms

The rest of callboard never names them in an import.
"""

from .errors import CallboardError


def optional(name):
    """The module callboard.`name`, or None where it is left out."""
    name = "callboard." + name
    try:
        return __import__(name, None, None, (name,))
    except ImportError as error:
        if name not in str(error):
            raise  # it is there, and something else is missing
        return None


def part(name, what):
    """The module callboard.`name`. CallboardError where it is left out: `what` is not there."""
    module = optional(name)
    if module is None:
        raise CallboardError("this firmware comes without %s" % what)
    return module
