"""Ask a document: the answer with the pages it stands on, or that the document does not say.

FILE is a PDF, DOCX, PPTX, EPUB, HTML, Markdown, CSV or text file, or a folder of them. With --json: answer, found, citations
({page, chunk, quote, document}), whole (all of the text was read), chunks, chunks_read, tokens, cached_tokens, seconds.
"""

from __future__ import annotations

import argparse

from core.commands.documents import Follower, check_out, find_client, finish, follow, options_of, run_here
from core.commands.documents import add_arguments as add_common
from core.commands.options import note
from core.schemas import AnswerReport


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("files", nargs="+", metavar="FILE", help="documents or folders")
    parser.add_argument("--question", required=True, metavar="TEXT", help="what you want to know")
    add_common(parser)


def run(args: argparse.Namespace) -> int:
    check_out(args)
    options = options_of(args, ("language",))
    follower = Follower(quiet=True)  # only at its end it is known whether it is an answer
    try:
        client = find_client(args)
        if client is not None:
            with client:
                job = client.ask_documents(args.files, args.question, model=args.model, **options)
                report = follow(client, job, follower)
        else:
            from core.documents.ask import ask_documents

            report = run_here(
                args,
                follower,
                lambda model, documents, notes, listener: ask_documents(
                    model, documents, args.question, **options, listener=listener, notes=notes
                ),
            )
    finally:
        follower.close()
    assert isinstance(report, AnswerReport)
    follower.shown = ""
    finish(args, report, follower, report.answer)
    if not args.json:
        read = "all of the text" if report.whole else f"{report.chunks_read} of {report.chunks} passages"
        note(f"read {read}, {report.cached_tokens} of {report.tokens} prompt tokens from cache, {report.seconds:.1f} s")
    return 0
