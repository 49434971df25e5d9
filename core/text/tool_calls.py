"""Finds the tool calls in an answer, while it streams.

Every character goes through one small machine, so the result does not depend on how the text was cut. A call is announced as
soon as its name is known and its arguments begin, and these follow as they come. What turns out to be no call is text again.
"""

from __future__ import annotations

import json
import secrets
import string
from collections.abc import Callable, Collection
from enum import Enum, auto
from typing import Any

import msgspec

from core.text.call_object import CallObject
from core.text.tool_formats import HEADER, HEADER_CHARS, ToolFormat

_ALPHABET = string.ascii_letters + string.digits


class CallDelta(msgspec.Struct, frozen=True):
    """What is new of call number `index`: `id` and `name` on its first delta, then pieces of `arguments` (JSON text)."""

    index: int
    id: str = ""
    name: str = ""
    arguments: str = ""


class ToolDelta(msgspec.Struct, frozen=True):
    """What a piece of the answer adds."""

    text: str
    calls: list[CallDelta]


class ToolCall(msgspec.Struct, frozen=True):
    """A whole call; `arguments` is the text of a JSON object."""

    id: str
    name: str
    arguments: str


class ToolAnswer(msgspec.Struct, frozen=True):
    """The whole answer. A call that broke off is not among the calls: its text is part of `text`."""

    text: str
    calls: list[ToolCall]


class _State(Enum):
    TEXT = auto()
    BEFORE = auto()  # in a block, where a call may begin
    HEADER = auto()  # Mistral's name before the arguments
    OBJECT = auto()
    AFTER = auto()  # behind a call


class _Open:
    """A call that was announced."""

    __slots__ = ("arguments", "id", "index", "name")

    def __init__(self, index: int, call_id: str, name: str) -> None:
        self.index, self.id, self.name = index, call_id, name
        self.arguments: list[str] = []


class ToolCallParser:
    """One answer. `names`: the tools that were offered."""

    def __init__(
        self, tool_format: ToolFormat, names: Collection[str] = (), new_id: Callable[[], str] | None = None
    ) -> None:
        self._format = tool_format
        self._names = frozenset(names)
        self._new_id = new_id or (short_call_id if tool_format.short_ids else call_id)
        self._state = _State.TEXT
        self._fresh = tool_format.bare  # nothing but blanks so far, so a call may stand here without a marker
        self._strict = False  # this block has no marker
        self._in_array = False
        self._tail = ""  # in TEXT: blanks, and the beginning of a marker; in AFTER: of the closing one
        self._raw: list[str] = []  # the block since its start or its last good call
        self._object = CallObject()
        self._header = ""
        self._current: _Open | None = None
        self._text: list[str] = []
        self._deltas: list[CallDelta] = []
        self._parts: list[str | ToolCall] = []
        self._count = 0

    def feed(self, text: str) -> ToolDelta:
        for char in text:
            self._step(char)
        return self._take()

    def finish(self) -> ToolDelta:
        """The answer is over."""
        if self._state is _State.TEXT:
            self._say(self._tail)
        elif self._state is _State.AFTER:
            rest = self._tail.lstrip()
            self._say("" if self._format.close.startswith(rest) else rest)
        elif self._state is not _State.OBJECT or not self._close_call():
            self._break()
        self._tail = ""
        return self._take()

    def answer(self) -> ToolAnswer:
        """Everything fed so far, calls apart from text. After `finish`."""
        text = "".join([part for part in self._parts if isinstance(part, str)])
        return ToolAnswer(text, [part for part in self._parts if isinstance(part, ToolCall)])

    def _step(self, char: str) -> None:
        if self._state is _State.TEXT:
            self._in_text(char)
            return
        self._raw.append(char)
        taken = {
            _State.BEFORE: self._before,
            _State.HEADER: self._in_header,
            _State.OBJECT: self._in_object,
            _State.AFTER: self._after,
        }[self._state](char)
        if not taken:  # it belongs to whatever follows the block
            self._raw.pop()
            self._break()
            self._in_text(char)

    # Each of the following takes a character, or returns False if the block cannot go on with it.

    def _in_text(self, char: str) -> None:
        marker = self._format.marker
        if self._fresh and (char == "{" or (char == "[" and self._format.array)) and not self._tail.strip():
            self._begin(self._tail, strict=True)
            self._step(char)
            return
        self._tail += char
        blank = len(self._tail) - len(self._tail.lstrip())
        if marker and self._tail[blank:] == marker:
            self._begin(self._tail, strict=False)
            return
        while (word := self._tail.lstrip()) and not (marker and marker.startswith(word)):
            self._fresh = False
            end = len(self._tail) - len(word) + 1
            self._say(self._tail[:end])
            self._tail = self._tail[end:]

    def _begin(self, raw: str, strict: bool) -> None:
        self._raw, self._tail = [raw], ""
        self._strict, self._in_array = strict, False
        self._state = _State.BEFORE

    def _before(self, char: str) -> bool:
        if char.isspace():
            return True
        if char == "{":
            self._object = CallObject()
            self._state = _State.OBJECT
            return True
        if char == "[" and self._format.array and not self._in_array:
            self._in_array = True
            return True
        if char == "]" and self._in_array:
            self._state, self._in_array = _State.AFTER, False
            return self._count > 0  # an empty list is no call
        if self._format.header and not self._in_array and (char.isalnum() or char == "_"):
            self._header = char
            self._state = _State.HEADER
            return True
        return False

    def _in_header(self, char: str) -> bool:
        if char != "{":
            self._header += char
            return len(self._header) <= HEADER_CHARS
        match = HEADER.fullmatch(self._header)
        if match is None:
            return False
        self._object = CallObject()
        for known in f'"name":{json.dumps(match[1])},"arguments":{{':  # as if it had come as an object
            self._object.take(known)
        self._state = _State.OBJECT
        self._announce()
        return True

    def _in_object(self, char: str) -> bool:
        found = self._object
        if not found.take(char):
            if self._close_call():  # all there but the last brace
                self._state = _State.AFTER
                return self._after(char)
            return False
        self._announce()
        if found.done or (self._header and found.arguments_done):
            if not self._close_call():
                self._break()
                return True
            self._state = _State.AFTER
        elif self._strict and (found.strange or (found.name is not None and found.name not in self._names)):
            self._break()  # an answer in JSON: no need to hold it back any longer
        return True

    def _after(self, char: str) -> bool:
        if self._in_array:
            if char in ",]":
                self._state = _State.BEFORE if char == "," else _State.AFTER
                self._in_array = char == ","
                return True
            return char.isspace()
        close, marker = self._format.close, self._format.marker
        self._tail += char
        word = self._tail.lstrip()  # blanks behind a call say nothing
        if close and word == close:
            self._leave("")
        elif marker and word == marker:
            self._begin(self._tail, strict=False)
        elif not word or close.startswith(word) or marker.startswith(word):
            return True
        elif word in "{[" or (word in ";," and not close):
            self._tail = ""
            self._state = _State.BEFORE
            return word in ";," or self._before(char)
        else:
            self._leave(word)
        return True

    def _leave(self, rest: str) -> None:
        """The block is over; `rest` was read beyond it."""
        self._state, self._tail, self._raw = _State.TEXT, "", []
        for char in rest:
            self._step(char)

    def _announce(self) -> None:
        """Tell of the call once its name and the start of its arguments are there, then of the arguments as they come."""
        found = self._object
        if self._current is None:
            if not found.name or not found.arguments or not self._offered(found.name):
                return
            self._open(found.name)
        current = self._current
        assert current is not None
        if len(found.arguments) > len(current.arguments):
            new = found.arguments[len(current.arguments) :]
            current.arguments += new
            self._deltas.append(CallDelta(current.index, arguments="".join(new)))

    def _open(self, name: str) -> None:
        self._current = _Open(self._count, self._new_id(), name)
        self._count += 1
        self._deltas.append(CallDelta(self._current.index, self._current.id, name))

    def _offered(self, name: str) -> bool:
        return not self._strict or name in self._names

    def _close_call(self) -> bool:
        """The object is over: is it a call? Also one that could not be announced before."""
        found, current = self._object, self._current
        if current is None:
            named = _call_in(found.value())
            if named is None or not self._offered(named[0]):
                return False
            self._open(named[0])
            current = self._current
            assert current is not None
            current.arguments.append(named[1])
            self._deltas.append(CallDelta(current.index, arguments=named[1]))
        elif not found.arguments_done:
            return False
        self._parts.append(ToolCall(current.id, current.name, "".join(current.arguments)))
        self._current, self._raw, self._header, self._tail = None, [], "", ""
        return True

    def _break(self) -> None:
        """The block is no call, or no more: what was read of it is text. What was announced cannot be taken back from a
        stream; `answer` has it as text."""
        raw = "".join(self._raw)
        if self._current is None:
            self._say(raw)
        elif raw:
            self._parts.append(raw)
        self._state, self._current, self._header, self._tail, self._raw = _State.TEXT, None, "", "", []
        self._fresh = False

    def _say(self, text: str) -> None:
        if text:
            self._text.append(text)
            self._parts.append(text)

    def _take(self) -> ToolDelta:
        calls: list[CallDelta] = []
        for delta in self._deltas:  # one delta a call and piece
            if calls and calls[-1].index == delta.index:
                last = calls.pop()
                delta = CallDelta(last.index, last.id, last.name, last.arguments + delta.arguments)
            calls.append(delta)
        text, self._text, self._deltas = "".join(self._text), [], []
        return ToolDelta(text, calls)


def call_id() -> str:
    return f"call_{secrets.token_hex(12)}"


def short_call_id() -> str:
    """What Mistral's templates insist on."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(9))


def _call_in(value: dict[str, Any] | None) -> tuple[str, str] | None:
    """Name and arguments of a whole object: also without arguments, with arguments as JSON text, or as the API writes it."""
    if value is None:
        return None
    if isinstance(value.get("function"), dict):
        value = value["function"]
    name = value.get("name")
    arguments = value.get("arguments", value.get("parameters", {}))
    if not isinstance(name, str) or not name:
        return None
    if isinstance(arguments, str):
        try:
            arguments = json.loads(arguments)
        except (ValueError, RecursionError):
            return None
    return (name, json.dumps(arguments, ensure_ascii=False)) if isinstance(arguments, dict) else None
