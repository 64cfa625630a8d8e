"""Takes http, https, ws and wss URLs apart (RFC 3986, as far as a relay's addresses need it)."""

from ..errors import InvalidArgument
from ..port import utf8

_PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443}
MAX_LENGTH = 1024  # characters


class Url:
    """The parts: `scheme`, `secure` (TLS), `host`, `port`, `target` (path and query), `authority`.

    `host` is without brackets; `authority` is what the Host header says (RFC 9110 §7.2).
    """

    def __init__(self, scheme, host, port, target):
        self.scheme = scheme
        self.secure = scheme in ("https", "wss")
        self.host = host
        self.port = port
        self.target = target
        self.authority = "[%s]" % host if ":" in host else host
        if port != _PORTS[scheme]:
            self.authority += ":%d" % port


def parse(url, schemes=("http", "https")):
    """A Url. Raises InvalidArgument that says what is wrong; user names in URLs are refused."""
    if not isinstance(url, str) or not 0 < len(url) <= MAX_LENGTH:
        raise InvalidArgument("url must be a string of 1 to %d characters" % MAX_LENGTH)
    for byte in utf8(url):
        if not 0x20 < byte < 0x7F:
            raise InvalidArgument("url has a space, control or non-ASCII character")
    scheme, separator, rest = url.partition("://")
    scheme = scheme.lower()
    if not separator or scheme not in schemes:
        raise InvalidArgument("url must begin with " + " or ".join(s + "://" for s in schemes))
    rest = rest.partition("#")[0]
    end = _end_of_authority(rest)
    host, port = _host_and_port(rest[:end], _PORTS[scheme])
    target = rest[end:]
    return Url(scheme, host, port, target if target.startswith("/") else "/" + target)


def _end_of_authority(rest):
    path, query = rest.find("/"), rest.find("?")
    if path < 0 or 0 <= query < path:
        path = query
    return path if path >= 0 else len(rest)


def _host_and_port(authority, default_port):
    if "@" in authority:
        raise InvalidArgument("url must not hold a user name or password")
    if authority.startswith("["):
        host, bracket, rest = authority[1:].partition("]")
        if not bracket or (rest and not rest.startswith(":")):
            raise InvalidArgument("url has a malformed IPv6 address")
        port = rest[1:]
    else:
        host, colon, port = authority.partition(":")
    if not host:
        raise InvalidArgument("url has no host")
    if not port:
        return host.lower(), default_port
    if not port.isdigit() or not 0 < int(port) < 65536:
        raise InvalidArgument("url has a port that is not a number from 1 to 65535")
    return host.lower(), int(port)
