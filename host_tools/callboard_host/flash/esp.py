"""Flash a board of the ESP32 family through esptool's library, which is an optional extra."""

import contextlib
import importlib.util
import os
from collections.abc import Iterator
from typing import Any

from callboard.errors import StorageError
from callboard.flash import pin_files
from callboard_host.errors import BadInput, HostError, InUse, NotBuilt
from callboard_host.image import layout, partitions
from callboard_host.image.layout import Image
from callboard_host.serial_line.port import PortFailed

from ..boards.chips import SECTOR
from . import keys
from .job import ADVICE, FlashFailed, Job, NoBoard, Refused, Reporter, Result

_SYNC_TRIES = 4


def require_esptool() -> None:
    """Raises NotBuilt without esptool: it is under the GPL, so nobody gets it unasked."""
    if importlib.util.find_spec("esptool") is None:
        raise NotBuilt(
            "esptool is not installed; ESP32 boards are flashed with it",
            "pip install 'callboard[flash]' (it is under the GPL)",
        )


def flash(job: Job, image: Image, report: Reporter) -> Result:
    """Write `image` to the board on `job.port`. Raises HostError."""
    require_esptool()
    import esptool.cmds

    _listen(esptool, report)
    report.step("connect")
    with _connected(esptool, job, report) as esp:
        report.step("check")
        result = Result(job.name, image.board.name, esp.CHIP_NAME)
        _check(esptool, esp, image)
        table = _read(esp, partitions.OFFSET, SECTOR)
        known = layout.read_mark(table)
        _check_board(known, image, job)
        report.step("read keys")
        backup = keys.Backup(esp.read_mac_text, job.backups)
        kept, where = None, ()
        if not job.erase:
            kept, where = _keys_of(esp, table, known)
            kept = kept or backup.load()
        parts = image.with_keys(kept or _blank_keys(image))
        if kept is not None:
            backup.save(kept)
            if where == image.key_sectors:
                parts = image.without_keys()  # they are where they belong
        _write(esptool, esp, parts, job, report, result)
        report.step("verify")
        written = b"".join(_read(esp, at, SECTOR) for at in image.key_sectors)
        if written != (kept or _blank_keys(image)):
            raise FlashFailed(
                "the key store on the board is not what was written",
                f"run the same command again; its keys are in {backup.path}" if kept else "",
            )
        result.keys = "kept" if kept else "erased" if job.erase else "new"
        if kept is not None or job.erase:
            backup.forget()
        esptool.cmds.reset_chip(esp, "hard-reset")
    return result


# --- esptool ---


def _listen(esptool: Any, report: Reporter) -> None:
    """Turn esptool's progress into ours, and its chatter off."""
    from esptool.logger import EsptoolLogger, TemplateLogger, log

    class Quiet(TemplateLogger):
        def __init__(self):
            self.before = self.last = self.total = 0

        def print(self, *args, **kwargs):
            pass

        note = warning = error = stage = set_verbosity = print

        def progress_bar(self, cur_iter, total_iters, prefix="", suffix="", bar_length=30):
            if cur_iter < self.last:
                self.before += self.last
            self.last = cur_iter
            if self.total:
                report.progress(min(self.before + cur_iter, self.total), self.total)

    quiet = Quiet()
    esptool.callboard_log = quiet
    EsptoolLogger.set_logger(log, quiet)  # the one that is set now may lack the method
    if hasattr(esptool.loader, "HexFormatter"):
        # It formats every packet for a trace that is off, which takes half of its time.
        esptool.loader.HexFormatter = lambda data, auto_split=True: ""


@contextlib.contextmanager
def _connected(esptool: Any, job: Job, report: Reporter) -> Iterator[Any]:
    """The chip, in its loader. Whatever fails below becomes one of our errors."""
    import serial

    esp = None
    try:
        esp = esptool.cmds.detect_chip(job.port, connect_attempts=_SYNC_TRIES)
        esp.read_mac_text = ":".join(f"{byte:02x}" for byte in esp.read_mac())
        if job.stub:
            mac = esp.read_mac_text
            esp = esptool.cmds.run_stub(esp)
            esp.read_mac_text = mac
        if job.baud > 115200 and (job.stub or esp.CHIP_NAME != "ESP8266"):
            esp.change_baud(job.baud)
        esptool.cmds.attach_flash(esp)
        yield esp
    except esptool.FatalError as error:
        raise _translated(error, job, report) from error
    except (serial.SerialException, OSError) as error:
        raise _port_failed(error, job, report) from error
    finally:
        if esp is not None:
            with contextlib.suppress(Exception):  # the port may be gone: that was told above
                esp._port.close()


def _translated(error: Exception, job: Job, report: Reporter) -> HostError:
    step, text = report.step_now, str(error).split("\n")[0].rstrip(".")
    lower = text.lower()
    if "could not open" in lower or "port is busy" in lower or "doesn't exist" in lower:
        return _port_failed(error, job, report)
    if step == "connect":
        return NoBoard(f"no ESP32 answers on {job.port}: {text}", ADVICE[step])
    return FlashFailed(f"{step} failed: {text}", ADVICE[step])


def _port_failed(error: Exception, job: Job, report: Reporter) -> HostError:
    text = str(error)
    if report.step_now == "connect":
        if "://" not in job.port and not os.path.exists(job.port):
            return PortFailed(
                f"there is no port {job.port}",
                "plug the board in; `callboard flash --list` shows what is there",
            )
        if "busy" in text or "lock" in text or "temporarily unavailable" in text:
            return InUse(f"{job.port} is in use by another program", "close it there first")
        return PortFailed(f"{job.port} cannot be opened: {text.splitlines()[0]}")
    return FlashFailed(
        f"{job.port} went away in the step “{report.step_now}”",
        "plug it in and run the same command again",
    )


def _read(esp: Any, offset: int, size: int) -> bytes:
    return bytes(esp.read_flash(offset, size, None))


# --- checks, before anything is written ---


def _check(esptool: Any, esp: Any, image: Image) -> None:
    board = image.board
    if board.chip.web_family != esp.CHIP_NAME:
        raise Refused(
            f"the image is for {board.name}, an {board.chip.title}; this is an {esp.CHIP_NAME}",
            "nothing was written; take the image for this board",
        )
    if esp.secure_download_mode or esp.get_flash_encryption_enabled():
        raise Refused(
            "the chip's flash is encrypted or locked: callboard would not start from it",
            "nothing was written; only its owner's own tools can flash it",
        )
    size = esptool.cmds.detect_flash_size(esp)
    found = esptool.util.flash_size_bytes(size) if size else 0
    if not found:
        raise NoBoard("the chip does not find its flash", ADVICE["check"])
    if found < board.flash_bytes:
        raise Refused(
            f"{board.name} has {board.flash_bytes >> 20} MB of flash; this board has "
            f"{found >> 20} MB",
            "nothing was written; take the image for a board with less flash",
        )


def _check_board(known: dict | None, image: Image, job: Job) -> None:
    if known is None or job.other_board or known.get("board") == image.board.name:
        return
    raise Refused(
        f"the image is for {image.board.name}; this board was flashed as {known.get('board')}",
        "nothing was written; give --other-board if that is what you want",
    )


# --- the key store ---


def _blank_keys(image: Image) -> bytes:
    """What a new key store's sectors hold."""
    return pin_files.pin_content() * 2 if image.facts["key_store"] == "pin_files" else keys.BLANK


def _keys_of(esp: Any, table: bytes, known: dict | None) -> tuple[bytes | None, tuple]:
    """(the 8 KB of the board's key store, its sectors), wherever it has it; None: it has none."""
    try:
        rows = partitions.read(table[: partitions.SIZE])
    except BadInput:
        return None, ()
    row, system = (partitions.find(rows, name) for name in ("keystore", "vfs"))
    if known is not None and known.get("key_store") == "pin_files" and system is not None:
        try:
            blocks = pin_files.find_blocks(_Blocks(esp, system.offset))
        except StorageError:
            return None, ()
        sectors = [system.offset + block * SECTOR for block in blocks]
    elif row is not None and row.size == 2 * SECTOR:
        sectors = [row.offset, row.offset + SECTOR]
    else:
        return None, ()
    data = b"".join(_read(esp, at, SECTOR) for at in sectors)
    return (data, tuple(sectors)) if keys.is_store(data) else (None, ())


class _Blocks:
    """A file system on the board as a block device, read as far as it is asked for."""

    def __init__(self, esp: Any, offset: int):
        self._esp = esp
        self._offset = offset
        self._seen: dict[int, bytes] = {}

    def readblocks(self, number: int, buffer: bytearray, offset: int) -> None:
        """MicroPython's."""
        if number not in self._seen:
            self._seen[number] = _read(self._esp, self._offset + number * SECTOR, SECTOR)
        buffer[:] = self._seen[number][offset : offset + len(buffer)]


# --- writing ---


def _write(
    esptool: Any, esp: Any, parts: dict[int, bytes], job: Job, report: Reporter, result: Result
) -> None:
    wanted = sorted(parts.items())
    if job.skip_flashed:
        wanted = [(at, part) for at, part in wanted if not _there(esp, at, part)]
        result.skipped = not wanted
    size = sum(len(part) for _, part in wanted)
    result.written = size
    report.step("write", size)
    if wanted:
        esptool.callboard_log.total = size
        # esptool compares the MD5 of each part on the chip with that of what it sent.
        esptool.cmds.write_flash(esp, wanted, flash_size="keep", erase_all=job.erase)


def _there(esp: Any, at: int, part: bytes) -> bool:
    import hashlib

    return esp.flash_md5sum(at, len(part)) == hashlib.md5(part, usedforsecurity=False).hexdigest()
