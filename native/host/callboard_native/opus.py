"""opus on CPython: native/opus/opus_core.h says what each function does.

PCM offsets and counts are samples per channel, those of packets bytes.
"""

from importlib.machinery import ExtensionFileLoader, ModuleSpec
from importlib.util import module_from_spec

from . import _opus
from ._arguments import CB_ERANGE, CB_ESTATE, Buffers
from ._arguments import call as _checked
from ._opus import ffi, lib

IMPLEMENTATION = "cffi"

VOIP, AUDIO, LOWDELAY = lib.CBO_VOIP, lib.CBO_AUDIO, lib.CBO_LOWDELAY
BITRATE, VBR, VBR_CONSTRAINT = lib.CBO_BITRATE, lib.CBO_VBR, lib.CBO_VBR_CONSTRAINT
BANDWIDTH, MAX_BANDWIDTH = lib.CBO_BANDWIDTH, lib.CBO_MAX_BANDWIDTH
COMPLEXITY, SIGNAL, CHANNELS = lib.CBO_COMPLEXITY, lib.CBO_SIGNAL, lib.CBO_CHANNELS
FEC, LOSS, DTX = lib.CBO_FEC, lib.CBO_LOSS, lib.CBO_DTX
LOOKAHEAD, IN_DTX = lib.CBO_LOOKAHEAD, lib.CBO_IN_DTX
AUTO, MAX, VOICE, MUSIC = lib.CBO_AUTO, lib.CBO_MAX, lib.CBO_VOICE, lib.CBO_MUSIC
NARROWBAND, MEDIUMBAND, WIDEBAND = lib.CBO_NARROWBAND, lib.CBO_MEDIUMBAND, lib.CBO_WIDEBAND
SUPERWIDEBAND, FULLBAND = lib.CBO_SUPERWIDEBAND, lib.CBO_FULLBAND
SILK, HYBRID, CELT = lib.CBO_SILK, lib.CBO_HYBRID, lib.CBO_CELT
INFO, MAX_PACKET, EPACKET = lib.CBO_INFO, lib.CBO_MAX_PACKET, lib.CBO_EPACKET

_REFUSALS = {
    CB_ERANGE: "out of range",
    CB_ESTATE: "bad state",
    lib.CBO_ESCRATCH: "scratch too small",
    lib.CBO_EALIGN: "misaligned",
    lib.CBO_EOVERLAP: "buffers overlap",
    lib.CBO_EPACKET: "bad packet",
}

_buffers = Buffers(ffi)
_read = _buffers.read
_write = _buffers.write


def _frame_calls():
    """native/opus/cpython.c, the second module in the file of the first (PEP 489)."""
    name = __package__ + "._opus_frame"
    loader = ExtensionFileLoader(name, _opus.__file__)
    module = module_from_spec(ModuleSpec(name, loader, origin=_opus.__file__))
    loader.exec_module(module)
    return module


# Without cffi: it would add a fifth to the 5 µs that a frame at 8 kHz takes to decode.
_frame = _frame_calls()
_encode, _conceal = _frame.encode, _frame.conceal
_decode, _decode_fec = _frame.decode, _frame.decode_fec


def _call(function, *args):
    """function(*args), with its errors as exceptions."""
    result = _checked(function, *args)
    return result if result >= 0 else _refused(result)


def _refused(result):
    """Raise what a negative result means."""
    if result in _REFUSALS:
        raise ValueError(_REFUSALS[result])
    raise RuntimeError("opus failed")


def encoder_size(channels):
    """Bytes of an encoder's state, for 1 or 2 channels."""
    return _call(lib.cbo_encoder_size, channels)


def encoder_scratch(rate, channels, complexity, n):
    """Bytes of scratch for frames of up to n samples at up to this complexity."""
    return _call(lib.cbo_encoder_scratch, rate, channels, complexity, n)


def encoder_init(state, rate, channels, application):
    """Start an encoder in state; application VOIP, AUDIO or LOWDELAY."""
    s = _write(state)
    _call(lib.cbo_encoder_init, s, len(s), rate, channels, application)


def encoder_set(state, what, value):
    """Change a setting: BITRATE, COMPLEXITY, FEC, LOSS, DTX, …"""
    s = _write(state)
    _call(lib.cbo_encoder_set, s, len(s), what, value)


def encoder_get(state, what):
    """A setting's value, or LOOKAHEAD, IN_DTX."""
    s, value = _write(state), ffi.new("int32_t *")
    _call(lib.cbo_encoder_get, s, len(s), what, value)
    return value[0]


def encode(state, scratch, pcm, pcm_off, n, out, out_off, out_len):
    """Encode a frame of n samples into out_len bytes at most; the bytes of the packet."""
    done = _encode(state, scratch, pcm, pcm_off, n, out, out_off, out_len)
    return done if done >= 0 else _refused(done)


def decoder_size(channels):
    """Bytes of a decoder's state, for 1 or 2 channels."""
    return _call(lib.cbo_decoder_size, channels)


def decoder_scratch(rate, channels):
    """Bytes of scratch for whatever packet may come."""
    return _call(lib.cbo_decoder_scratch, rate, channels)


def decoder_init(state, rate, channels):
    """Start a decoder in state."""
    s = _write(state)
    _call(lib.cbo_decoder_init, s, len(s), rate, channels)


def decode(state, scratch, buf, off, n, pcm, pcm_off, max_n):
    """Decode a packet of n bytes to at most max_n samples; its samples. ValueError: bad packet."""
    done = _decode(state, scratch, buf, off, n, pcm, pcm_off, max_n)
    return done if done >= 0 else _refused(done)


def decode_fec(state, scratch, buf, off, n, pcm, pcm_off, n_pcm):
    """Make the n_pcm samples lost right before this packet, from its FEC data where it has any."""
    done = _decode_fec(state, scratch, buf, off, n, pcm, pcm_off, n_pcm)
    return done if done >= 0 else _refused(done)


def conceal(state, scratch, pcm, pcm_off, n_pcm):
    """Make n_pcm samples for a packet that is lost."""
    done = _conceal(state, scratch, pcm, pcm_off, n_pcm)
    return done if done >= 0 else _refused(done)


def packet_info(buf, off, n, rate, info):
    """Check a packet: its samples, info as in opus_core.h; EPACKET (not raised) if it is bad."""
    b, i = _read(buf), _write(info)
    return _checked(lib.cbo_packet_info, b, len(b), off, n, rate, i, len(i))
