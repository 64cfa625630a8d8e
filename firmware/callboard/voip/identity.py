"""What names a device: its model, serial number and app, and their limits (000 §3)."""

from .. import codes, port
from ..errors import InvalidArgument

SN_MAX = 128  # bytes
NAME_MAX = 64  # bytes of model_id and wxa_appid
FLAVOURS = (codes.FLAVOUR_FORMAL, codes.FLAVOUR_TRIAL, codes.FLAVOUR_DEVELOPER)


class Identity:
    """A checked identity: `flavour`, `model_id`, `sn` (the documents' device_id), `wxa_appid`.

    Raises InvalidArgument with the documented code: 9800001 sn too long, 9800002 sn has a
    character outside [A-Za-z0-9_-], 9800003 model_id cannot exist, 1 for the others.
    """

    def __init__(self, flavour, model_id, sn, wxa_appid):
        if flavour not in FLAVOURS or isinstance(flavour, bool):
            raise InvalidArgument("flavour must be 0 formal, 1 trial or 2 developer")
        _check_text("model_id", model_id, NAME_MAX, codes.MODEL_REFUSED, codes.MODEL_REFUSED)
        _check_text("sn", sn, SN_MAX, codes.SN_TOO_LONG, codes.SN_BAD_CHARACTER)
        _check_text("wxa_appid", wxa_appid, NAME_MAX, None, None)
        self.flavour = flavour
        self.model_id = model_id
        self.sn = sn
        self.wxa_appid = wxa_appid


def is_word(text):
    """True when `text` is not empty and all of it is in [A-Za-z0-9_-]."""
    if not isinstance(text, str) or not text:
        return False
    for byte in port.utf8(text):
        if not (48 <= byte <= 57 or 65 <= byte <= 90 or 97 <= byte <= 122 or byte in (45, 95)):
            return False
    return True


def _check_text(name, value, limit, long_code, character_code):
    if not isinstance(value, str):
        raise InvalidArgument("%s must be a text" % name, character_code)
    if len(value.encode()) > limit:
        raise InvalidArgument("%s has more than %d bytes" % (name, limit), long_code)
    if not is_word(value):
        text = "%s must be 1 to %d characters of A-Z a-z 0-9 _ -" % (name, limit)
        raise InvalidArgument(text, character_code)
