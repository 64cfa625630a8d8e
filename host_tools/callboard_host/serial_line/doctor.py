"""What is wrong with a board, in plain words, and what to do about it."""

import time
from dataclasses import asdict, dataclass
from operator import sub
from typing import Any

import callboard

from .link import SerialLink

SELF_TEST_S = 60.0
PROTOCOL = 1
_SLOW_LINE_MS = 500.0
_ASKED = 3  # times; the fastest answer tells of the line, the others of who was busy
_LATE_MAX = 1  # chunks sent again: it may just have been late
_LOW_MEMORY = 20_000  # bytes

# Part -> what to do when it fails.
_ADVICE = {
    "clock": "reset the board; if it stays, its crystal or its firmware is wrong",
    "random": "do not use this board: its keys could be guessed",
    "flash": "the flash is worn out, or another program uses it: the board works, without a log",
    "key store": "back up nothing, run a factory reset; if it fails again the flash is worn out",
    "microphone": "check the microphone's wires and pins in board.json",
    "speaker": "check the amplifier's wires and pins in board.json",
    "loop-back": "is the speaker connected, and is anything over it or the microphone?",
    "codecs": "this board is too slow for that codec: leave it out of its codecs",
    "wifi": "is the network's name right (`callboard provision --wifi`), and is it in reach?",
    "relay": "is `callboard relay` running, and does the board have its address and CA?",
    "line": "try another cable, a shorter one, or another USB port",
    "firmware": "flash the board with this version of callboard",
    "provisioned": "run `callboard provision`",
    "registered": "run `callboard provision … --issue-ticket`",
    "last start": "see what it said before: `callboard log --last-boot`",
    "log": "the line is too slow for what the board logs, or nobody reads it",
}


@dataclass(frozen=True)
class Finding:
    """One part: `ok`, what was found, and what to do if it is not."""

    name: str
    ok: bool
    says: str
    advice: str = ""


@dataclass(frozen=True)
class Report:
    """All that was found on a board."""

    port: str
    board: str
    sn: str
    firmware: str
    findings: tuple[Finding, ...]

    @property
    def ok(self) -> bool:
        """Nothing is wrong."""
        return all(finding.ok for finding in self.findings)

    def json(self) -> dict[str, Any]:
        """For --json."""
        return {**asdict(self), "ok": self.ok, "findings": [asdict(f) for f in self.findings]}


# How a board started when nothing is wrong with it.
_USUAL = ("power on", "reset pin", "soft reset", "restart", "deep sleep", "unknown")


def _finding(name: str, ok: bool, says: str) -> Finding:
    return Finding(name, ok, says, "" if ok else _ADVICE.get(name, "see `callboard log`"))


def examine(link: SerialLink, url: str, connect_s: float = 15.0) -> Report:
    """Ask the board on `link` everything. It plays a tone.

    Raises BoardSilent, PortFailed; RemoteError when a call is going on.
    """
    link.wait_for_board(connect_s)
    before = _bad_frames(link)  # while it started: no fault of the line's
    answer_ms, hello = min((_asked(link) for _ in range(_ASKED)), key=lambda each: each[0])
    status = link.request("status")
    tests = link.request("self_test", timeout_s=SELF_TEST_S)["tests"]
    damaged, repeated = map(sub, _bad_frames(link), before)
    findings = [_line(damaged, repeated, answer_ms), _firmware(hello), *_state(status)]
    findings += [_finding(test["name"], test["ok"], test["says"]) for test in tests]
    return Report(
        port=url,
        board=str(hello.get("board")),
        sn=str(hello.get("sn") or ""),
        firmware=str(hello.get("firmware")),
        findings=tuple(findings),
    )


def lines(report: Report) -> list[tuple[str, str]]:
    """A report for a person: (what kind of line, the line); kinds are head, ok, wrong, advice."""
    found = [("head", f"{report.board} {report.sn or '(no serial number)'} on {report.port}")]
    for finding in report.findings:
        mark = "ok  " if finding.ok else "FAIL"
        found.append(("ok" if finding.ok else "wrong", f"{mark}  {finding.name}: {finding.says}"))
        if finding.advice:
            found.append(("advice", f"      {finding.advice}"))
    wrong = sum(not finding.ok for finding in report.findings)
    verdict = {0: "nothing is wrong", 1: "one thing is wrong"}
    found.append(("head", verdict.get(wrong, f"{wrong} things are wrong")))
    return found


def _asked(link: SerialLink) -> tuple[float, dict[str, Any]]:
    """(how long it took in ms, what the board says of itself)."""
    started = time.monotonic()
    hello = link.request("hello")
    return (time.monotonic() - started) * 1000, hello


def _bad_frames(link: SerialLink) -> tuple[int, int]:
    """(frames that came damaged, chunks that had to be sent again)."""
    return link.decoder.damaged, link.repeated


def _line(damaged: int, repeated: int, answer_ms: float) -> Finding:
    ok = not damaged and repeated <= _LATE_MAX and answer_ms < _SLOW_LINE_MS
    lost = damaged + repeated
    return _finding("line", ok, f"answers in {answer_ms:.0f} ms, {lost} frames damaged or lost")


def _firmware(hello: dict[str, Any]) -> Finding:
    runs = f"callboard {hello.get('firmware')} on {hello.get('implementation')}"
    runs += f" {hello.get('version')}, {hello.get('bits')} bits"
    same = hello.get("firmware") == callboard.__version__ and hello.get("protocol") == PROTOCOL
    return _finding("firmware", same, runs if same else f"{runs}; here is {callboard.__version__}")


def _state(status: dict[str, Any]) -> list[Finding]:
    missing = ", ".join(status["missing"])
    lost = status["lines_lost"]
    reset = str(status.get("reset", "unknown"))
    return [
        _finding("last start", reset.startswith(_USUAL), reset),
        _finding("provisioned", not missing, f"lacks {missing}" if missing else "completely"),
        _finding("registered", status["registered"], "yes" if status["registered"] else "no"),
        _finding("log", not lost, f"{lost} lines were lost" if lost else "nothing was lost"),
    ]
