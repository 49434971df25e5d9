"""How text is indexed and asked for. SQLite's tokenizers take a run of Chinese or Japanese for one word, or want three
characters at least; so such runs are also indexed as overlapping pairs, in a column of their own:

    "我喜欢SQLite"  ->  text: "SQLite"   pairs: "我喜 喜欢 欢"

The last character stands alone too, so that every single character is the beginning of an indexed word.
"""

from __future__ import annotations

import re

# Scripts written without spaces: Thai, Lao, Myanmar, Khmer, kana, Han (also rare ones), Hangul.
_UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u3007\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff"
    "\uac00-\ud7af\uf900-\ufaff\uff66-\uff9f\U00020000-\U0003ffff"
)
_RUN = re.compile(f"[{_UNSPACED}]+")
_TERM = re.compile(rf"[{_UNSPACED}]+|[^\W_{_UNSPACED}]+")
MOST_TERMS = 16


def columns(text: str) -> tuple[str, str]:
    """`text` as the two columns of the index: words with spaces between, and pairs."""
    pairs: list[str] = []
    for run in _RUN.findall(text):
        pairs += [run[i : i + 2] for i in range(len(run))]
    return (_RUN.sub(" ", text) if pairs else text), " ".join(pairs)


def terms(query: str) -> list[str]:
    """The words of a query, as somebody typed it."""
    return _TERM.findall(query)[:MOST_TERMS]


def match(query: str) -> str | None:
    """An FTS5 expression: every word must occur, the last one as the beginning of a word: it may still be typed. None if
    there is nothing to look for. Whatever was typed, no operator of FTS5 gets through: words hold only letters and digits,
    and are quoted."""
    parts = []
    words = terms(query)
    for number, term in enumerate(words, start=1):
        if not _RUN.fullmatch(term):
            parts.append(f'text : "{term}"' + (" *" if number == len(words) else ""))
        elif len(term) == 1:
            parts.append(f'pairs : "{term}" *')
        else:
            pairs = " ".join(term[i : i + 2] for i in range(len(term) - 1))
            parts.append(f'pairs : "{pairs}"')
    return " AND ".join(f"({part})" for part in parts) or None


def locate(text: str, query: str) -> tuple[int, int]:
    """Where in `text` to highlight: start and length of the first word of the query that it has; (0, 0) if none."""
    for term in terms(query):
        found = re.search(rf"(?<![^\W_]){re.escape(term)}" if term.isascii() else re.escape(term), text, re.IGNORECASE)
        if found:
            return found.start(), found.end() - found.start()
    return 0, 0


def snippet(text: str, query: str, width: int = 120) -> tuple[str, int, int]:
    """One line of about `width` characters around the first match, and where the match is in it."""
    start, length = locate(text, query)
    begin = max(0, start - width // 3)
    if begin:
        space = text.find(" ", begin, start)
        begin = space + 1 if space >= 0 else begin
    piece = text[begin : begin + width]
    piece = re.sub(r"[\x00-\x1f\x7f\u2028\u2029]", " ", piece)
    lead = "…" if begin else ""
    return lead + piece, (start - begin + len(lead)) if length else 0, min(length, max(0, len(piece) - (start - begin)))
