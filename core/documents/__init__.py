"""Whole documents: read, cut into chunks, summarize, ask; every citation stands on its page.

from core import LLM
from core.documents.api import ask, read, summarize

with LLM("demo") as llm:
    report = summarize(llm, [read("report.pdf")], length="short")
    print(report.summary, report.coverage, report.citations)

read.py, reader.py, formats/   a file -> Document (pages of blocks), in a child process with limits
chunk.py                       Document -> chunks that fit a model, with the way back to page and passage
summarize.py                   map all chunks at once, reduce as a tree; ask.py, search.py: questions
cite.py, passages.py           sentences that a model wrote -> passages of the source that hold their words
model.py                       all that is needed of a model: many prompts in, texts out
"""
