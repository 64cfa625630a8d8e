"""The raw REPL of a board's MicroPython on its unix port, which has none: for mpremote.

Ctrl-A enters, Ctrl-D after code runs it; names stay from one piece of code to the next.
"""

import io
import sys

stdin, stdout = sys.stdin.buffer, sys.stdout.buffer


def say(data):
    stdout.write(data)


def say_values(*values, sep=" ", end="\n"):
    say((sep.join(str(value) for value in values) + end).encode())


names = {"print": say_values}


def run(code):
    try:
        exec(code, names)
        return b""
    except Exception as error:
        text = io.StringIO()
        sys.print_exception(error, text)
        return text.getvalue().encode()


WINDOW = 512


def paste():
    """Raw paste mode: the sender may be a window ahead, and is told when one was read."""
    say(b"R\x01" + bytes([WINDOW & 0xFF, WINDOW >> 8]) + b"\x01")
    code = bytearray()
    while True:
        byte = stdin.read(1)
        if byte == b"\x04":
            say(b"\x04")
            return bytes(code)
        code += byte
        if len(code) % WINDOW == 0:
            say(b"\x01")


def finish(code):
    failure = run(code)
    say(b"\x04" + failure + b"\x04>")


code = b""
say(b"\r\n>>> ")
while True:
    byte = stdin.read(1)
    if not byte:
        break
    if byte == b"\x01":
        if code == b"\x05A":
            finish(paste())
        else:
            say(b"raw REPL; CTRL-B to exit\r\n>")
        code = b""
    elif byte == b"\x02":
        say(b"\r\n>>> ")
    elif byte == b"\x04":
        say(b"OK")
        finish(code)
        code = b""
    elif byte not in (b"\x03", b"\r"):
        code += byte
