# What MicroPython's own firmware for the rp2 port freezes, without what is not in its source package
# (micropython-lib).
freeze("$(PORT_DIR)/modules")
include("$(MPY_DIR)/extmod/asyncio")
