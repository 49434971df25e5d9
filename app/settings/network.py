"""Every network call that the application can make, so that the settings can list them. No Qt.

tests/app/settings/test_network.py holds the list to the code: a module that imports something that speaks to a network, and is
not named here, fails it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class NetworkCall:
    """`id`: a stable word, for texts. `where`: this machine, the local network, or the internet. `modules`: whose code does
    it. `host`: whom it speaks to. `offline`: whether the offline switch ends it."""

    id: str
    where: Literal["machine", "lan", "internet"]
    host: str
    modules: tuple[str, ...]
    offline: bool = False


CALLS = (
    NetworkCall(
        "service",
        "machine",
        "127.0.0.1",
        ("core.client", "core.lifecycle", "core.service.server", "core.service.protocol", "core.service.auth"),
    ),
    NetworkCall("hub", "internet", "huggingface.co", ("core.library.hub", "core.library.fetch"), offline=True),
    NetworkCall("packs", "internet", "pypi.org", ("core.packs.install",), offline=True),
    NetworkCall("lan", "lan", "0.0.0.0:8421", ("core.service.server",)),
)
