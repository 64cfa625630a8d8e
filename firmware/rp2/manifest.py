# What our firmware for the rp2 port freezes: how it boots, asyncio, and callboard without what
# such a board cannot use (callboard/parts.py), and without line numbers, which would take 14 kB.
import os

SPARED = [
    "callboard/pure/",  # native modules are linked in
    "callboard/native_files.py",
    "callboard/platform/unix.py",
    "callboard/platform/esp32.py",
    "callboard/flash/devices.py",  # files of a host
    "callboard/media/wav.py",  # sound from files
    "callboard/media/wav_devices.py",
    "callboard/media/camera.py",  # no camera, no memory for one
    "callboard/media/pictures.py",
    "callboard/media/video.py",
    "callboard/voip/views.py",
    "callboard/media/half_duplex.py",  # microphone and speaker have an I2S each
    "callboard/rooms.py",  # whose memory a call needs
]
if os.environ.get("CALLBOARD_NETWORK") == "0":  # only the bridge, where the host makes TLS
    SPARED += [
        "callboard/net/tls.py",
        "callboard/port_pipe.py",
        "callboard/port_socket.py",
        "callboard/platform/wifi.py",
        "callboard/serial/improv.py",
    ]

module("_boot.py", base_path=".")
module("callboard_firmware.py", base_path=".")
module("rp2.py", base_path=".")
include("$(MPY_DIR)/extmod/asyncio")
module("main.py", base_path="..", opt=3)
for folder, _, names in os.walk("../callboard"):
    for name in sorted(names):
        path = os.path.relpath(os.path.join(folder, name), "..")
        if name.endswith(".py") and not path.startswith(tuple(SPARED)):
            module(path, base_path="..", opt=3)
