"""Calls that an app's backend has prepared: a device calls into one by its group and voip id.

The ids are the documents' groupId and voip_id (000 §3: -1, -3). A reservation is good for one call
of one device to one user, for a minute.
"""

from dataclasses import dataclass

from callboard import codes

from .refusal import Refused
from .tokens import new_token

LIFE_MS = 60_000
WAITING = 1_000


@dataclass(frozen=True, slots=True)
class Reservation:
    """A prepared call."""

    group_id: str
    voip_id: str
    model_id: str
    sn: str
    open_id: str
    expires_ms: int


class Reservations:
    """The prepared calls of a relay; no more of them than memory allows."""

    def __init__(self) -> None:
        self._waiting: dict[str, Reservation] = {}  # by group_id, oldest first

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, model_id: str, sn: str, open_id: str, now_ms: int) -> Reservation:
        """Prepare a call. Raises Refused when too many wait."""
        self._drop_old(now_ms)
        if len(self._waiting) >= WAITING:
            raise Refused(codes.RPC_OVERLOADED, "too many prepared calls wait; try again later")
        ids = (new_token("g_"), new_token("v_"))
        made = Reservation(*ids, model_id, sn, open_id, now_ms + LIFE_MS)
        self._waiting[made.group_id] = made
        return made

    def find(
        self, device: tuple[str, str], group_id: str, voip_id: str, open_id: str, now_ms: int
    ) -> None:
        """Is this call prepared? Raises Refused: -1, -3, -7."""
        self._drop_old(now_ms)
        found = self._waiting.get(group_id)
        if found is None or (found.model_id, found.sn) != device:
            text = "group_id is not a prepared call of this device, or it is over"
            raise Refused(codes.CALL_GROUP_ID, text)
        if found.voip_id != voip_id:
            raise Refused(codes.CALL_VOIP_ID, "voip_id does not belong to this group_id")
        if found.open_id != open_id:
            raise Refused(codes.CALL_OPEN_ID, "the prepared call is for another open_id")

    def take(self, group_id: str) -> None:
        """The call was made: its ids are good for no other."""
        self._waiting.pop(group_id, None)

    def _drop_old(self, now_ms: int) -> None:
        while self._waiting:
            group_id, oldest = next(iter(self._waiting.items()))
            if oldest.expires_ms > now_ms:
                return
            del self._waiting[group_id]
