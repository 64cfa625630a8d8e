"""Images for boards: a firmware and our package in a file system, as one file to flash.

firmware.py     what a MicroPython firmware is: for which board, what is compiled in
esp_app.py      the ESP32 family's application images (bootloader and application)
partitions.py   the ESP32 family's partition table
uf2.py          the RP2 family's file format
filesystem.py   littlefs, made and read
package.py      the files that go into it
layout.py       where everything goes in a board's flash
build.py        all of it: `callboard image`
inspect.py      what a finished image is
manifest.py     ESP Web Tools' manifest
"""
