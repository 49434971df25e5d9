"""Summarize whole documents: every part is read, and every sentence says on which page it stands.

FILE is a PDF, DOCX, PPTX, EPUB, HTML, Markdown, CSV or text file, or a folder of them; several make one summary. With --json:
summary, coverage (per cent of the chunks that were read), citations ({page, chunk, quote, document}), chunks, tokens,
cached_tokens, seconds, and more.
"""

from __future__ import annotations

import argparse

from core.commands.documents import Follower, check_out, counted, find_client, finish, follow, options_of, run_here
from core.commands.documents import add_arguments as add_common
from core.commands.options import note
from core.documents.document import ranges
from core.schemas import SummaryReport


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("files", nargs="+", metavar="FILE", help="documents or folders")
    parser.add_argument("--length", choices=("short", "medium", "long"), default="medium", help="default: medium")
    parser.add_argument(
        "--style", choices=("paragraph", "bullets", "outline", "plain"), default="paragraph", help="default: paragraph"
    )
    parser.add_argument("--focus", metavar="TEXT", help="a question that the summary shall keep to")
    add_common(parser)


def run(args: argparse.Namespace) -> int:
    check_out(args)
    options = options_of(args, ("length", "style", "language", "focus"))
    follower = Follower(quiet=args.json)
    try:
        client = find_client(args)
        if client is not None:
            with client:
                report = follow(client, client.summarize(args.files, model=args.model, **options), follower)
        else:
            from core.documents.api import checked_task
            from core.documents.summarize import summarize_documents

            task = checked_task(**{"language": None, "focus": None} | options)
            report = run_here(
                args,
                follower,
                lambda model, documents, notes, listener: summarize_documents(
                    model, documents, task, listener=listener, notes=notes
                ),
            )
    finally:
        follower.close()
    assert isinstance(report, SummaryReport)
    finish(args, report, follower, report.summary)
    if not args.json:
        _tell(report)
    return 0


def _tell(report: SummaryReport) -> None:
    pages = sum(document.pages for document in report.documents)
    units = {document.unit for document in report.documents}
    unit = units.pop() if len(units) == 1 else "page"
    cited = sorted({(citation.document, citation.page) for citation in report.citations})
    shown = ranges([page for _, page in cited]) if len(report.documents) == 1 else str(len(cited))
    note(
        f"coverage {report.coverage:g} % ({counted(report.chunks, 'chunk')}, {counted(pages, unit)}), "
        f"cited {unit}s: {shown or 'none'}, "
        f"{report.cached_tokens} of {report.tokens} prompt tokens from cache, {report.seconds:.1f} s"
    )
