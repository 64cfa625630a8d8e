"""What was said against what was heard: delay, intelligibility, and stretches that are missing.

A jitter buffer may change the delay in a pause, where nobody hears it. So what was said is cut at
its pauses, and each utterance is compared at the one delay that fits it best, as PESQ does
(ITU-T P.862 §10.1.4). A change within an utterance costs intelligibility, as it should.
"""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pystoi
import scipy.signal
import soundfile

from callboard_host.demo import chirp
from callboard_host.demo.chirp import Samples
from callboard_host.demo.speech import Plan, resample

RATE = 16000  # Hz; everything is compared at this rate
WINDOW_S = 0.020
MISSING_DB = 20.0
# A hole of 20 ms is judged by the 16 ms in its middle: interpolation rings into its edges.
_INNER_S = 0.016
_QUIET_DB = 35.0  # windows this far below the loudest one are pauses
_FLOOR = 10 ** (-55 / 20)
_PAUSE_S = 0.150  # between two utterances
_BLOCK_S, _HOP_S = 0.320, 0.040  # of the delay track
_TRACK_NEAR_S = 0.080
_JUMP_S = 0.005  # a change of delay that is a gap or a cut, not a fine correction


@dataclass
class Recording:
    """A microphone's or a speaker's WAV with the time of its first sample, in µs since 1970."""

    samples: Samples
    rate: int
    started_us: int

    @classmethod
    def read(cls, path: Path, started_us: int) -> "Recording":
        """Read a WAV that one of our own devices wrote or read."""
        samples, rate = soundfile.read(path, dtype="float64", always_2d=True)
        return cls(samples[:, 0], rate, started_us)

    def seen_from(self, origin_us: int) -> Samples:
        """The samples at RATE, the first one at time `origin_us`: silence before, or cut."""
        samples = resample(self.samples, self.rate, RATE)
        shift = round((self.started_us - origin_us) * RATE / 1e6)
        if shift >= 0:
            return np.concatenate([np.zeros(shift), samples])
        return samples[-shift:]


@dataclass
class Quality:
    """What the measuring says about one direction of a call."""

    mouth_to_ear_ms: dict[str, float | None]
    chirps_said: int
    chirps_heard: int
    stoi: float
    stoi_codec_only: float
    speech_delay_ms: float
    missing_windows: int
    missing_at_s: list[float]
    delay_track: list[tuple[float, float]] = field(default_factory=list)  # (s, ms)


def quality(said: Recording, heard: Recording, codec_only: Samples, plan: Plan) -> Quality:
    """Compare what a speaker played with what the far microphone took.

    `codec_only` is said.samples through the same resamplers and codec with no network, at
    RATE and aligned with it.
    """
    clean = resample(said.samples, said.rate, RATE)
    line = heard.seen_from(said.started_us)
    found = chirp.find(line, RATE, plan.chirps)
    delays = [hit.delay_ms for hit in found if hit.delay_ms is not None]
    part = slice(round(plan.speech_start_s * RATE), round(plan.speech_end_s * RATE))
    clean, reference = _padded(clean, part.stop), _padded(codec_only, part.stop)
    rough = round((float(np.median(delays)) if delays else 0.0) * RATE / 1000)
    delay = speech_delay(reference[part], line, part.start, rough)
    pieces = utterances(reference, part)
    tracks = delay_tracks(reference, line, pieces, delay)
    missing = missing_windows(reference, line, pieces, tracks)
    return Quality(
        mouth_to_ear_ms=percentiles(delays),
        chirps_said=len(found),
        chirps_heard=len(delays),
        stoi=intelligibility(clean[part], aligned(reference, line, pieces, tracks)),
        stoi_codec_only=intelligibility(clean[part], reference[part]),
        speech_delay_ms=delay * 1000 / RATE,
        missing_windows=len(missing),
        missing_at_s=missing,
        delay_track=sorted(
            [(hit.said_s, hit.delay_ms) for hit in found if hit.delay_ms is not None]
            + [(at / RATE, shift * 1000 / RATE) for track in tracks for at, shift in track]
        ),
    )


def percentiles(values: list[float]) -> dict[str, float | None]:
    """{p50, p95, max}, rounded to 0.1; None where there is no value."""
    if not values:
        return {"p50": None, "p95": None, "max": None}
    p50, p95 = np.percentile(values, [50, 95])
    return {"p50": round(float(p50), 1), "p95": round(float(p95), 1), "max": round(max(values), 1)}


def intelligibility(clean: Samples, degraded: Samples) -> float:
    """STOI (Taal et al. 2011), 0 … 1, of two recordings aligned to the sample."""
    return round(float(pystoi.stoi(clean, degraded, RATE)), 4)


def speech_delay(
    speech: Samples, line: Samples, start: int, rough: int, margin_s: float = 0.250
) -> int:
    """The one delay, in samples, that fits the whole speech best; `rough` is a guess."""
    margin = round(margin_s * RATE)
    low = max(0, start + rough - margin)
    area = _cut(line, low, len(speech) + 2 * margin)
    correlation = scipy.signal.correlate(area, speech, "valid", "fft")
    return low + int(np.argmax(correlation)) - start


def utterances(reference: Samples, part: slice) -> list[slice]:
    """The speech, cut in the middle of each pause; the pieces follow each other without a gap."""
    inner = round(_INNER_S * RATE)
    starts = np.arange(part.start, part.stop - inner)
    if len(starts) == 0:
        return [part]
    level = _levels(reference, starts, inner)
    active = starts[level > _quiet(level)]
    pauses = np.flatnonzero(np.diff(active) > round(_PAUSE_S * RATE)).tolist()
    cuts = [int(active[i] + active[i + 1] + inner) // 2 for i in pauses]
    edges = [part.start, *cuts, part.stop]
    return [slice(a, b) for a, b in zip(edges, edges[1:], strict=False)]


def _quiet(levels: Samples) -> float:
    """What is not louder is a pause."""
    return max(_FLOOR, levels.max() * 10 ** (-_QUIET_DB / 20))


def delay_tracks(
    reference: Samples, line: Samples, pieces: list[slice], delay: int
) -> list[list[tuple[int, int]]]:
    """The delay over each utterance; one that is not recognised has that of its neighbour."""
    tracks = [delay_track(reference, line, piece, delay) for piece in pieces]
    known = [track[-1][1] for track in tracks if track] or [delay]
    before = known[0]
    for piece, track in zip(pieces, tracks, strict=True):
        if not track:
            track.append((piece.start, before))
        before = track[-1][1]
    return tracks


def delay_track(
    reference: Samples, line: Samples, part: slice, delay: int
) -> list[tuple[int, int]]:
    """The delay over an utterance where there is sound: [(middle of a block, delay)], samples."""
    block, near = round(_BLOCK_S * RATE), round(_TRACK_NEAR_S * RATE)
    block = min(block, part.stop - part.start)
    loud = max(_FLOOR, 0.3 * np.sqrt(np.mean(reference[part] ** 2)))
    track = []
    for at in range(part.start, part.stop - block + 1, round(_HOP_S * RATE)):
        piece = reference[at : at + block]
        if np.sqrt(np.mean(piece**2)) < loud:
            continue
        low = max(0, at + delay - near)
        area = _cut(line, low, block + 2 * near)
        correlation = scipy.signal.correlate(area, piece, "valid", "fft")
        level = _levels(area, np.arange(len(correlation)), block)
        score = correlation / (np.maximum(level, _FLOOR) * np.sqrt(block * np.sum(piece**2)))
        best = int(np.argmax(score))
        if score[best] > 0.5:
            track.append((at + block // 2, low + best - at))
    return track


def aligned(
    reference: Samples,
    line: Samples,
    pieces: list[slice],
    tracks: list[list[tuple[int, int]]],
) -> Samples:
    """What was heard of the utterances, each moved by the one delay that fits it best."""
    heard = []
    for piece, track in zip(pieces, tracks, strict=True):
        rough = round(float(np.median([delay for _, delay in track])))
        delay = speech_delay(reference[piece], line, piece.start, rough, _TRACK_NEAR_S)
        heard.append(_cut(line, piece.start + delay, piece.stop - piece.start))
    return np.concatenate(heard)


def missing_windows(
    reference: Samples,
    line: Samples,
    pieces: list[slice],
    tracks: list[list[tuple[int, int]]],
) -> list[float]:
    """Where 20 ms of speech lie more than 20 dB below the reference: times in s, one per window.

    Windows slide by one sample, so a hole is found wherever it begins. Around a jump of the
    delay both delays are tried: a gap that shifted what follows is seen from one of them.
    """
    inner = round(_INNER_S * RATE)
    starts = np.arange(pieces[0].start, pieces[-1].stop - inner)
    wanted = _levels(reference, starts, inner)
    active = wanted > _quiet(wanted)
    limit = wanted * 10 ** (-MISSING_DB / 20)
    missing = np.zeros(len(starts), dtype=bool)
    for piece, track in zip(pieces, tracks, strict=True):
        own = (starts >= piece.start) & (starts < piece.stop)
        for delays in _local_delays(starts[own] + inner // 2, track):
            gone = _levels(line, starts[own] + delays, inner) < limit[own]
            missing[own] |= active[own] & gone
    return _windows_of(starts[missing], inner)


def _local_delays(positions: np.ndarray, track: list[tuple[int, int]]) -> list[np.ndarray]:
    """Delays to try at each position: the nearest block's, and near a jump both sides'."""
    at = np.array([place for place, _ in track])
    delay = np.array([shift for _, shift in track])
    own = delay[np.searchsorted((at[:-1] + at[1:]) / 2, positions)]
    result = [own]
    reach = round(_BLOCK_S * RATE)
    for left in np.flatnonzero(np.abs(np.diff(delay)) > _JUMP_S * RATE).tolist():
        around = (positions > at[left] - reach) & (positions < at[left + 1] + reach)
        result += [np.where(around, side, own) for side in delay[left : left + 2]]
    return result


def _windows_of(starts: np.ndarray, inner: int) -> list[float]:
    """Runs of missing positions as a list of windows of 20 ms."""
    if len(starts) == 0:
        return []
    runs = np.split(starts, np.flatnonzero(np.diff(starts) > 1) + 1)
    times: list[float] = []
    for run in runs:
        length_s = (run[-1] - run[0] + inner) / RATE
        count = max(1, round(length_s / WINDOW_S))
        times += [round(float(run[0] / RATE + i * WINDOW_S), 3) for i in range(count)]
    return times


def _levels(samples: Samples, starts: np.ndarray, length: int) -> np.ndarray:
    """RMS of the windows that begin at `starts`; what lies outside is silence."""
    total = np.concatenate([[0.0], np.cumsum(samples**2)])
    last = len(samples)
    energy = total[np.clip(starts + length, 0, last)] - total[np.clip(starts, 0, last)]
    return np.sqrt(np.maximum(energy, 0.0) / length)


def _padded(samples: Samples, length: int) -> Samples:
    return np.concatenate([samples, np.zeros(max(0, length - len(samples)))])


def _cut(samples: Samples, start: int, length: int) -> Samples:
    """`length` samples from `start` on, silence where there are none."""
    before = max(0, -start)
    piece = samples[max(0, start) : max(0, start + length)]
    piece = np.concatenate([np.zeros(before), piece])[:length]
    return _padded(piece, length)
