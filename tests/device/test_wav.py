"""WAV files: written and read back; odd but valid ones are read, bad ones refused by name."""

import struct
from array import array

from media_rig import read_wav, remove, temporary, write_wav
from media_sim import Lcg

from callboard.errors import InvalidArgument
from callboard.media.wav import WavReader, WavWriter
from support import raises

GUID_TAIL = b"\x00\x00\x00\x00\x10\x00\x80\x00\x00\xaa\x00\x38\x9b\x71"


def chunk(name, data):
    return name + struct.pack("<I", len(data)) + data + bytes(len(data) & 1)


def pcm_format(kind=1, channels=1, rate=16000, bits=16):
    block = channels * bits // 8
    return struct.pack("<HHIIHH", kind, channels, rate, rate * block, block, bits)


def wave(*chunks):
    body = b"WAVE" + b"".join(chunks)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def opened(content):
    """(rate, samples) of a file with this content."""
    path = temporary("wav")
    with open(path, "wb") as file:
        file.write(content)
    try:
        return read_wav(path)
    finally:
        remove(path)


def refused(content):
    error = raises(InvalidArgument, opened, content)
    assert ".wav: " in error.message, error.message
    return error.message


def test_round_trip():
    path = temporary("trip")
    samples = array("h", [(i * 7919) % 65536 - 32768 for i in range(3000)])
    try:
        write_wav(path, 48000, samples)
        rate, again = read_wav(path)
    finally:
        remove(path)
    assert rate == 48000
    assert again == samples


def test_other_chunks_and_odd_sizes():
    samples = b"\x01\x00\xff\xff"
    content = wave(
        chunk(b"LIST", b"odd"),
        chunk(b"fmt ", pcm_format(rate=8000) + b"\x00\x00"),
        chunk(b"fact", bytes(4)),
        chunk(b"data", samples),
        chunk(b"junk", b"\x55" * 100),
    )
    rate, heard = opened(content)
    assert rate == 8000
    assert list(heard) == [1, -1]


def test_data_stop_before_a_trailing_chunk():
    path = temporary("tail")
    with open(path, "wb") as file:
        file.write(
            wave(chunk(b"fmt ", pcm_format()), chunk(b"data", bytes(6)), chunk(b"x   ", b"U" * 50))
        )
    try:
        reader = WavReader(path)
        frame = array("h", bytes(20))
        assert reader.samples == 3
        assert reader.readinto(frame) == 3
        assert reader.readinto(frame) == 0
        reader.close()
    finally:
        remove(path)


def test_extensible_format():
    extra = struct.pack("<HHI", 22, 16, 4) + struct.pack("<H", 1) + GUID_TAIL
    rate, heard = opened(
        wave(chunk(b"fmt ", pcm_format(0xFFFE) + extra), chunk(b"data", b"\x05\x00"))
    )
    assert (rate, list(heard)) == (16000, [5])
    float_format = struct.pack("<HHI", 22, 16, 4) + struct.pack("<H", 3) + GUID_TAIL
    refused(wave(chunk(b"fmt ", pcm_format(0xFFFE) + float_format), chunk(b"data", bytes(2))))
    foreign = struct.pack("<HHI", 22, 16, 4) + struct.pack("<H", 1) + bytes(14)
    refused(wave(chunk(b"fmt ", pcm_format(0xFFFE) + foreign), chunk(b"data", bytes(2))))


def test_sizes_that_promise_too_much():
    head = b"RIFF\xff\xff\xff\xffWAVE" + chunk(b"fmt ", pcm_format())
    rate, heard = opened(head + b"data\xff\xff\xff\xff" + bytes(10))
    assert len(heard) == 5
    rate, heard = opened(head + b"data\x00\x00\x00\x00")
    assert len(heard) == 0


def test_refusals_name_the_reason():
    data = chunk(b"data", bytes(4))
    assert "RIFF" in refused(b"")
    assert "RIFF" in refused(b"RIFX" + bytes(40))
    assert "RIFF" in refused(b"ID3\x03 an mp3" * 10)
    assert "no data" in refused(wave(chunk(b"fmt ", pcm_format())))
    assert "before its format" in refused(wave(data))
    assert "only 10 bytes" in refused(wave(chunk(b"fmt ", bytes(10)), data))
    assert "encoding is 3" in refused(wave(chunk(b"fmt ", pcm_format(3)), data))
    assert "2 channels" in refused(wave(chunk(b"fmt ", pcm_format(channels=2)), data))
    assert "24 bits" in refused(wave(chunk(b"fmt ", pcm_format(bits=24)), data))
    assert "0 Hz" in refused(wave(chunk(b"fmt ", pcm_format(rate=0)), data))
    assert "chunks" in refused(wave(*[chunk(b"junk", b"")] * 101))
    missing = raises(InvalidArgument, WavReader, "/nowhere/at/all.wav")
    assert "/nowhere/at/all.wav" in missing.message
    unwritable = raises(InvalidArgument, WavWriter, "/nowhere/at/all.wav", 8000)
    assert "/nowhere/at/all.wav" in unwritable.message


def test_a_writer_that_dies_leaves_a_valid_file():
    path = temporary("dies")
    try:
        writer = WavWriter(path, 8000)
        rate, heard = read_wav(path)
        assert (rate, len(heard)) == (8000, 0)
        block = array("h", [7] * 1600)
        for _ in range(12):
            writer.write(block)
        rate, heard = read_wav(path)  # while it is open
        assert len(heard) >= 16000
        assert heard[0] == heard[len(heard) - 1] == 7
        writer.close()
        writer.close()
        rate, heard = read_wav(path)
        assert len(heard) == 19200 == writer.samples
        writer.restart()
        writer.write(block)
        writer.close()
        assert len(read_wav(path)[1]) == 1600
    finally:
        remove(path)


def test_mutated_files_raise_only_invalid_argument():
    random = Lcg(4)
    whole = wave(chunk(b"LIST", b"odd"), chunk(b"fmt ", pcm_format()), chunk(b"data", bytes(40)))
    path = temporary("bad")
    good = 0
    try:
        for _ in range(500):
            content = bytearray(whole)
            for _ in range(1 + random.below(4)):
                content[random.below(len(content))] = random.below(256)
            with open(path, "wb") as file:
                file.write(content[: random.below(len(content) + 40)])
            try:
                reader = WavReader(path)
            except InvalidArgument:
                continue
            good += 1
            assert 0 <= reader.samples <= len(whole) // 2
            reader.close()
    finally:
        remove(path)
    assert 0 < good < 500
