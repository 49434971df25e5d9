"""Errors and answers as HTTP: one place decides status, form and headers."""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from core.errors import DesksideError, InternalError, InvalidRequest, UserError
from core.schemas import ErrorBody, ErrorReply, TritonError
from core.service.sse import ReaderGone, SseResponse, encode, unless_gone
from core.service.state import Service

log = logging.getLogger("deskside.service")

FIRST_WAIT = 1.0  # seconds that a stream waits for its first batch, so that a refusal still has a status of its own

_TYPES = {401: "authentication_error", 403: "permission_error", 429: "rate_limit_error"}
_WHY = {
    400: "A parameter, message or prompt cannot be used.",
    401: "The token is missing or wrong.",
    403: "Host or Origin is not this service.",
    404: "There is no such model or thing.",
    408: "The body arrived too slowly.",
    413: "The body is too large.",
    422: "The model's files cannot be used.",
    429: "Too much is running or waiting; see Retry-After.",
    503: "The engine or the service is not available now.",
}
ERRORS: dict[int | str, dict[str, Any]] = {
    status: {"model": ErrorReply, "description": text} for status, text in _WHY.items()
}
TRITON_ERRORS: dict[int | str, dict[str, Any]] = {
    status: {"model": ErrorReply if status in (401, 403) else TritonError, "description": text}
    for status, text in _WHY.items()
}


def error_reply(error: DesksideError) -> ErrorReply:
    """What a caller is told. The cause of an error of ours stays in the log."""
    message = error.message or "Something went wrong."
    if not isinstance(error, UserError):
        message = "Something went wrong inside Deskside; its log has the details."
    return ErrorReply(
        error=ErrorBody(
            message=message,
            type=_type(error.http_status),
            param=error.param if isinstance(error, InvalidRequest) else None,
            code=error.code,
        )
    )


def _type(status: int) -> str:
    return _TYPES.get(status, "invalid_request_error" if status < 500 else "server_error")


def error_response(path: str, reply: ErrorReply, status: int, headers: dict[str, str] | None = None) -> Response:
    """As JSON; under /v2 in the form that KServe clients read."""
    body: BaseModel = TritonError(error=reply.error.message) if path.startswith("/v2/") and status != 401 else reply
    return Response(body.model_dump_json(), status, headers, media_type="application/json")


def from_exception(path: str, error: Exception) -> Response:
    if not isinstance(error, DesksideError):
        log.error("A request to %s failed.", path, exc_info=error)
        error = InternalError(str(error))
    elif not isinstance(error, UserError):
        log.error("A request to %s failed.", path, exc_info=error)
    headers = {}
    status = error.http_status
    after = getattr(error, "retry_after", None)
    if status in (429, 503) and (after is not None or status == 429):
        headers["Retry-After"] = str(max(1, math.ceil(after or 1)))
    if status in (408, 413):
        headers["Connection"] = "close"  # the rest of the body is not read
    return error_response(path, error_reply(error), status, headers)


def invalid(error: RequestValidationError) -> InvalidRequest:
    """The first thing that Pydantic found wrong, in a sentence; never with the value, which may be somebody's text."""
    first: Any = error.errors()[0]
    place = [str(part) for part in first["loc"] if part != "body"]
    name = ".".join(part for part in place if not part.startswith("function-"))
    if first["type"] == "extra_forbidden":
        return InvalidRequest(f"There is no parameter '{name}'.", name)
    if first["type"] == "missing":
        return InvalidRequest(
            f"The parameter '{name}' is missing." if name else "The request has no body.", name or None
        )
    message = str(first["msg"]).rstrip(".")
    return InvalidRequest(f"The parameter '{name}' cannot be used: {message}.", name or None)


def install(app: FastAPI) -> None:
    """Let every error of `app` leave in our form."""

    async def ours(request: Request, error: Exception) -> Response:
        return from_exception(request.url.path, error)

    async def bad_parameters(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        return from_exception(request.url.path, invalid(error))

    async def http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        message = {404: f"There is no {request.url.path[:200]} here.", 405: "This route takes another method."}.get(
            error.status_code, str(error.detail)
        )
        code = {404: "not_found", 405: "method_not_allowed"}.get(error.status_code, "invalid_request")
        reply = ErrorReply(error=ErrorBody(message=message, type=_type(error.status_code), code=code))
        return error_response(request.url.path, reply, error.status_code, dict(error.headers or {}))

    async def gone(request: Request, error: Exception) -> Response:
        return Response(status_code=499)  # nobody receives it

    app.add_exception_handler(DesksideError, ours)
    app.add_exception_handler(RequestValidationError, bad_parameters)
    app.add_exception_handler(HTTPException, http)
    app.add_exception_handler(ReaderGone, gone)


async def answer_once(request: Request, work: Awaitable[BaseModel]) -> Response:
    """A reply in one piece; given up as soon as the client leaves."""
    reply = await unless_gone(request.receive, work)
    return Response(reply.model_dump_json(), media_type="application/json")


async def answer_stream(
    service: Service,
    request: Request,
    chunks: AsyncGenerator[bytes, None],
    on_error: Callable[[ErrorReply], bytes],
) -> Response:
    """A stream. What goes wrong before its first batch (or within FIRST_WAIT) is an HTTP error; later, `on_error` makes
    the stream's last event of it."""
    started = Started(chunks, on_error)
    try:
        await unless_gone(request.receive, started.wait(FIRST_WAIT))
    except BaseException:
        await started.aclose()
        raise
    return _Stream(started, service)


class Started:
    """A generator that was begun, and perhaps already gave its first chunk."""

    def __init__(self, chunks: AsyncGenerator[bytes, None], on_error: Callable[[ErrorReply], bytes]) -> None:
        self._chunks = chunks
        self._on_error = on_error
        self._first: asyncio.Task[bytes] = asyncio.ensure_future(self._begin())

    async def _begin(self) -> bytes:
        return await anext(self._chunks, b"")

    async def wait(self, seconds: float) -> None:
        """Until the first chunk is there, or `seconds` have passed. Raises what the generator raises by then."""
        done, _ = await asyncio.wait({self._first}, timeout=seconds)
        if done:
            self._first.result()

    async def rest(self) -> AsyncGenerator[bytes, None]:
        """All chunks, the first included."""
        try:
            yield await self._first
            async for chunk in self._chunks:
                yield chunk
        except DesksideError as error:
            if not isinstance(error, UserError):
                log.error("A stream failed.", exc_info=error)
            yield self._on_error(error_reply(error))
        except Exception as error:
            log.error("A stream failed.", exc_info=error)
            yield self._on_error(error_reply(InternalError(str(error))))

    async def aclose(self) -> None:
        if not self._first.done():
            self._first.cancel()
            await asyncio.wait({self._first})
        if not self._first.cancelled():
            self._first.exception()
        await self._chunks.aclose()


class _Stream(Response):
    """An SseResponse where FastAPI wants a Response."""

    def __init__(self, started: Started, service: Service) -> None:
        super().__init__()
        self._stream = SseResponse(started.rest(), service.slow_readers, started.aclose)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self._stream(scope, receive, send)


async def refuse(scope: Any, receive: Any, send: Any, status: int, code: str, message: str) -> None:
    """The Guard's answer to what it does not let in."""
    reply = ErrorReply(error=ErrorBody(message=message, type=_type(status), code=code))
    headers = {"Connection": "close"}
    if status == 401:
        headers["WWW-Authenticate"] = 'Bearer realm="deskside"'
    response = Response(encode(reply.model_dump()), status, headers, media_type="application/json")
    await response(scope, receive, send)
