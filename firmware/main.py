"""What a board boots into: the application on the hardware that the module `board` describes."""

import sys

import board

from callboard import app

sys.exit(app.run(board))
