"""From characters with places to paragraphs in the order of reading: columns, tables, hyphens, running heads.

    runs -> regions (a gutter splits a page into columns; what crosses it splits them into storeys) -> lines -> blocks

A page is read storey by storey, in each column by column. PDF units: points, y grows upward.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from core.documents.document import Block, BlockKind
from core.documents.formats.blocks import block

_COLUMN_CHARS = 18  # of a run, in the middle: what is shorter are cells of a table
_MIN_SIDE = 5  # runs that a column has at least
_MAX_CROSSING = 0.25  # of all runs may cross a gutter: titles, wide figures
_BAND_GAP = 2.0  # heights of a line
_MARGIN = 0.1  # of the height, where running heads are
_REPEATED = 0.5  # of the pages, and at least:
_REPEATED_PAGES = 3
_BULLET = re.compile(r"[•‣◦▪▫■□●○∙]\s")
_NUMBERED = re.compile(r"\(?(?:\d{1,3}|[a-z]|[ivx]{1,4})[.)]\s|[–—*·-]\s")
_ITEM = re.compile(f"{_BULLET.pattern}|{_NUMBERED.pattern}")
_LINE_END = re.compile(r"(\w)-$")


@dataclass(frozen=True, slots=True)
class Run:
    """Text on one line, and its box."""

    text: str
    left: float
    right: float
    bottom: float
    top: float

    @property
    def height(self) -> float:
        return self.top - self.bottom

    def moved(self, x: float, y: float) -> Run:
        return Run(self.text, self.left + x, self.right + x, self.bottom + y, self.top + y)


@dataclass(frozen=True, slots=True)
class Sheet:
    """A page's text in one direction of writing: its size in points and its runs in the order of the file. What else is on the
    `page`, such as a stamp along its edge, are sheets of their own, and come after the one with most of the text."""

    width: float
    height: float
    runs: list[Run]
    page: int


@dataclass(slots=True)
class _Line:
    runs: list[Run]

    @property
    def text(self) -> str:
        return " ".join(run.text for run in self.runs)

    @property
    def left(self) -> float:
        return self.runs[0].left

    @property
    def right(self) -> float:
        return max(run.right for run in self.runs)

    @property
    def bottom(self) -> float:
        return min(run.bottom for run in self.runs)

    @property
    def top(self) -> float:
        return max(run.top for run in self.runs)

    @property
    def height(self) -> float:
        return max(run.height for run in self.runs)


def assemble(sheets: Sequence[Sheet]) -> tuple[dict[int, tuple[Block, ...]], list[str]]:
    """The blocks of each page by its number, and notes on what was left out."""
    pages = [[lines for band in _bands(sheet.runs) for lines in _regions(band)] for sheet in sheets]
    body = _body_height(pages)
    notes = _drop_running_heads(sheets, pages, body)
    words = _Words(pages)
    blocks: dict[int, tuple[Block, ...]] = {}
    for sheet, regions in zip(sheets, pages, strict=True):
        made = tuple(item for lines in regions for item in _blocks(lines, body, words))
        blocks[sheet.page] = blocks.get(sheet.page, ()) + made
    return blocks, notes


# --- regions and lines ---------------------------------------------------------------------------------------------------


def _bands(runs: list[Run]) -> list[list[Run]]:
    """Parts of a page with a wide blank across its whole width between them, from top to bottom."""
    if not runs:
        return []
    least = _BAND_GAP * median(run.height for run in runs)
    bands: list[list[Run]] = []
    floor = float("-inf")
    for run in sorted(runs, key=lambda run: -run.top):
        if not bands or run.top < floor - least:
            bands.append([])
            floor = run.bottom
        bands[-1].append(run)
        floor = min(floor, run.bottom)
    return bands


def _regions(runs: list[Run], depth: int = 0) -> list[list[_Line]]:
    """Groups of lines in the order of reading."""
    if not runs:
        return []
    gutter = _gutter(runs) if depth < 3 else None
    if gutter is None:
        return [_lines(runs)]
    left = [run for run in runs if run.right <= gutter]
    right = [run for run in runs if run.left >= gutter]
    crossing = sorted((run for run in runs if run.left < gutter < run.right), key=lambda run: -run.top)
    crossing = _with_last_lines(crossing, left, right)
    regions: list[list[_Line]] = []
    for storey in [*_lines(crossing), None]:
        floor = float("-inf") if storey is None else storey.bottom + 0.3 * storey.height
        for side in (left, right):
            above = [run for run in side if (run.top + run.bottom) / 2 > floor]
            side[:] = [run for run in side if (run.top + run.bottom) / 2 <= floor]
            regions += _regions(above, depth + 1)
        if storey is not None:
            if regions and storey.runs and regions[-1][-1].runs[0] in crossing:
                regions[-1].append(storey)  # lines of one wide paragraph
            else:
                regions.append([storey])
    return [lines for lines in regions if lines]


def _with_last_lines(crossing: list[Run], left: list[Run], right: list[Run]) -> list[Run]:
    """Also the last line of a wide paragraph, which may be too short to reach the gutter: taken out of `left`."""
    found: list[Run] = []
    for line in _lines(crossing):
        for run in left:
            below = line.bottom - run.bottom
            if (
                0.5 * line.height < below < 1.5 * line.height
                and abs(run.left - line.left) < 0.3 * line.height
                and abs(run.height - line.height) < 0.15 * line.height
                and not any(other.top > run.bottom and other.bottom < run.top for other in (*right, *crossing))
            ):
                found.append(run)
                left.remove(run)
                break
    return crossing + found


def _gutter(runs: list[Run]) -> float | None:
    """The x where a page parts into two columns of text, None where it does not."""
    if len(runs) < 2 * _MIN_SIDE:
        return None
    low, high = min(run.left for run in runs), max(run.right for run in runs)
    width = high - low
    edges = sorted({run.right for run in runs if low + 0.2 * width < run.right < low + 0.8 * width})
    best: tuple[int, float, float] | None = None
    for edge in edges:
        x = edge + 1.0
        crossing = sum(run.left < x < run.right for run in runs)
        if crossing > _MAX_CROSSING * len(runs):
            continue
        right_edge = min((run.left for run in runs if run.left >= x), default=x)
        candidate = (crossing, -(right_edge - edge), edge)
        if best is None or candidate < best:
            best = candidate
    if best is None:
        return None
    x = best[2] + 0.5
    left = [run for run in runs if run.right <= x]
    right = [run for run in runs if run.left >= x]
    if min(len(left), len(right)) < _MIN_SIDE:
        return None
    if min(median(len(run.text) for run in side) for side in (left, right)) < _COLUMN_CHARS:
        return None
    overlap = min(max(r.top for r in left), max(r.top for r in right)) - max(
        min(r.bottom for r in left), min(r.bottom for r in right)
    )
    return x if overlap > 3 * median(run.height for run in runs) else None


def _lines(runs: Iterable[Run]) -> list[_Line]:
    """From top to bottom, each from left to right."""
    lines: list[_Line] = []
    for run in sorted(runs, key=lambda run: (-(run.top + run.bottom) / 2, run.left)):
        last = lines[-1] if lines else None
        if last is not None:
            shared = min(last.top, run.top) - max(last.bottom, run.bottom)
            if shared > 0.5 * min(run.height, last.height):
                last.runs.append(run)
                continue
        lines.append(_Line([run]))
    for line in lines:
        line.runs.sort(key=lambda run: run.left)
    return lines


# --- running heads -------------------------------------------------------------------------------------------------------

_DIGITS = re.compile(r"\d+")
_PAGE_NUMBER = re.compile(
    r"\W*(?:(?:page|seite|página|pagina|p\.|s\.)\s*)?#(?:\s*(?:/|of|von|de|di|-)\s*#)?\W*", re.IGNORECASE
)


def _drop_running_heads(sheets: Sequence[Sheet], pages: list[list[list[_Line]]], body: float) -> list[str]:
    """Takes out of `pages` the lines at the edges that stand at the same place on most pages: word for word the same, or page
    numbers. A page is never left without any line by that."""
    seen: Counter[tuple[str, int]] = Counter()
    found: list[tuple[int, list[_Line], _Line, tuple[str, int]]] = []
    lines_left: Counter[int] = Counter()
    for sheet, regions in zip(sheets, pages, strict=True):
        keys = set()
        lines_left[sheet.page] += sum(map(len, regions))
        for lines in regions:
            for line in lines:
                near = line.bottom > (1 - _MARGIN) * sheet.height or line.top < _MARGIN * sheet.height
                if not near or len(line.text) > 200 or line.height > 1.3 * body:
                    continue
                text = _DIGITS.sub("#", line.text)
                text = "#" if _PAGE_NUMBER.fullmatch(text) else line.text
                key = (text, round(line.bottom / 4))
                keys.add(key)
                found.append((sheet.page, lines, line, key))
        seen.update(keys)
    needed = max(_REPEATED_PAGES, _REPEATED * len(+lines_left))
    dropped: set[int] = set()
    for page, lines, line, key in found:
        if seen[key] >= needed and lines_left[page] > 1:
            lines.remove(line)
            lines_left[page] -= 1
            dropped.add(page)
    for regions in pages:
        regions[:] = [lines for lines in regions if lines]
    return [f"Running heads and page numbers of {len(dropped)} pages are left out."] if dropped else []


# --- blocks --------------------------------------------------------------------------------------------------------------


def _body_height(pages: list[list[list[_Line]]]) -> float:
    """The height that most of the text has."""
    heights: Counter[float] = Counter()
    for regions in pages:
        for lines in regions:
            for line in lines:
                heights[round(line.height * 2) / 2] += len(line.text)
    return heights.most_common(1)[0][0] if heights else 12.0


class _Words:
    """How often words occur with and without a hyphen, so that 'well-' + 'known' becomes what the document writes elsewhere."""

    def __init__(self, pages: list[list[list[_Line]]]) -> None:
        self._counts = Counter(
            word
            for regions in pages
            for lines in regions
            for line in lines
            for word in _WORD.findall(line.text.lower())
        )

    def joined(self, first: str, second: str) -> str:
        """Two parts of a word that a line break with a hyphen parts."""
        plain, hyphened = (first + second).lower(), f"{first}-{second}".lower()
        if self._counts[hyphened] > self._counts[plain]:
            return f"{first}-{second}"
        return first + second


_WORD = re.compile(r"[^\W\d_]+(?:-[^\W\d_]+)*")


def _blocks(lines: list[_Line], body: float, words: _Words) -> list[Block]:
    """Paragraphs, headings (larger than `body`), and tables (several runs on a line, on lines that follow each other)."""
    made: list[Block | None] = []
    held: list[_Line] = []
    spacing = _spacing(lines)

    def close() -> None:
        if held:
            made.append(_block(held, body, words))
            held.clear()

    for line in lines:
        if held and _parted(held, line, spacing, body):
            close()
        held.append(line)
    close()
    return [item for item in made if item is not None]


def _spacing(lines: list[_Line]) -> float:
    """From one line's bottom to the next one's, within paragraphs: most steps may be between short ones."""
    steps = sorted(step for a, b in pairwise(lines) if (step := a.bottom - b.bottom) > 0.7 * min(a.height, b.height))
    return steps[len(steps) // 4] if steps else 0.0


def _parted(held: list[_Line], line: _Line, spacing: float, body: float) -> bool:
    """Whether a new block begins with `line`."""
    last = held[-1]
    if (len(last.runs) > 1) != (len(line.runs) > 1):
        return not _is_cell_rest(held, line)
    gap = last.bottom - line.bottom
    if gap > max(1.35 * spacing, 1.5 * min(line.height, last.height)) or gap < -0.5 * line.height:
        return True
    if abs(line.height - last.height) > 0.15 * max(line.height, last.height):
        return True
    if len(line.runs) > 1:
        return False
    if _BULLET.match(line.text):
        return True
    indent = line.left - min(item.left for item in held)
    ended = last.text.endswith((".", "!", "?", ":", "。", "！", "？"))
    width = max(item.right for item in held) - min(item.left for item in held)
    short = last.right < max(max(item.right for item in held), line.right) - 0.15 * max(width, line.right - line.left)
    if _NUMBERED.match(line.text) and (ended or _ITEM.match(held[0].text)):
        return True
    return ended and (0.6 * body < indent < 6 * body or short)


def _is_cell_rest(held: list[_Line], line: _Line) -> bool:
    """A single run below a table's row, within one of its cells: that cell's second line."""
    last = held[-1]
    return len(last.runs) > 1 and len(line.runs) == 1 and line.left > last.left + last.height


def _block(lines: list[_Line], body: float, words: _Words) -> Block | None:
    if len(lines) > 1 and sum(len(line.runs) > 1 for line in lines) * 2 > len(lines):
        rows = [" | ".join(run.text for run in line.runs) for line in lines]
        return block("\n".join(rows), BlockKind.TABLE)
    text = lines[0].text
    for line in lines[1:]:
        text = _join(text, line.text, words)
    tall = min(line.height for line in lines)
    if tall > 1.15 * body and len(text) < 200:
        return block(text, BlockKind.HEADING, 1 if tall > 1.6 * body else 2)
    return block(text)


def _join(text: str, following: str, words: _Words) -> str:
    """Two lines of a paragraph. Between Chinese or Japanese characters there is no space."""
    if _LINE_END.search(text) and following[:1].islower():
        head, _, first = text[:-1].rpartition(" ")
        second, space, rest = following.partition(" ")
        word = words.joined(first, second)
        return f"{head} {word}{space}{rest}".lstrip(" ")
    if text[-1:] > "\u2e7f" and following[:1] > "\u2e7f":
        return text + following
    return f"{text} {following}"
