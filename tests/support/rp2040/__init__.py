"""An emulated RP2040 board for the tests: rp2040py, with a USB host at its other end.

chip.py        the chip: flash, power, guest time
usb_host.py    what a computer's USB stack does: enumerate, then talk to one of the drivers
serial_port.py the driver for its serial line
mass_storage.py, drive.py  the driver for its boot ROM's drive, and that drive as a folder
repl.py        Python's prompt on the serial line, as mpremote uses it
program.py     all of that as a program of its own, with the serial line as a pty
profile.py     where a call's time goes, by function
"""
