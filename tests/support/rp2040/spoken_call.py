"""A spoken call of an emulated board: relay, phone and bridge as they are, in the board's time.

    call = SpokenCall(folder, Plan(...), codec="opus-8k")
    report = call.run(flash)          # as report.json of `callboard demo-call` (demo/results.py)

The board has our firmware, `board.py` in its own file system, no network but its serial line, and
microphone and speaker in its memory (sound.py).
"""

import asyncio
import contextlib
import time
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from callboard.net.tls import context_from_file
from callboard_host import events, paths
from callboard_host.demo import results, speech
from callboard_host.demo.callfiles import CallEvents, Files
from callboard_host.demo.speech import Plan
from callboard_host.phone import Phone, PhoneConfig
from callboard_host.relay import Relay, RelayConfig
from callboard_host.relay.admin_client import AdminClient
from callboard_host.serial_line.bridge import Bridge
from support.rp2040 import flash_image
from support.rp2040.chip import Chip
from support.rp2040.guest_time import GuestTime
from support.rp2040.sound import Sound
from support.rp2040.usb_host import UsbHost

APP, MODEL, SN = "wxdemo", "doorbell", "SN0001"
BOOT_MS = 10_000
ANSWER_S = 0.3
TAIL_S = 0.6  # the last chirp must reach the far end
WAIT_S = 25.0  # of the board's time, for anything
PHONE_RATE = 16_000

BOARD_PY = """
import board_sound
BOARD, CHIP = "RPI_PICO", "rp2040"
NETWORK, BRIDGE_TLS = "serial", "host"
MICROPHONE, SPEAKER, AUDIO_RATE = board_sound.microphone, board_sound.speaker, {rate}
CODECS = ({codec!r}, "pcmu")
RELAY_URL, MODEL_ID, SN, WXA_APPID = {url!r}, {model!r}, {sn!r}, {app!r}
TICKET, OPEN_ID = {ticket!r}, {open_id!r}
BUTTON, LED = {{"pin": 15, "active": "low"}}, {{"pin": 25, "active": "high"}}
KEY_STORE = "sectors"
"""


class SpokenCall:
    """One call. `board_events`, `phone_events`, `lines` (what else the board printed), `flash` and
    `clock_late_us` (the board's, before it was set right in its events) are there for whoever
    wants more than the report."""

    def __init__(self, folder: Path, plan: Plan, codec: str, rate: int):
        self.files = Files(folder)
        self.plan = plan
        self._codec, self._rate = codec, rate
        self.board_events: list[dict[str, Any]] = []
        self.phone_events: list[dict[str, Any]] = []
        self.lines: list[str] = []
        self.flash = b""
        self.guest_s = 0.0
        self.clock_late_us = 0
        self.counts: dict[str, int] = {}
        self._changed: asyncio.Event | None = None

    def run(self, flash: bytes) -> dict[str, Any]:
        """Make the call on a board with this flash; the report."""
        self._write_speech()
        prepared = asyncio.run(self._prepare())
        board = flash_image.with_files(
            flash,
            {
                "board.py": BOARD_PY.format(
                    rate=self._rate, codec=self._codec, model=MODEL, sn=SN, app=APP, **prepared
                ).encode(),
                "board_sound.mpy": flash_image.bytecode(
                    Path(__file__).with_name("board_sound.py"), "board_sound.py"
                ),
            },
        )
        chip = Chip(board)
        self.prepare_chip(chip)
        said, _ = soundfile.read(self.files.said("board"), dtype="int16")
        sound = Sound(chip, said.tobytes(), self._rate)
        host = UsbHost(chip)
        chip.power_on()
        chip.run(lambda: host.serial, BOOT_MS)
        guest = GuestTime(chip, host, sound)
        with guest as loop:
            loop.run_until_complete(self._call(chip, guest, prepared))
        self.flash = chip.power_off()
        heard = np.frombuffer(bytes(sound.heard), dtype=np.int16)
        soundfile.write(self.files.heard("board"), heard, self._rate, subtype="PCM_16")
        self._set_clock_right(guest.epoch_us + sound.started_us)
        button = self._first(self.board_events, "button")["t_us"]
        before = [("board", event) for event in self.board_events if event["t_us"] < button]
        before += [("board", event) for event in self.board_events if event["event"] == "boot"]
        since = [
            [event for event in side if event["t_us"] >= button]
            for side in (self.board_events, self.phone_events)
        ]
        return results.make(CallEvents(before, *since), self.files, self.plan, {})

    def _set_clock_right(self, microphone_us: int) -> None:
        """The board has the relay's time as late as the line has brought it: in its events put
        the chip's, on which its microphone was started at `microphone_us`."""
        told_us = self._first(self.board_events, "stats")["microphone_started_us"]
        self.clock_late_us = microphone_us - told_us
        for event in self.board_events:
            for name in ("t_us", "microphone_started_us", "speaker_started_us"):
                if name in event:
                    event[name] += self.clock_late_us

    def prepare_chip(self, chip: Chip) -> None:
        """For whoever wants to watch it."""

    def _write_speech(self) -> None:
        for who, phrases, rate in (
            ("board", speech.BOARD_PHRASES, self._rate),
            ("phone", speech.PHONE_PHRASES, PHONE_RATE),
        ):
            samples, found = speech.phrases(paths.SPEECH, phrases)
            said = speech.fit(samples, found, self.plan.speech_s, 0.0)
            said = speech.microphone(speech.resample(said, found, rate), rate, self.plan)
            speech.write(self.files.said(who), said, rate)

    # --- relay, phone, bridge ---

    def _relay(self, port: int = 0) -> Relay:
        return Relay(RelayConfig(data_dir=self.files.folder / "relay", port=port))

    async def _prepare(self) -> dict[str, Any]:
        """Accounts at the relay, which comes back at the same address: before the board's time
        begins, because its file system needs to know."""
        relay = self._relay()
        await relay.start()
        try:
            token = relay.admin_token_path.read_text(encoding="utf-8").strip()
            async with AdminClient(relay.url, token, relay.ca_path) as admin:
                await admin.add_app(APP, "a call")
                await admin.add_model(MODEL, "doorbell")
                user = await admin.invite(APP, "a person")
                ticket = (await admin.ticket(MODEL, SN))["ticket"]
                await admin.authorise(user["open_id"], MODEL, SN)
            self._ca, self._invitation = relay.ca_path, user["invitation"]
            return {"url": relay.url, "ticket": ticket, "open_id": user["open_id"]}
        finally:
            await relay.stop()

    async def _call(self, chip: Chip, guest: GuestTime, prepared: dict[str, Any]) -> None:
        self._changed = asyncio.Event()
        started_us = chip.now_us
        relay = self._relay(int(prepared["url"].rsplit(":", 1)[1].rstrip("/")))
        await relay.start()
        phone = Phone(
            PhoneConfig(
                relay_url=prepared["url"],
                state=self.files.folder / "phone.json",
                ca_path=self._ca,
                invitation=self._invitation,
                microphone=self.files.said("phone"),
                speaker=self.files.heard("phone"),
                rate=PHONE_RATE,
                answer_after=ANSWER_S,
                hang_up_after=self.plan.total_s + TAIL_S,
            ),
            self._phone_said,
        )
        tls = context_from_file(str(self._ca))
        bridge = Bridge(guest.port.open, prepared["url"], tls, on_line=self._board_said)
        tasks = [asyncio.create_task(phone.run()), asyncio.create_task(bridge.run())]
        try:
            await self._until(self.phone_events, "online", tasks)
            await self._until(self.board_events, "ready", tasks)
            self._push_button(chip, True)
            await self._until(self.phone_events, "ringing", tasks)
            self._push_button(chip, False)
            await self._until(self.phone_events, "ended", tasks)
            await self._until(self.board_events, "ended", tasks)
            self.counts = bridge.counts.json()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await relay.stop()
            self.guest_s = (chip.now_us - started_us) / 1e6

    @staticmethod
    def _push_button(chip: Chip, pressed: bool) -> None:
        chip.mcu.gpio[15].set_input_value(not pressed)

    def _board_said(self, line: bytes, _cut: bool) -> None:
        text = line.decode("utf-8", "replace")
        event = events.parse(text)
        if event is None:
            self.lines.append(text)
        else:
            self.board_events.append(event)
        self._tell()

    def _phone_said(self, name: str, **fields: Any) -> None:
        self.phone_events.append({"event": name, "t_us": time.time_ns() // 1000, **fields})
        self._tell()

    def _tell(self) -> None:
        assert self._changed is not None
        self._changed.set()

    async def _until(self, side: list[dict[str, Any]], name: str, tasks: list[Any]) -> None:
        assert self._changed is not None
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(WAIT_S):
                while not any(event["event"] == name for event in side):
                    for task in tasks:
                        if task.done():
                            task.result()
                    if any(line.startswith(">>> ") for line in self.lines):
                        raise AssertionError(("the board is at Python's prompt", self.lines[:40]))
                    self._changed.clear()
                    await self._changed.wait()
                return
        last = self.board_events[-5:], self.phone_events[-5:], self.lines[-20:]
        raise AssertionError((f"no {name}", *last))

    @staticmethod
    def _first(side: list[dict[str, Any]], name: str) -> dict[str, Any]:
        return next(event for event in side if event["event"] == name)
