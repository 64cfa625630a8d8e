"""Every bound and every time of the room engine."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Counts are per relay, room, or member as the name says; times in ms."""

    rooms: int = 10_000
    rooms_per_participant: int = 8
    members_per_room: int = 16  # with these, the answer to room.join fits into one message
    feeds_per_room: int = 16
    feeds_per_member: int = 8
    audio_feeds_to_device: int = 1  # a small device plays one audio feed (DESIGN §4)
    views_of_device: int = 8  # users who watch it, RAM permitting
    tag_length: int = 64  # characters of its JSON form
    delivery_ms: int = 10_000  # from voip.call until the callee must ring
    ring_ms: int = 60_000  # from ringing until somebody must answer
    grace_ms: int = 15_000  # from a lost connection until its calls and rooms are given up
