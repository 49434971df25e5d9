"""The door: every HTTP request passes here before anything else sees it.

A web page in any browser tab can send requests to this machine, and by DNS rebinding even under a name of its own. So the
Host must be one of ours, an Origin, where there is one, must be this very service, and every route but health needs the
token. No CORS header is ever sent.
"""

from __future__ import annotations

import hmac
import ipaddress
import socket
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any

from core.lifecycle import proof

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
Refuse = Callable[[Scope, Receive, Send, int, str, str], Awaitable[None]]

OPEN_PATHS = frozenset({"/v2/health/live", "/v2/health/ready"})
CHALLENGE_HEADER = b"x-deskside-challenge"
PROOF_HEADER = b"x-deskside-proof"
MAX_CHALLENGE = 128


class Guard:
    """ASGI middleware. `lan`: bound to more than loopback. `names`: host names besides those that are always ours."""

    def __init__(self, app: App, token: str, refuse: Refuse, *, lan: bool = False, names: Iterable[str] = ()) -> None:
        self._app = app
        self._token = token
        self._bearer = token.encode()
        self._refuse = refuse
        self._lan = lan
        own = {"localhost", *names}
        if lan:
            own |= {socket.gethostname(), f"{socket.gethostname()}.local", socket.getfqdn()}
        self._names = frozenset(name.lower().rstrip(".") for name in own)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            raise RuntimeError(f"unexpected ASGI scope {scope['type']}")
        hosts: list[bytes] = []
        origins: list[bytes] = []
        credentials: list[bytes] = []
        challenge = b""
        for name, value in scope["headers"]:
            if name == b"host":
                hosts.append(value)
            elif name == b"origin":
                origins.append(value)
            elif name == b"authorization":
                credentials.append(value)
            elif name == CHALLENGE_HEADER:
                challenge = value[:MAX_CHALLENGE]
        if len(hosts) != 1 or not self._is_ours(hosts[0]):
            message = "The Host of this request is not this service; use the address that `deskside core status` shows."
            await self._refuse(scope, receive, send, 403, "forbidden_host", message)
            return
        if any(origin.lower() != b"http://" + hosts[0].lower() for origin in origins):
            message = "Web pages of another origin may not use this service."
            await self._refuse(scope, receive, send, 403, "forbidden_origin", message)
            return
        if scope["path"] in OPEN_PATHS:
            if challenge:
                answer = (PROOF_HEADER, proof(self._token, challenge.decode("latin-1")).encode())
                send = _with_header(send, answer)
        elif len(credentials) != 1 or not self._is_token(credentials[0]):
            message = "This service needs its token: send 'Authorization: Bearer TOKEN' (`deskside core status --show-token`)."
            await self._refuse(scope, receive, send, 401, "unauthorized", message)
            return
        await self._app(scope, receive, send)

    def _is_token(self, credential: bytes) -> bool:
        scheme, _, given = credential.partition(b" ")
        # Equal time whatever is wrong; compare_digest on its own reveals the length at most.
        return hmac.compare_digest(given.strip(), self._bearer) & (scheme.lower() == b"bearer")

    def _is_ours(self, header: bytes) -> bool:
        """A name is ours if it is in the list. An address cannot come from DNS rebinding, which needs a name; without
        `lan` only loopback addresses can be meant."""
        name = host_name(header)
        if name is None:
            return False
        if name in self._names:
            return True
        try:
            address = ipaddress.ip_address(name)
        except ValueError:
            return False
        return self._lan or address.is_loopback


def host_name(header: bytes) -> str | None:
    """The name or address in a Host header, lower case, without port and brackets; None if it is malformed."""
    text = header.decode("latin-1").strip().lower()
    if text.startswith("["):
        name, closed, port = text[1:].partition("]")
        if not closed or (port and not (port.startswith(":") and port[1:].isdecimal())):
            return None
        return name
    name, colon, port = text.partition(":")
    if colon and not (port.isascii() and port.isdecimal()):
        return None
    return name.rstrip(".") or None


def is_loopback(host: str) -> bool:
    """Whether a service bound to `host` can be reached from this machine only."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _with_header(send: Send, header: tuple[bytes, bytes]) -> Send:
    async def with_header(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message.get("headers", []), header]
        await send(message)

    return with_header
