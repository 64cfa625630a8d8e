"""Design the resampler's low-pass filters and write them as C and as Python.

    build/venv/bin/python native/pcm/generate_taps.py          writes both files
    build/venv/bin/python native/pcm/generate_taps.py --check  fails if they are out of date

One linear-phase filter per ratio (2, 3, 6), designed at the higher rate by Parks-McClellan, then
rounded to Q15 with a gain of the ratio (so that each polyphase branch has unity gain), and stored
as its first half up to and including the centre tap. The half length is a multiple of the ratio:
then the group delay is a whole number of samples at both rates. The search takes the shortest
filter that, after rounding, meets

    pass band  0 .. 0.85 of the lower Nyquist frequency: ripple below 0.15 dB
    stop band  from the lower Nyquist frequency up:      at least 62 dB down
"""

import argparse
import sys
from pathlib import Path

import numpy as np
from scipy import signal

ROOT = Path(__file__).resolve().parents[2]
C_FILE = ROOT / "native" / "pcm" / "taps.h"
PY_FILE = ROOT / "firmware" / "callboard" / "pure" / "taps.py"

RATIOS = (2, 3, 6)
PASS_EDGE = 0.85  # of the lower Nyquist frequency
MAX_RIPPLE_DB = 0.15
MIN_STOP_DB = 62.0
GRID = 1 << 15


def quantised_half(ratio, half_len):
    """The first half_len + 1 taps in Q15 of a filter of 2 * half_len + 1 taps, gain = ratio."""
    nyquist = 1 / (2 * ratio)  # the lower Nyquist, in cycles per sample of the higher rate
    taps = signal.remez(
        2 * half_len + 1,
        [0, PASS_EDGE * nyquist, nyquist, 0.5],
        [ratio, 0],
        weight=[1, 24],
        fs=1,
        maxiter=200,
        grid_density=32,
    )
    return np.rint(taps[: half_len + 1] * 32768).astype(int)


def measure(half, ratio):
    """(pass-band ripple, stop-band attenuation) in dB of the filter whose half is given."""
    taps = np.concatenate([half, half[-2::-1]]) / (32768 * ratio)
    frequency, response = signal.freqz(taps, worN=GRID, fs=1)
    gain_db = 20 * np.log10(np.maximum(np.abs(response), 1e-9))
    nyquist = 1 / (2 * ratio)
    passed = gain_db[frequency <= PASS_EDGE * nyquist]
    return np.max(np.abs(passed)), -np.max(gain_db[frequency >= nyquist])


def design(ratio):
    """The shortest quantised filter of this ratio that meets the limits."""
    for half_len in range(ratio, 40 * ratio, ratio):
        half = quantised_half(ratio, half_len)
        ripple_db, stop_db = measure(half, ratio)
        if ripple_db <= MAX_RIPPLE_DB and stop_db >= MIN_STOP_DB:
            return half, ripple_db, stop_db
    raise SystemExit(f"no filter for ratio {ratio} meets the limits")


def rows(values, indent):
    """Ten numbers to a line."""
    lines = (values[i : i + 10] for i in range(0, len(values), 10))
    return "\n".join(indent + ", ".join(str(v) for v in line) + "," for line in lines)


def render(designs):
    """The text of the C header and of the Python module."""
    c_parts = [
        "/* Resampler filters, Q15, first half with the centre."
        " Written by generate_taps.py: do not edit. */",
        "#ifndef CALLBOARD_PCM_TAPS_H\n#define CALLBOARD_PCM_TAPS_H\n\n#include <stdint.h>\n",
    ]
    py_parts = [
        '"""Resampler filters, Q15, first half with the centre.\n\n'
        'Written by native/pcm/generate_taps.py: do not edit.\n"""\n',
        "# fmt: off\nTAPS = {",
    ]
    for ratio, (half, ripple_db, stop_db) in designs.items():
        note = f"ratio {ratio}: {2 * len(half) - 1} taps, "
        note += f"ripple {ripple_db:.3f} dB, stop band {stop_db:.1f} dB"
        c_parts.append(f"/* {note} */")
        c_parts.append(f"#define PCM_HALF_{ratio} {len(half) - 1}")
        c_parts.append(f"static const int16_t pcm_taps_{ratio}[PCM_HALF_{ratio} + 1] = {{")
        c_parts.append(rows(half, "    ") + "\n};\n")
        py_parts.append(f"    # {note}\n    {ratio}: (\n{rows(half, ' ' * 8)}\n    ),")
    c_parts.append("#endif\n")
    py_parts.append("}\n")
    return "\n".join(c_parts), "\n".join(py_parts)


def main():
    parser = argparse.ArgumentParser(description="design the resampler filters")
    parser.add_argument(
        "--check", action="store_true", help="only compare with the committed files"
    )
    check = parser.parse_args().check
    texts = render({ratio: design(ratio) for ratio in RATIOS})
    for path, text in zip((C_FILE, PY_FILE), texts, strict=True):
        if not check:
            path.write_text(text)
        elif path.read_text() != text:
            sys.exit(f"{path} is out of date: run native/pcm/generate_taps.py")


if __name__ == "__main__":
    main()
