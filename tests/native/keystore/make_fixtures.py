"""Write fixtures/v<version>-*.json: images of the current format, to be kept for ever.

    PYTHONPATH=tests/native:host_tools:firmware build/venv/bin/python -m keystore.make_fixtures

Run it once per version of the format; later versions must read what it wrote. Existing files stay.
"""

import json
import random
import zlib
from pathlib import Path

from keystore.sim import SIZE, Nor, Store

from callboard_host import keystore_image

FOLDER = Path(__file__).parent / "fixtures"


def after_a_swap(nor, store):
    """A swap, a transaction, deletions; the other sector erased again."""
    lot = random.Random(1)
    while store.stats()["sequence"] < 2:
        store.put(b"key%d" % lot.randrange(4), lot.randbytes(lot.choice((0, 20, 250))))
    store.maintain()
    store.begin(100)
    store.put(b"sn", b"SN0001")
    store.put(b"device-key", bytes(range(32)))
    store.commit()
    store.delete(b"key2")


def after_a_cut(nor, store):
    """A put that was cut short, with another one behind it, and a flipped bit in an old record."""
    store.put(b"a", b"an old value")
    store.put(b"a", b"a new value")
    nor.cut_after(0)
    store.put(b"b", b"this one was cut short somewhere, it depends")
    nor.revive()
    store.reopen()
    store.put(b"c", b"\xff" * 300)
    data = bytearray(nor.data)
    data[data.index(b"an old")] ^= 0x10
    nor.data = bytes(data)


def not_erased(nor, store):
    """Right after a swap: the old sector is still there."""
    store.put(b"first", b"1")
    store.delete(b"first")
    i = 0
    while store.stats()["sequence"] < 2:
        store.put(b"k%d" % (i % 3), b"%d" % i * 50)
        i += 1


def parts(data):
    """{offset: hex} of what is not erased."""
    found = {}
    start = None
    for i in range(SIZE + 1):
        written = i < SIZE and data[i : i + 16] != b"\xff" * len(data[i : i + 16])
        if written and start is None:
            start = i
        elif not written and start is not None:
            found[start] = data[start:i].hex()
            start = None
    return found


def main():
    FOLDER.mkdir(exist_ok=True)
    for unit in (1, 16, 256):
        for make in (after_a_swap, after_a_cut, not_erased):
            name = f"v{keystore_image.VERSION}-{make.__name__.replace('_', '-')}-unit{unit}"
            path = FOLDER / f"{name}.json"
            if path.exists():
                continue
            nor = Nor(unit, seed=unit)
            store = Store(nor)
            make(nor, store)
            image = keystore_image.read(nor.data)
            fixture = {
                "about": make.__doc__,
                "unit": unit,
                "crc32": zlib.crc32(nor.data),
                "values": {key: value.hex() for key, value in image.values.items()},
                "problems": image.problems,
                "bytes": parts(nor.data),
            }
            path.write_text(json.dumps(fixture, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
