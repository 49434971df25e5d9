"""Stop strings, found across token borders (Aho and Corasick, "Efficient string matching", CACM 1975).

Text is held back exactly while it may be the beginning of a stop string. The match that is complete first wins; of those that
end at the same character, the longest. So what is found never depends on how the text was cut into pieces.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from core.errors import InvalidRequest

MAX_STOP_CHARS = 16384


@dataclass(frozen=True, slots=True)
class StopMatch:
    """`start`, `end`: where the stop string lies, in characters of the whole text fed so far."""

    stop: str
    start: int
    end: int


class StopStrings:
    """The automaton of some stop strings. Immutable, shared by every stream of a request."""

    def __init__(self, stops: Sequence[str]) -> None:
        """Raises InvalidRequest for an empty stop string or more than 16,384 characters in all."""
        if any(not stop for stop in stops):
            raise InvalidRequest("A stop string is empty; give at least one character, or leave it out.", "stop")
        if sum(map(len, stops)) > MAX_STOP_CHARS:
            raise InvalidRequest(f"The stop strings are longer than {MAX_STOP_CHARS} characters together.", "stop")
        self.stops = tuple(dict.fromkeys(stops))
        # Node 0 is the root; a node is a prefix of some stop string.
        self.children: list[dict[str, int]] = [{}]
        self.fail = [0]  # the longest proper suffix of this prefix that is a prefix too
        self.depth = [0]
        self.found = [0]  # length of the longest stop string that ends here, 0 if none does
        for stop in self.stops:
            self._insert(stop)
        self._link()
        first = "".join(re.escape(char) for char in self.children[0])
        self.may_begin = re.compile(f"[{first}]") if first else None

    def _insert(self, stop: str) -> None:
        node = 0
        for char in stop:
            child = self.children[node].get(char)
            if child is None:
                child = len(self.children)
                self.children[node][char] = child
                self.children.append({})
                self.fail.append(0)
                self.depth.append(self.depth[node] + 1)
                self.found.append(0)
            node = child
        self.found[node] = len(stop)

    def _link(self) -> None:
        queue = list(self.children[0].values())
        for node in queue:
            for char, child in self.children[node].items():
                state = self.fail[node]
                while state and char not in self.children[state]:
                    state = self.fail[state]
                self.fail[child] = self.children[state].get(char, 0)
                self.found[child] = self.found[child] or self.found[self.fail[child]]
                queue.append(child)


class StopMatcher:
    """One stream through `StopStrings`. O(1) per character, amortized."""

    __slots__ = ("_held", "_include", "_node", "_seen", "_stops", "match")

    def __init__(self, stops: StopStrings, include: bool = False) -> None:
        """`include`: a matched stop string is part of the text."""
        self._stops = stops
        self._include = include
        self._node = 0
        self._held = ""
        self._seen = 0  # characters fed
        self.match: StopMatch | None = None

    @property
    def held(self) -> str:
        """Text that may be the beginning of a stop string."""
        return self._held

    def feed(self, text: str) -> tuple[str, StopMatch | None]:
        """(text that may be shown, the match that ends the stream if there is one). After a match nothing more is shown."""
        if self.match is not None:
            return "", self.match
        stops = self._stops
        node, position, end = self._node, 0, len(text)
        while position < end:
            if not node:
                begin = stops.may_begin.search(text, position) if stops.may_begin else None
                if begin is None:
                    break
                position = begin.start()
            char = text[position]
            position += 1
            children = stops.children
            while node and char not in children[node]:
                node = stops.fail[node]
            node = children[node].get(char, 0)
            if stops.found[node]:
                return self._matched(text, position, stops.found[node])
        self._node = node
        self._seen += end
        if not node:
            if not self._held:
                return text, None
            text, self._held = self._held + text, ""
            return text, None
        text = self._held + text
        keep = len(text) - stops.depth[node]
        self._held = text[keep:]
        return text[:keep], None

    def flush(self) -> str:
        """The text ended without a match: what was held back, for good."""
        text, self._held = self._held, ""
        self._node = 0
        return text

    def _matched(self, text: str, position: int, length: int) -> tuple[str, StopMatch]:
        end = self._seen + position
        whole = self._held + text[:position]
        self.match = StopMatch(whole[len(whole) - length :], end - length, end)
        self._held = ""
        self._seen = end
        return whole if self._include else whole[: len(whole) - length], self.match
