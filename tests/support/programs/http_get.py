"""GET a URL with given trust: prints {"status", "text", "clock_ms"} or {"error", "message"}.

Options: url, ca (path or null), leaf (hex or null), refuse (true: a callback that refuses).
"""

import asyncio
import json
import sys

from callboard import port
from callboard.errors import CallboardError
from callboard.net import http, tls


def context(options):
    ca = None
    if options.get("ca"):
        with open(options["ca"], "rb") as file:
            ca = file.read()
    if options.get("refuse"):
        return tls.client_context(ca=ca, check_leaf=lambda sha256: len(sha256) != 32)
    return tls.client_context(ca=ca, leaf_sha256=options.get("leaf"))


async def main(options):
    try:
        response = await http.get(options["url"], tls=context(options), timeout=10)
        return {
            "status": response.status_code,
            "text": response.text,
            "clock_ms": port.epoch_ms(),
        }
    except CallboardError as error:
        return {"error": type(error).__name__, "message": error.message}


print(json.dumps(asyncio.run(main(json.loads(sys.stdin.readline())))))
