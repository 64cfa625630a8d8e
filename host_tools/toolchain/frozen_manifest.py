# What is compiled into our unix builds of MicroPython: asyncio, as on every stock board, and
# nothing else. The firmware itself stays outside so that tests always run the working tree.
include("$(MPY_DIR)/extmod/asyncio")
