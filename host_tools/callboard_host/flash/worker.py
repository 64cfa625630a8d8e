"""Flashes one board, as a process of its own: a job on standard input, lines of JSON out.

A process, because a library that waits for ever can only be ended from outside.
"""

import sys
import time
from pathlib import Path

from callboard.errors import CallboardError
from callboard_host import errors
from callboard_host.errors import HostError
from callboard_host.image import inspect

from . import ports, running
from .job import LIMITS, FlashFailed, Job, Reporter, Result

_GRACE_S = 5.0  # so that we can say why before we are ended


def work(job: Job, report: Reporter) -> Result:
    """Do it. Raises HostError."""
    started = time.monotonic()
    known = set() if job.port else {place.port for place in ports.serial_places()}
    image = inspect.load_image(Path(job.image)).image
    if image.board.chip.family == "esp32":
        from . import esp

        result = esp.flash(job, image, report)
    else:
        from . import bootsel

        result = bootsel.flash(job, image, report)
    if job.hello:
        report.step("start")
        limit_s = max(1.0, job.limits.get("start", LIMITS["start"]) - _GRACE_S)
        port = job.port or running.new_port(known, limit_s)
        hello = running.wait_for_hello(port, limit_s)
        if hello.get("board") != image.board.name:
            raise FlashFailed(
                f"the board says it is {hello.get('board')}, not {image.board.name}: "
                "it does not run what was written"
            )
        result.firmware = str(hello.get("firmware", ""))
    result.seconds = round(time.monotonic() - started, 2)
    return result


def main() -> int:
    """The process."""
    job = Job.from_json(sys.stdin.readline())
    report = Reporter(job.limits)
    try:
        report.result(work(job, report))
    except HostError as error:
        report.error(error)
    except (CallboardError, OSError) as error:
        report.error(HostError(str(error), errors.hint(error)))
    except KeyboardInterrupt:
        return errors.EXIT_INTERRUPTED
    return 0


if __name__ == "__main__":
    sys.exit(main())
