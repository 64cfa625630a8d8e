"""URLs: the parts of good ones, and which are refused."""

from callboard.errors import InvalidArgument
from callboard.net import url
from support import raises


def parts(text, schemes=("http", "https")):
    found = url.parse(text, schemes)
    return found.scheme, found.secure, found.host, found.port, found.target, found.authority


def test_parts():
    assert parts("http://a.example") == ("http", False, "a.example", 80, "/", "a.example")
    assert parts("https://A.Example:443/x/y?z=1#frag") == (
        "https",
        True,
        "a.example",
        443,
        "/x/y?z=1",
        "a.example",
    )
    assert parts("HTTP://10.0.0.1:8080?q") == (
        "http",
        False,
        "10.0.0.1",
        8080,
        "/?q",
        "10.0.0.1:8080",
    )
    assert parts("wss://[2001:DB8::1]:8443/v1", ("ws", "wss")) == (
        "wss",
        True,
        "2001:db8::1",
        8443,
        "/v1",
        "[2001:db8::1]:8443",
    )
    assert parts("ws://[::1]", ("ws",))[2:] == ("::1", 80, "/", "[::1]")


def test_refused():
    for text in (
        "",
        "example",
        "ftp://a.example/",
        "://a.example",
        "http:///x",
        "http://:80/",
        "http://a.example:0/",
        "http://a.example:65536/",
        "http://a.example:-1/",
        "http://a.example:8x/",
        "http://user:secret@a.example/",
        "http://[::1/",
        "http://[::1]x/",
        "http://a.example/a b",
        "http://a.example/\r\nX: y",
        "http://a.example/\x00",
        "http://ä.example/",
        "http://a.example/" + "x" * 1024,
        None,
        b"http://a.example/",
    ):
        raises(InvalidArgument, url.parse, text)


def test_a_refused_password_is_not_repeated():
    error = raises(InvalidArgument, url.parse, "http://user:hunter2@a.example/")
    assert "hunter2" not in str(error)
