"""What every test run shares: device tests on MicroPython, and what came out of each test.

Files in tests/device/ are collected twice: by pytest itself for CPython, and as DeviceFile for
both MicroPython builds. With --results=FILE the run's results are written there, for
spec_coverage.py.
"""

import gc
import json
import os
import signal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

import spec_coverage
from support.covers import checked, comment_marks
from support.device_items import DeviceFile, DeviceItem
from support.soak import times

# Before a test imports typer, which asks once: whatever terminal or CI is behind pytest, programs
# under test see a plain one (typer takes even PY_COLORS=0 for "force colours").
for _name in ["COLUMNS", "FORCE_COLOR", "GITHUB_ACTIONS", "NO_COLOR", "PY_COLORS"]:
    os.environ.pop(_name, None)
os.environ["TERM"] = "dumb"
# A shell starts in the background what Ctrl-C shall not end, and programs under test inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)
# A lookup of a host that is not there shall not take longer than a test may.
os.environ.setdefault("RES_OPTIONS", "timeout:2 attempts:1")
# Other tests make examples slow at times. New ones each time are for a soak: `make test` tells the
# same twice.
settings.register_profile(
    "callboard",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    derandomize=times(True, False),
)
settings.load_profile("callboard")

_results: spec_coverage.Results = {}


def pytest_addoption(parser):
    parser.addoption(
        "--results",
        type=Path,
        metavar="FILE",
        help="write there what came out of each test, and the rows of the feature table it shows",
    )


def _is_device_test(path) -> bool:
    return path.parent.name == "device" and path.match("test_*.py")


def pytest_collect_file(file_path, parent):
    if _is_device_test(file_path):
        return DeviceFile.from_parent(parent, path=file_path)
    return None


def pytest_collection_modifyitems(config, items):
    """Give the CPython runs of device tests the marks that stand in their comments.

    Side by side, the files with slow tests begin, or the last of them would run alone.
    """
    marks_of: dict = {}
    for item in items:
        if _is_device_test(item.path) and not isinstance(item, DeviceItem):
            marks = marks_of.setdefault(item.path, comment_marks(item.path))
            for mark in marks.get(item.name, []):
                item.add_marker(mark)
        for mark in item.iter_markers("covers"):
            checked(mark.args, item.nodeid)
    if hasattr(config, "workerinput"):
        slow = {item.path for item in items if item.get_closest_marker("slow")}
        items.sort(key=lambda item: item.path not in slow)


def pytest_collection_finish(session):
    """Tell each device run which tests were selected, and note what every test claims."""
    for item in session.items:
        if isinstance(item, DeviceItem):
            item.device_run.names.append(item.test_name)
        rows = sorted({row for mark in item.iter_markers("covers") for row in mark.args})
        _results[item.nodeid] = {"rows": rows, "outcome": "claimed"}
        item.user_properties.append(("rows", rows))
    # Firmware collects its garbage often; here that would walk all of pytest's tests each time.
    gc.freeze()


@pytest.hookimpl(trylast=True)
def pytest_runtest_logreport(report):
    """Keep a test's worst phase: a failed teardown is a failed test."""
    # Run side by side, tests are collected in another process, and come here with their reports.
    rows = dict(report.user_properties).get("rows", [])
    result = _results.setdefault(report.nodeid, {"rows": rows, "outcome": "claimed"})
    counts = report.when == "call" or report.outcome != "passed"
    if counts and result["outcome"] != "failed":
        result["outcome"] = report.outcome


def pytest_sessionfinish(session):
    file = session.config.getoption("--results")
    if file and not hasattr(session.config, "workerinput"):  # the results come together in one
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(_results, indent=1), encoding="utf-8")
