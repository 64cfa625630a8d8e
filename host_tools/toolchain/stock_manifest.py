# What MicroPython's own firmware for the rp2 port freezes, without what its source package lacks
# (micropython-lib).
freeze("$(PORT_DIR)/modules")
include("$(MPY_DIR)/extmod/asyncio")
