"""A scratch that proves too small inside libopus: an exception, a refused state, no overrun.

The size functions see to it that this does not happen, so these modules have a limit built in.
"""

import os
import subprocess
from pathlib import Path

import pytest

TOP = Path(__file__).parents[2]
OUT = TOP / "build" / "test-natmods"
LIMIT = 12000
COPIES = 8704  # of the noise shaper, before what is limited (native/opus/scratch.h)

SCRIPT = """
import sys
from array import array
sys.path.insert(0, sys.argv[1])
import callboard_opus as opus

encoder, decoder = bytearray(opus.encoder_size(1)), bytearray(opus.decoder_size(1))
scratch = bytearray(opus.encoder_scratch(48000, 1, 10, 960))
out, pcm = bytearray(1276), array("h", [(k * k % 257 - 128) * 90 for k in range(960)])
# Encoding at 48 kHz needs 20 kB, at 8 kHz in 2.5 ms frames 6 kB.
for _ in range(1000):
    opus.encoder_init(encoder, 48000, 1, opus.AUDIO)
    opus.encoder_set(encoder, opus.BITRATE, 64000)
    try:
        opus.encode(encoder, scratch, pcm, 0, 960, out, 0, 1276)
        print("no exception")
    except RuntimeError as error:
        assert error.args[0] == "opus scratch overflow", error
    assert not any(scratch[COPIES + LIMIT + 8:]), "written behind the limit"
    for refused in (
        lambda: opus.encode(encoder, scratch, pcm, 0, 960, out, 0, 1276),
        lambda: opus.encoder_get(encoder, opus.BITRATE),
    ):
        try:
            refused()
            print("not refused")
        except ValueError as error:
            assert error.args[0] == "bad state", error
opus.encoder_init(encoder, 8000, 1, opus.LOWDELAY)
size = opus.encode(encoder, scratch, pcm, 0, 20, out, 0, 1276)
opus.decoder_init(decoder, 8000, 1)
assert opus.decode(decoder, scratch, out, 0, size, pcm, 0, 960) == 20
print("done")
"""


@pytest.mark.parametrize(("arch", "bits"), [("x64", 64), ("x86", 32)])
def test_overflow_on_micropython(arch, bits):
    environment = {k: v for k, v in os.environ.items() if k not in ("MAKEFLAGS", "MFLAGS")}
    mpy = OUT / arch / "callboard_opus.mpy"
    mpy.parent.mkdir(parents=True, exist_ok=True)
    source = os.environ.get("MICROPYTHON_DIR") or "build/src/micropython"
    make = ["make", "-s", "-f", "native/natmod.mk", "MODULE=opus", f"ARCH={arch}", f"OUT={mpy}"]
    made = subprocess.run(
        [*make, f"MPY_DIR={source}"],
        cwd=TOP,
        env={**environment, "CFLAGS_EXTRA": f"-DCALLBOARD_SCRATCH_LIMIT={LIMIT}"},
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    assert made.returncode == 0, made.stdout + made.stderr
    script = mpy.parent / "overflow.py"
    text = SCRIPT.replace("LIMIT", str(LIMIT)).replace("COPIES", str(COPIES))
    script.write_text(text, encoding="utf-8")
    done = subprocess.run(
        [TOP / "build" / "bin" / f"micropython{bits}", script, mpy.parent],
        env={**environment, "MICROPYPATH": ".frozen"},
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert done.stdout == "done\n", done.stdout + done.stderr
