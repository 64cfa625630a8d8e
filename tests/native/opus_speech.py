"""Speech for the opus tests and benchmarks, from the recordings in build/speech."""

import os
from pathlib import Path

import numpy as np
import soundfile
from scipy.signal import resample_poly

TOP = Path(__file__).parents[2]
VOICES = ("Front_Center", "Rear_Left", "Side_Right", "Front_Right")


def voices(rate: int) -> np.ndarray:
    """Four recordings one after another, mono, int16, at `rate` Hz."""
    files = [
        soundfile.read(TOP / "build" / "speech" / f"{name}.wav", dtype="float64")
        for name in VOICES
    ]
    assert all(file_rate == 48000 for _, file_rate in files)
    pcm = np.concatenate([samples for samples, _ in files])
    if rate != 48000:
        pcm = resample_poly(pcm, 1, 48000 // rate)
    return np.clip(np.round(pcm * 32767), -32768, 32767).astype("<i2")


def stereo(rate: int) -> np.ndarray:
    """The same, and on the right a voice of its own, half a second behind and quieter."""
    left = voices(rate)
    right = np.roll(left, rate // 2) // 2
    return np.stack([left, right], axis=1).astype("<i2")


def write_inputs(folder: Path) -> None:
    """The files that opus_vectors.py reads; whole at any time, for tests run side by side."""
    folder.mkdir(parents=True, exist_ok=True)
    files = {f"speech_{rate}_1.raw": voices(rate) for rate in (8000, 16000, 24000, 48000)}
    for name, pcm in (files | {"speech_48000_2.raw": stereo(48000)}).items():
        temporary = folder / f"{name}.{os.getpid()}"
        pcm.tofile(temporary)
        temporary.replace(folder / name)
