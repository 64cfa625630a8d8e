"""Mounts the file system, and makes one where there is none. It begins where it begins on stock
firmware, behind the blocks that are kept: either firmware finds what the other one wrote."""

import vfs
from callboard_firmware import FILES_START

import rp2

_flash = rp2.Flash(start=FILES_START)
try:
    _files = vfs.VfsLfs2(_flash, progsize=256)
except OSError:
    vfs.VfsLfs2.mkfs(_flash, progsize=256)
    _files = vfs.VfsLfs2(_flash, progsize=256)
vfs.mount(_files, "/")

del vfs, rp2, _flash, _files
