"""A summary or an answer as a file: Markdown, HTML, plain text, JSON. No Qt."""

from __future__ import annotations

import html
import json
import re
from dataclasses import dataclass

from app.documents.marks import Mark, linked, marks, passages
from app.documents.works import Work

FORMATS = ("md", "html", "txt", "json")


@dataclass(frozen=True, slots=True)
class Words:
    """What the file says besides the text, in the user's language; `page` has {page}, `coverage` has {percent};
    `notes`: the report's, in that language."""

    sources: str = "Sources"
    page: str = "page {page}"
    coverage: str = "Coverage: {percent} %"
    notes: tuple[str, ...] = ()


def export(work: Work, kind: str, words: Words) -> str:
    """The file's content. `kind`: one of FORMATS."""
    if kind == "json":
        report = work.summary or work.answer
        body = report.model_dump() if report is not None else {"text": work.shown}
        return json.dumps(body, ensure_ascii=False, indent=2) + "\n"
    if kind == "html":
        return _html(work, words)
    return _text(work, words, markdown=kind == "md")


def _text(work: Work, words: Words, *, markdown: bool) -> str:
    head = "# " if markdown else ""
    under = "## " if markdown else ""
    lines = [f"{head}{work.question or work.name}", "", work.shown.strip(), ""]
    sources = _sources(work)
    if sources:
        lines += [f"{under}{words.sources}", ""]
        lines += [f"- {_place(work, mark, words)}: “{quote}”" for mark, quote in sources]
        lines.append("")
    if work.coverage is not None:
        lines.append(words.coverage.format(percent=f"{work.coverage:.0f}"))
    lines += [f"- {note}" for note in words.notes]
    return "\n".join(lines).rstrip() + "\n"


def _html(work: Work, words: Words) -> str:
    title = html.escape(work.question or work.name)
    paragraphs = [_paragraph(part) for part in re.split(r"\n\s*\n", work.shown.strip()) if part.strip()]
    parts = [f"<h1>{title}</h1>", *paragraphs]
    sources = _sources(work)
    if sources:
        parts.append(f"<h2>{html.escape(words.sources)}</h2>\n<ul>")
        for mark, quote in sources:
            anchor = f"p{mark.document}-{mark.page}"
            place = html.escape(_place(work, mark, words))
            parts.append(f'<li id="{anchor}">{place}: <q>{html.escape(quote)}</q></li>')
        parts.append("</ul>")
    if work.coverage is not None:
        parts.append(f"<p>{html.escape(words.coverage.format(percent=f'{work.coverage:.0f}'))}</p>")
    parts += [f"<p>{html.escape(note)}</p>" for note in words.notes]
    style = "body{max-width:46em;margin:2em auto;padding:0 1em;font:16px/1.6 sans-serif}q{color:#555}"
    return (
        f'<!DOCTYPE html>\n<html><head><meta charset="utf-8"><title>{title}</title><style>{style}</style></head>\n'
        f"<body>\n{chr(10).join(parts)}\n</body></html>\n"
    )


def _paragraph(text: str) -> str:
    """Lines that begin with "- " are a list; marks are links to the quotes below."""
    lines = text.strip().splitlines()
    made = [_marked(html.escape(re.sub(r"^\s*[-*] ", "", line))) for line in lines]
    if all(re.match(r"\s*[-*] ", line) for line in lines):
        return "<ul>" + "".join(f"<li>{line}</li>" for line in made) + "</ul>"
    return "<p>" + "<br>\n".join(made) + "</p>"


def _marked(escaped: str) -> str:
    def link(match: re.Match[str]) -> str:
        return f'<a href="#p{match[2]}-{match[3]}">[{match[1]}]</a>'

    return re.sub(r"\[([^\]]*)\]\(cite:(\d+)-(\d+)\)", link, linked(escaped))


def _sources(work: Work) -> list[tuple[Mark, str]]:
    return [
        (mark, " ".join(item.quote.split())) for mark in marks(work.shown) for item in passages(work.citations, mark)
    ]


def _place(work: Work, mark: Mark, words: Words) -> str:
    page = words.page.format(page=mark.page)
    documents = work.documents
    return f"{documents[mark.document].name}, {page}" if mark.document < len(documents) else page
