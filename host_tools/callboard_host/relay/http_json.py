"""JSON over HTTP for the relay's faces: bodies in, answers and error objects out."""

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from callboard import codes
from callboard.errors import CallboardError

from .config import MAX_TEXT
from .refusal import Refused

log = logging.getLogger(__name__)

Answer = Callable[[web.Request], Awaitable[dict[str, Any]]]

_BODY_S = 10.0
_STATUS = {codes.NETWORK: 409, codes.TIMEOUT: 504, codes.UNAUTHENTICATED: 401}


class TooMany(Exception):
    """This address tries too often."""


def error_response(status: int, code: int, message: str) -> web.Response:
    """`{"error": {"code", "message"}}` with an HTTP status."""
    return web.json_response({"error": {"code": code, "message": message}}, status=status)


def endpoint(answer: Answer) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    """A request handler of a function that returns the JSON object to answer or raises Refused."""

    async def handler(request: web.Request) -> web.StreamResponse:
        try:
            return web.json_response(await answer(request))
        except Refused as error:
            return error_response(_STATUS.get(error.code, 400), error.code, error.message)
        except TooMany:
            text = "too many attempts from this address; wait a little"
            return error_response(429, codes.RPC_OVERLOADED, text)
        except CallboardError as error:
            log.error("%s %s failed: %s", request.method, request.path, error)
            return error_response(500, codes.SERVER, "the relay failed; see its log")

    return handler


async def read_object(request: web.Request) -> dict[str, Any]:
    """The request's body, a JSON object of at most 16 384 bytes (empty: {}). Raises Refused."""
    try:
        async with asyncio.timeout(_BODY_S):
            body = await request.read()
    except TimeoutError:
        raise Refused(codes.TIMEOUT, f"the body did not arrive within {_BODY_S:g} s") from None
    except ConnectionResetError:
        raise Refused(codes.TIMEOUT, "the client left before its body was complete") from None
    except web.HTTPRequestEntityTooLarge:
        text = f"the body must have at most {MAX_TEXT} bytes"
        raise Refused(codes.INVALID_ARGUMENT, text) from None
    if not body:
        return {}
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        raise Refused(codes.INVALID_ARGUMENT, "the body is not JSON") from None
    if not isinstance(value, dict):
        raise Refused(codes.INVALID_ARGUMENT, "the body must be a JSON object")
    return value
