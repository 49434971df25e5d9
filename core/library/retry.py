"""When to try again: exponential back-off with jitter, and what the server asks for (Retry-After)."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from core.errors import Unavailable

RETRIED = frozenset({408, 425, 429, 500, 502, 503, 504})


# Waits so many seconds; raises if the work is to stop meanwhile.
Sleep = Callable[[float], None]


@dataclass(frozen=True, slots=True)
class Policy:
    """Times in seconds. `attempts`: failures in a row, without one byte in between, after which we give up. `stall_s`: a
    connection with fewer than `floor` bytes in that time is dropped and opened again. `patience_s`: the longest
    Retry-After that is waited for."""

    attempts: int = 8
    base_s: float = 1.0
    cap_s: float = 60.0
    patience_s: float = 600.0
    connect_s: float = 15.0
    stall_s: float = 30.0
    floor: int = 1024

    def delay(self, failures: int) -> float:
        """Before the next attempt after `failures` in a row: half of it certain, half by chance, so that many clients
        that failed together do not come back together."""
        full = min(self.cap_s, self.base_s * 2.0 ** min(failures - 1, 30))
        return full * (0.5 + 0.5 * random.random())


class Transient(Exception):
    """An attempt failed in a way that may pass. `reason` completes the sentence 'Downloading X failed: ...'."""

    def __init__(self, reason: str, retry_after: float | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.retry_after = retry_after


class Attempts:
    """Counts failures in a row of one piece of work."""

    def __init__(self, what: str, policy: Policy, sleep: Sleep, note: Callable[[str], None]) -> None:
        self._what = what
        self._policy = policy
        self._sleep = sleep
        self._note = note
        self._failures = 0

    def progressed(self) -> None:
        """Something was achieved: the count starts anew."""
        self._failures = 0

    def failed(self, error: Transient) -> None:
        """Waits until the next attempt is due, or raises Unavailable when there is none."""
        self._failures += 1
        kept = "what is there already is kept"
        if error.retry_after is not None and error.retry_after > self._policy.patience_s:
            raise Unavailable(
                f"{self._what} failed: {error.reason}, and the server asks to wait {error.retry_after / 60:.0f} minutes; "
                f"try again then, {kept}."
            ) from error
        if self._failures >= self._policy.attempts:
            raise Unavailable(
                f"{self._what} failed {self._failures} times in a row: {error.reason}; check the network and try again, {kept}."
            ) from error
        delay = max(self._policy.delay(self._failures), error.retry_after or 0.0)
        self._note(f"{self._what}: {error.reason}; trying again in {delay:.0f} s")
        self._sleep(delay)


def retry_after(headers: Mapping[str, str], now: datetime | None = None) -> float | None:
    """Seconds from a Retry-After header (RFC 9110, 10.2.3: a number or a date); None without one that can be read."""
    value = headers.get("retry-after", "").strip()
    if value.isdecimal() and len(value) < 10:
        return float(value)
    try:
        date = parsedate_to_datetime(value)
    except ValueError:
        return None
    if date.tzinfo is None:
        date = date.replace(tzinfo=UTC)
    return max(0.0, (date - (now or datetime.now(UTC))).total_seconds())


def describe_status(status: int) -> str:
    """An HTTP status in words that complete 'the server ...'."""
    words = {
        408: "gave up waiting for our request",
        429: "says we ask too often",
        500: "has an internal error",
        502: "cannot reach the machine behind it",
        503: "is overloaded or under maintenance",
        504: "got no answer from the machine behind it",
    }
    return f"{words.get(status, 'answered')} (HTTP {status})"
