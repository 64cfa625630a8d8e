"""Makes HTTP requests one after the other: prints a JSON list of what each gave.

Options: requests: a list of {"method", "url", …arguments of http.request}; "data_hex" for bytes.
"""

import asyncio
import json
import sys
from binascii import hexlify, unhexlify

from callboard.errors import CallboardError
from callboard.net import http


async def one(arguments):
    if "data_hex" in arguments:
        arguments["data"] = unhexlify(arguments.pop("data_hex"))
    try:
        response = await http.request(arguments.pop("method"), arguments.pop("url"), **arguments)
    except CallboardError as error:
        return {"error": type(error).__name__, "message": error.message}
    return {
        "status": response.status_code,
        "headers": response.headers,
        "content": hexlify(response.content).decode(),
    }


async def main(options):
    results = []
    for arguments in options["requests"]:
        results.append(await one(arguments))
    return results


print(json.dumps(asyncio.run(main(json.loads(sys.stdin.readline())))))
