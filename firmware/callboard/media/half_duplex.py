"""A microphone and a speaker of which one works at a time: push to talk.

    line = HalfDuplex(microphone, speaker, clock)
    Av(..., line.microphone, line.speaker)      # as any others, see media/devices.py
    line.talk = True                            # the microphone works, the speaker is off
    line.talk = False                           # the other way round

Boards with one I2S peripheral have to stop one device before they start the other. A device that
can simply be quiet for a while, as a file can, has pause() and resume().
"""

from ..errors import CallboardError
from .devices import NullMicrophone, NullSpeaker, Tick


class HalfDuplex:
    """Arguments: the board's devices and the `clock`. At first the speaker works."""

    def __init__(self, microphone, speaker, clock):
        self.microphone = Turn(microphone, NullMicrophone(microphone.rate, clock))
        self.microphone.tick = Tick(self.microphone, clock)
        self.microphone.duplex = self
        self.speaker = SpeakerTurn(speaker, NullSpeaker(speaker.rate, clock))
        self.speaker.use(True)

    @property
    def talk(self):
        """True: the microphone works; False: the speaker."""
        return self.microphone.on

    @talk.setter
    def talk(self, value):
        first, then = self.speaker, self.microphone
        if not value:
            first, then = then, first
        first.use(False)
        then.use(True)


class Turn:
    """A microphone that works in turn with something else; captures silence meanwhile.

    `on`: it works. A device that does not start fails in the next readinto().
    """

    def __init__(self, device, stand_in):
        self.rate = device.rate
        self.frame = device.frame
        self.on = False
        self._device = device
        self._stand_in = stand_in
        self._now = stand_in
        self._begun = False  # start() was called
        self._worked = False  # the device was started, and not stopped
        self._error = None

    def use(self, on):
        """Let the device itself work, or what stands in for it."""
        if on == self.on:
            return
        self.on = on
        self._now = self._device if on else self._stand_in
        if not self._begun:
            return
        try:
            if on:
                self._stand_in.stop()
                self._begin()
            else:
                self._rest()
                self._stand_in.start()
        except (OSError, CallboardError) as error:
            self._error = error

    def _begin(self):
        if self._worked:
            self._device.resume()
        else:
            self._device.start()
            self._worked = hasattr(self._device, "resume")

    def _rest(self):
        if self._worked:
            self._device.pause()
        else:
            self._device.stop()

    def start(self):
        """Begin, with what works now. Raises what the device raises."""
        self._error = None
        self._begun = True
        if self.on:
            self._begin()
        else:
            self._stand_in.start()

    def stop(self):
        """Stop both."""
        self._begun = False
        self._stand_in.stop()
        if self.on or self._worked:
            self._worked = False
            self._device.stop()

    def _check(self):
        error, self._error = self._error, None
        if error is not None:
            raise error

    @property
    def started_us(self):
        return self._now.started_us

    # --- a microphone's ---

    @property
    def age_us(self):
        return self._now.age_us

    def left_us(self):
        return self._now.left_us()

    def readinto(self, frame):
        """As the device that works. Raises what it raises."""
        self._check()
        return self._now.readinto(frame)


class SpeakerTurn(Turn):
    """The same for a speaker; what it is given meanwhile is lost.

    No echo: the microphone is off while it plays. So nobody asks what it played, and when.
    """

    loudspeaker = False
    silent = 0

    @property
    def underruns(self):
        return self._device.underruns

    def space(self):
        """As the device that works. Raises what it raises."""
        self._check()
        return self._now.space()

    def queued(self):
        return self._now.queued()

    def write(self, frame):
        self._now.write(frame)
