"""Whatever is drawn from the masks matches the grammar; nothing else about a token matters."""

from __future__ import annotations

import json
import random
import re

import jsonschema
import numpy as np
import pytest
import tokenizers
from numpy.typing import NDArray
from tokenizers import models, pre_tokenizers, trainers

from core.grammar.compiler import Compiler
from core.grammar.constraint import Constraint
from core.grammar.source import GrammarSource
from core.text.special import SpecialTokens
from core.text.tokenizer import Tokenizer
from engines.api.errors import ConstraintError

PERSON = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "maxLength": 12},
        "age": {"type": "integer", "minimum": 0, "maximum": 150},
        "tags": {"type": "array", "items": {"enum": ["red", "green", 3, None]}, "maxItems": 3},
        "mail": {"type": "string", "pattern": "^[a-z]{1,8}@[a-z]{1,8}[.]org$"},
    },
    "required": ["name", "age"],
    "additionalProperties": False,
}
SCHEMAS = {
    "person": PERSON,
    "number": {"type": "number"},
    "choice": {"anyOf": [{"type": "boolean"}, {"const": {"a": [1, 2]}}, {"type": "null"}]},
    "tree": {
        "$ref": "#/$defs/node",
        "$defs": {
            "node": {
                "type": "object",
                "properties": {"v": {"type": "integer"}, "kids": {"type": "array", "items": {"$ref": "#/$defs/node"}}},
                "required": ["v"],
                "additionalProperties": False,
            }
        },
    },
    "tuple": {
        "type": "array",
        "prefixItems": [{"type": "string", "format": "date"}, {"type": "boolean"}],
        "items": False,
        "minItems": 2,
    },
    "two of many": {
        "type": "object",
        "additionalProperties": {"type": "integer", "minimum": -5, "maximum": 5},
        "minProperties": 1,
        "maxProperties": 2,
    },
}


def schema_source(schema: object) -> GrammarSource:
    return GrammarSource("json_schema", json.dumps(schema))


def allowed(constraint: Constraint, vocab_size: int) -> list[int]:
    bits = np.full(-(-vocab_size // 32), 0xDEADBEEF, np.uint32)
    constraint.mask(bits)
    ids: list[int] = np.flatnonzero(np.unpackbits(bits.view(np.uint8), bitorder="little")).tolist()
    return ids


def walk(constraint: Constraint, tokenizer: Tokenizer, vocab_size: int, seed: int, limit: int = 2000) -> list[int]:
    """Random tokens from the masks until the grammar ends or an end token is drawn, hurrying to the end after a while."""
    chance = random.Random(seed)
    ids: list[int] = []
    while not constraint.finished() and len(ids) < limit:
        choices = allowed(constraint, vocab_size)
        ends = [i for i in choices if i in tokenizer.eos_ids]
        if ends and (len(ids) > 20 or chance.random() < 0.1):
            constraint.advance(ends[0])
            return ids
        if len(ids) > 60:
            choices = [i for i in choices if tokenizer.token_bytes(i)[-1:] in (b'"', b"}", b"]")] or choices
        choices = [i for i in choices if i not in ends] or choices
        ids.append(chance.choice(choices))
        constraint.advance(ids[-1])
    return ids


@pytest.fixture(scope="session")
def width(tokenizer: Tokenizer) -> int:
    size = tokenizer.vocab_size + 6
    assert size % 32
    return size


@pytest.mark.parametrize("name", SCHEMAS)
def test_random_walks_are_valid_against_the_schema(
    name: str, compiler: Compiler, tokenizer: Tokenizer, width: int
) -> None:
    start = compiler.compile(schema_source(SCHEMAS[name]))
    texts = set()
    for seed in range(25):
        constraint = start.copy()
        ids = walk(constraint, tokenizer, width, seed)
        assert constraint.finished()
        text = tokenizer.to_bytes(ids).decode()
        jsonschema.validate(json.loads(text), SCHEMAS[name])
        texts.add(text)
    assert len(texts) > 5


def test_json_object_is_an_object(compiler: Compiler, tokenizer: Tokenizer, width: int) -> None:
    for seed in range(10):
        ids = walk(compiler.compile(GrammarSource("json_object")), tokenizer, width, seed)
        assert isinstance(json.loads(tokenizer.to_bytes(ids)), dict)


@pytest.mark.parametrize("regex", [r"[a-z]{2,5}( [0-9]{1,3})*", r"(yes|no|maybe)!?", r"é+ü|你好{1,2}", r"[^a]{3}"])
def test_regex_matches_as_a_whole(regex: str, compiler: Compiler, tokenizer: Tokenizer, width: int) -> None:
    for seed in range(20):
        ids = walk(compiler.compile(GrammarSource("regex", regex)), tokenizer, width, seed)
        assert re.fullmatch(regex, tokenizer.to_bytes(ids).decode()), tokenizer.to_bytes(ids)


def test_lark(compiler: Compiler, tokenizer: Tokenizer, width: int) -> None:
    grammar = 'start: sum\nsum: NUMBER | sum "+" NUMBER\nNUMBER: /[1-9][0-9]{0,2}/'
    for seed in range(20):
        ids = walk(compiler.compile(GrammarSource("lark", grammar)), tokenizer, width, seed)
        assert re.fullmatch(r"[1-9][0-9]{0,2}(\+[1-9][0-9]{0,2})*", tokenizer.to_bytes(ids).decode())


def test_an_end_is_allowed_exactly_when_the_grammar_is_complete(
    compiler: Compiler, tokenizer: Tokenizer, width: int
) -> None:
    constraint = compiler.compile(GrammarSource("regex", "ab?"))
    ends = set(tokenizer.eos_ids)
    a, b = tokenizer.token_id("a"), tokenizer.token_id("b")
    assert a is not None
    assert b is not None
    assert not ends & set(allowed(constraint, width))
    constraint.advance(a)
    assert set(allowed(constraint, width)) == {b} | ends
    assert not constraint.finished()
    constraint.advance(b)
    assert constraint.finished()
    assert set(allowed(constraint, width)) <= ends  # nothing but ends


def test_special_tokens_are_never_allowed_inside(compiler: Compiler, tokenizer: Tokenizer, width: int) -> None:
    special = tokenizer.special_ids - set(tokenizer.eos_ids)
    assert special
    anything = compiler.compile(GrammarSource("regex", r"(?s:.)*"))
    for _ in range(3):
        choices = set(allowed(anything, width))
        assert not choices & special
        assert max(choices) < tokenizer.vocab_size
        anything.advance(next(iter(choices - set(tokenizer.eos_ids))))
    (start,) = [i for i in special if tokenizer.token_text(i) == "<|im_start|>"]
    by_number = compiler.compile(GrammarSource("lark", f'start: "a" | <[{start}]>'))
    assert allowed(by_number, width) == [tokenizer.token_id("a")]


def test_copies_are_independent_and_rebuild_returns_to_the_same_state(
    compiler: Compiler, tokenizer: Tokenizer, width: int
) -> None:
    start = compiler.compile(schema_source(PERSON))
    ids = walk(start.copy(), tokenizer, width, seed=3)
    for cut in range(0, len(ids), 3):
        one = start.copy()
        for token in ids[:cut]:
            one.advance(token)
        two, again = one.copy(), start.copy()
        again.advance(ids[0])
        again.rebuild(np.array(ids[:cut], np.int32))
        expected = allowed(one, width)
        walk(two, tokenizer, width, seed=cut)  # takes nothing from the one it was copied from
        assert allowed(one, width) == expected == allowed(again, width)


def test_a_token_outside_the_grammar_is_an_error_and_rebuild_recovers(
    compiler: Compiler, tokenizer: Tokenizer, width: int
) -> None:
    constraint = compiler.compile(GrammarSource("regex", "ab"))
    b = tokenizer.token_id("b")
    assert b is not None
    with pytest.raises(ConstraintError, match="left its grammar"):
        constraint.advance(b)
    with pytest.raises(ConstraintError):
        constraint.mask(np.zeros(-(-width // 32), np.uint32))
    with pytest.raises(ConstraintError, match="does not fit its grammar"):
        constraint.rebuild(np.array([b], np.int32))
    constraint.rebuild(np.zeros(0, np.int32))
    assert allowed(constraint, width)


@pytest.mark.parametrize("extra", [-40, -7, 0, 1, 31, 32, 33, 640])
def test_masks_fit_logits_of_any_width(extra: int, tokenizer: Tokenizer) -> None:
    size = tokenizer.vocab_size + extra
    compiled = Compiler(tokenizer, size, tokenizer.eos_ids).compile(GrammarSource("regex", "[a-z]+"))
    choices = allowed(compiled, size)
    letters = [i for i in range(min(size, tokenizer.vocab_size)) if re.fullmatch(b"[a-z]+", tokenizer.token_bytes(i))]
    assert choices == letters


def test_other_kinds_of_vocabularies_go_by_their_bytes() -> None:
    raw = tokenizers.Tokenizer(models.Unigram())
    raw.pre_tokenizer = pre_tokenizers.Metaspace()
    raw.decoder = tokenizers.decoders.Metaspace()
    special = ["<unk>", "</s>"]
    trainer = trainers.UnigramTrainer(vocab_size=60, unk_token="<unk>", special_tokens=special, show_progress=False)
    raw.train_from_iterator(["yes no maybe so and again no"] * 3, trainer)
    tokenizer = Tokenizer(raw, SpecialTokens({}, None, (1,)), "a test model")
    for given in (tokenizer, raw.to_str()):
        compiler = Compiler(given, tokenizer.vocab_size, (1,))
        for seed in range(5):
            ids = walk(compiler.compile(GrammarSource("regex", "( yes| no)+")), tokenizer, tokenizer.vocab_size, seed)
            assert re.fullmatch("( yes| no)+", tokenizer.to_bytes(ids).decode())


def test_mask_writes_rows_of_a_larger_array(compiler: Compiler, width: int) -> None:
    bits: NDArray[np.uint32] = np.zeros((3, -(-width // 32)), np.uint32)
    compiler.compile(GrammarSource("regex", "a")).mask(bits[1])
    assert bits[1].any()
    assert not bits[0].any()
    assert not bits[2].any()


@pytest.mark.parametrize("grammar", ["start: /a+/ /a+/", "start: /[b-z]{40}/ /a+/ start", 'start: "a" start'])
@pytest.mark.timeout(20)
def test_a_grammar_without_an_end_gives_masks_all_the_same(
    grammar: str, compiler: Compiler, tokenizer: Tokenizer, width: int
) -> None:
    constraint = compiler.compile(GrammarSource("lark", grammar))
    assert len(walk(constraint, tokenizer, width, seed=1, limit=200)) == 200  # until max_tokens ends it
