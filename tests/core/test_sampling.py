"""SamplingParams: every invalid value is refused by name; None takes the model's default."""

import math

import pytest

from core.errors import InvalidRequest
from core.sampling import SamplingParams

BAD = [
    ("temperature", -0.1),
    ("temperature", math.nan),
    ("temperature", "hot"),
    ("top_k", -1),
    ("top_k", 1.5),
    ("top_p", 0.0),
    ("top_p", 1.1),
    ("min_p", -0.1),
    ("typical_p", 0.0),
    ("repetition_penalty", 0.0),
    ("presence_penalty", math.inf),
    ("frequency_penalty", 1000.0),
    ("n", 0),
    ("n", 1000),
    ("n", True),
    ("seed", 2**70),
    ("max_tokens", 0),
    ("min_tokens", -1),
    ("logprobs", 99),
    ("stop", ("",)),
    ("stop_token_ids", (-1,)),
    ("stop_token_ids", (70_000,)),
    ("logit_bias", {5: 1e9}),
    ("logit_bias", {70_000: 1.0}),
]


@pytest.mark.parametrize(("name", "value"), BAD, ids=[f"{n}={v!r}" for n, v in BAD])
def test_bad_values_are_named(name, value):
    with pytest.raises(InvalidRequest, match=name) as caught:
        SamplingParams(**{name: value}).check(vocab_size=65_536)
    assert caught.value.param == name


def test_min_tokens_beyond_max_tokens():
    with pytest.raises(InvalidRequest, match="at most 5"):
        SamplingParams(max_tokens=5, min_tokens=6).check()


def test_good_values_pass():
    params = SamplingParams(temperature=0, top_k=0, top_p=1, seed=-5, stop=("\n",), logit_bias={3: -100.0})
    assert params.check(10) is params


def test_none_takes_the_models_default():
    defaults = {"do_sample": True, "temperature": 0.6, "top_p": 0.95, "top_k": 20, "repetition_penalty": 1.05}
    params = SamplingParams(top_k=5).resolve(defaults)
    assert (params.temperature, params.top_p, params.top_k, params.min_p, params.repetition_penalty) == (
        0.6,
        0.95,
        5,
        0.0,
        1.05,
    )
    assert SamplingParams().resolve({"do_sample": False, "temperature": 0.6}).temperature == 0.0
    assert SamplingParams().resolve({}).temperature == 1.0
    assert SamplingParams(temperature=0.0).resolve(defaults).temperature == 0.0


def test_a_seed_is_drawn_when_none_is_given():
    seeds = {SamplingParams().resolve({}).seed for _ in range(4)}
    assert len(seeds) == 4
    assert SamplingParams(seed=7).resolve({}).seed == 7


def test_what_the_engine_gets():
    params = SamplingParams(seed=-1, logit_bias={9: 1.0, 2: 2.0}, n=3).resolve({})
    engine = params.for_engine((5,), 2)
    assert engine.seed == 2**64 - 1
    assert engine.logit_bias == ((2, 2.0), (9, 1.0))
    assert (engine.sample_index, engine.stop_ids) == (2, (5,))


@pytest.mark.parametrize(
    "bad",
    [
        {"stop": "END"},  # would be three stop strings of a letter each
        {"stop": None},
        {"stop_token_ids": 5},
        {"stop_token_ids": (True,)},
        {"logit_bias": None},
        {"logit_bias": [1]},
        {"logit_bias": {1: 10**400}},
        {"typical_p": None},
        {"presence_penalty": None},
        {"n": None},
        {"min_tokens": None},
        {"min_tokens": 10**12},
        {"max_tokens": 10**12},
        {"top_k": 10**12},
        {"temperature": 10**400},
        {"temperature": float("nan")},
        {"ignore_eos": "no"},
    ],
    ids=str,
)
def test_values_of_another_kind_are_named(bad):
    (name,) = bad
    with pytest.raises(InvalidRequest, match=f"^{name} ") as refused:
        SamplingParams(**bad).check(100)
    assert refused.value.param == name


def test_a_temperature_of_0_in_the_models_defaults_is_greedy():
    assert SamplingParams().resolve({"temperature": 0.0}).temperature == 0.0
    assert SamplingParams().resolve({"do_sample": True}).temperature == 1.0
    assert SamplingParams().resolve({"top_p": 0.5}).temperature == 0.0  # as Transformers: no sampling unless it says so
    assert SamplingParams().resolve({}).temperature == 1.0
