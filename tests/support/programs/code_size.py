"""How much heap the code takes that a virtual board loads, native modules included."""

import gc
import json
import sys

sys.stdin.readline()  # options: none
gc.collect()
before = gc.mem_alloc()

import callboard.app  # noqa: E402
import callboard.media.devices  # noqa: E402
import callboard.media.echo  # noqa: E402
import callboard.media.pipeline  # noqa: E402
import callboard.net.http  # noqa: E402
import callboard.net.tls  # noqa: E402
import callboard.net.websocket  # noqa: E402
import callboard.platform.unix  # noqa: E402, F401
from callboard.media import codec  # noqa: E402

codec.names()  # loads Opus, too
gc.collect()
print(json.dumps({"bytes": gc.mem_alloc() - before}))
