"""Cuts Markdown into segments: runs of text of about a screen, and code blocks. Each is shown by one widget, made only when it
comes into view, so that an answer of 10,000 lines or a line of 5 MB costs what is visible of it.

A text is cut only at blank lines outside of fences and formulas, not before an indented line (it belongs to a list), and a long
list between its items; a line that is longer than MOST_LINE is cut inside. One pass over the lines; `Segmenter` looks only at the
last segment again when the text grows.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass
from itertools import accumulate
from typing import Literal

TEXT_SIZE = 1000  # characters after which a run of text ends at the next chance
LIST_SIZE = 1_200  # ... of a list, before any of its items
MOST_TEXT = 6_000  # characters after which it ends at any line
MOST_LINE = 4_000
CODE_LINES = 400  # a longer code block goes on in another segment
CODE_SIZE = 40_000

# An item of a list, which another list can begin with: its bullet or number stays.
_ITEM = re.compile(r"[-*+] |(?:[2-9]|[1-9]\d+)[.)] ")
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})[ \t]*([^`\n]*)$")


@dataclass(slots=True)
class Segment:
    """`start`: offset in the whole text. `source` of code is without its fences; `language` is what follows the fence;
    `closed`: the fence was closed, or more follows; `part`: 0, or which continuation of a long code block this is."""

    kind: Literal["text", "code"]
    source: str
    start: int
    language: str = ""
    closed: bool = True
    part: int = 0


def segments(text: str) -> list[Segment]:
    """The whole text at once."""
    return _cut(text, 0)


class Segmenter:
    """A growing text. `feed` returns the index of the first segment that changed."""

    def __init__(self) -> None:
        self.text = ""
        self.segments: list[Segment] = []

    def feed(self, more: str) -> int:
        self.text += more
        first = len(self.segments) - 1
        while first > 0 and self.segments[first].part:
            first -= 1  # a continued code block is cut again from its fence
        if first < 0:
            self.segments = _cut(self.text, 0)
            return 0
        if self._grows_code(more):
            return len(self.segments) - 1
        start = self.segments[first].start
        self.segments[first:] = _cut(self.text[start:], start)
        return first

    def _grows_code(self, more: str) -> bool:
        """The common case of a long code block: appended to, without looking at it again."""
        last = self.segments[-1]
        if last.kind != "code" or last.closed or not last.source:
            return False
        tail = last.source.rpartition("\n")[2] + more
        if "`" in tail or "~" in tail or len(last.source) + len(more) > CODE_SIZE:
            return False
        if last.source.count("\n") + more.count("\n") >= CODE_LINES:
            return False
        last.source += more
        return True


def _cut(text: str, offset: int) -> list[Segment]:
    found: list[Segment] = []
    position = begin = 0
    tried = -1
    blank = formula = False
    lines = text.splitlines(keepends=True) if "\r" in text else re.findall(r"[^\n]*\n|[^\n]+", text)
    index = 0
    formulas = "$$" in text or r"\[" in text  # most texts have none, and lines are many

    def flush(end: int) -> None:
        nonlocal begin
        source = text[begin:end]
        if source.strip():
            found.append(Segment("text", source, offset + begin))
        begin = end

    starts = list(accumulate(map(len, lines), initial=0)) if not formulas else []
    while index < len(lines):
        if tried != begin and not formulas:  # nothing can happen on the way to the size at which a run may end
            tried = begin
            to = bisect_right(starts, begin + TEXT_SIZE, hi=len(lines)) - 1
            reach = starts[to]
            if to > index and text.find("```", begin, reach) < 0 and text.find("~~~", begin, reach) < 0:
                index, position, blank = to, reach, not lines[to - 1].strip()
        line = lines[index]
        fenced = ("```" in line or "~~~" in line) and not formula
        fence = _FENCE.match(line.rstrip("\r\n")) if fenced else None
        if fence is not None:
            flush(position)
            index, position = _take_code(text, lines, index, position, offset, fence, found)
            begin, blank = position, False
            continue
        stripped = line.strip()
        size = position - begin
        if size > TEXT_SIZE and not formula and stripped:
            may_end = blank and line[0] not in " \t"
            if may_end or (size > LIST_SIZE and _ITEM.match(line) is not None):
                flush(position)
                size = 0
        if size > MOST_TEXT:
            flush(position)
        if len(line) > MOST_LINE:
            flush(position)
            for at in range(0, len(line), MOST_LINE):
                flush(position + min(len(line), at + MOST_LINE))
        if formulas and (
            stripped.count("$$") % 2 == 1 or (stripped == r"\[" and not formula) or (stripped == r"\]" and formula)
        ):
            formula = not formula
        blank = not stripped
        if blank and size > TEXT_SIZE * 2:
            formula = False  # never closed
        position += len(line)
        index += 1
    flush(position)
    return found or ([Segment("text", text, offset)] if text else [])


def _take_code(
    text: str, lines: list[str], index: int, position: int, offset: int, fence: re.Match[str], found: list[Segment]
) -> tuple[int, int]:
    """The code block that begins at line `index`; appends its segments, returns where to go on."""
    mark, language = fence[1], fence[2].strip()
    close = re.compile(rf" {{0,3}}{re.escape(mark[0])}{{{len(mark)},}}[ \t]*$")
    start = position
    position += len(lines[index])
    index += 1
    begin = position
    count = part = 0
    closed = False
    sign = mark[0] * 3
    while index < len(lines):
        line = lines[index]
        if sign in line and close.match(line.rstrip("\r\n")):
            closed = True
            break
        if count >= CODE_LINES or position - begin > CODE_SIZE or (len(line) > CODE_SIZE and position > begin):
            found.append(Segment("code", text[begin:position], offset + start, language, True, part))
            part, start, begin, count = part + 1, position, position, 0
        position += len(line)
        count += 1
        index += 1
    end = position
    if closed:
        position += len(lines[index])
        index += 1
    pieces = [(at, min(end, at + CODE_SIZE)) for at in range(begin, end, CODE_SIZE)] or [(begin, begin)]
    for at, to in pieces:
        last = to == end
        found.append(
            Segment("code", text[at:to], offset + (start if at == begin else at), language, closed or not last, part)
        )
        part += 1
    return index, position
