"""A branch of a chat as one HTML file, without scripts and without anything from elsewhere. No Qt.

HTML is made by markdown-it with HTML switched off: what a model wrote is text in there too; links keep http and https only, images
are named, not loaded. A long answer is taken in the pieces that the window shows it in, as the parser has limits for one text.
"""

from __future__ import annotations

import html
from collections.abc import Iterator, Sequence
from functools import cache
from itertools import groupby
from typing import Any

from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from markdown_it.utils import OptionsDict

from app.chat.export_words import Words
from app.markdown.latex import readable
from app.markdown.parser import parse, parser_options, with_box
from app.markdown.safe import misleads, plain, safe_link, shown_host, visible
from app.markdown.segments import Segment, segments
from app.store.records import ChatSettings, Message

_STYLE = """
body { font: 16px/1.55 system-ui, sans-serif; max-width: 46rem; margin: 2rem auto; padding: 0 1rem; color: #1f2023;
  overflow-wrap: break-word; }
h2.who { font-size: 0.85rem; color: #5d5f66; margin: 2rem 0 0.3rem; }
.user, details { background: #efefec; border-radius: 12px; padding: 0.6rem 1rem; margin: 0.3rem 0; white-space: pre-wrap; }
pre { background: #f6f6f4; border: 1px solid #e3e3de; border-radius: 8px; padding: 0.8rem; overflow-x: auto; }
code { font-family: ui-monospace, "Cascadia Mono", Consolas, "Noto Sans Mono", monospace; font-size: 0.92em; }
table { border-collapse: collapse; margin: 0.6rem 0; }
td, th { border: 1px solid #d3d3cd; padding: 0.3rem 0.6rem; }
blockquote { border-left: 3px solid #8b8b84; margin-left: 0; padding-left: 1rem; color: #5d5f66; }
.math { font-family: "STIX Two Math", "Cambria Math", serif; font-style: italic; }
p.math { margin-left: 2rem; font-size: 1.1em; }
@media print { pre { white-space: pre-wrap; } h2.who { break-after: avoid; } }
"""


def to_html(title: str, path: Sequence[Message], settings: ChatSettings, words: Words | None = None) -> str:
    """The whole file."""
    words = words or Words()
    body = []
    if settings.system_prompt:
        body.append(f"<blockquote>{_lines(settings.system_prompt)}</blockquote>")
    for message in path:
        body.append(f'<h2 class="who">{html.escape(plain(words.who(message)))}</h2>')
        for file in message.attachments:
            name = html.escape(plain(file.name))
            body.append(f"<details><summary>{name}</summary>\n{html.escape(visible(file.text))}</details>")
        if message.role == "user":
            body.append(f'<div class="user">{html.escape(plain(message.content))}</div>')
        else:
            body.append(rendered(message.content, words))
    policy = "default-src 'none'; style-src 'unsafe-inline'"
    return (
        f'<!doctype html>\n<html><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
        f"<title>{html.escape(plain(title))}</title><style>{_STYLE}</style></head>\n"
        f"<body><h1>{html.escape(plain(title))}</h1>\n" + "\n".join(body) + "\n</body></html>\n"
    )


def pieces(source: str) -> Iterator[Segment]:
    """Of an answer; code that is cut for the window is whole again."""
    number = 0
    whole: list[tuple[int, Segment]] = []
    for segment in segments(source):
        number += not segment.part
        whole.append((number, segment))
    for _, group in groupby(whole, key=lambda each: each[0]):
        parts = [segment for _, segment in group]
        first = parts[0]
        yield Segment(first.kind, "".join(part.source for part in parts), first.start, first.language)


def rendered(source: str, words: Words) -> str:
    """An answer's Markdown."""
    made = []
    for piece in pieces(source):
        if piece.kind == "code":
            made.append(f"<pre><code>{html.escape(visible(piece.source))}</code></pre>\n")
        else:
            made.append(str(_Html().render(_safe(parse(plain(piece.source)), words), _options(), {})))
    return "".join(made)


def _safe(tokens: list[Token], words: Words) -> list[Token]:
    for index, token in enumerate(tokens):
        if token.type == "inline" and index >= 2 and tokens[index - 2].type == "list_item_open":
            with_box(token)
        if token.children:
            token.children = _safe_inline(token.children, words)
    return tokens


def _safe_inline(children: list[Token], words: Words) -> list[Token]:
    """The words of a link that leads nowhere good stay, the link does not; one that names another host says where it leads."""
    found: list[Token] = []
    address: str | None = None
    text = ""
    for child in children:
        if child.type == "link_open":
            address, text = safe_link(str(child.attrGet("href") or "")), ""
            if address is None:
                continue
            child.attrs = {"href": address, "rel": "noreferrer noopener"}
        elif child.type == "link_close":
            if address is None:
                continue
            found.append(child)
            if misleads(text, address):
                found.append(Token("text", "", 0, content=f" ({shown_host(address)})"))
            continue
        elif child.type == "image":
            name = f"[{words.image}: {child.content}]" if child.content else f"[{words.image}]"
            child = Token("text", "", 0, content=name)
        text += child.content
        found.append(child)
    return found


def _lines(text: str) -> str:
    return html.escape(plain(text)).replace("\n", "<br>\n")


@cache
def _options() -> OptionsDict:
    """As the window shows it: every line of an answer is a line."""
    return OptionsDict({**parser_options(), "breaks": True})  # type: ignore[typeddict-item]


class _Html(RendererHTML):
    """Finds its methods by the types of tokens."""

    def math(self, tokens: Sequence[Token], at: int, options: Any, env: Any) -> str:
        return f'<span class="math">{_lines(readable(tokens[at].content))}</span>'

    def math_block(self, tokens: Sequence[Token], at: int, options: Any, env: Any) -> str:
        return f'<p class="math">{_lines(readable(tokens[at].content))}</p>\n'
