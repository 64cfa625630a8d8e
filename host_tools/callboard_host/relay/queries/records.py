"""What the queries give: rows, without their secrets."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class App:
    """A mini program, and what the platform thinks of it (000 §3: -15, -12; 003 §2: campus)."""

    wxa_appid: str
    name: str
    arrears: bool = False  # the audio/video package is not paid
    in_review: bool = False  # the formal release may not call yet
    campus: bool = False  # face-pay: calls need a campus token
    needs_token: bool = False  # calls need a voipToken


@dataclass(frozen=True, slots=True)
class ApiKey:
    """What the backend of an app's developer shows, without the key."""

    key_id: str
    wxa_appid: str
    name: str
    created_ms: int
    last_used_ms: int | None


@dataclass(frozen=True, slots=True)
class Model:
    """A device type. `wxa_appid`: the app it belongs to, None: the relay's operator."""

    model_id: str
    name: str
    wxa_appid: str | None


@dataclass(frozen=True, slots=True)
class Device:
    """A registered device, without its key."""

    model_id: str
    sn: str
    wxa_appid: str
    name: str
    ticket_hash: str | None
    modules: int
    firmware: str | None
    last_seen_ms: int | None


@dataclass(frozen=True, slots=True)
class User:
    """A user of one app. A removed one keeps the openId and can do nothing."""

    open_id: str
    wxa_appid: str
    name: str
    removed_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Ticket:
    """An SnTicket as stored: by its hash."""

    ticket_hash: str
    model_id: str
    sn: str
    expires_ms: int
    nonce_hash: str | None
    used_ms: int | None
    wxa_appid: str | None


@dataclass(frozen=True, slots=True)
class Invitation:
    """An invitation as stored: by its hash."""

    open_id: str
    expires_ms: int
    used_ms: int | None


@dataclass(frozen=True, slots=True)
class Relation:
    """A user and a device, and who said yes: its owner (`bound`), the user (`authorised`)."""

    open_id: str
    model_id: str
    sn: str
    bound: bool
    authorised: bool


@dataclass(frozen=True, slots=True)
class VoipToken:
    """A call credential as stored. `sn`, `open_id` None: any."""

    wxa_appid: str
    kind: str
    model_id: str
    sn: str | None
    open_id: str | None
    user_id: str | None
    expires_ms: int


@dataclass(frozen=True, slots=True)
class Notice:
    """What a device has to tell a user."""

    notice_id: str
    open_id: str
    model_id: str
    sn: str
    content_json: str
    created_ms: int
