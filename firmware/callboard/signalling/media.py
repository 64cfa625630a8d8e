"""The media carrier on the signalling socket: a packet per binary message (PROTOCOL.md §5)."""

HEADROOM = 14  # free bytes that the WebSocket needs in front of a packet


class MediaTransport:
    """Sends packets while there is a connection, and counts those that it could not send.

    `socket` is set by the link while it is online. `send` does not allocate when the socket takes
    the packet.
    """

    headroom = HEADROOM

    def __init__(self):
        self.socket = None
        self.receiver = None  # f(buf, off, n) for packets that come another way than the socket
        self.sent = 0
        self.refused = 0

    def caps(self, caps):
        """What of `caps`, names of PROTOCOL.md §4, holds over this transport."""
        return caps

    def check_call(self):
        """Raises CallboardError when no call can be carried."""

    def online(self, link):
        """The link is online again; for transports that have something to arrange then."""

    @property
    def waiting(self):
        """Bytes that the connection has not taken yet."""
        return self.socket.pending if self.socket is not None else 0

    def send(self, buf, off, n):
        """Send `n` bytes at buf[off:]. Overwrites HEADROOM bytes before `off`, masks in place.

        Returns False, having sent nothing, when there is no connection or it is congested.
        """
        socket = self.socket
        if socket is not None and socket.send_binary_nowait(buf, off, n):
            self.sent += 1
            return True
        self.refused += 1
        return False
