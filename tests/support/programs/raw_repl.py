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


code = b""
say(b"\r\n>>> ")
while True:
    byte = stdin.read(1)
    if not byte:
        break
    if byte == b"\x01":
        code = b""
        say(b"raw REPL; CTRL-B to exit\r\n>")
    elif byte == b"\x02":
        say(b"\r\n>>> ")
    elif byte == b"\x04":
        say(b"OK")
        failure = run(code)
        say(b"\x04" + failure + b"\x04>")
        code = b""
    elif byte not in (b"\x03", b"\r"):
        code += byte
        if code == b"\x05A\x01":  # raw paste mode: not here
            say(b"R\x00")
            code = b""
