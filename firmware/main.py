"""What a board boots into: the application on the hardware that the module `board` describes."""

import sys

# At once: what a bridge or a tool sends meanwhile contains the byte that would be Ctrl-C. Whether
# somebody typed it, app.run() sees (serial/way_in.py). An operating system sees to its own.
if sys.platform not in ("linux", "darwin", "win32"):
    from micropython import kbd_intr

    kbd_intr(-1)

import board  # noqa: E402

from callboard import app  # noqa: E402

status = app.run(board)
if status is not None:  # after Ctrl-C a board goes on to its prompt: sys.exit() would restart it
    sys.exit(status)
