"""Bodies of requests: bounded in size and time, decoded off the loop where they are long."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from typing import Any

import msgspec
from fastapi import Request, Response
from fastapi.routing import APIRoute

from core.errors import InvalidRequest
from core.service.chat import Caller
from core.service.limits import Limits

DECODE_INLINE = 64 << 10
MAX_CLIENT = 128
PROGRESS_HEADER = "x-deskside-progress"
CLIENT_HEADER = "x-deskside-client"

_decode = msgspec.json.Decoder().decode  # refuses NaN, Infinity and lone surrogates, which Python's would let in
Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class BodyTooLarge(InvalidRequest):
    code = "body_too_large"
    http_status = 413


class BodyTooSlow(InvalidRequest):
    code = "body_too_slow"
    http_status = 408


async def read_body(request: Request, limits: Limits) -> bytes:
    """All of a body. Raises BodyTooLarge as soon as that is known, BodyTooSlow, InvalidRequest."""
    too_large = BodyTooLarge(f"The request is larger than {limits.max_body} bytes; send less at once.")
    length = request.headers.get("content-length", "0")
    if not (length.isascii() and length.isdecimal()):
        raise InvalidRequest("The Content-Length of this request is not a number.")
    if int(length) > limits.max_body:
        raise too_large
    pieces, size = [], 0
    try:
        async with asyncio.timeout(limits.body_seconds):
            async for piece in request.stream():
                size += len(piece)
                if size > limits.max_body:
                    raise too_large
                pieces.append(piece)
    except TimeoutError:
        raise BodyTooSlow(f"The request did not arrive within {limits.body_seconds:g} seconds.") from None
    return b"".join(pieces)


async def read_json(request: Request, limits: Limits) -> Any:
    """The JSON value of a body."""
    body = await read_body(request, limits)
    if not body:
        raise InvalidRequest("The request has no body; send JSON.")
    try:
        return _decode(body) if len(body) < DECODE_INLINE else await asyncio.to_thread(_decode, body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError, ValueError) as error:
        raise InvalidRequest(f"The request is not valid JSON ({error}).") from error


class JsonRoute(APIRoute):
    """A route whose body, if it takes one, is read by us; FastAPI then checks the value against the model."""

    any_type = False

    def get_route_handler(self) -> Handler:
        handler = super().get_route_handler()
        takes_body = self.body_field is not None

        async def handle(request: Request) -> Response:
            request.app.state.service.last_activity = time.monotonic()
            if takes_body:
                kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
                if not self.any_type and kind != "application/json":
                    raise InvalidRequest(
                        f"The Content-Type is '{kind[:64]}'; send JSON with Content-Type: application/json.",
                        "Content-Type",
                    )
                value = await read_json(request, request.app.state.service.limits)
                request = _Decoded(request, value)
            return await handler(request)

        return handle


class AnyTypeRoute(JsonRoute):
    """Takes JSON under any Content-Type, as Triton does: curl -d says application/x-www-form-urlencoded."""

    any_type = True


class _Decoded(Request):
    """A request whose body was read: FastAPI finds the value instead of bytes."""

    def __init__(self, request: Request, value: Any) -> None:
        headers = [(name, item) for name, item in request.scope["headers"] if name != b"content-type"]
        super().__init__(
            {**request.scope, "headers": [*headers, (b"content-type", b"application/json")]}, request.receive
        )
        self._body = b"{}"  # not empty: there is a value
        self._json = value


def caller_of(request: Request) -> Caller:
    """Who asks, as far as fairness goes: the name that the client gave itself, else its address and program."""
    name = request.headers.get(CLIENT_HEADER)
    if not name:
        host = request.client.host if request.client else ""
        name = f"{host} {request.headers.get('user-agent', '')}"
    progress = request.headers.get(PROGRESS_HEADER, "").strip().lower() in ("1", "true", "yes")
    return Caller(name[:MAX_CLIENT], progress)
