"""From an image to a running board: `callboard flash`.

ports.py      which ports and drives there are, and what is on them
job.py        one board to flash: what is wanted, what happens, how long each step may take
worker.py     does one job, in a process of its own
esp.py        the ESP32 family, through esptool's library
bootsel.py    the RP2 family, through its boot ROM's drive
running.py    a board that runs: its hello
prompt.py     a board at MicroPython's prompt: who it is, its keys, into its boot ROM
keys.py       the key store: kept on the host while the flash is written
run.py        several jobs at once, each step with its time limit
commands.py   the command
"""
