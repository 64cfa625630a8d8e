# What our firmware for the rp2 port freezes: how it boots, asyncio, and callboard without what
# such a board never imports, and without line numbers, which would take 14 kB.
import os

SPARED = (
    "callboard/pure/",  # native modules are linked in
    "callboard/platform/unix.py",
    "callboard/platform/esp32.py",
    "callboard/flash/devices.py",  # files of a host
    "callboard/media/camera.py",  # no camera, no memory for one
    "callboard/media/pictures.py",
    "callboard/media/video.py",
)

module("_boot.py", base_path=".")
module("callboard_firmware.py", base_path=".")
module("rp2.py", base_path=".")
include("$(MPY_DIR)/extmod/asyncio")
module("main.py", base_path="..", opt=3)
for folder, _, names in os.walk("../callboard"):
    for name in sorted(names):
        path = os.path.relpath(os.path.join(folder, name), "..")
        if name.endswith(".py") and not path.startswith(SPARED):
            module(path, base_path="..", opt=3)
