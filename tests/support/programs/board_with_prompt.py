"""firmware/main.py, and behind it a raw REPL as a board's MicroPython has it, for mpremote.

The application, its console and the KeyboardInterrupt are the real ones; the unix port has no raw
REPL, so this program speaks it: Ctrl-A enters, Ctrl-B leaves, code ends with Ctrl-D. faults.py
gives the board words to break it with.
"""

import sys

import board
import faults

from callboard import app, port_console

faults.install(app.App)
status = app.run(board)
if status is not None:
    sys.exit(status)

stdin, stdout = sys.stdin.buffer, port_console.Stdout()


def say(data):
    while data:
        data = data[stdout.write(data[:64]) :]


def run(code):
    def out(*values):
        say(" ".join(str(value) for value in values).encode() + b"\r\n")

    try:
        exec(code, {"print": out})
        return b""
    except Exception as error:
        return repr(error).encode()


code = b""
raw = False
say(b"\r\n>>> ")
while True:
    byte = stdin.read(1)
    if not byte:
        break
    if byte == b"\x01":
        raw, code = True, b""
        say(b"raw REPL; CTRL-B to exit\r\n>")
    elif byte == b"\x02":
        raw = False
        say(b"\r\n>>> ")
    elif raw and byte == b"\x04":
        say(b"OK")
        failure = run(code)
        say(b"\x04" + failure + b"\x04>")
        code = b""
    elif byte == b"\x03":
        code = b""
        if not raw:
            say(b"\r\n>>> ")
    elif raw:
        code += byte
        if code == b"\x05A\x01":  # raw paste mode: not here
            say(b"R\x00")
            code = b""
