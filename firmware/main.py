"""What a board boots into: the application on the hardware that the module `board` describes."""

import sys

import board

from callboard import app

status = app.run(board)
if status is not None:  # after Ctrl-C a board goes on to its prompt: sys.exit() would restart it
    sys.exit(status)
