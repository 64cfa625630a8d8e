"""Other people's texts leave nothing behind, whatever characters they are of.

MicroPython keeps a character that a loop over a text makes for ever, as it does names: a user
with a name of ever new characters could eat a board's heap, a few bytes at a time.
"""

import gc

from callboard import port
from callboard.errors import CallboardError
from callboard.log import LINE_MAX, Log
from callboard.net import http, http_parser, url
from callboard.serial import pipes
from callboard.signalling.jsonrpc import Peer
from callboard.voip import identity, messages
from support import FakeClock, SkipTest

TEXTS = 1000
LIMIT = 3000  # bytes; a kept character would be 10 and more
seen = [0x4E00]  # the first of 20 000 Chinese characters that no text has had yet


def texts():
    """Texts of one character each, never the same; bytes.decode() leaves none behind."""
    for _ in range(TEXTS):
        point = seen[0]
        seen[0] += 1
        yield bytes([0xE0 | point >> 12, 0x80 | point >> 6 & 63, 0x80 | point & 63]).decode()


def held(function):
    """By how many bytes the heap grew when `function` was given each text."""
    gc.collect()
    before = port.heap_used()
    if before is None:
        raise SkipTest("this Python does not tell its heap")
    for text in texts():
        try:
            function(text)
        except CallboardError:
            pass
    gc.collect()
    return port.heap_used() - before


def test_a_log_line_and_what_is_hidden_in_it():
    log = Log(lambda line: None, FakeClock())
    log.hide(["secret"])
    log.info = log.module("m").info
    for text in texts():  # its ring of lines is full then
        log.info("%s", text)
    assert held(lambda text: log.info("%s calls", text)) < LIMIT
    assert held(lambda text: log.redact(text + "\x1b secret")) < LIMIT
    assert held(lambda text: log.info("%s", text * LINE_MAX)) < LIMIT


def test_a_name_that_is_none():
    assert held(lambda text: identity.Identity(0, text, "SN0001", "wx1")) < LIMIT
    assert held(lambda text: identity.is_word("user-" + text)) < LIMIT


def test_an_address_and_a_header():
    assert held(lambda text: url.parse("https://relay.test/?" + text)) < LIMIT
    assert held(lambda text: http.header_line("X-Name", text)) < LIMIT
    assert held(lambda text: http_parser._text(text.encode())) < LIMIT
    assert held(lambda text: pipes._sentence(text.encode())) < LIMIT


def test_a_message():
    def check(method, params):
        messages.checked("params", params, 500)

    def receive(text):
        params = '{"name": "%s", "%s": ["%s"]}' % (text, text, text)
        peer.receive('{"jsonrpc": "2.0", "method": "%s", "params": %s}' % (text, params))

    peer = Peer(None, None, check)
    assert held(receive) < LIMIT


def test_the_test_can_tell():
    """A loop over texts does leave them behind; should it ever not, port.utf8() may go."""
    assert held(list) > LIMIT
