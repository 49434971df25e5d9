"""Splits what a model thinks from what it answers, while it streams.

Models that reason write it first, between two markers of their own; which ones, the chat template shows. Some templates open
the reasoning in the generation prompt already, so that the answer begins inside it.
"""

from __future__ import annotations

from typing import NamedTuple

import msgspec

# Pairs that models in use write, most specific first: a template that knows [THINK] may mention <think> in a comment.
KNOWN = (
    ("<|START_THINKING|>", "<|END_THINKING|>"),
    ("[THINK]", "[/THINK]"),
    ("<seed:think>", "</seed:think>"),
    ("<thinking>", "</thinking>"),
    ("<reasoning>", "</reasoning>"),
    ("<think>", "</think>"),
)


class ReasoningMarkers(msgspec.Struct, frozen=True):
    """What begins and what ends the reasoning. If the tokenizer holds them as special tokens, the text must be decoded with
    special tokens shown."""

    open: str
    close: str


class Split(NamedTuple):
    """New text of either kind. Joined over a stream, each is whole; blank edges of the reasoning and the blank line between
    it and the answer are left out."""

    reasoning: str
    text: str


def find_markers(template: str) -> ReasoningMarkers | None:
    """The markers that a chat template (its Jinja source) shows, None for a model that does not reason.

    The closing one is decisive: templates cut old reasoning off behind it, also where the model opens it by itself.
    """
    return next((ReasoningMarkers(*pair) for pair in KNOWN if pair[1] in template), None)


def starts_inside(markers: ReasoningMarkers, prompt: str, continued: str = "") -> bool:
    """Does an answer to this prompt text begin within the reasoning? `continued`: the assistant's text that it goes on from."""
    if continued:
        return continued.rfind(markers.open) > continued.rfind(markers.close)
    return prompt.rstrip().endswith(markers.open)


class ReasoningSplitter:
    """One answer. However the text is cut into pieces, the parts are the same.

    Reasoning counts only at the start: an answer that later speaks of the marker is not cut. Unterminated, all is reasoning.
    """

    __slots__ = ("_close", "_held", "_open", "_state", "_trim")

    def __init__(self, markers: ReasoningMarkers, inside: bool = False, continues: bool = False) -> None:
        """`inside`: see `starts_inside`. `continues`: the answer goes on in an earlier one's text, so nothing can begin."""
        self._open, self._close = markers.open, markers.close
        self._state = "inside" if inside else "text" if continues else "start"
        self._trim = inside and not continues  # blanks at this point belong to neither part
        self._held = ""

    def feed(self, text: str) -> Split:
        self._held += text
        reasoning = ""
        if self._state == "start":
            self._begin()
        if self._state == "inside":
            reasoning = self._reason()
        return Split(reasoning, self._answer() if self._state == "text" else "")

    def finish(self) -> Split:
        """The answer is over: what was held back in case a marker came."""
        held, self._held = self._held, ""
        if self._state == "inside":
            rest = held.rstrip()
            return Split(rest.lstrip() if self._trim else rest, "")
        if self._state == "text" and self._trim:
            held = held.lstrip()
        return Split("", held)

    def _begin(self) -> None:
        """Whether the answer opens with the marker, once enough of it is there."""
        head = self._held.lstrip()
        if head.startswith(self._open):
            self._held = head[len(self._open) :]
            self._state, self._trim = "inside", True
        elif not self._open.startswith(head):
            self._state = "text"

    def _reason(self) -> str:
        """What is certainly reasoning: up to the marker, or without what could become one and the blanks before that."""
        if self._trim:
            self._held = self._held.lstrip()
            self._trim = not self._held
        body, found, rest = self._held.partition(self._close)
        if found:
            self._state, self._trim, self._held = "text", True, rest
            return body.rstrip()
        end = len(self._held) - _overlap(self._held, self._close)
        certain = self._held[:end].rstrip()
        self._held = self._held[len(certain) :]
        return certain

    def _answer(self) -> str:
        if self._trim:
            self._held = self._held.lstrip()
            self._trim = not self._held
        shown, self._held = self._held, ""
        return shown


def _overlap(text: str, marker: str) -> int:
    """Length of the longest end of `text` that begins `marker`."""
    return next((n for n in range(min(len(text), len(marker) - 1), 0, -1) if text.endswith(marker[:n])), 0)
