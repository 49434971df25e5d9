"""The bytes of one file over HTTP: ranges that resume, and nothing taken on trust.

Redirects are followed by hand, because the access token goes to the Hub's own origin and to no other. A continued request
carries If-Range; where the server starts over (200), or continues something else (another ETag, another range), so do we.
The hash is what decides in the end.
"""

from __future__ import annotations

import re
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

from core.errors import ModelUnusable, NotFound, Unavailable
from core.library.hub import Hub, describe_network
from core.library.part import Part
from core.library.progress import Meter
from core.library.retry import RETRIED, Attempts, Policy, Transient, describe_status, retry_after

if TYPE_CHECKING:
    import httpx

_MAX_REDIRECTS = 8
_CONTENT_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+)")


class Stopped(Exception):
    """The download was told to stop: paused or cancelled. Everything so far is kept."""


class Control:
    """Stops every thread of one download, also those that wait for the network."""

    def __init__(self) -> None:
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._sockets: set[socket.socket] = set()

    @property
    def stopped(self) -> bool:
        return self._stop.is_set()

    def stop(self) -> None:
        """From any thread; idempotent."""
        self._stop.set()
        with self._lock:
            for connection in self._sockets:
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)  # wakes a thread that reads from it

    def check(self) -> None:
        if self._stop.is_set():
            raise Stopped

    def sleep(self, seconds: float) -> None:
        if self._stop.wait(seconds):
            raise Stopped

    @contextmanager
    def watching(self, response: httpx.Response) -> Iterator[None]:
        """While its body is read, `stop` ends the response."""
        stream = response.extensions.get("network_stream")
        connection = stream.get_extra_info("socket") if stream is not None else None
        if not isinstance(connection, socket.socket):
            yield
            return
        with self._lock:
            self._sockets.add(connection)
        try:
            self.check()
            yield
        finally:
            with self._lock:
                self._sockets.discard(connection)


class Fetcher:
    """One HTTP client for all files of a model. Used by several threads."""

    def __init__(self, hub: Hub, repo: str, commit: str, gated: bool, policy: Policy, control: Control) -> None:
        import httpx

        self._hub = hub
        self._repo = repo
        self._commit = commit
        self._gated = gated
        self._policy = policy
        self._control = control
        timeout = httpx.Timeout(policy.stall_s, connect=policy.connect_s)
        try:
            self._client = httpx.Client(timeout=timeout, follow_redirects=False)
        except (ImportError, ValueError, OSError) as error:  # a proxy or certificate setting that cannot be used
            raise Unavailable(
                f"The network cannot be used ({error}); check the proxy settings of this system."
            ) from error

    def close(self) -> None:
        self._client.close()

    def fetch(self, part: Part, meter: Meter) -> None:
        """Make `part` whole. Raises Stopped, DiskFull, NotFound, AccessDenied, ModelUnusable (twice a wrong hash), Unavailable."""
        path = part.file.path
        attempts = Attempts(f"Downloading {path}", self._policy, self._control.sleep, meter.note)
        meter.at(part.file, part.open(self._control.check), arrived=0)
        wrong, best = 0, part.done
        while True:
            try:
                if part.done < part.file.size or part.file.size == 0:
                    self._continue(part, meter)
            except Transient as error:
                self._control.check()
                if part.done >= best + self._policy.floor:  # not so where a server starts over and breaks off each time
                    best = part.done
                    attempts.progressed()
                attempts.failed(error)
                continue
            if part.finish():
                return
            meter.at(part.file, 0, arrived=0)
            wrong += 1
            if wrong == 2:
                raise ModelUnusable(
                    f"{path} of {self._repo} arrived twice with a wrong checksum; something on the way changes it, or "
                    f"the Hub's copy is damaged. Try again later or from another network."
                )
            meter.note(f"{path} arrived with a wrong checksum; downloading it once more")

    def read(self, path: str, start: int, count: int) -> bytes:
        """`count` bytes of a file from `start` on, fewer where it ends, for what is looked at and not kept; nothing is
        verified. Raises Stopped, NotFound, AccessDenied, Unavailable."""
        attempts = Attempts(f"Reading {path}", self._policy, self._control.sleep, lambda text: None)
        headers = {"Accept-Encoding": "identity", "Range": f"bytes={start}-{start + count - 1}"}
        while True:
            try:
                with self._request(self._hub.url(self._repo, self._commit, path), headers) as response:
                    if response.status_code == 416:
                        return b""
                    skip = 0 if response.status_code == 206 else start  # a server that ignores ranges
                    return _first(response, skip + count)[skip:]
            except Transient as error:
                self._control.check()
                attempts.failed(error)

    def _continue(self, part: Part, meter: Meter) -> None:
        """One request, from where the part ends. Raises Transient if the file is not complete after it."""
        headers = {"Accept-Encoding": "identity"}
        if part.done:
            headers["Range"] = f"bytes={part.done}-"
            if part.etag is not None:
                headers["If-Range"] = part.etag
        with self._request(self._hub.url(self._repo, self._commit, part.file.path), headers) as response:
            self._agree(part, response, meter)
            self._read(part, response, meter)
        if part.done < part.file.size:
            raise Transient(f"the connection ended after {part.done:,} of {part.file.size:,} bytes")

    def _agree(self, part: Part, response: httpx.Response, meter: Meter) -> None:
        """After this, the body continues the part where it ends."""
        size, name = part.file.size, part.file.path
        strong = response.headers.get("etag")
        etag = strong if strong and not strong.startswith("W/") else None
        if response.headers.get("content-encoding", "identity") != "identity":
            raise Transient("the server compresses what it must send as it is")
        if response.status_code == 206:
            match = _CONTENT_RANGE.fullmatch(response.headers.get("content-range", ""))
            begin, total = (int(match[1]), int(match[3])) if match else (-1, -1)
            if begin == part.done and total == size and (part.etag is None or etag == part.etag):
                part.etag = etag
                return
            reason = "another version" if begin == part.done and total == size else "another range than asked for"
            self._over(part, meter, f"the server sent {reason} of {name}")
            raise Transient(f"the server sent {reason}")
        if response.status_code == 416:
            self._over(part, meter, f"the server does not know the rest of {name}")
            raise Transient("the server does not know the rest of it")
        length = response.headers.get("content-length", "")
        if length.isdecimal() and int(length) != size:
            raise Transient(f"the server sends {int(length):,} bytes where the Hub names {size:,}")
        if part.done:
            self._over(part, meter, f"the server sends {name} from its start again")
        part.etag = etag

    def _over(self, part: Part, meter: Meter, why: str) -> None:
        part.restart()
        meter.at(part.file, 0, arrived=0)
        meter.note(f"{why}; starting that file over")

    def _read(self, part: Part, response: httpx.Response, meter: Meter) -> None:
        import httpx

        since, at = part.done, time.monotonic()
        try:
            for data in response.iter_raw():
                self._control.check()
                try:
                    part.write(data)
                except ValueError as error:
                    self._over(part, meter, f"the server sent more than all of {part.file.path}")
                    raise Transient("the server sent more bytes than the file has") from error
                meter.at(part.file, part.done, arrived=len(data))
                now = time.monotonic()
                if now - at >= self._policy.stall_s:
                    if part.done - since < self._policy.floor:
                        raise Transient(f"the connection stalled: {part.done - since} bytes in {now - at:.0f} s")
                    since, at = part.done, now
        except httpx.ReadTimeout as error:
            raise Transient(f"the connection stalled: nothing for {self._policy.stall_s:.0f} s") from error
        except (httpx.HTTPError, OSError) as error:
            self._control.check()
            raise Transient(f"the connection broke ({describe_network(error)})") from error

    @contextmanager
    def _request(self, url: str, headers: dict[str, str]) -> Iterator[httpx.Response]:
        """The final response, 200, 206 or 416, after redirects. Raises Transient, or what its status means."""
        import httpx

        home = _origin(self._hub.endpoint)
        for _ in range(_MAX_REDIRECTS):
            self._control.check()
            request = self._client.build_request("GET", url, headers=headers)
            if self._hub.token is not None and _origin(url) == home:
                request.headers["Authorization"] = f"Bearer {self._hub.token}"
            try:
                response = self._client.send(request, stream=True)
            except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
                raise Transient(f"{urlsplit(url).netloc} cannot be reached ({describe_network(error)})") from error
            try:
                if response.status_code in (301, 302, 303, 307, 308) and response.headers.get("location"):
                    url = _redirected(url, response.headers["location"])
                    continue
                if response.status_code not in (200, 206, 416):
                    self._refuse(url, response, home)
                with self._control.watching(response):
                    yield response
                return
            finally:
                response.close()
        raise Unavailable(f"{self._hub.endpoint} redirects more than {_MAX_REDIRECTS} times; check HF_ENDPOINT.")

    def _refuse(self, url: str, response: httpx.Response, home: tuple[str, str, int]) -> None:
        status, host = response.status_code, urlsplit(url).netloc
        if status in RETRIED:
            raise Transient(f"{host} {describe_status(status)}", retry_after(response.headers))
        if status in (401, 403):
            if _origin(url) != home:  # a signed address that ran out; the Hub gives a new one
                raise Transient(f"{host} no longer accepts the address that the Hub gave (HTTP {status})")
            raise self._hub.denied(
                status, self._repo, self._gated or response.headers.get("x-error-code") == "GatedRepo"
            )
        if status == 404:
            raise NotFound(
                f"{urlsplit(url).path} is not on {host} any more, though {self._repo} lists it; start the download again."
            )
        raise Unavailable(f"{host} refuses to send a file of {self._repo} (HTTP {status}); try again later.")


def _first(response: httpx.Response, count: int) -> bytes:
    """The first `count` bytes of a body. Raises Transient."""
    import httpx

    data = bytearray()
    try:
        for piece in response.iter_raw():
            data += piece
            if len(data) >= count:
                break
    except (httpx.HTTPError, OSError) as error:
        raise Transient(f"the connection broke ({describe_network(error)})") from error
    return bytes(data[:count])


def _origin(url: str) -> tuple[str, str, int]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname or "", parts.port or {"http": 80, "https": 443}.get(parts.scheme, 0)


def _redirected(url: str, location: str) -> str:
    target = urljoin(url, location)
    schemes = urlsplit(url).scheme, urlsplit(target).scheme
    if schemes not in (("http", "http"), ("http", "https"), ("https", "https")):
        raise Unavailable(f"{urlsplit(url).netloc} redirects to an address that is not safe ({schemes[1] or 'none'}).")
    return target
