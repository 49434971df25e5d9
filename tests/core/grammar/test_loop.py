"""Grammars in the engine loop: the stub engine draws anything that the masks allow."""

from __future__ import annotations

import json
import re

import jsonschema
import pytest

from core.grammar.compiler import Compiler
from core.grammar.source import GrammarSource
from core.protocol import Done, FinishReason, SampleEnd, Submit, Tokens
from core.sampling import SamplingParams
from core.text.tokenizer import Tokenizer
from core.worker.loop import EngineLoop
from engines.stub import StubEngine

SCHEMA = {
    "type": "object",
    "properties": {"n": {"type": "integer", "minimum": 0, "maximum": 99}, "s": {"enum": ["left", "right"]}},
    "required": ["n", "s"],
    "additionalProperties": False,
}


@pytest.mark.parametrize("lookahead", [0, 1])
@pytest.mark.parametrize("pages", [200, 14])  # the second so few that sequences are preempted and recomputed
def test_every_sample_of_every_request_follows_its_grammar(
    lookahead: int, pages: int, compiler: Compiler, tokenizer: Tokenizer
) -> None:
    engine = StubEngine(vocab_size=tokenizer.vocab_size + 6, num_pages=pages, page_size=8, lookahead=lookahead)
    loop = EngineLoop(engine)
    json_start = compiler.compile(GrammarSource("json_schema", json.dumps(SCHEMA)))
    word_start = compiler.compile(GrammarSource("regex", "[a-f]{1,9}[.]"))
    prompt = list(range(3, 12))
    for request in range(6):
        params = SamplingParams(n=2, seed=request, max_tokens=90)
        make = (json_start.copy, word_start.copy, None)[request % 3]
        loop.submit(Submit(request, prompt, params, stop_ids=tokenizer.eos_ids), make)
    ids: dict[tuple[int, int], list[int]] = {}
    ends: dict[tuple[int, int], SampleEnd] = {}
    done = []
    for _ in range(4000):
        for event in loop.step():
            if isinstance(event, Tokens):
                ids.setdefault((event.request, event.index), []).extend(event.ids)
            elif isinstance(event, SampleEnd):
                ends[event.request, event.index] = event
            elif isinstance(event, Done):
                done.append(event.request)
        if not loop.busy:
            break
    assert sorted(done) == list(range(6))
    assert loop.scheduler.preemptions > 0 or pages > 100
    complete = 0
    for key, end in ends.items():
        kept = ids[key][:-1] if end.stop_token is not None else ids[key]
        text = tokenizer.to_bytes(kept).decode(errors="replace")
        if key[0] % 3 == 2 or end.reason is FinishReason.LENGTH:
            continue
        assert end.reason is FinishReason.STOP
        complete += 1
        if key[0] % 3 == 0:
            jsonschema.validate(json.loads(text), SCHEMA)
        else:
            assert re.fullmatch("[a-f]{1,9}[.]", text)
    assert complete >= 6
    loop.check_idle()
