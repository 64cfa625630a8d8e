"""Echo control: what stands between microphone and encoder on a board with a loudspeaker.

An echo control is a capture stage (media/capture.py): an object called as

    stage(pcm, reference)     changes one captured frame in place; `reference` holds what the
                              speaker played at the same moments, at the same rate. It must not
                              allocate.
    stage.report()            {name: integer} for statistics

`Ducker` is the one there is. A canceller has the same two and takes its place in for_devices().
"""

from ..errors import InvalidArgument
from ..native import pcm

# Parameters of Ducker: their numbers in native/pcm/duck.h, which has limits, defaults and meaning.
PARAMETERS = {
    "return_db": pcm.DUCK_RETURN_DB,
    "depth_db": pcm.DUCK_DEPTH_DB,
    "attack_ms": pcm.DUCK_ATTACK_MS,
    "hang_ms": pcm.DUCK_HANG_MS,
    "decay_db_s": pcm.DUCK_DECAY_DB_S,
    "balance_db": pcm.DUCK_BALANCE_DB,
    "opening_db": pcm.DUCK_OPENING_DB,
    "near_ms": pcm.DUCK_NEAR_MS,
    "floor_dbov": pcm.DUCK_FLOOR_DBOV,
    "start_db": pcm.DUCK_START_DB,
}


class Ducker:
    """Turns the microphone down while it hears the far end (native/pcm/duck.h tells how).

    Arguments: `rate` of the microphone, 8000, 16000 or 48000 Hz; `parameters`, {name: value} of
    PARAMETERS that differ from the default. InvalidArgument names what is wrong with them.
    `gain_q12`: the gain after the last frame; 4096 is 1.
    """

    def __init__(self, rate, parameters=None):
        self.gain_q12 = 4096
        self._frame = rate // 50
        self._state = bytearray(pcm.DUCK_STATE)
        pcm.duck_init(self._state, rate)
        for name, value in (parameters or {}).items():
            self.set(name, value)

    def set(self, name, value):
        """Change a parameter, also during a call."""
        number = PARAMETERS.get(name)
        if number is None:
            raise InvalidArgument("no echo control parameter %s" % name)
        try:
            pcm.duck_set(self._state, number, value)
        except (ValueError, TypeError):
            raise InvalidArgument("echo control: %s cannot be %s" % (name, value))

    def get(self, name):
        """The value of a parameter."""
        return pcm.duck_get(self._state, PARAMETERS[name])

    def __call__(self, frame, reference):
        self.gain_q12 = pcm.duck(self._state, frame, 0, reference, 0, self._frame)

    def report(self):
        """`path_db`: the learnt gain from speaker to microphone; `near_percent`: how far somebody
        who speaks here has opened the gain against the echo."""
        return {
            "path_db": pcm.duck_get(self._state, pcm.DUCK_PATH_DB),
            "gain_q12": self.gain_q12,
            "near_percent": pcm.duck_get(self._state, pcm.DUCK_NEAR) * 100 // 256,
        }


def for_devices(microphone, speaker):
    """The echo control these devices need: none when the microphone cannot hear the speaker."""
    return Ducker(microphone.rate) if speaker.loudspeaker else None
