"""What a device must have to take part at all: HTTPS, storage, audio (003 §2.3)."""

from .. import port
from ..errors import MissingEquipment
from .registration import KEY_NAME, KEY_SIZE

RATES = (8000, 16000, 48000)  # Hz, of microphones and speakers
ROOM = 256  # bytes of the key store: registration writes a key and a nonce


def check(url, tls, connect, store, devices):
    """Raises MissingEquipment that names everything that is missing.

    `url` of the relay, `tls` its context; `connect` not None: somebody else carries the
    connection, and its TLS; `store` an open key store; `devices` (microphone, speaker).
    """
    lacks = []
    if url.startswith("https:") and tls is None and connect is None and not port.has_tls():
        lacks.append("HTTPS (its Python has no TLS: use a build that has, or callboard bridge)")
    if not _has_room(store):
        lacks.append("storage (%d bytes free in its key store)" % ROOM)
    for name, device in zip(("microphone", "speaker"), devices):
        if device is not None and not _works(device):
            lacks.append("audio (a %s of 8, 16 or 48 kHz with frames of 20 ms)" % name)
    if lacks:
        raise MissingEquipment("this device cannot make calls, it lacks " + ", ".join(lacks))


def _has_room(store):
    """A registered device needs none: its calls go on when the store is full."""
    if len(store.get(KEY_NAME) or b"") == KEY_SIZE:
        return True
    stats = store.stats()
    return stats["size"] - stats["used"] >= ROOM


def _works(device):
    return device.rate in RATES and device.frame == device.rate // 50
