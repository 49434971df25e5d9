"""summarize and ask on the command line: text and JSON, in this process and over the service, and what is wrong in words."""

import json
import sys
from pathlib import Path

import pytest

from core.cli import main
from core.commands.documents import Follower, follow
from core.errors import Unavailable
from core.schemas import DocumentEvent, JobReply

JOB = JobReply(id="summarize-1", kind="summarize", params={}, state="running", created=0, updated=0)
FILES = Path(__file__).resolve().parents[1] / "documents" / "files"


@pytest.fixture
def run(home, make_tiny_model, capsys, monkeypatch):
    """The command line in a home with one installed model, `tiny`, that writes nonsense."""
    target = home / "data" / "models" / "tiny"
    target.parent.mkdir(parents=True)
    make_tiny_model(context=2048).rename(target)

    def run(*words):
        monkeypatch.setattr(sys, "stdin", None)
        code = main(["core", *map(str, words)])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    yield run
    main(["core", "stop"])


def test_summaries_here_and_over_the_service_are_the_same(run, tmp_path):
    file, other = FILES / "report.docx", FILES / "slides.pptx"
    code, out, err = run("summarize", file, other, "--model", "tiny", "--length", "short", "--local", "--json")
    assert code == 0, err
    here = json.loads(out)
    assert {"summary", "coverage", "citations", "chunks", "tokens", "cached_tokens", "seconds"} <= set(here)
    assert here["coverage"] == 100
    assert [item["name"] for item in here["documents"]] == ["report.docx", "slides.pptx"]

    target = tmp_path / "out.json"
    code, out, err = run("summarize", file, other, "--model", "tiny", "--length", "short", "--service", "--out", target)
    assert code == 0, err
    assert out.strip() == here["summary"].strip()
    assert "coverage 100 %" in err
    there = json.loads(target.read_text())
    timed = ("seconds", "cached_tokens")
    assert {k: v for k, v in there.items() if k not in timed} == {k: v for k, v in here.items() if k not in timed}

    target = tmp_path / "out.txt"
    asked = ("--question", "Who is the president of the moon?")
    code, out, _ = run("ask", file, "--model", "tiny", *asked, "--json", "--out", target)  # attaches by itself
    answer = json.loads(out)
    assert answer["answer"] == target.read_text().strip()
    assert (code, answer["found"], answer["citations"]) == (0, False, [])
    assert answer["answer"].startswith("The document does not say.")
    code, out, err = run("ask", file, "--model", "tiny", "--question", "How much wheat?", "--local")
    assert code == 0
    assert out.strip()
    assert "read all of the text" in err

    code, _, err = run("summarize", FILES / "protected.pdf", "--model", "tiny")
    assert (code, "protected by a password" in err) == (4, True)


def test_what_is_wrong_is_said_in_words(run, tmp_path):
    # what cannot be read is told before a model is looked for
    assert run("summarize", FILES / "protected.pdf", "--local", "--model", "nothing")[0] == 4
    code, _, err = run("summarize", tmp_path / "none.pdf", "--local", "--model", "nothing")
    assert (code, "no file or folder" in err) == (3, True)
    code, _, err = run("summarize", FILES / "report.docx", "--local", "--model", "nothing")
    assert (code, "nothing" in err) == (3, True)
    for target, why in ((tmp_path, "is a folder"), (tmp_path / "none" / "a.txt", "There is no folder")):
        code, _, err = run("summarize", FILES / "report.docx", "--local", "--model", "nothing", "--out", target)
        assert (code, why in err, (tmp_path / "none").exists()) == (2, True, False)
    code, _, err = run("ask", FILES / "report.docx", "--local", "--question", " ")
    assert (code, "question is empty" in err) == (2, True)
    code, _, err = run("summarize", FILES / "report.docx", "--kv-tokens", "200", "--service")
    assert (code, "this process only" in err) == (2, True)
    code, _, err = run("summarize", FILES / "report.docx", "--model", "tiny", "--local", "--kv-tokens", "128")
    assert (code, "too few to summarize" in err) == (2, True)


def test_where_the_service_dies_the_job_is_not_cancelled_and_the_user_knows_how_it_goes_on():
    cancelled = []

    class Dying:
        def document_events(self, job):
            yield DocumentEvent(kind="progress", job=JOB)
            raise Unavailable("The service does not answer.")

        def cancel_job(self, job):
            cancelled.append(job)

    with pytest.raises(Unavailable, match=r"does not answer\. The job summarize-1 keeps what is done and goes on"):
        follow(Dying(), JOB, Follower(quiet=True))
    assert not cancelled
