"""Flash a board of the RP2 family: a UF2 file onto the drive that its boot ROM shows.

The drive takes anything, and says nothing. So success is that the drive vanishes, that the board
comes back, and that it says hello. Its key store can be read only while its firmware runs; what
cannot be read is left where it is: the file has no blocks for it.
"""

import errno
import os
import time
from pathlib import Path

from callboard.flash import pin_files
from callboard_host.image import firmware
from callboard_host.image.layout import Image
from callboard_host.serial_line.port import PortFailed

from . import keys, ports
from .job import ADVICE, LIMITS, FlashFailed, Job, NoBoard, Refused, Reporter, Result
from .prompt import Who, at_prompt

_NAME = "callboard.uf2"
_POLL_S = 0.2
_GRACE_S = 2.0
_CHUNK = 64 << 10
_MODELS = {"rp2040": "RPI-RP2", "rp2350": "RP2350"}


def flash(job: Job, image: Image, report: Reporter) -> Result:
    """Write `image` to the board on `job.port`, or in its boot ROM already. Raises HostError."""
    report.step("connect")
    result = Result(job.name, image.board.name, image.board.chip.title)
    kept: bytes | None = None
    parts = image.with_keys(_blank_keys(image)) if job.erase else image.without_keys()
    backup = None
    if job.port and (os.path.exists(job.port) or "://" in job.port):
        with at_prompt(job.port) as prompt:
            report.step("check")
            who = prompt.who()
            _check(who, image, job)
            if job.skip_flashed and who.facts == image.facts:
                result.skipped, result.keys = True, "kept"
                prompt.restart()
                return result
            report.step("read keys")
            place, data = prompt.keys()
            if not job.erase:
                backup = keys.Backup(who.number, job.backups)
                kept = data if data and keys.is_store(data) else backup.load()
                if kept is not None:
                    backup.save(kept)
                parts = _parts(image, place, kept, kept is data)
            report.step("connect")
            prompt.start_boot_rom()
    drive = _wait_for_drive(job, image)
    if kept is None and backup is None and not job.erase:
        report.note("its key store is left as it is: in its boot ROM it cannot be read")
    _copy(image.file(parts), drive, report)
    result.written = sum(map(len, parts.values()))
    report.step("verify")
    _wait_until_gone(drive, job.limits.get("verify", LIMITS["verify"]) - _GRACE_S)
    if job.erase:
        result.keys = "erased"
    elif backup is None:
        result.keys = "untouched"
    else:
        result.keys = "new" if kept is None else "kept"
        if kept is not None:
            _compare(job, kept, backup)
    return result


def _blank_keys(image: Image) -> bytes:
    return pin_files.pin_content() * 2 if image.facts["key_store"] == "pin_files" else keys.BLANK


def _parts(image: Image, place: str, kept: bytes | None, from_board: bool) -> dict[int, bytes]:
    """What to write: reserved sectors stay untouched, everything else gets its content."""
    here = image.facts["key_store"]
    if kept is None:
        return image.with_keys(_blank_keys(image))
    if from_board and place == here == "sectors":
        return image.without_keys()
    return image.with_keys(kept)


def _check(who: Who, image: Image, job: Job) -> None:
    """Before anything is written: is it that kind of board?"""
    board = image.board
    if who.machine and not firmware.fits(who.machine, board.facts["firmware"]["machine"]):
        raise Refused(
            f"the image is for {board.name}; this is a “{who.machine}”",
            "nothing was written; take the image for this board",
        )
    known = who.facts.get("board", board.name)
    if known != board.name and not job.other_board:
        raise Refused(
            f"the image is for {board.name}; this board was flashed as {known}",
            "nothing was written; give --other-board if that is what you want",
        )


def _wait_for_drive(job: Job, image: Image) -> Path:
    """The boot ROM's drive, once it is mounted. Raises NoBoard, Refused."""
    until = time.monotonic() + job.limits.get("connect", LIMITS["connect"]) - _GRACE_S
    while True:
        given = [job.drive] if job.drive else []
        found = given or [place.drive for place in ports.drive_places(job.drives)]
        for name in found:
            model = ports.info(Path(name)).get("Board-ID", "")
            if not model:
                continue
            if not model.startswith(_MODELS[image.board.chip.name]):
                raise Refused(
                    f"the image is for an {image.board.chip.title}; {name} is an {model}'s",
                    "nothing was written; take the image for this board",
                )
            return Path(name)
        if time.monotonic() >= until:
            if job.port and "://" not in job.port and not found and not _was_there(job):
                raise PortFailed(
                    f"there is no port {job.port}, and no drive of a boot ROM",
                    "hold BOOTSEL while you plug the board in; `callboard flash --list` shows "
                    "what is there",
                )
            raise NoBoard(
                "the boot ROM's drive does not appear",
                "hold BOOTSEL while you plug the board in; mount the drive if nobody does",
            )
        time.sleep(_POLL_S)


def _was_there(job: Job) -> bool:
    return os.path.lexists(job.port)


def _copy(data: bytes, drive: Path, report: Reporter) -> None:
    """Copy the file. The board may leave before the last of it is confirmed."""
    report.step("write", len(data))
    done = 0
    try:
        with open(drive / _NAME, "wb", buffering=0) as file:
            while done < len(data):
                done += file.write(data[done : done + _CHUNK])
                report.progress(done, len(data))
            os.fsync(file.fileno())
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise FlashFailed(
                f"the drive {drive} is full: {done >> 10} of {len(data) >> 10} KB were written",
                "unplug the board, hold BOOTSEL, plug it in, and run the same command again",
            ) from error
        if done < len(data) and drive.exists():
            raise FlashFailed(
                f"cannot write to {drive}: {error.strerror}", ADVICE["write"]
            ) from error


def _wait_until_gone(drive: Path, limit_s: float) -> None:
    until = time.monotonic() + limit_s
    while drive.exists() and ports.info(drive):
        if time.monotonic() >= until:
            raise FlashFailed(
                "the board did not take the file: its drive is still there",
                "unplug it, hold BOOTSEL, plug it in, and run the same command again",
            )
        time.sleep(_POLL_S)


def _compare(job: Job, kept: bytes, backup: keys.Backup) -> None:
    """Whether the board, with its new firmware, has its keys."""
    until = time.monotonic() + job.limits.get("start", LIMITS["start"])
    while not os.path.exists(job.port):
        if time.monotonic() >= until:
            raise NoBoard(f"the board did not come back on {job.port}", ADVICE["start"])
        time.sleep(_POLL_S)
    with at_prompt(job.port) as prompt:
        _, now = prompt.keys()
        if not now or not keys.same(kept, now):
            raise FlashFailed(
                "the board's key store is not what it was",
                f"run the same command again; its keys are in {backup.path}",
            )
        backup.forget()
        prompt.restart()
