"""The order in which a device is brought up and down, as a table (000 §2, §4.1).

off -> system -> data_model -> av -> voip, and back the same way
"""

from ..errors import WrongOrder
from ..port import const

OFF = const("off")
SYSTEM = const("system")
DATA_MODEL = const("data_model")
AV = const("av")
VOIP = const("voip")
LEVELS = (OFF, SYSTEM, DATA_MODEL, AV, VOIP)

# Function -> (the level it needs, the level it leads to).
STEPS = {
    "init_system": (OFF, SYSTEM),
    "init_data_model": (SYSTEM, DATA_MODEL),
    "init_av": (DATA_MODEL, AV),
    "init_voip": (AV, VOIP),
    "exit_voip": (VOIP, AV),
    "exit_av": (AV, DATA_MODEL),
    "exit_data_model": (DATA_MODEL, SYSTEM),
    "exit_system": (SYSTEM, OFF),
}

# Functions that need a level and stay there.
NEEDS = {
    "is_registered": VOIP,
    "register": VOIP,
    "call": VOIP,
    "answer": VOIP,
    "reject": VOIP,
    "hang_up": VOIP,
    "wait_call": VOIP,
    "is_busy": VOIP,
    "report": VOIP,
    "send_audio": VOIP,
    "send_video": VOIP,
    "finish_stream": VOIP,
    "stream_buffer": VOIP,
    "stream_status": VOIP,
    "send_notice": VOIP,
    "send_command": VOIP,
    "rooms": VOIP,
}


class Lifecycle:
    """Where the device stands: `level` is one of LEVELS."""

    def __init__(self):
        self.level = OFF

    def check(self, function):
        """Raises WrongOrder (IV_ERR_AVT_INPUT_PARAM_INVAILD) unless `function` has its place."""
        needed = STEPS[function][0] if function in STEPS else NEEDS[function]
        if self.level != needed:
            raise WrongOrder("%s needs level %s; this is %s" % (function, needed, self.level))

    def done(self, function):
        """`function` has succeeded: take the level it leads to."""
        self.level = STEPS[function][1]
