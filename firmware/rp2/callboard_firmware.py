"""Says that this is callboard's own firmware, and which blocks of rp2.Flash() it keeps from the
file system (mpconfigport.h)."""

from micropython import const

KEY_BLOCK = const(0)
LOG_BLOCK = const(2)
LOG_SECTORS = const(4)
FILES_START = const(24576)  # bytes
