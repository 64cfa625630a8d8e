"""Mounts the file system of an image, as a board does, and uses it; what it found as JSON.

Options: `path` of the file, `blocks` that the flash has for it, `program_bytes`, `pins` whether
there are pin files.
"""

import json
import sys

BLOCK = 4096


class RamBlocks:
    """A block device in memory, with MicroPython's extended interface; erased where not given."""

    def __init__(self, blocks, program_bytes):
        self._data = {}
        self.blocks = blocks
        self.program_bytes = program_bytes
        self.erased = set()
        self.written = set()

    def load(self, file):
        for number in range(self.blocks):
            data = file.read(BLOCK)
            if not data:
                return
            if data.count(b"\xff") != BLOCK:
                self._block(number)[: len(data)] = data

    def _block(self, number):
        if number not in self._data:
            self._data[number] = bytearray(b"\xff" * BLOCK)
        return self._data[number]

    def readblocks(self, number, buffer, offset=0):
        view = memoryview(buffer)
        at = 0
        while at < len(view):
            n = min(BLOCK - offset, len(view) - at)
            view[at : at + n] = memoryview(self._block(number))[offset : offset + n]
            at, number, offset = at + n, number + 1, 0

    def writeblocks(self, number, buffer, offset=0):
        assert len(buffer) % self.program_bytes == 0, len(buffer)
        assert offset + len(buffer) <= BLOCK
        block = self._block(number)
        for i, byte in enumerate(buffer):  # as flash does: bits go from 1 to 0 only
            block[offset + i] &= byte
        self.written.add(number)

    def ioctl(self, operation, argument):
        if operation == 4:
            return self.blocks
        if operation == 5:
            return BLOCK
        if operation == 6:
            self._data.pop(argument, None)
            self.erased.add(argument)
        return 0


def tree(os, top):
    """{path: size} of all files below `top`."""
    found = {}
    for entry in os.ilistdir(top):
        path = top + "/" + entry[0]
        if entry[1] == 0x4000:
            found.update(tree(os, path))
        else:
            found[path] = entry[3]
    return found


def digests(paths):
    """{path: SHA-256 in hex} of these files."""
    import binascii
    import hashlib

    found = {}
    for path in paths:
        sha256 = hashlib.sha256()
        with open(path, "rb") as file:
            while piece := file.read(4096):
                sha256.update(piece)
        found[path] = str(binascii.hexlify(sha256.digest()), "ascii")
    return found


def use_pins(device, os, top):
    """A key store in the pin files, while littlefs is busy around them."""
    from callboard import keystore
    from callboard.flash import block, pin_files

    blocks = pin_files.find_blocks(device)
    page = device.program_bytes
    keys = keystore.open(pin_files.pin_flash(device, page=page))
    keys.put("device_key", b"k" * 32)
    device.erased.clear()
    for i in range(120):
        with open(top + "/busy" + str(i % 3), "wb") as file:
            file.write(bytes([i]) * 5000)
    untouched = not (set(blocks) & device.erased)
    for i in range(300):
        keys.put("counter", b"%d" % i)
        keys.maintain()
    again = keystore.open(block.BlockFlash(device, blocks, page=page))
    kept = again.get("device_key") == b"k" * 32 and again.get("counter") == b"299"
    return {"blocks": blocks, "untouched": untouched, "kept": kept}


def run(path):
    """Import callboard from the image; where it came from."""
    for name in list(sys.modules):
        if name.startswith("callboard"):
            del sys.modules[name]
    # The image's native modules are for its board's CPU: this one's own come first.
    natmods = [folder for folder in path if "natmods" in folder]
    path[:] = natmods + ["/image/lib", "/image", ".frozen"]
    from callboard import app

    return app.__file__


def main(options):
    import os

    import vfs

    with open(options["path"], "rb") as file:
        size = options["program_bytes"]
        device = RamBlocks(options["blocks"], size)
        device.load(file)
    vfs.mount(vfs.VfsLfs2(device, progsize=size), "/image")
    files = tree(os, "/image")
    result = {"written": sorted(device.written), "digests": digests(files)}
    if options["pins"]:
        result["pins"] = use_pins(device, os, "/image")
    result["ran"] = run(sys.path)
    vfs.umount("/image")
    vfs.mount(vfs.VfsLfs2(device, progsize=size), "/image")
    after = digests(files)
    result["same"] = all(
        after[path] == result["digests"][path] for path in files if not path.endswith(".pin")
    )
    return result


json.dump(main(json.loads(sys.stdin.readline())), sys.stdout)
