"""opus' frame path on CPython: what its own glue refuses, and that it lets go of every buffer."""

import contextlib
import random
import subprocess
import sys
import sysconfig
from array import array
from itertools import product
from pathlib import Path

import pytest

from callboard_native import opus

NATIVE = Path(__file__).parents[2] / "native"
RATE, FRAME = 8000, 160


@pytest.fixture
def calls() -> dict:
    """Good arguments of every function, and what it answers."""
    scratch = bytearray(opus.encoder_scratch(RATE, 1, 10, FRAME))
    encoder, decoder = bytearray(opus.encoder_size(1)), bytearray(opus.decoder_size(1))
    opus.encoder_init(encoder, RATE, 1, opus.VOIP)
    opus.decoder_init(decoder, RATE, 1)
    pcm, packet = array("h", range(FRAME)), bytearray(opus.MAX_PACKET)
    n = opus.encode(encoder, scratch, pcm, 0, FRAME, packet, 0, len(packet))
    heard = array("h", bytes(2 * FRAME))
    received = [decoder, scratch, packet, 0, n, heard, 0, FRAME]
    return {
        opus.encode: [encoder, scratch, pcm, 0, FRAME, packet, 0, len(packet)],
        opus.decode: received,
        opus.decode_fec: received,
        opus.conceal: [decoder, scratch, heard, 0, FRAME],
    }


NO_BUFFER = [None, 1, "text", bytes(4000), memoryview(bytearray(80000))[::2], memoryview(b"abc")]
NO_NUMBER = {None: TypeError, 1.0: TypeError, "1": TypeError}
NO_INT32 = [2**31, -(2**31) - 1, 2**63, -(2**63) - 1, 2**200, -(2**200)]


def test_wrong_arguments(calls):
    for function, good in calls.items():
        for index, argument in enumerate(good):
            if isinstance(argument, int):
                wrong = [*NO_NUMBER.items(), *((number, ValueError) for number in NO_INT32)]
            elif function in (opus.encode, opus.decode, opus.decode_fec) and index == 2:
                wrong = [(None, TypeError), ("text", TypeError), (NO_BUFFER[4], TypeError)]
            else:
                wrong = list(product(NO_BUFFER, [TypeError]))
            for bad, error in wrong:
                arguments = [*good[:index], bad, *good[index + 1 :]]
                with pytest.raises(error):
                    function(*arguments)


def test_wrong_number_of_arguments():
    frame = opus._frame
    for function in (frame.encode, frame.decode, frame.decode_fec, frame.conceal):
        for count in (0, 1, 4, 6, 7, 9, 20):
            with pytest.raises(TypeError):
                function(*[bytearray(8)] * count)


def test_one_beyond_the_end(calls):
    """An offset or a length that leads one past what is there: refused, and nothing is read."""
    past_packet = opus.MAX_PACKET - calls[opus.decode][4] + 1
    for function, beyond in {
        opus.encode: {3: 1, 6: 1, 7: opus.MAX_PACKET + 1},
        opus.decode: {3: past_packet, 4: opus.MAX_PACKET + 1, 6: 1},
        opus.decode_fec: {3: past_packet, 4: opus.MAX_PACKET + 1, 6: 1, 7: FRAME + 1},
        opus.conceal: {3: 1, 4: FRAME + 1},
    }.items():
        for index, number in beyond.items():
            arguments = [*calls[function]]
            arguments[index] = number
            with pytest.raises(ValueError):
                function(*arguments)


def test_read_only_input_and_any_integer(calls):
    class Index:
        def __index__(self):
            return 0

    state, scratch, packet, _, n, heard, _, room = calls[opus.decode]
    assert opus.decode(state, scratch, bytes(packet), Index(), n, heard, False, room) == FRAME
    wide = memoryview(heard).cast("B")
    assert opus.decode(state, scratch, memoryview(packet), 0, n, wide, 0, room) == FRAME


def test_buffers_are_free_again(calls):
    for function, good in calls.items():
        for bad_number in (None, 2**40, -1):  # a type, a range, and what only the core refuses
            arguments = [bytearray(a) if not isinstance(a, int) else a for a in good]
            references = [sys.getrefcount(a) for a in arguments]
            with pytest.raises((TypeError, ValueError)):
                function(*arguments[:-1], bad_number)
            assert [sys.getrefcount(a) for a in arguments] == references
            for argument in arguments:
                if isinstance(argument, bytearray):
                    argument.clear()  # BufferError while anybody holds it


def test_random_arguments(calls):
    """Nothing but the documented exceptions, and no buffer is kept."""
    choose = random.Random(1)
    numbers = [0, 1, FRAME, 1275, -1, *NO_NUMBER, *NO_INT32]
    for _ in range(20000):
        function, good = choose.choice(list(calls.items()))
        arguments = list(good)
        for index in choose.choices(range(len(good)), k=choose.randrange(4)):
            pool = numbers if isinstance(good[index], int) else [*NO_BUFFER, *good]
            arguments[index] = choose.choice(pool)
        packet = calls[opus.decode][2]
        packet[choose.randrange(40)] = choose.randrange(256)
        with contextlib.suppress(TypeError, ValueError):
            assert 0 <= function(*arguments) <= opus.MAX_PACKET
    for state in (calls[opus.encode][0], calls[opus.decode][0]):
        state.append(0)  # BufferError while anybody holds it
        del state[-1]


def test_no_warnings(tmp_path):
    strict = "-O2 -Wall -Wextra -Wconversion -Wshadow -Wpedantic -Wcast-align -Werror"
    include = f"-isystem{sysconfig.get_paths()['include']}"
    source = NATIVE / "opus" / "cpython.c"
    subprocess.run(
        ["gcc", "-std=gnu99", *strict.split(), include, "-c", source, "-o", tmp_path / "o"],
        check=True,
    )
