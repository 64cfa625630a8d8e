"""The bars, the table, report.json and report.html."""

import copy
import io
import json
import xml.etree.ElementTree

import numpy as np
import pytest
from rich.console import Console

from callboard_host.demo import bars, call, plots, report
from callboard_host.demo.speech import Plan
from callboard_host.errors import CallFailed

MEDIA = {
    "frames_sent": 610,
    "frames_idle": 24,
    "frames_received": 610,
    "frames_lost": 0,
    "mouth_to_ear_ms": {"p50": 71.2, "p95": 88.0, "max": 95.1},
    "stoi": 0.9812,
    "stoi_codec_only": 0.9813,
    "missing_windows": 0,
    "chirps_missing": 0,
    "missing_at_s": [],
}
GOOD = {
    "made": "2026-11-20 12:00:00 UTC",
    "speech": None,
    "board": {
        "implementation": "micropython",
        "version": "1.25.0",
        "bits": 64,
        "frame_cpu_ms": {"p50": 0.4, "p95": 0.9},
        "heap_growth_bytes": 0,
        "allocated_bytes_per_s": 9000,
        "longest_stall_ms": 3,
    },
    "call": {
        "caller": "board",
        "result": "completed",
        "codec": "opus",
        "codec_name": "opus",
        "coding": {"rate": 16000, "bitrate_bps": 24000, "fec": True, "dtx": False},
        "setup_ms": 12.5,
        "answer_to_audio_ms": 61.0,
        "duration_ms": 12510,
    },
    "media": {"board_to_phone": MEDIA, "phone_to_board": copy.deepcopy(MEDIA)},
}


def changed(path: str, value):
    result = copy.deepcopy(GOOD)
    *parents, name = path.split(".")
    part = result
    for parent in parents:
        part = part[parent]
    part[name] = value
    return result


def missed(of: dict) -> list[str]:
    return [bar.name for bar in bars.check(of) if not bar.ok]


def test_a_good_call_clears_every_bar():
    assert missed(GOOD) == []
    assert len(bars.check(GOOD)) == 14


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("media.board_to_phone.frames_lost", 1),
        ("media.phone_to_board.missing_windows", 1),
        ("media.phone_to_board.chirps_missing", 1),
        ("media.phone_to_board.stoi", 0.9712),
        ("media.phone_to_board.stoi", 0.9402),
        ("board.heap_growth_bytes", 16),
        ("board.heap_growth_bytes", None),
    ],
)
def test_what_no_busy_machine_excuses_fails_the_call(path, value):
    failed = bars.failures(bars.check(changed(path, value)))
    assert [bar.name for bar in failed] == [path]


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("call.setup_ms", 150.1),
        ("call.setup_ms", None),
        ("media.board_to_phone.mouth_to_ear_ms.p50", 100.1),
        ("media.phone_to_board.mouth_to_ear_ms.p95", 140.1),
        ("media.phone_to_board.mouth_to_ear_ms.p50", None),
    ],
)
def test_times_are_shown_and_do_not_fail_the_call(path, value):
    checked = bars.check(changed(path, value))
    assert [bar.name for bar in bars.slow(checked)] == [path]
    assert bars.failures(checked) == []


def test_the_limits_themselves_are_allowed():
    assert missed(changed("call.setup_ms", 150)) == []
    assert missed(changed("media.phone_to_board.stoi", 0.9713)) == []


def test_a_codec_that_is_not_good_enough_fails_with_our_voices_only():
    poor = changed("media.phone_to_board.stoi_codec_only", 0.9600)
    poor["media"]["phone_to_board"]["stoi"] = 0.9600
    assert missed(poor) == ["media.phone_to_board.stoi"]
    poor["speech"] = "noise.wav"
    assert missed(poor) == []


def test_stoi_of_what_is_no_speech_tells_nothing():
    tone = changed("speech", "tone.wav")
    tone["media"]["board_to_phone"] |= {"stoi_codec_only": 0.01, "stoi": -0.05}
    assert missed(tone) == []
    tone["media"]["board_to_phone"] |= {"stoi_codec_only": 0.6, "stoi": 0.58}
    assert missed(tone) == ["media.board_to_phone.stoi"]


def test_heap_growth_counts_on_micropython_only():
    cpython = changed("board.implementation", "cpython")
    cpython["board"]["heap_growth_bytes"] = None
    assert missed(cpython) == []


def printed(of: dict) -> str:
    out = io.StringIO()
    report.print_table(Console(file=out, width=120), of, bars.check(of))
    return out.getvalue()


def test_the_table_has_the_numbers_people_ask_for():
    text = printed(GOOD)
    for number in (
        "12.5 ms",
        "71.2 / 88 / 95.1 ms",
        "0.9812",
        "610",
        "24",
        "opus, 16 kHz, 24 kb/s, FEC",
        "micropython 1.25.0, 64 bits",
    ):
        assert number in text
    assert "bar missed" not in text


def test_the_table_names_a_missed_bar_and_shows_a_missing_value_as_a_dash():
    assert "bar missed: media.board_to_phone.frames_lost is 3, bar 0" in printed(
        changed("media.board_to_phone.frames_lost", 3)
    )
    assert "–" in printed(changed("call.setup_ms", None))


def test_the_codec_in_words():
    call = {"codec": "opus", "coding": {"rate": 8000, "bitrate_bps": 20500, "dtx": True}}
    assert report.codec(call) == "opus, 8 kHz, 20.5 kb/s, DTX"
    assert report.codec({"codec": "pcmu", "coding": {}}) == "pcmu"
    assert report.codec({"codec": None, "coding": {}}) == "–"


@pytest.mark.parametrize("asked", ["auto", "opus"])
def test_the_codec_that_was_asked_for_is_fine(tmp_path, asked):
    call.judge(GOOD, [], tmp_path, asked)


def test_another_codec_than_asked_for_fails_the_call(tmp_path):
    with pytest.raises(CallFailed) as raised:
        call.judge(GOOD, [], tmp_path, "pcmu")
    assert "opus" in str(raised.value) and "pcmu" in str(raised.value)


def test_report_json_is_read_back_and_replaces_the_old_one(tmp_path):
    path = tmp_path / "report.json"
    path.write_text("old")
    report.save_json(path, GOOD)
    assert json.loads(path.read_text()) == GOOD
    assert [child.name for child in tmp_path.iterdir()] == ["report.json"]


def test_a_number_that_json_cannot_hold_is_refused_and_keeps_the_old_report(tmp_path):
    path = tmp_path / "report.json"
    path.write_text("old")
    with pytest.raises(ValueError):
        report.save_json(path, changed("call.setup_ms", float("nan")))
    assert path.read_text() == "old"


def pictures() -> dict[str, str]:
    rate, plan = 16000, Plan(speech_s=1.0, chirps_s=0.4)
    wave = np.sin(np.arange(round(plan.total_s * rate)) / 7)
    return {
        "waveforms": plots.waveforms(wave, wave * 0.5, rate, plan, [plan.speech_start_s + 0.1]),
        "delays": plots.delays([(0.1, 71.0), (2.0, 73.0)]),
        "no delays": plots.delays([]),
        "losses": plots.losses({"lost": [[0.0, 0.0], [1.0, 3.0]]}),
        "no losses": plots.losses({}),
        "timeline": plots.timeline([(0.0, "board", "button"), (0.01, "phone", "ringing")]),
        "no timeline": plots.timeline([]),
    }


def test_pictures_are_svg_and_the_page_needs_nothing_else():
    sections = list(pictures().items())
    for _, svg in sections:
        assert xml.etree.ElementTree.fromstring(svg).tag.endswith("svg")
    page = report.render_html(GOOD, bars.check(GOOD), sections)
    assert page.count("<svg") == len(sections)
    assert "src=" not in page
    assert "<link" not in page
    assert "71.2 / 88 / 95.1 ms" in page


def test_the_page_shows_text_from_outside_as_text():
    page = report.render_html(changed("call.result", "<script>alert(1)</script>"), [], [])
    assert "<script>" not in page
