"""Flash for what must survive power off: the places it can be in, and the log's ring.

The key store itself is callboard/keystore.py.

A device is any object with `read(at, buf)`, `program(at, buf)`, `erase(at)` and `geometry()` ->
program unit in bytes, over `size` bytes in sectors of 4096 (two of them for the key store), and
`volatile`, True if power off clears it.

    devices.py      a file, memory
    block.py        a block device: an ESP32 partition, rp2 flash, anything with
                    writeblocks(n, buf, off)
    log_ring.py     LogRing: the last log lines
    pin_files.py    two files of one block each inside a littlefs, used raw
    seal.py         the keys and the cryptography for values that only this device can read
"""

SECTOR = 4096
SIZE = 8192
