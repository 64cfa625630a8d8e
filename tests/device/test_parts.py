"""Parts that a firmware may leave out: found where they are, refused with a sentence where not."""

import sys

from callboard import parts
from callboard.errors import CallboardError
from callboard.net import url
from support import raises


def test_what_is_there_is_loaded():
    assert parts.optional("net.url") is url is parts.part("net.url", "addresses")


def test_what_is_left_out_is_refused_with_a_sentence():
    assert parts.optional("no_such_part") is None
    assert parts.optional("net.no_such_part") is None
    error = raises(CallboardError, parts.part, "net.no_such_part", "such a thing")
    assert error.message == "this firmware comes without such a thing"


def test_a_part_that_lacks_something_else_is_no_part_left_out():
    name = "callboard.voip.blocking"
    kept = {each: sys.modules.pop(each, None) for each in (name, "callboard.voip.client")}
    path = sys.path[:]
    try:
        sys.modules["callboard.voip.client"] = sys  # has no Client
        raises(ImportError, parts.optional, "voip.blocking")
    finally:
        sys.path[:] = path
        for each, module in kept.items():
            sys.modules.pop(each, None)
            if module is not None:
                sys.modules[each] = module
