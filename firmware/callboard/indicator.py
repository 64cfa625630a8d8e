"""What the board's LED shows."""

from .voip import call as calls

# State -> how it looks, ms lit and dark in turn; nothing: always dark. firmware/README.md
# tells what each means.
PATTERNS = {
    "off": (),
    "on": (1000, 0),
    "blink": (250, 250),
    "ring": (100, 100, 100, 500),
    "talk": (900, 100),
    "mute": (100, 1900),
}


def shown(client, calling, talks):
    """One of PATTERNS. `calling`: somebody is being called; `talks`: the button is held to."""
    state = client.call_state
    if state == calls.INCOMING:
        return "ring"
    if calling or state in (calls.CALLING, calls.RINGING):
        return "blink"
    if not client.online:
        return "off"
    if client.mute:
        return "mute"
    return "talk" if talks else "on"
