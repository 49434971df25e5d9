"""The service as Python sees it: typed, blocking (`Client`) or not (`AsyncClient`).

    from core.client import connect

    with connect(start=True) as client:
        for event in client.stream_chat([{"role": "user", "content": "Hello!"}]):
            if isinstance(event, Text):
                print(event.text, end="")

Errors are those of `core.errors`, as the service named them. A request is repeated only where that is safe: reading, and
generating that was refused before it began (429, 503 with Retry-After) or never reached the service.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import ssl
import time
from collections.abc import AsyncGenerator, Generator, Mapping, Sequence
from os import PathLike
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import httpx
from pydantic import BaseModel

from core import lifecycle
from core.client_events import (
    ChatEvent,
    CompletionEvent,
    Finished,
    Prefill,
    Reasoning,
    SseDecoder,
    Text,
    ToolCallPart,
    Used,
    chat_events,
    completion_events,
    document_event,
    error_from,
    service_event,
)
from core.client_library import AsyncLibraryCalls, LibraryCalls
from core.config import load_config
from core.errors import DesksideError, Unavailable
from core.lifecycle import ServiceInfo
from core.schemas import (
    ChatCompletion,
    Completion,
    CountReply,
    DocumentEvent,
    DocumentReports,
    JobReply,
    ModelList,
    ModelsReply,
    ModelStatus,
    Ping,
    ReadReply,
    ServiceEvent,
    Status,
    WeightsReply,
)

__all__ = [
    "AsyncClient",
    "ChatEvent",
    "Client",
    "Finished",
    "Prefill",
    "Reasoning",
    "Text",
    "ToolCallPart",
    "Used",
    "attach",
    "connect",
    "connect_async",
]

R = TypeVar("R", bound=BaseModel)
Messages = Sequence[Mapping[str, Any]]

_DOCUMENTS = "/v1/deskside/documents"
_SUMMARIZE, _ASK, _READ = (f"{_DOCUMENTS}/{name}" for name in ("summarize", "ask", "read"))
TRIES = 4
LONGEST_WAIT = 10.0
# A model may take minutes to load before its first token; only connecting has to be quick.
TIMEOUT = httpx.Timeout(None, connect=5.0, write=30.0, pool=30.0)


def attach() -> Client | None:
    """A client of this user's running service, None if there is none."""
    info = lifecycle.find(load_config(os.environ).places)
    return None if info is None else Client(info)


def connect(start: bool = False, *, linger: float = 600.0) -> Client:
    """A client of this user's running service. `start`: start a private one if there is none; it ends on its own once
    nobody has used it for `linger` seconds. Raises Unavailable."""
    return Client(_find(start, linger))


async def connect_async(start: bool = False, *, linger: float = 600.0) -> AsyncClient:
    """As `connect`, without blocking the event loop."""
    return AsyncClient(await asyncio.to_thread(_find, start, linger))


def _find(start: bool, linger: float) -> ServiceInfo:
    places = load_config(os.environ).places
    info = lifecycle.attach_or_start(places, linger=linger) if start else lifecycle.find(places)
    if info is None:
        raise Unavailable("No Deskside service is running; start one with `deskside core serve`.")
    return info


class _Requests:
    """What both clients send, and how they read it."""

    def __init__(self, info: ServiceInfo, name: str | None) -> None:
        """`name`: who asks, for fairness between clients; by default this object."""
        self.info = info
        self._options: dict[str, Any] = {
            "base_url": info.address,
            "timeout": TIMEOUT,
            "trust_env": False,  # a proxy has no business between us and this machine
            # Trusts no certificate: nobody speaks https here, and to read the system's takes httpx 45 ms.
            "verify": ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT),
            "headers": {
                "Authorization": f"Bearer {info.token}",
                "X-Deskside-Client": name or secrets.token_hex(8),
            },
        }

    @staticmethod
    def chat_body(messages: Messages, parameters: Mapping[str, Any], stream: bool) -> dict[str, Any]:
        body = {"messages": [dict(message) for message in messages], **parameters}
        return body | {"stream": True, "stream_options": {"include_usage": True}} if stream else body


def _absolute(paths: Sequence[str | PathLike[str]]) -> list[str]:
    """The service has a working directory of its own."""
    return [str(Path(path).expanduser().absolute()) for path in paths]


def _wait_before(attempt: int, error: DesksideError) -> float | None:
    """Seconds to wait before another try, None to give up."""
    after = getattr(error, "retry_after", None)
    if attempt + 1 >= TRIES or after is None:
        return None
    return float(min(LONGEST_WAIT, max(0.05, after)))


def _gone(error: httpx.HTTPError, began: bool) -> Unavailable:
    if isinstance(error, (httpx.ConnectError, httpx.ConnectTimeout)):
        return Unavailable("The Deskside service does not answer; it may have been stopped.")
    end = "while it answered; what it had written is kept" if began else "before it answered"
    return Unavailable(f"The Deskside service ended {end}.")


class Client(_Requests, LibraryCalls):
    """Blocking. Closing a stream early cancels its request. Threads may share a client."""

    def __init__(self, info: ServiceInfo, name: str | None = None) -> None:
        super().__init__(info, name)
        self._http = httpx.Client(**self._options)

    def chat(self, messages: Messages, **parameters: Any) -> ChatCompletion:
        """An answer in one piece; parameters as in core.schemas.ChatRequest."""
        return self._post("/v1/chat/completions", self.chat_body(messages, parameters, False), ChatCompletion)

    def stream_chat(
        self, messages: Messages, *, progress: bool = False, **parameters: Any
    ) -> Generator[ChatEvent, None, None]:
        """An answer as it is made. `progress`: also how far the prompt is computed."""
        body = self.chat_body(messages, parameters, True)
        with contextlib.closing(self._events("/v1/chat/completions", body, progress)) as events:
            yield from chat_events(events)

    def complete(self, prompt: str | list[int], **parameters: Any) -> Completion:
        """What follows a plain prompt."""
        return self._post("/v1/completions", {"prompt": prompt, **parameters}, Completion)

    def stream_complete(self, prompt: str | list[int], **parameters: Any) -> Generator[CompletionEvent, None, None]:
        """What follows a plain prompt, as it is made."""
        body = {"prompt": prompt, "stream": True, "stream_options": {"include_usage": True}, **parameters}
        with contextlib.closing(self._events("/v1/completions", body, False)) as events:
            yield from completion_events(events)

    def count_tokens(self, messages: Messages | None = None, **parameters: Any) -> CountReply:
        body = dict(parameters) if messages is None else {"messages": list(messages), **parameters}
        return self._post("/v1/deskside/count_tokens", body, CountReply)

    def models(self) -> ModelList:
        return self._get("/v1/models", ModelList)

    def all_models(self) -> ModelsReply:
        """Installed and loaded ones."""
        return self._get("/v1/deskside/models", ModelsReply)

    def load(self, model: str, **options: Any) -> ModelStatus:
        """Returns when the model is ready."""
        return self._post("/v1/deskside/models/load", {"model": model, **options}, ModelStatus)

    def unload(self, model: str) -> ModelsReply:
        return self._post("/v1/deskside/models/unload", {"model": model}, ModelsReply, again=False)

    def update_weights(self, folder: str, model: str | None = None) -> WeightsReply:
        return self._post("/v1/deskside/weights", {"folder": folder, "model": model}, WeightsReply, again=False)

    def status(self) -> Status:
        return self._get("/v1/deskside/status", Status)

    def ping(self) -> Ping:
        return self._get("/v1/deskside/ping", Ping)

    def events(self) -> Generator[ServiceEvent, None, None]:
        """Changes of state, until closed. While it is open, a private service does not end on its own."""
        with contextlib.closing(self._events("/v1/deskside/events", None, False)) as events:
            for _, data in events:
                yield service_event(data)

    def summarize(self, paths: Sequence[str | PathLike[str]], **options: Any) -> JobReply:
        """Queue one summary of whole documents (files, folders); options as in core.schemas.SummarizeRequest."""
        return self._post(_SUMMARIZE, {"paths": _absolute(paths), **options}, JobReply, again=False)

    def ask_documents(self, paths: Sequence[str | PathLike[str]], question: str, **options: Any) -> JobReply:
        """Queue a question about documents; options as in core.schemas.AskRequest."""
        body = {"paths": _absolute(paths), "question": question, **options}
        return self._post(_ASK, body, JobReply, again=False)

    def read_document(self, path: str | PathLike[str]) -> ReadReply:
        """The text of one document on this machine, page by page."""
        return self._post(_READ, {"path": _absolute([path])[0]}, ReadReply)

    def document_events(self, job: str) -> Generator[DocumentEvent, None, None]:
        """Progress, text and, last, the end of a document job. Closing it leaves the job running."""
        with contextlib.closing(self._events(f"{_DOCUMENTS}/{job}/events", None, False)) as events:
            for _, data in events:
                yield document_event(data)

    def document_report(self, job: str) -> DocumentReports:
        """The result of a document job that is done."""
        return self._get(f"{_DOCUMENTS}/{job}/report", DocumentReports)

    def stop(self, grace: float = 5.0) -> Status:
        return self._post("/v1/deskside/stop", {"grace": grace}, Status, again=False)

    def close(self) -> None:
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _get(self, path: str, kind: type[R]) -> R:
        return self._request("GET", path, None, kind, again=True)

    def _post(self, path: str, body: dict[str, Any], kind: type[R], again: bool = True) -> R:
        return self._request("POST", path, body, kind, again)

    def _delete(self, path: str, kind: type[R]) -> R:
        return self._request("DELETE", path, None, kind, again=False)

    def _request(self, method: str, path: str, body: Any, kind: type[R], again: bool) -> R:
        for attempt in range(TRIES):
            try:
                response = self._http.request(method, path, json=body)
            except httpx.HTTPError as error:
                raise _gone(error, began=False) from error
            if response.is_success:
                return kind.model_validate_json(response.content)
            refused = error_from(response.content, response.status_code, response.headers.get("retry-after"))
            wait = _wait_before(attempt, refused) if again else None
            if wait is None:
                raise refused
            time.sleep(wait)
        raise AssertionError("unreachable")

    def _events(self, path: str, body: Any, progress: bool) -> Generator[tuple[str, bytes], None, None]:
        headers = {"X-Deskside-Progress": "1"} if progress else None
        for attempt in range(TRIES):
            began = False
            try:
                with self._http.stream("GET" if body is None else "POST", path, json=body, headers=headers) as response:
                    if response.is_success:
                        began = True
                        decoder = SseDecoder()
                        for data in response.iter_raw():
                            yield from decoder.feed(data)
                        return
                    content = response.read()
            except httpx.HTTPError as error:
                raise _gone(error, began) from error
            refused = error_from(content, response.status_code, response.headers.get("retry-after"))
            wait = _wait_before(attempt, refused)
            if wait is None:
                raise refused
            time.sleep(wait)


class AsyncClient(_Requests, AsyncLibraryCalls):
    """The same for asyncio."""

    def __init__(self, info: ServiceInfo, name: str | None = None) -> None:
        super().__init__(info, name)
        # The service says itself how much it takes; a request that waits here for a connection would time out.
        self._http = httpx.AsyncClient(**self._options, limits=httpx.Limits(max_connections=None))

    async def chat(self, messages: Messages, **parameters: Any) -> ChatCompletion:
        """An answer in one piece; parameters as in core.schemas.ChatRequest."""
        return await self._post("/v1/chat/completions", self.chat_body(messages, parameters, False), ChatCompletion)

    async def stream_chat(
        self, messages: Messages, *, progress: bool = False, **parameters: Any
    ) -> AsyncGenerator[ChatEvent, None]:
        """An answer as it is made. `progress`: also how far the prompt is computed."""
        body = self.chat_body(messages, parameters, True)
        async with contextlib.aclosing(self._events("/v1/chat/completions", body, progress)) as events:
            async for event in events:
                for made in chat_events([event]):
                    yield made

    async def complete(self, prompt: str | list[int], **parameters: Any) -> Completion:
        """What follows a plain prompt."""
        return await self._post("/v1/completions", {"prompt": prompt, **parameters}, Completion)

    async def stream_complete(
        self, prompt: str | list[int], **parameters: Any
    ) -> AsyncGenerator[CompletionEvent, None]:
        """What follows a plain prompt, as it is made."""
        body = {"prompt": prompt, "stream": True, "stream_options": {"include_usage": True}, **parameters}
        async with contextlib.aclosing(self._events("/v1/completions", body, False)) as events:
            async for event in events:
                for made in completion_events([event]):
                    yield made

    async def count_tokens(self, messages: Messages | None = None, **parameters: Any) -> CountReply:
        body = dict(parameters) if messages is None else {"messages": list(messages), **parameters}
        return await self._post("/v1/deskside/count_tokens", body, CountReply)

    async def models(self) -> ModelList:
        return await self._get("/v1/models", ModelList)

    async def all_models(self) -> ModelsReply:
        """Installed and loaded ones."""
        return await self._get("/v1/deskside/models", ModelsReply)

    async def load(self, model: str, **options: Any) -> ModelStatus:
        """Returns when the model is ready."""
        return await self._post("/v1/deskside/models/load", {"model": model, **options}, ModelStatus)

    async def unload(self, model: str) -> ModelsReply:
        return await self._post("/v1/deskside/models/unload", {"model": model}, ModelsReply, again=False)

    async def update_weights(self, folder: str, model: str | None = None) -> WeightsReply:
        return await self._post("/v1/deskside/weights", {"folder": folder, "model": model}, WeightsReply, again=False)

    async def status(self) -> Status:
        return await self._get("/v1/deskside/status", Status)

    async def ping(self) -> Ping:
        return await self._get("/v1/deskside/ping", Ping)

    async def events(self) -> AsyncGenerator[ServiceEvent, None]:
        """Changes of state, until closed. While it is open, a private service does not end on its own."""
        async with contextlib.aclosing(self._events("/v1/deskside/events", None, False)) as events:
            async for _, data in events:
                yield service_event(data)

    async def summarize(self, paths: Sequence[str | PathLike[str]], **options: Any) -> JobReply:
        """Queue one summary of whole documents (files, folders); options as in core.schemas.SummarizeRequest."""
        return await self._post(_SUMMARIZE, {"paths": _absolute(paths), **options}, JobReply, again=False)

    async def ask_documents(self, paths: Sequence[str | PathLike[str]], question: str, **options: Any) -> JobReply:
        """Queue a question about documents; options as in core.schemas.AskRequest."""
        body = {"paths": _absolute(paths), "question": question, **options}
        return await self._post(_ASK, body, JobReply, again=False)

    async def read_document(self, path: str | PathLike[str]) -> ReadReply:
        """The text of one document on this machine, page by page."""
        return await self._post(_READ, {"path": _absolute([path])[0]}, ReadReply)

    async def document_events(self, job: str) -> AsyncGenerator[DocumentEvent, None]:
        """Progress, text and, last, the end of a document job. Closing it leaves the job running."""
        async with contextlib.aclosing(self._events(f"{_DOCUMENTS}/{job}/events", None, False)) as events:
            async for _, data in events:
                yield document_event(data)

    async def document_report(self, job: str) -> DocumentReports:
        """The result of a document job that is done."""
        return await self._get(f"{_DOCUMENTS}/{job}/report", DocumentReports)

    async def stop(self, grace: float = 5.0) -> Status:
        return await self._post("/v1/deskside/stop", {"grace": grace}, Status, again=False)

    async def aclose(self) -> None:
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def _get(self, path: str, kind: type[R]) -> R:
        return await self._request("GET", path, None, kind, again=True)

    async def _post(self, path: str, body: dict[str, Any], kind: type[R], again: bool = True) -> R:
        return await self._request("POST", path, body, kind, again)

    async def _delete(self, path: str, kind: type[R]) -> R:
        return await self._request("DELETE", path, None, kind, again=False)

    async def _request(self, method: str, path: str, body: Any, kind: type[R], again: bool) -> R:
        for attempt in range(TRIES):
            try:
                response = await self._http.request(method, path, json=body)
            except httpx.HTTPError as error:
                raise _gone(error, began=False) from error
            if response.is_success:
                return kind.model_validate_json(response.content)
            refused = error_from(response.content, response.status_code, response.headers.get("retry-after"))
            wait = _wait_before(attempt, refused) if again else None
            if wait is None:
                raise refused
            await asyncio.sleep(wait)
        raise AssertionError("unreachable")

    async def _events(self, path: str, body: Any, progress: bool) -> AsyncGenerator[tuple[str, bytes], None]:
        headers = {"X-Deskside-Progress": "1"} if progress else None
        for attempt in range(TRIES):
            began = False
            method = "GET" if body is None else "POST"
            try:
                async with self._http.stream(method, path, json=body, headers=headers) as response:
                    if response.is_success:
                        began = True
                        decoder = SseDecoder()
                        async for data in response.aiter_raw():
                            for event in decoder.feed(data):
                                yield event
                        return
                    content = await response.aread()
            except httpx.HTTPError as error:
                raise _gone(error, began) from error
            refused = error_from(content, response.status_code, response.headers.get("retry-after"))
            wait = _wait_before(attempt, refused)
            if wait is None:
                raise refused
            await asyncio.sleep(wait)
