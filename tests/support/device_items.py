"""pytest items that run device tests on MicroPython: one process per file and target.

A file's tests run together in one process the first time one of them is asked for; each is then
reported by its own name, as `tests/device/test_rtp.py::test_wrap[micropython32]`.
"""

import os
import re
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from support.covers import comment_marks

TOP = Path(__file__).parents[2]
RUNNER = TOP / "tests" / "run_device.py"

# Target -> heap. A board has a tenth of the smaller one, but not the test's own data.
TARGETS = {"micropython64": "4M", "micropython32": "2M"}
FILE_TIMEOUT_S = 400
# The emulated chip runs a chosen few (support/rp2040/device_tests.py).
CHIP = "rp2040"

_LINE = re.compile(r"(ok|FAIL|skip) \w+\.(\S+) ?(.*)")


class DeviceFailure(Exception):
    """A device test failed; the text is what the device printed."""


@dataclass
class DeviceRun:
    """The tests of one file that were asked for on one target, and what came out."""

    path: Path
    target: str
    names: list[str] = field(default_factory=list)
    results: dict[str, tuple[str, str]] | None = None

    def result(self, name: str) -> tuple[str, str]:
        """("ok" | "FAIL" | "skip", text) of one test, running the file if it has not run yet."""
        if self.results is None:
            output = self._run()
            self.results = _parse(output)
            for missing in set(self.names) - set(self.results):
                self.results[missing] = ("FAIL", "this test never reported:\n" + output)
        return self.results[name]

    def _run(self) -> str:
        if self.target == CHIP:
            from support.rp2040 import device_tests, flash_image

            try:
                return device_tests.run(self.path, self.names)
            except flash_image.NoFirmware as missing:
                return str(missing)
        binary = TOP / "build" / "bin" / self.target
        if not binary.exists():
            return f"{binary.relative_to(TOP)} is missing: run make micropython"
        tests = [f"{self.path}::{name}" for name in self.names]  # arguments: 255 bytes at most
        command = [str(binary), "-X", f"heapsize={TARGETS[self.target]}", str(RUNNER), *tests]
        try:
            done = subprocess.run(
                command,
                cwd=TOP,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                timeout=FILE_TIMEOUT_S,
                check=False,
                env={**os.environ, "MICROPYPATH": ".frozen"},
            )
        except subprocess.TimeoutExpired as late:
            said = (late.stdout or b"").decode(errors="replace")
            return f"{said}\nkilled: the file was not done after {FILE_TIMEOUT_S} s"
        said = done.stdout.decode(errors="replace")
        return said if done.returncode in (0, 1) else f"{said}\nexit status {done.returncode}"


def _parse(output: str) -> dict[str, tuple[str, str]]:
    """Test name -> (verdict, text) from the runner's lines; a FAIL owns the lines that follow."""
    results: dict[str, tuple[str, str]] = {}
    failed = None
    printed: list[str] = []  # what a test printed comes before its verdict
    for line in output.splitlines():
        if found := _LINE.fullmatch(line):
            verdict, name, rest = found.groups()
            failed = name if verdict == "FAIL" else None
            results[name] = (verdict, "\n".join([*printed, line]) if failed else rest)
            printed = []
        elif failed:
            verdict, text = results[failed]
            results[failed] = (verdict, f"{text}\n{line}")
        else:
            printed.append(line)
    return results


class DeviceItem(pytest.Item):
    """One device test on one MicroPython target."""

    def __init__(self, *, test_name: str, run: DeviceRun, **kwargs):
        super().__init__(**kwargs)
        self.test_name = test_name
        self.device_run = run

    def runtest(self) -> None:
        verdict, text = self.device_run.result(self.test_name)
        if verdict == "skip":
            pytest.skip(text)
        if verdict == "FAIL":
            raise DeviceFailure(text)
        self.user_properties.append(("device_ms", int(text)))

    def repr_failure(self, excinfo, style=None):
        if isinstance(excinfo.value, DeviceFailure):
            return f"on {self.device_run.target}:\n{excinfo.value}"
        return super().repr_failure(excinfo, style)

    def reportinfo(self):
        return self.path, None, self.name


class DeviceFile(pytest.File):
    """The tests of one device file on every MicroPython target."""

    def collect(self):
        chip = (CHIP,) if self.path.stem in chip_files() else ()
        for target in (*TARGETS, *chip):
            run = DeviceRun(self.path, target)
            for function, marks in comment_marks(self.path).items():
                name = f"{function}[{target}]"
                item = DeviceItem.from_parent(self, name=name, test_name=function, run=run)
                more = [pytest.mark.rp2040, pytest.mark.slow] if target == CHIP else []
                for mark in [*marks, *more, pytest.mark.timeout(FILE_TIMEOUT_S + 30)]:
                    item.add_marker(mark)
                yield item


def chip_files() -> tuple[str, ...]:
    """Files that run on the emulated chip; none where its emulator is not installed."""
    try:
        from support.rp2040 import device_tests
    except ImportError:
        return ()
    return device_tests.FILES
