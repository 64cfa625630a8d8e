"""What a staged call leaves behind: the sound files, and the events of both ends."""

from dataclasses import dataclass
from pathlib import Path

from callboard_host.errors import ProgramFailed
from callboard_host.events import Event


@dataclass(frozen=True)
class Files:
    """The sound files of a call; `who` is "board" or "phone"."""

    folder: Path

    def said(self, who: str) -> Path:
        """What the microphone takes."""
        return self.folder / f"{who}_said.wav"

    def heard(self, who: str) -> Path:
        """What the speaker plays."""
        return self.folder / f"{who}_heard.wav"


@dataclass(frozen=True)
class CallEvents:
    """The events of one call: what board and phone printed from its first moment on.

    That is the press of the button, or the phone's `calling`. `before`: (who, event) from the
    start of the programs to that.
    """

    before: list[tuple[str, Event]]
    board: list[Event]
    phone: list[Event]

    @property
    def boot(self) -> Event:
        """The board's first event: what it is."""
        return next(
            event for who, event in self.before if (who, event["event"]) == ("board", "boot")
        )

    @property
    def caller(self) -> str:
        """Who called: "board" or "phone"."""
        return "phone" if self.first("phone", "calling") else "board"

    @property
    def callee(self) -> str:
        """Who was called."""
        return "board" if self.caller == "phone" else "phone"

    @property
    def start_us(self) -> int | None:
        """When the caller asked for the call."""
        return self.time_us(self.caller, "calling" if self.caller == "phone" else "button")

    @property
    def rang_us(self) -> int | None:
        """When it rang at the other end."""
        return self.time_us(self.callee, "incoming" if self.caller == "phone" else "ringing")

    def of(self, who: str) -> list[Event]:
        """Those of one end, in order."""
        return self.board if who == "board" else self.phone

    def first(self, who: str, name: str) -> Event | None:
        """The first event of that name."""
        return next((event for event in self.of(who) if event["event"] == name), None)

    def time_us(self, who: str, name: str) -> int | None:
        """When it happened first."""
        event = self.first(who, name)
        return event["t_us"] if event else None

    def stats(self, who: str) -> Event:
        """The last figures of one end. Raises ProgramFailed when it told none."""
        found = [event for event in self.of(who) if event["event"] == "stats"]
        if not found:
            raise ProgramFailed(f"the {who} told no figures of the call")
        return found[-1]
