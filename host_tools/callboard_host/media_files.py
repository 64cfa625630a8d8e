"""The files of a virtual device's sound and pictures, checked before anything is started."""

from pathlib import Path

from callboard import port
from callboard.errors import InvalidArgument
from callboard.media import wav
from callboard.media.camera import FileCamera, FileScreen
from callboard.media.device_clock import RATES
from callboard_host.errors import BadInput


def check_files(microphone: Path | None, speaker: Path | None) -> None:
    """Before anybody is called: can these files be used? Raises BadInput."""
    try:
        if microphone:
            reader = wav.WavReader(str(microphone))
            reader.close()
            if reader.rate not in RATES:
                raise InvalidArgument(f"{microphone}: its rate is {reader.rate} Hz")
        if speaker:
            wav.WavWriter(str(speaker), RATES[0]).close()
    except InvalidArgument as error:
        hint = "give a 16-bit mono PCM WAV of 8000, 16000 or 48000 Hz"
        raise BadInput(error.message, hint if microphone else "choose another file") from error


def check_pictures(camera: Path | None, screen: Path | None) -> None:
    """The same for an H.264 file to play and one to write. Raises BadInput."""
    try:
        if camera:
            FileCamera(str(camera), port.CLOCK).close()
        if screen:
            FileScreen(str(screen)).close()
    except InvalidArgument as error:
        hint = "give H.264 in Annex B form: ffmpeg -i film.mp4 -c:v libx264 -an film.h264"
        raise BadInput(error.message, hint if camera else "choose another file") from error
