"""Routes of document jobs over a kind that writes what a test needs: events, reports, refusals; the real kinds are in
test_documents.py."""

import asyncio
import os
import textwrap
from pathlib import Path

import pytest

from core.client import AsyncClient, Client
from core.errors import DesksideError, InvalidRequest, NotFound
from core.jobs.job import JobKind
from core.schemas import ReadReply

ROLES = """
import json, time
from pathlib import Path
from core.errors import NotFound
from core.jobs.child import run

REPORT = {"summary": "All is well. [p. 1]", "coverage": 100.0, "citations": [{"page": 1, "chunk": 0, "quote": "well"}],
          "chunks": 1, "tokens": 5, "cached_tokens": 2, "seconds": 0.1, "field_of_a_newer_version": 1}

def work(context):
    if "missing" in context.params["paths"][0]:
        raise NotFound("There is no file 'missing'.")
    context.progress("map", 0, 2)
    for word in ("All ", "is ", "bad"):
        context.write(word)
        time.sleep(0.06)
    context.flush()
    context.rewrite("All is ")
    context.write("well.")
    context.flush()
    context.progress("map", 2, 2)
    path = context.folder / "report.json"
    return context.write_result(path, [json.dumps({"summary": REPORT}).encode()])

def main(connection):
    run(connection, work)
"""


@pytest.fixture
def server(serve_with, tmp_path, monkeypatch):
    (tmp_path / "document_roles_for_tests.py").write_text(textwrap.dedent(ROLES), encoding="utf-8")
    path = [str(tmp_path), *filter(None, [os.environ.get("PYTHONPATH")])]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(path))
    kinds = [JobKind(name, "document_roles_for_tests:main") for name in ("summarize", "ask", "other")]
    with serve_with(jobs=tuple(kinds)) as server:
        yield server


def test_events_show_progress_text_and_the_report(server, tmp_path):
    with Client(server.info) as client:
        job = client.summarize([tmp_path / "a.txt"], length="short", focus="Is it well?")
        assert job.params == {
            "paths": [str(tmp_path / "a.txt")], "model": "tiny", "length": "short", "style": "paragraph",
            "focus": "Is it well?",
        }  # fmt: skip
        events = list(client.document_events(job.id))
        text = ""
        for event in events:
            if event.kind == "text":
                text = text[: event.offset] + event.text
        assert text == "All is well."
        end = events[-1]
        assert (end.kind, end.job.state) == ("end", "done")
        assert end.summary.coverage == 100
        assert end.summary.citations[0].page == 1
        assert [event for event in events if event.kind == "progress"]
        assert client.document_report(job.id).summary == end.summary
        again = list(client.document_events(job.id))  # of a job that has ended: all at once
        assert [event.kind for event in again] == ["text", "end"]
        assert client.ask_documents(["~/b.txt"], "Why?").params["question"] == "Why?"


def test_the_asyncio_client_sees_the_same(server, tmp_path):
    async def use():
        async with AsyncClient(server.info) as client:
            job = await client.ask_documents([tmp_path / "missing"], "Why?", language="German")
            events = [event async for event in client.document_events(job.id)]
            assert (events[-1].kind, events[-1].job.state, events[-1].job.code) == ("end", "failed", "not_found")
            with pytest.raises(NotFound, match="There is no file 'missing'"):
                await client.document_report(job.id)
            job = await client.summarize([tmp_path])
            assert [event async for event in client.document_events(job.id)][-1].summary.chunks == 1

    asyncio.run(use())


def test_what_cannot_be_submitted(server):
    with server.client() as http:

        def refused(route, **body):
            reply = http.post(f"/v1/deskside/documents/{route}", json=body)
            return reply.status_code, reply.json()["error"].get("param"), reply.json()["error"]["message"]

        assert refused("summarize", paths=["a.txt"])[:2] == (400, "paths")
        assert refused("summarize", paths=[])[:2] == (400, "paths")
        assert refused("summarize", paths=["/a"], length="huge")[:2] == (400, "length")
        assert refused("summarize", paths=["/a"], lenght="short")[:2] == (400, "lenght")
        assert refused("ask", paths=["/a"])[:2] == (400, "question")
        assert refused("ask", paths=["/a"], question="")[:2] == (400, "question")
        status, _, message = refused("ask", paths=["/a"], question="Why?", model="nobody")
        assert (status, "nobody" in message) == (404, True)
        other = http.post("/v1/deskside/jobs", json={"kind": "other", "params": {"paths": ["/a"]}}).json()["id"]
        assert http.get(f"/v1/deskside/documents/{other}/events").status_code == 400
        assert http.get("/v1/deskside/documents/nothing/report").status_code == 404
    with Client(server.info) as client, pytest.raises(InvalidRequest, match="not about documents"):
        client.document_report(other)


def test_a_document_is_read_whole_for_a_chat(server, tmp_path):
    files = Path(__file__).parents[2] / "documents" / "files"
    with Client(server.info) as client:
        read = client.read_document(files / "facts.pdf")
        assert (read.name, read.format, read.unit) == ("facts.pdf", "pdf", "page")
        assert read.pages >= 2
        assert read.text.startswith("[page 1]\n")
        assert "\n\n[page 2]\n" in read.text
        with pytest.raises(NotFound, match="missing"):
            client.read_document(tmp_path / "missing.pdf")
        (tmp_path / "bad.pdf").write_bytes(b"%PDF-1.7 nothing")
        with pytest.raises(DesksideError, match=r"bad\.pdf"):
            client.read_document(tmp_path / "bad.pdf")
        with pytest.raises(InvalidRequest, match="absolute"):
            client._post("/v1/deskside/documents/read", {"path": "here.pdf"}, ReadReply)
