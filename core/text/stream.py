"""One sample's tokens, as the runtime sends them, turned into what its reader gets: text, tokens, and a stop by text."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Any, Generic, TypeVar

import msgspec

from core.text.detokenizer import Detokenizer
from core.text.stop import StopMatcher, StopStrings

T = TypeVar("T")
_NO_EXTRA = object()


class StopHit(msgspec.Struct, frozen=True):
    """A stop string was found. `keep_tokens`: the fewest leading tokens whose text covers the kept text; the caller sends
    `Finish(request, keep_tokens)` to the worker, so that usage and cache count what was kept."""

    stop: str
    keep_tokens: int


class TextDelta(msgspec.Struct, Generic[T], frozen=True):
    """What is new. Joined over a stream, `text` is the whole text and `token_ids` are the kept tokens, each once.

    `extras` runs beside `token_ids` (log-probabilities, or nothing). `stop`: set once, on the last delta of a stopped stream.
    """

    text: str
    token_ids: list[int]
    extras: list[T]
    stop: StopHit | None = None


class TextStream(Generic[T]):
    """Detokenizer and stop matcher of one sample.

    Tokens come out with the text they make: a token whose text is still held back, or that makes none yet, comes with a later
    delta or with `finish()`. What comes out over the whole stream does not depend on how the tokens were batched.
    """

    __slots__ = (
        "_count",
        "_covered",
        "_detokenizer",
        "_ends",
        "_held",
        "_made",
        "_matcher",
        "_min_tokens",
        "_shown",
        "_stopped",
    )

    def __init__(
        self,
        detokenizer: Detokenizer,
        stops: StopStrings | None = None,
        include_stop: bool = False,
        min_tokens: int = 0,
    ) -> None:
        """`min_tokens`: stop strings are looked for only in the text of later tokens than these."""
        self._detokenizer = detokenizer
        self._matcher = StopMatcher(stops, include_stop) if stops is not None and stops.stops else None
        self._min_tokens = min_tokens
        self._count = 0  # tokens pushed
        self._covered = 0  # characters that the tokens handed out made
        self._made = 0  # characters that the tokens pushed so far made
        self._shown = 0  # characters handed out
        self._held: deque[tuple[int, Any]] = deque()  # tokens not handed out: (id, extra)
        self._ends: deque[int] = deque()  # for each of those, characters made once it was pushed
        self._stopped: StopHit | None = None

    @property
    def stopped(self) -> StopHit | None:
        """The stop string that ended this stream, if one did. Tokens pushed after it are dropped."""
        return self._stopped

    def push(self, token_ids: Sequence[int], extras: Sequence[T] | None = None) -> TextDelta[T]:
        """Take the next tokens, with an extra each or none at all (ValueError if the lengths differ)."""
        if extras is not None and len(extras) != len(token_ids):
            raise ValueError(f"{len(token_ids)} tokens came with {len(extras)} extras")
        texts = []
        for index, token_id in enumerate(token_ids):
            if self._stopped is not None:
                break
            text = self._detokenizer.feed(token_id)
            self._count += 1
            self._made += len(text)
            self._held.append((token_id, extras[index] if extras is not None else _NO_EXTRA))
            self._ends.append(self._made)
            if text:
                texts.append(self._match(text))
        return self._delta("".join(texts), self._stopped if texts else None)

    def finish(self) -> TextDelta[T]:
        """The runtime ended the sample: whatever was held back. Empty after a stop string."""
        if self._stopped is not None:
            return TextDelta("", [], [])
        rest = self._detokenizer.flush()
        self._made += len(rest)
        text = self._match(rest) if rest else ""  # a broken character's U+FFFD may complete a stop string
        if self._stopped is None and self._matcher is not None:
            text += self._release()
        delta = self._delta(text, self._stopped)
        if self._stopped is None and self._held:
            ids, extras = self._take(len(self._held))
            delta = TextDelta(delta.text, delta.token_ids + ids, delta.extras + extras)
        return delta

    def _match(self, text: str) -> str:
        """The part of `text`, and of what was held before, that may be shown now."""
        if self._matcher is None or self._count <= self._min_tokens:
            self._shown += len(text)
            return text
        before = self._shown
        shown, match = self._matcher.feed(text)
        self._shown = before + len(shown)
        if match is not None:
            self._stopped = StopHit(match.stop, self._keep())
        return shown

    def _release(self) -> str:
        text = self._matcher.flush() if self._matcher is not None else ""
        self._shown += len(text)
        return text

    def _keep(self) -> int:
        """Tokens whose text covers the `_shown` characters: those handed out, and of the held ones as many as it takes."""
        return self._count - len(self._held) + self._covering()

    def _covering(self) -> int:
        """How many of the held tokens it takes to cover the characters shown."""
        if self._covered >= self._shown:
            return 0
        for index, end in enumerate(self._ends):
            if end >= self._shown:
                return index + 1
        return len(self._ends)

    def _delta(self, text: str, stop: StopHit | None) -> TextDelta[T]:
        ids, extras = self._take(self._covering())
        if stop is not None:
            self._held.clear()
            self._ends.clear()
        return TextDelta(text, ids, extras, stop)

    def _take(self, count: int) -> tuple[list[int], list[T]]:
        ids: list[int] = []
        extras: list[T] = []
        for _ in range(count):
            token_id, extra = self._held.popleft()
            self._covered = self._ends.popleft()
            ids.append(token_id)
            if extra is not _NO_EXTRA:
                extras.append(extra)
        return ids, extras
