"""From the events and the sound files of one call to the numbers of report.json."""

from typing import Any

from callboard.media import codec as codecs
from callboard_host.demo import measure, plots
from callboard_host.demo.bars import Report
from callboard_host.demo.callfiles import CallEvents, Files
from callboard_host.demo.measure import RATE, Recording
from callboard_host.demo.reference import codec_only
from callboard_host.demo.speech import Plan
from callboard_host.events import Event

FORMAT = 1
_COUNTERS = ("frames_lost", "frames_late", "frames_dropped", "concealed", "underruns")


def make(events: CallEvents, files: Files, plan: Plan, made: dict[str, Any]) -> Report:
    """The report of one call."""
    coded = coding(events)
    return {
        "format": FORMAT,
        **made,
        "board": board_facts(events),
        "call": call_facts(events),
        "media": {
            "board_to_phone": direction(events, files, plan, "board", "phone", coded),
            "phone_to_board": direction(events, files, plan, "phone", "board", coded),
        },
        "timeline": timeline(events),
    }


def board_facts(events: CallEvents) -> dict[str, Any]:
    """What the board told about itself and about its share of the work."""
    boot, stats = events.boot, events.stats("board")
    cpu_us, stall_us = stats.get("frame_cpu_us", {}), stats.get("longest_stall_us")
    return {
        "implementation": boot["implementation"],
        "version": boot["version"],
        "bits": boot["bits"],
        "firmware": boot.get("firmware"),
        "native": boot["native"],
        "frame_cpu_ms": {name: _ms(cpu_us.get(name)) for name in ("p50", "p95", "max")},
        "heap_growth_bytes": stats.get("heap_growth_bytes"),
        "allocated_bytes_per_s": stats.get("allocated_bytes_per_s"),
        "longest_stall_ms": _ms(stall_us),
    }


def _ms(us: float | None) -> float | None:
    return None if us is None else round(us / 1000, 3)


def call_facts(events: CallEvents) -> dict[str, Any]:
    """When what happened; all from the ends' own events."""
    answered = events.time_us(events.callee, "answered")
    audio = {
        who: between(answered, events.time_us(who, "audio_first")) for who in ("board", "phone")
    }
    times = [value for value in audio.values() if value is not None]
    ended = events.first("phone", "ended") or {}
    return {
        "caller": events.caller,
        "result": result(events),
        "reason": ended.get("reason"),
        "codec": coding(events).get("codec"),
        "codec_name": codec_name(coding(events)),
        "coding": {name: value for name, value in coding(events).items() if name != "codec"},
        "setup_ms": between(events.start_us, events.rang_us),
        "answer_to_audio_ms": max(times) if len(times) == 2 else None,
        "answer_to_audio_at_ms": audio,
        "duration_ms": between(answered, events.time_us("phone", "ended")),
    }


def coding(events: CallEvents) -> dict[str, Any]:
    """How the sound was coded: `codec`, and for Opus `rate`, `bitrate_bps`, `fec` and `dtx`."""
    answered = events.first("phone", "answered") or {}
    return {name: value for name, value in answered.items() if name not in ("event", "t_us")}


def codec_name(stream: dict[str, Any]) -> str | None:
    """Its name in `caps` (PROTOCOL.md §4); None without a codec."""
    return codecs.best_for(stream).name if stream.get("codec") else None


def between(start_us: int | None, end_us: int | None) -> float | None:
    """Milliseconds from one event to another; None when one of them is missing."""
    return None if start_us is None or end_us is None else round((end_us - start_us) / 1000, 1)


def result(events: CallEvents) -> str:
    """`completed` when both heard each other and the phone hung up; otherwise what happened."""
    ends = [events.first(who, "ended") for who in ("board", "phone")]
    reasons = sorted({str(end.get("reason")) for end in ends if end})
    by = "caller" if events.caller == "phone" else "callee"
    if None in ends or reasons != [f"hung_up_by_{by}"]:
        return "/".join(reasons) or "never ended"
    silent = [who for who in ("board", "phone") if not events.first(who, "audio_first")]
    return f"{' and '.join(silent)} heard nothing" if silent else "completed"


def direction(
    events: CallEvents,
    files: Files,
    plan: Plan,
    sender: str,
    receiver: str,
    coded: dict[str, Any],
) -> dict[str, Any]:
    """What one direction of the sound was worth."""
    sent, received = events.stats(sender), events.stats(receiver)
    said = Recording.read(files.said(sender), sent["microphone_started_us"])
    heard = Recording.read(files.heard(receiver), received["speaker_started_us"])
    reference = codec_only(said.samples, said.rate, coded or {"codec": "pcmu"}, heard.rate)
    found = measure.quality(said, heard, reference, plan)
    return {
        "frames_sent": sent["frames_sent"],
        "frames_idle": sent["frames_idle"],
        "frames_received": received["frames_received"],
        "frames_lost": lost(sent, received),
        "frames_lost_where": {
            "capture": sent["capture_lost"],
            "sending": sent["frames_send_dropped"],
            "network": received["frames_lost"],
            "jitter_buffer": received["frames_dropped"],
        },
        "mouth_to_ear_ms": found.mouth_to_ear_ms,
        "stoi": found.stoi,
        "stoi_codec_only": found.stoi_codec_only,
        "missing_windows": found.missing_windows,
        "missing_at_s": found.missing_at_s,
        "chirps_said": found.chirps_said,
        "chirps_missing": found.chirps_said - found.chirps_heard,
        "speech_delay_ms": round(found.speech_delay_ms, 1),
        "delay_ms_over_time_s": [[round(at, 2), round(ms, 1)] for at, ms in found.delay_track],
        "underruns": received["underruns"],
        "jitter_delay_ms": received["jitter_delay_ms"],
        "jitter_target_ms": received["jitter_target_ms"],
        "counters_over_time_s": counters(events, receiver, sent["microphone_started_us"]),
    }


def lost(sent: Event, received: Event) -> int:
    """Frames that were captured and never played: wherever they were lost."""
    where = (sent["capture_lost"], sent["frames_send_dropped"])
    return sum(where) + received["frames_lost"] + received["frames_dropped"]


def counters(events: CallEvents, receiver: str, origin_us: int) -> dict[str, list[list[float]]]:
    """The receiver's counters over the call, in seconds from the sender's first sample."""
    stats = [event for event in events.of(receiver) if event["event"] == "stats"]
    points = [(round((event["t_us"] - origin_us) / 1e6, 2), event) for event in stats]
    return {
        name: [[at, event[name]] for at, event in points if name in event] for name in _COUNTERS
    }


def timeline(events: CallEvents) -> list[dict[str, Any]]:
    """What both ends told since they were started, without the figures; ms from the call."""
    start = events.start_us or 0
    told = events.before + [(who, event) for who in ("board", "phone") for event in events.of(who)]
    lines = [
        {"t_ms": round((event["t_us"] - start) / 1000, 1), "who": who, "event": event["event"]}
        for who, event in told
        if event["event"] != "stats"
    ]
    return sorted(lines, key=lambda line: line["t_ms"])


def sections(
    report: Report, files: Files, plan: Plan, events: CallEvents
) -> list[tuple[str, str]]:
    """The pictures of report.html: (heading, SVG)."""
    lines = [(line["t_ms"] / 1000, line["who"], line["event"]) for line in report["timeline"]]
    pictures = [("Timeline, seconds from the call", plots.timeline(lines))]
    for sender, receiver in (("board", "phone"), ("phone", "board")):
        media = report["media"][f"{sender}_to_{receiver}"]
        said_us = events.stats(sender)["microphone_started_us"]
        heard_us = events.stats(receiver)["speaker_started_us"]
        said = Recording.read(files.said(sender), said_us).seen_from(said_us)
        heard = Recording.read(files.heard(receiver), heard_us).seen_from(said_us)
        name = f"{sender} → {receiver}"
        pictures += [
            (
                f"{name}: said and heard",
                plots.waveforms(said, heard, RATE, plan, media["missing_at_s"]),
            ),
            (
                f"{name}: delay",
                plots.delays([(at, ms) for at, ms in media["delay_ms_over_time_s"]]),
            ),
            (f"{name}: loss", plots.losses(media["counters_over_time_s"])),
        ]
    return pictures
