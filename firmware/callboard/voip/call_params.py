"""What a call is asked for with, checked before anything happens (000 §3, PROTOCOL.md §4)."""

from .. import codes
from ..errors import InvalidArgument
from .identity import is_word

OPEN_ID_MAX = 64
TEXT_MAX = 128  # characters of tokens and ids


def call_params(open_id, call_type, caller_camera, callee_camera, video_info):
    """The params of voip.call. Raises InvalidArgument that names the one that is wrong."""
    if not is_word(open_id) or len(open_id) > OPEN_ID_MAX:
        text = "open_id must be 1 to %d characters of A-Z a-z 0-9 _ -" % OPEN_ID_MAX
        raise InvalidArgument(text, codes.CALL_OPEN_ID_INVALID)
    if call_type not in (codes.CALL_TYPE_VIDEO, codes.CALL_TYPE_AUDIO):
        raise InvalidArgument("call_type must be 1 video or 2 audio")
    for name, value in (("caller_camera", caller_camera), ("callee_camera", callee_camera)):
        if value not in (0, 1):
            raise InvalidArgument("%s must be 0 or 1" % name)
    if video_info is not None and not isinstance(video_info, dict):
        raise InvalidArgument("video_info must be a dict")
    return {
        "open_id": open_id,
        "call_type": call_type,
        "caller_camera": int(caller_camera),
        "callee_camera": int(callee_camera),
        "video_info": video_info or {},
    }


def add_texts(params, *names_and_values):
    """Add optional members: name, value, name, value … None: leave it out."""
    for index in range(0, len(names_and_values), 2):
        name, value = names_and_values[index : index + 2]
        if value is None:
            continue
        if not isinstance(value, str) or len(value) > TEXT_MAX:
            raise InvalidArgument("%s must be a text of at most %d characters" % (name, TEXT_MAX))
        params[name] = value
