"""The codecs of one endpoint: which it offers, and the memory of the one in use, kept for good."""

from . import codec


class CodecSet:
    """What an endpoint may code in.

    Argument: `names`, of codec.PREFERENCE; None: all. `names` afterwards: those that are here,
    best first. PCMU is always among them, and opus-8k where opus is.
    """

    def __init__(self, names=None):
        wanted = set(codec.PREFERENCE if names is None else names)
        wanted.add("pcmu")
        if "opus" in wanted:
            wanted.add("opus-8k")
        here = codec.names()
        self.names = tuple(n for n in codec.PREFERENCE if n in wanted and n in here)
        self._memory = {}  # wire name -> what its codecs work in

    def reserve(self):
        """Allocate what the codecs need now, while large pieces are free.

        A codec that finds no memory is left out of `names`, so that it is never offered. Returns
        the names of those.
        """
        missing = []
        for name in self.names:
            try:
                self._memory_of(codec.find(name))
            except MemoryError:
                missing.append(name)
        self.names = tuple(name for name in self.names if name not in missing)
        return missing

    def _memory_of(self, codec_class):
        """What the best codec of a wire name needs, it serves the others, too."""
        wire_name = codec_class.wire_name
        if wire_name not in self._memory:
            classes = [codec.find(name) for name in self.names]
            best = [each for each in classes if each.wire_name == wire_name][0]
            self._memory[wire_name] = best.reserve()
        return self._memory[wire_name]

    def coder(self, stream):
        """A codec object that sends a stream description, as that says. The last one is void then.

        InvalidArgument: its codec is not here. ProtocolError: a member is wrong.
        """
        made = self._make(stream, decode=False)
        made.follow(stream)
        return made

    def decoder(self, stream):
        """A codec object that receives a stream description. The last one is void then."""
        return self._make(stream, encode=False)

    def _make(self, stream, encode=True, decode=True):
        codec_class = codec.best_for(stream, self.names)
        return codec_class(encode, decode, self._memory_of(codec_class))
