"""A call's sound on this end: every 20 ms a frame to the far end and one back to the speaker.

The capture device is the clock: its full frame wakes the session, which does both directions in
one go. From capture to the transport and from receive() to the speaker nothing is allocated.
"""

from ..errors import CallboardError
from ..port import const, random_bytes, ticks_diff
from .capture import CapturePath
from .codec_set import CodecSet
from .devices import NullMicrophone, NullSpeaker
from .jitter import JitterBuffer
from .playout import PlayoutPath
from .rtp import RtpReceiver, RtpSender, check_stream
from .stats import HeapMeter, Histogram, KeptMeter

_SAMPLE_TICKS = const(50)  # the heap is looked at once a second
_CPU_STEP_US = const(25)
_DELAY_STEP_MS = const(1)
_DELAYS_COARSE = const(32)  # up to 376 ms, more than the jitter buffer waits


def random_start():
    """A random (sequence number, timestamp) to start a stream with (RFC 3550 §5.1)."""
    data = random_bytes(6)
    return data[0] << 8 | data[1], data[2] << 24 | data[3] << 16 | data[4] << 8 | data[5]


class AudioSession:
    """One call's audio, from run() until it is cancelled.

    Arguments: `clock`; `microphone` and `speaker` as in media/devices.py, or None; `send_stream`
    and `receive_stream`, descriptions of PROTOCOL.md §4; `transport`, with `headroom` (free bytes
    it needs before a packet) and `send(buf, off, n) -> bool`; `report(sentence)` is told when a
    device fails: the call goes on without it. `start`: (sequence number, timestamp) of the first
    packet. `codecs`: a CodecSet; None: all that are here, in memory of their own.

    `mute`: send silence. `on_frame()` is called after every tick, `on_first_audio()` when the far
    end is first heard, `capture_stage(pcm, reference)` as in media/capture.py.

    InvalidArgument: a codec that is not here. ProtocolError: a stream description is malformed.
    """

    def __init__(
        self,
        clock,
        microphone,
        speaker,
        send_stream,
        receive_stream,
        transport,
        report=None,
        start=None,
        codecs=None,
    ):
        codecs = codecs or CodecSet()
        codec, decoder = codecs.coder(send_stream), codecs.decoder(receive_stream)
        check_stream(send_stream, codec)
        check_stream(receive_stream, decoder)
        sequence, timestamp = start or random_start()
        self.on_frame = None
        self.running = False
        self.jitter = JitterBuffer(
            payload_max=decoder.max_payload,
            frame_samples=decoder.frame_samples,
            ahead_ms=decoder.fec_ahead_ms,
        )
        self.delays = Histogram(_DELAY_STEP_MS, _DELAYS_COARSE)
        self._clock = clock
        self._report = report
        self._cpu_us = Histogram(_CPU_STEP_US)
        self._stall_us = 0
        self._ticks = 0
        self._heap = None
        self._kept = KeptMeter()
        self.capture = CapturePath(
            microphone or NullMicrophone(codec.rate, clock),
            codec,
            RtpSender(send_stream, codec.frame_ticks, sequence, timestamp),
            transport,
        )
        self.playout = PlayoutPath(
            speaker or NullSpeaker(decoder.rate, clock),
            decoder,
            RtpReceiver(receive_stream, decoder.frame_ticks),
            self.jitter,
            self.delays,
        )
        self.capture_stage = self._echo_control()

    def _echo_control(self):
        if not self.playout.speaker.loudspeaker:
            return None
        from .echo import for_devices

        return for_devices(self.capture.microphone, self.playout.speaker)

    # -- what the application turns --------------------------------------------

    @property
    def mute(self):
        """True: the far end hears silence."""
        return self.capture.mute

    @mute.setter
    def mute(self, value):
        self.capture.mute = bool(value)

    @property
    def volume_q12(self):
        """The gain of what is received; 4096 plays it as it came."""
        return self.playout.volume_q12

    @volume_q12.setter
    def volume_q12(self, value):
        self.playout.volume_q12 = value

    @property
    def dropped(self):
        """Frames that the transport did not take."""
        return self.capture.dropped

    @property
    def send_level(self):
        """How loud the last frame sent was, in dBov (RFC 6464): 0 the loudest, -127 silence."""
        return -self.capture.level

    @property
    def receive_level(self):
        """How loud the last frame for the speaker was, before `volume_q12`; as send_level."""
        return -self.playout.level

    @property
    def capture_stage(self):
        """`f(pcm, reference)` on each captured frame, or None. At first what media/echo.py finds
        that the devices need."""
        return self.capture.stage

    @capture_stage.setter
    def capture_stage(self, stage):
        self.playout.keep_reference(stage is not None)
        self.capture.set_stage(stage)

    @property
    def on_first_audio(self):
        """Called without arguments when the first received frame goes to the speaker."""
        return self.playout.on_first_audio

    @on_first_audio.setter
    def on_first_audio(self, callback):
        self.playout.on_first_audio = callback

    # -- running ---------------------------------------------------------------

    def receive(self, buf, off, n, arrival_ms):
        """Take one packet from the transport, n bytes at buf[off:]. arrival_ms: clock.ticks_ms().

        True when its frame will be played; anything else is counted and changes nothing.
        """
        return self.playout.receive(buf, off, n, arrival_ms)

    async def run(self):
        """Start the devices and keep the frames going until cancelled; then stop the devices."""
        self._heap = HeapMeter(self._clock)
        self.start()
        try:
            while True:
                try:
                    await self.capture.microphone.tick
                except (OSError, CallboardError) as error:
                    self._lose_microphone(error)
                self.tick()
                self._look_at_heap(self._ticks % _SAMPLE_TICKS)
        finally:
            self.stop()

    def _look_at_heap(self, turn):
        """Once a second: what was allocated and, a frame later, what of it is kept. Both together
        take longer than a speaker has sound (33 ms on an RP2040)."""
        if turn == _SAMPLE_TICKS - 1:
            self._heap.sample()
        elif turn == 0:
            self._heap.collected(self._kept.look())

    def start(self):
        """Start the devices; run() does it."""
        try:
            self.playout.speaker.start()
        except (OSError, CallboardError) as error:
            self._lose_speaker(error)
        try:
            self.capture.microphone.start()
        except (OSError, CallboardError) as error:
            self._lose_microphone(error)
        self.running = True

    def stop(self):
        """Stop the devices; run() does it."""
        self.running = False
        self._stop_device(self.capture.microphone)
        self._stop_device(self.playout.speaker)

    def _stop_device(self, device):
        try:
            device.stop()
        except (OSError, CallboardError) as error:
            self._tell("an audio device did not stop cleanly: %s" % error)

    def tick(self):
        """One frame each way; run() calls it when there is one. Does not allocate."""
        started_us = self._clock.ticks_us()
        try:
            self.capture.tick(self.playout)
        except (OSError, CallboardError) as error:
            self._lose_microphone(error)
        try:
            self.playout.tick(self._clock.ticks_ms())
        except (OSError, CallboardError) as error:
            self._lose_speaker(error)
        if self.on_frame is not None:
            self.on_frame()
        late_us = self.capture.microphone.age_us
        if late_us > self._stall_us:
            self._stall_us = late_us
        self._ticks += 1
        self._cpu_us.add(ticks_diff(self._clock.ticks_us(), started_us))

    def _lose_microphone(self, error):
        self._tell("the microphone failed, the far end hears silence: %s" % error)
        self._stop_device(self.capture.microphone)
        spare = NullMicrophone(self.capture.microphone.rate, self._clock)
        spare.start()
        self.capture.use(spare)

    def _lose_speaker(self, error):
        self._tell("the speaker failed, nothing is heard here: %s" % error)
        self._stop_device(self.playout.speaker)
        spare = NullSpeaker(self.playout.speaker.rate, self._clock)
        spare.start()
        self.playout.use(spare)

    def _tell(self, sentence):
        if self._report is not None:
            self._report(sentence)

    # -- figures ---------------------------------------------------------------

    def stats(self):
        """Counters and figures of the session: integers, and {"p50", "p95", "max"} of integers.

        `heap_growth_bytes`: what a KeptMeter tells. It and `allocated_bytes_per_s` are None on
        CPython.
        """
        capture, playout, jitter = self.capture, self.playout, self.jitter
        line = playout.line
        return {
            "send_level_dbov": self.send_level,
            "receive_level_dbov": self.receive_level,
            "microphone_started_us": capture.microphone.started_us,
            "speaker_started_us": playout.speaker.started_us,
            "frames_sent": capture.sent,
            "frames_send_dropped": capture.dropped,
            "frames_idle": capture.idle,
            "capture_lost": capture.capture_lost,
            "frames_received": jitter.received + jitter.late + jitter.duplicates,
            "frames_played": jitter.played,
            "frames_lost": jitter.lost,
            "frames_late": jitter.late,
            "frames_dropped": jitter.dropped,
            "duplicates": jitter.duplicates,
            "packets_refused": playout.refused + jitter.refused,
            "packets_rtcp": playout.rtcp,
            "frames_silent": jitter.silent,
            "concealed": playout.concealed,
            "recovered": playout.recovered,
            "waits": jitter.waits,
            "skips": jitter.skips,
            "stream_resets": jitter.resets,
            "corrections_inserted": line.pieces_in,
            "corrections_removed": line.pieces_out,
            "inserted_ms": line.samples_in * 20 // line.frame,
            "removed_ms": line.samples_out * 20 // line.frame,
            "underruns": playout.speaker.underruns,
            "jitter_delay_ms": self.delays.report(),
            "jitter_target_ms": jitter.target_ms,
            "frame_cpu_us": self._cpu_us.report(),
            "longest_stall_us": self._stall_us,
            "allocated_bytes_per_s": self._heap.bytes_per_s() if self._heap else None,
            "heap_growth_bytes": self._kept.growth(),
        }
