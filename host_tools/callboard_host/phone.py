"""`callboard phone`: a user on the host, who calls boards and is called by them, and talks."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from callboard import codes, port
from callboard.errors import Busy, CallboardError, InvalidArgument, ProtocolError
from callboard.media.codec_set import CodecSet
from callboard.net.tls import context_from_file
from callboard.signalling import hello
from callboard.signalling.link import Link
from callboard.voip.streams import check_media
from callboard_host import events, phone_state
from callboard_host.errors import BadInput
from callboard_host.media_files import check_files, check_pictures
from callboard_host.phone_desk import Desk
from callboard_host.phone_sound import PhoneSound
from callboard_host.phone_views import PhoneViews
from callboard_host.redeem import redeem

IDLE = "idle"
CALLING = "calling"  # this phone calls; the board does not ring yet, or it rings
RINGING = "ringing"  # it rings here
TALKING, ENDING = "talking", "ending"

_ONLINE_MS = 15_000
_REQUEST_MS = 5_000
_RING_MS = 20_000  # the relay answers voip.call within 10 s
_CODED = ("codec", "rate", "bitrate_bps", "fec", "dtx")  # of a stream, how it is coded

Emit = Callable[..., None]


@dataclass(frozen=True)
class PhoneConfig:
    """What a phone is, and what it does by itself. Times in seconds; None: it waits for keys."""

    relay_url: str
    state: Path
    ca_path: Path | None = None
    invitation: str = ""
    microphone: Path | None = None
    speaker: Path | None = None
    camera: Path | None = None  # H.264, Annex B
    camera_fps: int = 15
    screen: Path | None = None  # what is shown is written there
    rate: int = 48000
    ppm: int = 0
    codecs: tuple[str, ...] | None = None  # names of PROTOCOL.md §4; None: all that are here
    answer_after: float | None = None
    reject_after: float | None = None
    hang_up_after: float | None = None
    to: tuple[str, str] | None = None  # (model_id, sn) of the board that `call` calls
    call_after: float | None = None  # call it by itself, so long after the phone is idle
    give_up_after: float | None = None  # stop ringing there
    calls: int | None = None
    authorise: tuple[tuple[str, str], ...] = ()  # devices (model_id, sn), when it is online


class Phone:
    """One user, at most one call. `emit(name, **fields)` is told every event."""

    def __init__(self, config: PhoneConfig, emit: Emit = events.emit):
        self.config = config
        self.state = IDLE
        self.calls_left = config.calls
        self.finished = asyncio.Event()
        self.codecs = CodecSet(config.codecs)
        self._emit = emit
        self.desk = Desk(self._told, self._request)
        self.views = PhoneViews(config, self._told, self._request)
        self._link: Link | None = None
        self._call: dict[str, Any] = {}
        self._number = 0  # of calls, this one included
        self._gave_up = False  # hung up here
        self._sound: PhoneSound | None = None
        self._tasks: set[asyncio.Task[None]] = set()  # of the call
        self._ending: asyncio.Task[None] | None = None

    async def run(self) -> None:
        """Be a phone until `finished` is set or we are cancelled.

        Raises what the relay refuses us with, TLSError, NetworkError, BadInput.
        """
        check_files(self.config.microphone, self.config.speaker)
        check_pictures(self.config.camera, self.config.screen)
        tls = context_from_file(str(self.config.ca_path)) if self.config.ca_path else None
        identity = await self._identity(tls)
        self._link = Link(
            hello.socket_url(self.config.relay_url, "user"),
            hello.UserHello(identity.user_token, identity.client, self._takes),
            tls=tls,
            clock=port.CLOCK,
            on_request=self._requested,
            on_online=self._online,
            on_offline=self._offline,
            on_lost=self._lost,
            on_media=self._media_arrived,
        )
        self._link.start()
        try:
            await self._link.wait_online(_ONLINE_MS)
            for device in self.config.authorise:
                await self.desk.authorise(*device)
            self._call_soon()
            await self.finished.wait()
        finally:
            self._over("aborted", "network")
            if self._ending is not None:
                await self._ending
            for task in self._tasks:
                task.cancel()
            self.views.lost()
            self.desk.stop()
            await self._link.stop()

    @property
    def _takes(self) -> tuple[str, ...]:
        """What this phone can be sent, as PROTOCOL.md §4 names it."""
        return self.codecs.names + (("h264",) if self.config.screen else ())

    def want_key_frame(self) -> None:
        """Ask for a picture that can be shown by itself."""
        if self._sound is not None and self._sound.pictures is not None:
            self._sound.pictures.want_key_frame()
        self.views.want_key_frame()

    async def watch(self, model_id: str, sn: str) -> None:
        """Watch a device live, without a call; see PhoneViews.watch."""
        assert self._link is not None
        await self.views.watch(model_id, sn, self._link.transport)

    def _told(self, name: str, **fields: Any) -> None:
        self._emit(name, **fields)

    async def _request(self, method: str, params: dict[str, Any], timeout_ms: int) -> Any:
        assert self._link is not None
        return await self._link.request(method, params, timeout_ms)

    async def _identity(self, tls: Any) -> phone_state.Identity:
        """Who we are: what is stored, or what the invitation makes us."""
        stored = phone_state.load(self.config.state)
        if not self.config.invitation:
            if stored is None or not stored.user_token:
                raise BadInput(
                    f"{self.config.state} is not there: this phone belongs to nobody yet",
                    "give --invitation, once",
                )
            return stored
        # Stored before we ask: when the answer is lost, the same client asks again.
        client = stored.client if stored else phone_state.new_client()
        phone_state.save(self.config.state, phone_state.Identity("", "", client, ""))
        identity = await redeem(self.config.relay_url, self.config.invitation, client, tls)
        phone_state.save(self.config.state, identity)
        return identity

    def _lost(self) -> None:
        self._over("aborted", "network")
        self.views.lost()

    def _offline(self, status: int, error: CallboardError | None) -> None:
        self._emit("offline", status=status, message=str(error) if error else "closed")

    def _online(self, answer: dict[str, Any]) -> None:
        self._emit("online", resumed=answer["resumed"])
        foreign = answer["call"]
        if foreign is None:
            self._over("aborted", "network")
        elif not answer["resumed"]:  # this program was restarted in a call
            self._keep(asyncio.create_task(self._lose(foreign.get("call_id"))))

    # --- what the relay asks of us ---

    def _requested(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        if method == "call.incoming":
            self._incoming(params)
        elif method == "call.answered":
            if self.state == CALLING and self._is_mine(params):
                self._talk(params.get("media"))
        elif method == "call.ended":
            if self._is_mine(params):
                self._over(str(params.get("reason")), str(params.get("by")))
        elif method == "view.ended":
            return self.views.ended(params)
        else:
            return self.desk.requested(method, params)
        return {}

    def _is_mine(self, params: dict[str, Any]) -> bool:
        return self._call.get("call_id") is not None and (
            params.get("call_id") == self._call["call_id"]
        )

    def _incoming(self, call: dict[str, Any]) -> None:
        crosses = self.state == CALLING and not self._call  # ours will be refused: it came later
        if self.state != IDLE and not crosses:
            raise Busy("this phone is in another call")
        call_id = call.get("call_id")
        if not isinstance(call_id, str) or not 0 < len(call_id) <= 64:
            raise InvalidArgument("call_id must be a text of 1 to 64 characters")
        self._number += 1
        self.state, self._call = RINGING, call
        flavour = call.get("flavour")
        if flavour not in (codes.FLAVOUR_TRIAL, codes.FLAVOUR_DEVELOPER):
            flavour = codes.FLAVOUR_FORMAL
        self._emit("ringing", call_id=call_id, peer=call.get("peer"), flavour=flavour)
        if self.config.answer_after is not None:
            self._later(self.config.answer_after, self.answer)
        elif self.config.reject_after is not None:
            self._later(self.config.reject_after, self.reject)

    def _later(self, seconds: float, act: Callable[[], Any]) -> None:
        async def wait() -> None:
            await asyncio.sleep(seconds)
            await act()

        self._keep(asyncio.create_task(wait()))

    def _keep(self, task: asyncio.Task[None]) -> None:
        self._tasks.add(task)
        task.add_done_callback(self._task_ended)

    def _task_ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()):
            code = error.code if isinstance(error, CallboardError) else codes.AVT_FAILED
            text = error.message if isinstance(error, CallboardError) else repr(error)
            self._emit("error", code=code, message=text)

    # --- what the person does ---

    def dial(self, model_id: str, sn: str) -> None:
        """Call a board, beside whatever else goes on; what fails is an `error` event."""
        self._keep(asyncio.create_task(self.call(model_id, sn)))

    async def call(self, model_id: str, sn: str) -> None:
        """Call a board; returns when it rings there. Does nothing in a call.

        Raises RemoteError with one of the documented codes, NetworkError, ProtocolError.
        """
        if self.state != IDLE:
            return
        self._number += 1
        number, self.state, self._call = self._number, CALLING, {}
        self._gave_up = False
        self._emit("calling", model_id=model_id, sn=sn)
        try:
            call = await self._ask_to_call(model_id, sn)
        except CallboardError:
            if self._number == number and self.state == CALLING:
                self.state = IDLE
                if self._gave_up:
                    self._emit("ended", reason=codes.END_CANCELLED, by="caller")
                    return self._count()
                self._count()
            raise
        if self._number == number and self.state == CALLING:
            self._call = call
            self._emit("rings", call_id=call["call_id"], peer=call.get("peer"))
            if self.config.give_up_after is not None:
                self._later(self.config.give_up_after, self._give_up)

    async def _ask_to_call(self, model_id: str, sn: str) -> dict[str, Any]:
        assert self._link is not None
        params: dict[str, Any] = {"model_id": model_id, "sn": sn}
        params["call_type"] = codes.CALL_TYPE_AUDIO
        if self.config.camera or self.config.screen:
            params["call_type"] = codes.CALL_TYPE_VIDEO
            params["caller_camera"] = int(self.config.camera is not None)
            params["callee_camera"] = int(self.config.screen is not None)
        call = await self._link.request("voip.call", params, _RING_MS)
        if not isinstance(call, dict) or not isinstance(call.get("call_id"), str):
            raise ProtocolError("the relay's answer to voip.call is no call object")
        return call

    async def _give_up(self) -> None:
        if self.state == CALLING:
            await self.hang_up()

    def _call_soon(self) -> None:
        """What a phone that calls by itself does when it is idle."""
        to = self.config.to
        if self.config.call_after is not None and to is not None and not self.finished.is_set():
            self._later(self.config.call_after, lambda: self.call(*to))

    async def answer(self) -> None:
        """Take the call that rings. Does nothing when none does."""
        if self.state != RINGING:
            return
        assert self._link is not None
        params: dict[str, Any] = {"call_id": self._call["call_id"], "codecs": list(self._takes)}
        if self.config.camera is not None:
            params["camera"] = True
        answer = await self._link.request("call.answer", params, _REQUEST_MS)
        if self.state == RINGING:  # else it was cancelled meanwhile
            self._talk(answer["media"])

    def _talk(self, media: Any) -> None:
        """Both are connected. Raises ProtocolError, BadInput, and hangs up then."""
        assert self._link is not None
        try:
            check_media(media)
            self._sound = PhoneSound(
                self.config, self.codecs, media, self._link.transport, self._tell_sound
            )
        except CallboardError:
            self._keep(asyncio.create_task(self.hang_up()))
            raise
        self.state = TALKING
        sent = media["send"]
        self._emit("answered", **{name: sent[name] for name in _CODED if name in sent})
        if self.config.hang_up_after is not None:
            self._later(self.config.hang_up_after, self.hang_up)

    def _tell_sound(self, name: str, **fields: Any) -> None:
        self._emit(name, **fields)
        if name == "error":
            self._keep(asyncio.create_task(self.hang_up()))

    async def reject(self) -> None:
        """Refuse the call that rings."""
        if self.state == RINGING:
            await self._tell("call.reject")

    async def hang_up(self) -> None:
        """End the call, ringing or talking."""
        if self.state in (CALLING, RINGING, TALKING):
            self._gave_up = True
            await self._tell("call.hang_up")

    async def _tell(self, method: str) -> None:
        assert self._link is not None
        params = {"call_id": self._call["call_id"]} if self._call else {}
        await self._link.request(method, params, _REQUEST_MS)

    async def _lose(self, call_id: Any) -> None:
        """Tell the relay of a call that it holds and this phone knows nothing of (any more)."""
        assert self._link is not None
        params = {"call_id": call_id, "lost": True}
        await self._link.request("call.hang_up", params, _REQUEST_MS)

    def _over(self, reason: str, by: str) -> None:
        """The call has ended, for whatever reason. Nothing happens when there is none."""
        if self.state in (RINGING, TALKING) or (self.state == CALLING and self._call):
            self.state, self._call = ENDING, {}
            for task in self._tasks:
                task.cancel()
            self._ending = asyncio.create_task(self._finish(reason, by))

    async def _finish(self, reason: str, by: str) -> None:
        """Stop the sound, then be ready for the next call."""
        sound, self._sound = self._sound, None
        if sound is not None:
            await sound.stop()
        self.state = IDLE
        self._emit("ended", reason=reason, by=by)
        self._count()

    def _count(self) -> None:
        """A call is over, or was refused."""
        if self.calls_left is not None:
            self.calls_left -= 1
            if self.calls_left <= 0:
                self.finished.set()
        self._call_soon()

    def _media_arrived(self, buf: Any, off: int, n: int, arrival_ms: int) -> None:
        if self.views.receive(buf, off, n, arrival_ms):
            return
        if self._sound is not None:
            self._sound.receive(buf, off, n, arrival_ms)
