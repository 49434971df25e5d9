"""Reads one JSON object, character by character, that should be a tool call."""

from __future__ import annotations

import json
from typing import Any

MAX_DEPTH = 64
_CLOSERS = {"{": "}", "[": "]"}
_BLANK = " \t\r\n"
_ARGUMENTS = ("arguments", "parameters")
_KEYS = frozenset({"", "name", "function", "type", "id", *_ARGUMENTS})


class CallObject:
    """`{"name": ..., "arguments": {...}}`, in any order, also with "parameters". Follows brackets and strings only: whether
    what is between them is JSON is known at the end of a value.

    `done`: the closing brace was read. `take` returns False for a character that cannot be part of the object.
    """

    __slots__ = ("_at", "_escaped", "_in_string", "_key", "_stack", "arguments", "done", "name", "raw", "strange")

    def __init__(self) -> None:
        """The opening brace has been read."""
        self.raw = ["{"]
        self.done = False
        self.name: str | None = None
        self.strange = False  # it has a key that no call has
        self.arguments: list[str] = []  # characters of the arguments object, as far as read
        self._stack = ["}"]
        self._in_string = self._escaped = False
        self._at: int | None = None  # where the current key or value of the outer object begins, in `raw`
        self._key: str | None = None  # the key whose value is being read

    @property
    def arguments_done(self) -> bool:
        """The arguments are a whole JSON object."""
        return self._key not in _ARGUMENTS and isinstance(_parse("".join(self.arguments)), dict)

    def take(self, char: str) -> bool:
        """The next character; False if the object is broken at it (and it is not taken)."""
        if self._in_string:
            self.raw.append(char)
            self._argument(char)
            if self._escaped:
                self._escaped = False
            elif char == "\\":
                self._escaped = True
            elif char == '"':
                self._in_string = False
                if len(self._stack) == 1:
                    self._ended()
            return True
        return self._structure(char)

    def value(self) -> dict[str, Any] | None:
        """The object, parsed; None if it is not JSON."""
        found = _parse("".join(self.raw))
        return found if isinstance(found, dict) else None

    def _structure(self, char: str) -> bool:
        outer = len(self._stack) == 1
        if char in _CLOSERS:
            if len(self._stack) == MAX_DEPTH or (outer and (self._key is None or self._at is not None)):
                return False
            if outer:
                self._at = len(self.raw)
            self._stack.append(_CLOSERS[char])
        elif char in "}]":
            if char != self._stack[-1]:
                return False
            if outer and self._at is not None:
                self._ended()
        elif outer and not self._separates(char):
            return False
        self.raw.append(char)
        if len(self._stack) > 1:
            self._argument(char)
        if char == '"':
            self._in_string = True
        elif char in "}]":
            self._stack.pop()
            self.done = not self._stack
            if len(self._stack) == 1:
                self._ended()
        return True

    def _separates(self, char: str) -> bool:
        """Between the members of the outer object, or in a number or word there."""
        if char in _BLANK:
            return True
        if char == ",":
            if self._at is not None:
                self._ended()  # a number or word
            return True
        if char == ":":
            return self._key is not None
        if self._at is not None or (self._key is None and char != '"'):
            return False if char == '"' or self._key is None else char.isalnum() or char in "+-."
        self._at = len(self.raw)
        return char == '"' or char.isalnum() or char == "-"

    def _argument(self, char: str) -> None:
        if self._key in _ARGUMENTS and self._at is not None and self.raw[self._at] == "{":
            self.arguments.append(char)

    def _ended(self) -> None:
        """A key or value of the outer object is complete."""
        if self._at is None:
            return
        text, self._at = "".join(self.raw[self._at :]).strip(), None
        if self._key is None:
            key = _parse(text)
            self._key = key if isinstance(key, str) else ""
            self.strange |= self._key not in _KEYS
            return
        if self._key == "name":
            name = _parse(text)
            self.name = name if isinstance(name, str) else None
        self._key = None


def _parse(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
