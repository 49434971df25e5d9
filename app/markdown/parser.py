"""markdown-it-py as we use it: CommonMark with tables and strikethrough, HTML as plain text, and a rule for formulas."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.rules_block import StateBlock
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token

_BOXES = {"[ ] ": "\u2610 ", "[x] ": "\u2611 ", "[X] ": "\u2611 "}
# Not inside of HTML or a style sheet, which are text here.
_ADDRESS = re.compile(r"(?<![a-z0-9_=/])(?<![a-z0-9_]\()https?://[^\s<>\"`\u3000-\u303f\uff00-\uffef]+", re.IGNORECASE)
MOST_MARKS = 500  # of one kind in a text; what people read has far fewer


@cache
def _parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"html": False, "linkify": False, "maxNesting": 20})
    parser.enable(["table", "strikethrough"])
    parser.disable(["html_block", "html_inline", "reference"])
    parser.validateLink = lambda url: True  # type: ignore[method-assign]  # app.markdown.safe decides, when it is shown
    parser.inline.ruler.before("escape", "math", _math_inline)
    parser.block.ruler.before("fence", "math", _math_block, {"alt": ["paragraph"]})
    return parser


def parse(source: str) -> list[Token]:
    """Block tokens; the `children` of an inline token are its content. Formulas are tokens "math" with `content`. A text that
    is made to take long (thousands of brackets that nobody closes) is one paragraph of plain text."""
    if len(source) > MOST_MARKS and any(source.count(mark) > MOST_MARKS for mark in "[*_`<!>|"):
        text = Token("text", "", 0, content=source)
        inline = Token("inline", "", 0, content=source, children=[text], level=1)
        lines = [0, source.count("\n") + 1]
        return [Token("paragraph_open", "p", 1, map=lines), inline, Token("paragraph_close", "p", -1)]
    tokens = _parser().parse(source)
    if "://" in source:
        for token in tokens:
            if token.children:
                token.children = _with_links(token.children)
    return tokens


def _with_links(children: list[Token]) -> list[Token]:
    """Addresses of web pages that stand in the text are links, too."""
    found: list[Token] = []
    inside = 0
    for child in children:
        inside += (child.type == "link_open") - (child.type == "link_close")
        if child.type != "text" or inside or "://" not in child.content:
            found.append(child)
            continue
        end = 0
        for match in _ADDRESS.finditer(child.content):
            address = _trimmed(match[0])
            found.append(Token("text", "", 0, content=child.content[end : match.start()]))
            found.append(Token("link_open", "a", 1, attrs={"href": address}))
            found.append(Token("text", "", 0, content=address))
            found.append(Token("link_close", "a", -1))
            end = match.start() + len(address)
        found.append(Token("text", "", 0, content=child.content[end:]))
    return found


def _trimmed(address: str) -> str:
    """Without what ends the sentence around it; a bracket at its end belongs to it if it was opened in it."""
    while address:
        last = address[-1]
        if last in ".,;:!?'*_~" or (last in ")]" and address.count(last) > address.count("([)]"[")]".index(last)])):
            address = address[:-1]
        else:
            break
    return address


def parser_options() -> Any:
    """What the parser was made with, for a renderer."""
    return _parser().options


def with_box(inline: Token) -> Token:
    """The first line of a list's item: what is to be done, or done, has a box before it."""
    if inline.children and has_box(inline):
        first = inline.children[0]
        first.content = _BOXES[first.content[:4]] + first.content[4:]
    return inline


def has_box(inline: Token) -> bool:
    first = inline.children[0] if inline.children else None
    return first is not None and first.type == "text" and first.content[:4] in _BOXES


def _math_inline(state: StateInline, silent: bool) -> bool:
    r"""\( ... \), \[ ... \], $$ ... $$ and $ ... $; prices are none: no space inside the dollars, no digit after them."""
    source, at = state.src, state.pos
    for left, right in ((r"\(", r"\)"), (r"\[", r"\]"), ("$$", "$$"), ("$", "$")):
        if not source.startswith(left, at):
            continue
        begin = at + len(left)
        end = source.find(right, begin)
        if end <= begin:
            continue
        inner = source[begin:end]
        if left == "$":
            after = source[end + 1 : end + 2]
            if inner[0].isspace() or inner[-1].isspace() or after.isdigit() or "\n\n" in inner or inner[-1] == "\\":
                continue
        if not silent:
            token = state.push("math", "", 0)
            token.content = inner
            token.markup = left
        state.pos = end + len(right)
        return True
    return False


def _math_block(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    r"""$$ or \[ alone at the beginning of a line, up to its partner."""
    first = state.src[state.bMarks[start] + state.tShift[start] : state.eMarks[start]]
    left = next((mark for mark in ("$$", r"\[") if first.startswith(mark)), None)
    if left is None or state.is_code_block(start):
        return False
    right = "$$" if left == "$$" else r"\]"
    lines = [first[len(left) :]]
    line = start
    while right not in lines[-1]:
        line += 1
        if line >= end:
            return False
        lines.append(state.src[state.bMarks[line] + state.tShift[line] : state.eMarks[line]])
    last, _, rest = lines[-1].partition(right)
    if rest.strip():
        return False
    if silent:
        return True
    lines[-1] = last
    token = state.push("math_block", "", 0)
    token.content = "\n".join(lines).strip()
    token.map = [start, line + 1]
    token.block = True
    state.line = line + 1
    return True
