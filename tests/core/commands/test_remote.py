"""chat and generate over the background service: the same text as in this process, from one loaded model."""

import io
import json
import sys

import pytest

from core.cli import main
from core.commands.remote import request_fields
from core.sampling import SamplingParams

GREEDY = ("--temperature", "0", "--max-tokens", "8")


@pytest.fixture
def run(home, make_tiny_model, capsys, monkeypatch):
    """The command line in a home with one installed model, `tiny`; the service it may start is stopped at the end."""
    target = home / "data" / "models" / "tiny"
    target.parent.mkdir(parents=True)
    make_tiny_model().rename(target)

    def run(*words, stdin=""):
        monkeypatch.setattr(sys, "stdin", io.StringIO(stdin))
        code = main(["core", *map(str, words)])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    yield run
    main(["core", "stop"])


def test_the_service_answers_as_this_process_does(run, tmp_path):
    local = run("chat", "tiny", "--local", "--prompt", "Hello", *GREEDY)
    assert local[0] == 0
    assert run("status")[0] != 0  # nothing was started by that
    served = run("chat", "tiny", "--service", "--prompt", "Hello", *GREEDY)
    assert (served[0], served[1]) == (0, local[1]), served
    assert "of 256" in served[2]

    before = json.loads(run("status", "--json")[1])
    assert run("chat", "tiny", "--prompt", "Hello", *GREEDY)[1] == local[1]  # attaches by itself
    assert json.loads(run("status", "--json")[1])["pid"] == before["pid"]

    code, out, _ = run("generate", "tiny", "--prompt", "One", "--prompt", "Two", "--n", 2, "--json", *GREEDY)
    results = [json.loads(line) for line in out.splitlines()]
    own = [
        json.loads(line)
        for line in run(
            "generate", "tiny", "--prompt", "One", "--prompt", "Two", "--n", 2, "--json", "--local", *GREEDY
        )[1].splitlines()
    ]
    assert code == 0
    assert [r["text"] for r in results] == [r["text"] for r in own]
    assert [r["usage"]["output_tokens"] for r in results] == [r["usage"]["output_tokens"] for r in own]
    assert "token_ids" not in results[0]

    source, target = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    lines = [{"id": 1, "prompt": "One"}, {"id": 2, "messages": [{"role": "user", "content": "Hello"}]}]
    source.write_text("\n".join(map(json.dumps, lines)))
    assert run("generate", "tiny", "--jsonl", source, "--out", target, *GREEDY)[0] == 0
    written = [json.loads(line) for line in target.read_text().splitlines()]
    assert [r["id"] for r in written] == [1, 2]
    assert written[0]["text"] == own[0]["text"]
    assert written[1]["text"] == local[1].rstrip("\n")

    turns = run("chat", "tiny", "--json", *GREEDY, stdin="A long first question, long enough for pages.\nAnd?\n")[1]
    first, second = [json.loads(line) for line in turns.splitlines()]
    assert second["usage"]["prompt_tokens"] > first["usage"]["prompt_tokens"]

    code, _, err = run("chat", "tiny", "--prompt", "x" * 400, *GREEDY)
    assert code == 2
    assert "256" in err
    code, _, err = run("chat", "nothing", "--service", "--prompt", "a")
    assert code == 2
    assert "no model 'nothing'" in err
    # Token ids and log-probabilities by id come from an engine of this process, also beside a service.
    assert "logprobs" in json.loads(run("generate", "tiny", "--prompt", "One", "--json", "--logprobs", 1, *GREEDY)[1])
    source.write_text('{"prompt_ids": [70, 71]}')
    assert "token_ids" in json.loads(run("generate", "tiny", "--jsonl", source, *GREEDY)[1])


def test_what_needs_this_process_does_not_go_with_service(run):
    code, _, err = run("chat", "tiny", "--service", "--backend", "reference", "--prompt", "a")
    assert code == 2
    assert "--backend works in this process only" in err
    with pytest.raises(SystemExit):
        run("chat", "tiny", "--service", "--local", "--prompt", "a")


def test_only_what_differs_from_the_defaults_is_sent():
    assert request_fields(SamplingParams()) == {}
    params = SamplingParams(temperature=0.0, stop=("a",), logit_bias={3: 1.0}, n=2, ignore_eos=True)
    assert request_fields(params) == {
        "temperature": 0.0,
        "stop": ["a"],
        "logit_bias": {"3": 1.0},
        "n": 2,
        "ignore_eos": True,
    }
