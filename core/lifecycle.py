"""Start, find and stop this user's background service. Standard library only: the window and every CLI call pass here.

One file, `state/service.lock`, says where the service is. The service holds an operating system lock on it as long as it
lives, so that whatever kills it, the file is known to be stale at once; its content (address, pid, token) is for readers of
the same user only. Whoever finds a holder still asks it to prove that it knows the token, before telling it the token.

    start or attach     lock held, holder proves itself  ->  attach
                        lock free                        ->  start one; of two starters the system lets one hold the lock,
                                                             and the other attaches to that one
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import http.client
import json
import os
import secrets
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from core.errors import Busy, DesksideError, InternalError, Unavailable, from_code
from core.paths import Places

START_SECONDS = 60.0
PING_SECONDS = 5.0
DEFAULT_PORT = 8421  # of `serve`, and of a service that other machines may use
_LOCK_AT = 1 << 30  # far behind the content: on Windows a locked range cannot be read
_MAX_CONTENT = 4096
_ATTEMPTS = 5


@dataclass(frozen=True, slots=True)
class ServiceInfo:
    """`host` and `port` to connect to; `token` for the Authorization header."""

    host: str
    port: int
    pid: int
    token: str
    version: str

    @property
    def address(self) -> str:
        """As a URL."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}"

    def __repr__(self) -> str:
        return f"ServiceInfo({self.address}, pid {self.pid})"  # a token does not belong into logs


class LockFile:
    """The service's hold on its lock file. Raises Busy where another process holds it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o600)
        for attempt in range(_ATTEMPTS):
            if _try_lock(self._fd):
                break
            if attempt < _ATTEMPTS - 1:
                time.sleep(0.02)  # somebody who only looked holds it for microseconds
        else:
            os.close(self._fd)
            raise Busy(f"Another Deskside service of this user is running; {path} is in use.")
        os.ftruncate(self._fd, 0)  # whatever a killed predecessor left
        _only_for_us(self._fd, path)

    def publish(self, info: ServiceInfo) -> None:
        """Let others find the service."""
        os.ftruncate(self._fd, 0)
        os.lseek(self._fd, 0, os.SEEK_SET)
        os.write(self._fd, json.dumps(asdict(info)).encode())

    def close(self) -> None:
        """Nobody finds the service any more. Idempotent."""
        if self._fd >= 0:
            fd, self._fd = self._fd, -1
            with contextlib.suppress(OSError):
                os.ftruncate(fd, 0)
            os.close(fd)  # which releases the lock

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def new_token() -> str:
    """256 random bits."""
    return secrets.token_urlsafe(32)


def is_held(path: Path) -> bool:
    """Whether a live process holds the lock file."""
    try:
        fd = os.open(path, os.O_RDWR)
    except OSError:
        return False
    try:
        return not _try_lock(fd)
    finally:
        os.close(fd)


def read_lock(path: Path) -> ServiceInfo | None:
    """What the lock file says, None where it says nothing usable (no service, or one that is still starting)."""
    try:
        with path.open("rb") as file:
            value = json.loads(file.read(_MAX_CONTENT))
        return ServiceInfo(
            host=str(value["host"]),
            port=int(value["port"]),
            pid=int(value["pid"]),
            token=str(value["token"]),
            version=str(value["version"]),
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None


def find(places: Places) -> ServiceInfo | None:
    """The running service of this user, None if there is none. A stale lock file is none."""
    path = places.service_lock
    if not is_held(path):
        return None
    info = read_lock(path)
    return info if info is not None and ping(info) else None


def ping(info: ServiceInfo, timeout: float = PING_SECONDS) -> bool:
    """Whether a service that knows the token answers there."""
    challenge = secrets.token_hex(16)
    connection = http.client.HTTPConnection(info.host, info.port, timeout=timeout)
    try:
        connection.request("GET", "/v2/health/live", headers={"X-Deskside-Challenge": challenge})
        answer = connection.getresponse().getheader("X-Deskside-Proof") or ""
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
    return hmac.compare_digest(answer, proof(info.token, challenge))


def proof(token: str, challenge: str) -> str:
    """What only a holder of the token can answer to `challenge`."""
    return hmac.new(token.encode(), f"deskside:{challenge}".encode(), hashlib.sha256).hexdigest()


def attach_or_start(places: Places, *, linger: float = 600.0, timeout: float = START_SECONDS) -> ServiceInfo:
    """The running service, or a private one started now: on an ephemeral loopback port, ending on its own once nobody has
    used it for `linger` seconds. Raises Unavailable, with the reason."""
    deadline = time.monotonic() + timeout
    while True:
        info = find(places)
        if info is not None:
            return info
        if not is_held(places.service_lock):
            _start(places, linger, deadline)
        if time.monotonic() > deadline:
            raise Unavailable(
                f"The Deskside service did not answer within {timeout:g} seconds; {places.logs / 'service.log'} may say why."
            )
        time.sleep(0.02)


def stop(places: Places, *, grace: float = 5.0) -> bool:
    """Stop the running service; open answers may take `grace` seconds. False if none was running. Raises Unavailable if
    it does not end."""
    info = find(places)
    if info is None:
        if not is_held(places.service_lock):
            return False
        raise Unavailable(
            f"A Deskside service holds {places.service_lock}, but does not answer; end its process and try again."
        )
    connection = http.client.HTTPConnection(info.host, info.port, timeout=PING_SECONDS)
    try:
        headers = {"Authorization": f"Bearer {info.token}", "Content-Type": "application/json"}
        connection.request("POST", "/v1/deskside/stop", json.dumps({"grace": grace}), headers)
        connection.getresponse().read()
    except (OSError, http.client.HTTPException):
        pass  # it may be gone already
    finally:
        connection.close()
    deadline = time.monotonic() + grace + 30.0
    while is_held(places.service_lock):
        if time.monotonic() > deadline:
            raise Unavailable(f"The service (process {info.pid}) was asked to stop, but still runs; end that process.")
        time.sleep(0.02)
    return True


def _start(places: Places, linger: float, deadline: float) -> None:
    """Start a service process and wait until it is ready, or has lost the race for the lock."""
    from core.pipes import PipeClosed
    from core.spawn import spawn

    log = places.logs / "service.log"
    child = spawn("service", "--linger", str(linger), log=log, detached=True)
    try:
        if not child.connection.wait(max(0.0, deadline - time.monotonic())):
            child.kill()
            raise Unavailable(f"The Deskside service did not start in time; {log} may say why.")
        report = json.loads(child.connection.receive())
    except PipeClosed:
        child.wait(2.0)
        raise Unavailable(f"The Deskside service {child.describe_exit()} while it started; see {log}.") from None
    finally:
        child.release()
    if report.get("code") not in ("ready", Busy.code):
        raise from_code(report["code"], report["message"])


def report_of(error: DesksideError | None) -> bytes:
    """What a starting service tells its starter."""
    if error is None:
        return json.dumps({"code": "ready", "message": ""}).encode()
    message = "The service could not start." if isinstance(error, InternalError) else error.message
    return json.dumps({"code": error.code, "message": message}).encode()


if sys.platform == "win32":
    import msvcrt

    from core.windows import restrict_to_owner

    def _try_lock(fd: int) -> bool:
        os.lseek(fd, _LOCK_AT, os.SEEK_SET)
        try:
            msvcrt.locking(fd, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

    def _only_for_us(fd: int, path: Path) -> None:
        restrict_to_owner(path)

else:
    import fcntl

    def _try_lock(fd: int) -> bool:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        return True

    def _only_for_us(fd: int, path: Path) -> None:
        os.fchmod(fd, 0o600)  # also if it was there with another mode
