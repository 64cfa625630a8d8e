"""Facts about the chips, which no board can change: flash, families, pins, I2S peripherals."""

from dataclasses import dataclass, field

SECTOR = 4096
RP2_FLASH_START = 0x10000000
RP2_KEEPS = 6 * SECTOR  # our own rp2 firmware, below the file system: firmware/rp2/


@dataclass(frozen=True)
class Chip:
    """A chip. `natmods`: the CPU name of its .mpy modules, "" if its process has its own.

    ESP32 family: `image_id` is the chip's number in an application image, `bootloader` the flash
    offset at which the firmware begins. RP2: `uf2_families` are the family numbers that its boot
    ROM takes, the first one the file system's.
    """

    name: str
    family: str  # "esp32", "rp2", "unix"
    title: str
    natmods: str
    i2s: int = 0
    pins: frozenset[int] = frozenset()
    inputs_only: frozenset[int] = frozenset()
    image_id: int = -1
    bootloader: int = 0
    web_family: str = ""
    uf2_families: tuple[int, ...] = ()
    neighbours: bool = field(default=False)  # I2S: the pin ws must be the one after sck


def _pins(*ranges: tuple[int, int]) -> frozenset[int]:
    return frozenset(pin for first, last in ranges for pin in range(first, last + 1))


# Pins of the flash itself and of the USB port are left out.
CHIPS = {
    chip.name: chip
    for chip in (
        Chip("unix", "unix", "Linux process", ""),
        Chip(
            "esp32",
            "esp32",
            "ESP32",
            "xtensawin",
            i2s=2,
            pins=_pins((0, 5), (12, 19), (21, 23), (25, 27), (32, 39)),
            inputs_only=_pins((34, 39)),
            image_id=0,
            bootloader=0x1000,
            web_family="ESP32",
        ),
        Chip(
            "esp32s3",
            "esp32",
            "ESP32-S3",
            "xtensawin",
            i2s=2,
            pins=_pins((0, 18), (21, 21), (33, 48)),
            image_id=9,
            web_family="ESP32-S3",
        ),
        Chip(
            "esp32c3",
            "esp32",
            "ESP32-C3",
            "rv32imc",
            i2s=1,
            pins=_pins((0, 10), (20, 21)),
            image_id=5,
            web_family="ESP32-C3",
        ),
        Chip(
            "rp2040",
            "rp2",
            "RP2040",
            "armv6m",
            i2s=2,
            pins=_pins((0, 22), (25, 28)),
            uf2_families=(0xE48BFF56,),
            neighbours=True,
        ),
        Chip(
            "rp2350",
            "rp2",
            "RP2350",
            "armv7emsp",
            i2s=2,
            pins=_pins((0, 22), (25, 28)),
            uf2_families=(0xE48BFF59, 0xE48BFF57),
            neighbours=True,
        ),
    )
}
