"""Cuts Markdown into segments: runs of text of about a screen, and code blocks. Each is shown by one widget, made only when it
comes into view, so that an answer of 10,000 lines or a line of 5 MB costs what is visible of it.

A text is cut only at blank lines outside of fences and formulas, not before an indented line (it belongs to a list), and a long
list between its items; a line that is longer than MOST_LINE is cut inside. One pass over the lines; `Segmenter` looks only at the
last segment again when the text grows.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

TEXT_SIZE = 1000  # characters after which a run of text ends at the next chance
LIST_SIZE = 1_200  # ... of a list, before any of its items
MOST_TEXT = 6_000  # characters after which it ends at any line
MOST_LINE = 4_000
CODE_LINES = 400  # a longer code block goes on in another segment
CODE_SIZE = 40_000

# An item of a list, which another list can begin with: its bullet or number stays.
_ITEM = re.compile(r"[-*+] |(?:[2-9]|[1-9]\d+)[.)] ")
_MANY_LINES = re.compile(rf"(?:[^\n]*\n){{{CODE_LINES}}}")
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
    formulas = "$$" in text or r"\[" in text  # most texts have none, and lines are many

    def flush(end: int) -> None:
        nonlocal begin
        source = text[begin:end]
        if source.strip():
            found.append(Segment("text", source, offset + begin))
        begin = end

    while position < len(text):
        if tried != begin and not formulas:  # nothing can happen on the way to the size at which a run may end
            tried = begin
            reach = text.rfind("\n", position, min(begin + TEXT_SIZE, len(text) - 1)) + 1
            if reach > position and text.find("```", begin, reach) < 0 and text.find("~~~", begin, reach) < 0:
                position, blank = reach, not text[text.rfind("\n", 0, reach - 1) + 1 : reach].strip()
        end = _line_end(text, position)
        line = text[position:end]
        fenced = ("```" in line or "~~~" in line) and not formula
        fence = _FENCE.match(line.rstrip("\r\n")) if fenced else None
        if fence is not None:
            flush(position)
            begin = position = _take_code(text, position, offset, fence, found)
            blank = False
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
        position = end
    flush(position)
    return found or ([Segment("text", text, offset)] if text else [])


def _line_end(text: str, begin: int) -> int:
    """Of the line that begins there, with its newline."""
    end = text.find("\n", begin) + 1 or len(text)
    alone = text.find("\r", begin, end - 1)
    return alone + 1 if alone >= 0 and text[alone + 1] != "\n" else end


def _take_code(text: str, start: int, offset: int, fence: re.Match[str], found: list[Segment]) -> int:
    """The code block whose fence begins at `start`; appends its segments, returns where to go on."""
    language = fence[2].strip()
    begin = _line_end(text, start)
    end, after = _closed_at(text, begin, fence[1])
    closed = after > end
    part = 0
    while (cut := _code_cut(text, begin, end)) < end:
        found.append(Segment("code", text[begin:cut], offset + start, language, True, part))
        part, start, begin = part + 1, cut, cut
    for at in range(begin, end, CODE_SIZE) or (begin,):  # one line
        to = min(end, at + CODE_SIZE)
        last = to == end
        found.append(
            Segment("code", text[at:to], offset + (start if at == begin else at), language, closed or not last, part)
        )
        part += 1
    return after


def _closed_at(text: str, begin: int, mark: str) -> tuple[int, int]:
    """Where the line is that closes the code from `begin` on, and where it ends; both the end of the text if there is none."""
    close = re.compile(rf" {{0,3}}{re.escape(mark[0])}{{{len(mark)},}}[ \t]*$")
    at = begin
    while (at := text.find(mark[0] * 3, at)) >= 0:
        line = max(begin, text.rfind("\n", begin, at) + 1)
        line = max(line, text.rfind("\r", line, at) + 1)
        at = _line_end(text, line)
        if close.match(text[line:at].rstrip("\r\n")):
            return line, at
    return len(text), len(text)


def _code_cut(text: str, begin: int, end: int) -> int:
    """Where the next segment begins after the one that begins there; the end if all of it is one."""
    many = _MANY_LINES.match(text, begin, end)
    if many is not None and many.end() - begin <= CODE_SIZE:
        return many.end()
    position, count = begin, 0
    while position < end:
        after = _line_end(text, position)
        if count >= CODE_LINES or position - begin > CODE_SIZE or (after - position > CODE_SIZE and position > begin):
            return position
        position, count = after, count + 1
    return end
