"""/v2 as Triton's clients use it."""

from __future__ import annotations

import json
import shutil
import subprocess
from typing import Any

import pytest

from core.client_events import SseDecoder

EXAMPLE = """{
"text_input": "How do I count to nine in French?",
"parameters": {
"max_tokens": 100,
"bad_words":[""],
"stop_words":[""]
}
}"""


@pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")
@pytest.mark.parametrize("route", ["generate", "generate_stream"])
def test_the_example_of_the_manual_with_curl(server: Any, route: str) -> None:
    """As printed there, with the token; curl -d does not say that it sends JSON."""
    done = subprocess.run(
        [
            "curl", "-sS", "-N", "-X", "POST", f"{server.url.replace('127.0.0.1', 'localhost')}/v2/models/tiny/{route}",
            "-H", f"Authorization: Bearer {server.info.token}", "-d", EXAMPLE,
        ],
        capture_output=True, timeout=30,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert server.handle().submits[-1].params.max_tokens == 100
    assert server.handle().submits[-1].params.stop == ()
    if route == "generate":
        reply = json.loads(done.stdout)
        assert reply["model_name"] == "tiny"
        assert reply["text_output"]
        return
    replies = [json.loads(data) for _, data in SseDecoder().feed(done.stdout)]
    assert len(replies) > 1  # without a seed the stub may end after one token
    assert replies[-1]["finish_reason"] in ("stop", "length")


def test_stream_and_whole_agree_and_parameters_may_stand_in_either_place(client: Any) -> None:
    inside = {"text_input": "One", "parameters": {"max_tokens": 20, "random_seed": 3, "ignore_eos": True}}
    outside = {"text_input": "One", "max_tokens": 20, "seed": 3, "ignore_eos": True}
    whole = client.post("/v2/models/tiny/generate", json=inside).json()
    assert whole["output_tokens"] == 20
    assert client.post("/v2/models/tiny/generate", json=outside).json() == whole
    streamed = client.post("/v2/models/tiny/generate_stream", json=inside).content
    replies = [json.loads(data) for _, data in SseDecoder().feed(streamed)]
    assert "".join(reply["text_output"] for reply in replies) == whole["text_output"]


def test_stop_words(serve_with: Any) -> None:
    with serve_with(script="one two three") as server, server.client() as client:
        body = {"text_input": "x", "id": "7", "parameters": {"stop_words": ["", " thr"]}}
        reply = client.post("/v2/models/tiny/generate", json=body).json()
        assert (reply["text_output"], reply["finish_reason"], reply["id"]) == ("one two", "stop", "7")


def test_health_and_metadata(client: Any) -> None:
    assert client.get("/v2/health/live").json() == {"live": True}
    assert client.get("/v2/health/ready").json() == {"ready": True}
    metadata = client.get("/v2/models/tiny").json()
    assert metadata["inputs"] == [{"name": "text_input", "datatype": "BYTES", "shape": [1]}]
    assert client.get("/v2/models/tiny/ready").status_code == 200


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/v2/models/none/generate", {"text_input": "x"}, 404),
        ("/v2/models/tiny/generate", {"text_input": ""}, 400),
        ("/v2/models/tiny/generate", {}, 400),
        ("/v2/models/tiny/generate", {"text_input": "x", "stream": True}, 400),
        ("/v2/models/tiny/generate", {"text_input": "x", "bad_words": ["no"]}, 400),
        ("/v2/models/tiny/generate_stream", {"text_input": "x", "parameters": {"max_tokens": -1}}, 400),
        ("/v2/models/tiny/generate", {"text_input": "x", "parameters": {"beam_width": 2}}, 400),
    ],
)
def test_errors_are_a_sentence_under_error(client: Any, path: str, body: dict[str, Any], status: int) -> None:
    response = client.post(path, json=body)
    assert response.status_code == status
    assert response.json()["error"].endswith(".")


def test_text_goes_through_the_chat_template_unless_told_not_to(server: Any, client: Any) -> None:
    def prompt_of(**parameters: Any) -> list[int]:
        body = {"text_input": "One", "max_tokens": 1, **parameters}
        assert client.post("/v2/models/tiny/generate", json=body).status_code == 200
        return list(server.handle().submits[-1].prompt_ids)

    bare, asked = prompt_of(apply_chat_template=False), prompt_of()
    assert prompt_of(parameters={"apply_chat_template": False}) == bare
    assert len(asked) > len(bare)
    assert any(asked[i : i + len(bare)] == bare for i in range(len(asked)))
