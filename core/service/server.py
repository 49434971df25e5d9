"""Serving the application: socket, lock file, uvicorn, and the end of it all."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from types import FrameType

import uvicorn

from core.config import Config
from core.errors import InvalidRequest, Unavailable
from core.jobs.job import JobKind
from core.jobs.kinds import KINDS
from core.jobs.manager import JobManager
from core.lifecycle import LockFile, ServiceInfo, new_token
from core.protocol import EngineOptions
from core.schemas import ServiceEvent
from core.service.app import create_app
from core.service.auth import is_loopback
from core.service.lease import GpuLease
from core.service.library import Library
from core.service.limits import Limits
from core.service.models import Engines, Models
from core.service.protocol import BoundedProtocol
from core.service.state import Service

log = logging.getLogger("deskside.service")

LAN_WARNING = (
    "Warning: this service can be reached from other machines. Whoever has its token can use it, and the connection is not "
    "encrypted: use it in a network you trust."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServeOptions:
    """`host`: where to listen; other than loopback only with `lan`. `port` 0: any free one. `model`: loaded at the start.
    `idle_timeout`: seconds without a request after which a model is unloaded, None never. `linger`: seconds after which a
    service that nobody uses ends, None never. `names`: further host names that clients use for this machine. `jobs`: the
    kinds that can be run."""

    host: str = "127.0.0.1"
    port: int = 0
    lan: bool = False
    names: tuple[str, ...] = ()
    model: str | None = None
    idle_timeout: float | None = None
    linger: float | None = None
    grace: float = 5.0
    limits: Limits = field(default_factory=Limits)
    engine: EngineOptions = field(default_factory=EngineOptions)
    jobs: tuple[JobKind, ...] = KINDS


class Server(uvicorn.Server):
    """uvicorn that tells when it listens, and leaves stopping to us."""

    def __init__(self, config: uvicorn.Config, on_started: Callable[[], None], on_signal: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_started = on_started
        self._on_signal = on_signal

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if not self.should_exit:
            self._on_started()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self._on_signal()


def listen(options: ServeOptions) -> socket.socket:
    """A listening socket. Raises InvalidRequest for the LAN without `lan`, Unavailable where the address is taken."""
    if not options.lan and not is_loopback(options.host):
        raise InvalidRequest(
            f"{options.host} can be reached from other machines; add --lan if that is what you want.", "host"
        )
    try:
        family, kind, number, _, address = socket.getaddrinfo(
            options.host, options.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        sock = socket.socket(family, kind, number)
    except OSError as error:
        raise InvalidRequest(f"There is no address '{options.host}' on this machine ({error}).", "host") from error
    try:
        if os.name == "posix":
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # on Windows it would let two share a port
        sock.bind(address)
        sock.listen(2048)
    except OSError as error:
        sock.close()
        raise Unavailable(
            f"Port {options.port} of {options.host} cannot be opened ({error.strerror}); is another program using it?"
        ) from error
    sock.setblocking(False)
    return sock


def serve(
    config: Config,
    options: ServeOptions,
    make_engines: Callable[[Config], Engines],
    *,
    version: str,
    on_ready: Callable[[ServiceInfo], None],
) -> None:
    """Serve until stopped. Holds the lock file all the while. Raises Busy where another service of this user runs,
    InvalidRequest, Unavailable; also what loading `options.model` raises."""
    with LockFile(config.places.service_lock) as lock, listen(options) as sock:
        host, port = sock.getsockname()[:2]
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
        info = ServiceInfo(host, port, os.getpid(), new_token(), version)

        def publish() -> None:
            lock.publish(info)
            on_ready(info)

        asyncio.run(_serve(config, options, make_engines, info, sock, publish))


async def _serve(
    config: Config,
    options: ServeOptions,
    make_engines: Callable[[Config], Engines],
    info: ServiceInfo,
    sock: socket.socket,
    publish: Callable[[], None],
) -> None:
    stopping = asyncio.Event()
    grace = options.grace

    def stop(seconds: float) -> None:
        nonlocal grace
        grace = seconds
        stopping.set()

    loop = asyncio.get_running_loop()
    engines = make_engines(config)
    service = Service(
        lambda changed: Models(
            engines, config.places, options.engine, options.idle_timeout, on_change=changed, default=options.model
        ),
        token=info.token,
        version=info.version,
        address=info.address,
        limits=options.limits,
        jobs=lambda models: JobManager(config.places, options.jobs, lease=GpuLease(models)),
        library=Library(config),
        lan=options.lan,
        stop=stop,
    )

    def on_signal() -> None:
        loop.call_soon_threadsafe(service.request_stop, options.grace)

    if options.model is not None:
        await service.models.load(options.model)
    protocol = type("Protocol", (BoundedProtocol,), {"head_seconds": options.limits.head_seconds})
    server = Server(
        uvicorn.Config(
            create_app(service, lan=options.lan, names=options.names),
            http=protocol,
            ws="none",
            loop="asyncio",
            lifespan="on",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            date_header=False,
            timeout_keep_alive=75,
            timeout_graceful_shutdown=5,
        ),
        publish,
        on_signal,
    )
    ending = [
        asyncio.create_task(_tell(service, engines)),
        asyncio.create_task(_drain(service, server, stopping, lambda: grace)),
    ]
    if options.linger is not None:
        ending.append(asyncio.create_task(_linger(service, options.linger)))
    try:
        await server.serve(sockets=[sock])
    finally:
        for task in ending:
            task.cancel()
        await asyncio.gather(*ending, return_exceptions=True)
        await service.close()


async def _drain(service: Service, server: Server, stopping: asyncio.Event, grace: Callable[[], float]) -> None:
    """After a stop was asked for: let open answers finish, end the rest with an error, then the server."""
    await stopping.wait()
    service.stopping = True
    deadline = time.monotonic() + grace()
    while service.admission.total and time.monotonic() < deadline:
        await asyncio.sleep(0.02)
    with contextlib.suppress(Exception):
        await service.close()
    server.should_exit = True


async def _tell(service: Service, engines: Engines) -> None:
    """What happens to the workers, for the listeners of events."""
    down: set[str] = set()
    async for change in engines.events():
        message = f"The engine {change.reason}." if change.reason else ""
        if change.state in ("restarting", "safe_mode"):
            down.add(change.model)
        elif change.state == "ready" and change.model in down:
            down.discard(change.model)
        elif change.state == "loading" and change.progress is not None and change.progress.total:
            message = f"{change.progress.phase} {100 * change.progress.done // change.progress.total} %"
        else:
            continue  # the registry of models tells the rest
        service.events.publish(ServiceEvent(kind="model", model=change.model, state=change.state, message=message))


async def _linger(service: Service, seconds: float) -> None:
    """Ends a service that nobody uses: no request for so long, nobody listening, nothing running or loading."""
    while True:
        await asyncio.sleep(min(5.0, max(0.05, seconds / 4)))
        if service.events.listeners or service.busy:
            service.last_activity = time.monotonic()
        elif time.monotonic() - service.last_activity > seconds:
            log.info("Nobody has used the service for %g seconds.", seconds)
            service.request_stop(0.0)
            return
