"""SamplingParams: what a user may ask of one generation. Checked once, here; None means "the model's own default"."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any

import msgspec

from core.errors import InvalidRequest
from engines.api import SamplerParams

MAX_N = 128
MAX_LOGPROBS = 32
MAX_STOP = 64
MAX_BIAS = 2048
MAX_COUNT = 2**31 - 1  # engines count in int32
_NEVER_NONE = ("typical_p", "presence_penalty", "frequency_penalty", "n", "min_tokens")
_SWITCHES = ("include_stop", "ignore_eos", "skip_special_tokens")
_DEFAULTS = ("temperature", "top_k", "top_p", "min_p", "repetition_penalty")


class SamplingParams(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Sampling and stopping of one request. Order and definitions: `engines.api.sampling.SamplerParams`.

    `temperature`, `top_k`, `top_p`, `min_p`, `repetition_penalty`: None takes the model's generation_config.json, else
    1.0 (temperature), 0 (top_k), 1.0, 0.0, 1.0. temperature 0 is greedy. `seed` None draws one. `n`: independent answers.
    `stop`: strings that end the text (left out of it unless `include_stop`); `stop_token_ids`: the same for tokens.
    `max_tokens` None: until the context is full. `min_tokens`: no stop before. `ignore_eos`: the model's own end tokens do
    not stop. `logprobs`: k >= 0 asks for the chosen token's log-probability and the k most likely.
    `logit_bias`: token id -> added logit.
    """

    temperature: float | None = None
    top_k: int | None = None
    top_p: float | None = None
    min_p: float | None = None
    typical_p: float = 1.0
    repetition_penalty: float | None = None
    presence_penalty: float = 0.0
    frequency_penalty: float = 0.0
    logit_bias: dict[int, float] = {}
    seed: int | None = None
    n: int = 1
    stop: tuple[str, ...] = ()
    include_stop: bool = False
    stop_token_ids: tuple[int, ...] = ()
    max_tokens: int | None = None
    min_tokens: int = 0
    ignore_eos: bool = False
    logprobs: int | None = None
    skip_special_tokens: bool = True

    def check(self, vocab_size: int | None = None) -> SamplingParams:
        """Return self, or raise InvalidRequest naming the first bad parameter, its value and what is allowed."""
        self._check_types()
        _number("temperature", self.temperature, 0.0, 100.0)
        _whole("top_k", self.top_k, 0, MAX_COUNT)
        _number("top_p", self.top_p, 0.0, 1.0, above=True)
        _number("min_p", self.min_p, 0.0, 1.0)
        _number("typical_p", self.typical_p, 0.0, 1.0, above=True)
        _number("repetition_penalty", self.repetition_penalty, 0.0, 100.0, above=True)
        _number("presence_penalty", self.presence_penalty, -100.0, 100.0)
        _number("frequency_penalty", self.frequency_penalty, -100.0, 100.0)
        _whole("n", self.n, 1, MAX_N)
        _whole("seed", self.seed, -(2**63), 2**64 - 1)
        _whole("max_tokens", self.max_tokens, 1, MAX_COUNT)
        _whole("min_tokens", self.min_tokens, 0, MAX_COUNT if self.max_tokens is None else self.max_tokens)
        _whole("logprobs", self.logprobs, 0, MAX_LOGPROBS)
        if len(self.stop) > MAX_STOP or any(not isinstance(text, str) or not text for text in self.stop):
            raise InvalidRequest(f"stop takes at most {MAX_STOP} strings, none of them empty.", "stop")
        if len(self.logit_bias) > MAX_BIAS:
            raise InvalidRequest(
                f"logit_bias takes at most {MAX_BIAS} tokens, {len(self.logit_bias)} were given.", "logit_bias"
            )
        for token, bias in self.logit_bias.items():
            _token("logit_bias", token, vocab_size)
            _number("logit_bias", bias, -1000.0, 1000.0)
        for token in self.stop_token_ids:
            _token("stop_token_ids", token, vocab_size)
        return self

    def _check_types(self) -> None:
        """Python checks none when it makes one of these, and a wrong one would fail far from here, or mean something else."""
        for name in _NEVER_NONE:
            if getattr(self, name) is None:
                raise InvalidRequest(f"{name} is None; leave it out or give a number.", name)
        for name in _SWITCHES:
            if not isinstance(getattr(self, name), bool):
                raise InvalidRequest(f"{name} is {getattr(self, name)!r}; it must be True or False.", name)
        for name, items in (("stop", "texts"), ("stop_token_ids", "token ids")):
            if not isinstance(getattr(self, name), (tuple, list)):
                raise InvalidRequest(f"{name} is {getattr(self, name)!r}; it must be a list of {items}.", name)
        if not isinstance(self.logit_bias, dict):
            raise InvalidRequest(f"logit_bias is {self.logit_bias!r}; it must map token ids to numbers.", "logit_bias")

    def resolve(self, defaults: Mapping[str, Any]) -> SamplingParams:
        """Fill every None from the model's generation defaults (keys of generation_config.json) and draw the seed."""
        temperature = self.temperature
        if temperature is None:
            sampled = defaults.get("do_sample", "temperature" in defaults)
            written = defaults.get("temperature")
            temperature = 1.0 if written is None else float(written)
            if defaults and not sampled:
                temperature = 0.0

        def pick(value: Any, key: str, neutral: Any) -> Any:
            if value is not None:
                return value
            default = defaults.get(key)
            return neutral if default is None else type(neutral)(default)

        return msgspec.structs.replace(
            self,
            temperature=temperature,
            top_k=pick(self.top_k, "top_k", 0),
            top_p=pick(self.top_p, "top_p", 1.0),
            min_p=pick(self.min_p, "min_p", 0.0),
            repetition_penalty=pick(self.repetition_penalty, "repetition_penalty", 1.0),
            seed=secrets.randbits(63) if self.seed is None else self.seed,
        )

    def for_engine(self, stop_ids: tuple[int, ...], sample_index: int) -> SamplerParams:
        """The numbers an engine needs, for sample `sample_index` of a resolved request."""
        return SamplerParams(
            temperature=1.0 if self.temperature is None else self.temperature,
            top_k=self.top_k or 0,
            top_p=1.0 if self.top_p is None else self.top_p,
            min_p=self.min_p or 0.0,
            typical_p=self.typical_p,
            repetition_penalty=1.0 if self.repetition_penalty is None else self.repetition_penalty,
            presence_penalty=self.presence_penalty,
            frequency_penalty=self.frequency_penalty,
            logit_bias=tuple(sorted(self.logit_bias.items())),
            min_tokens=self.min_tokens,
            stop_ids=stop_ids,
            seed=(self.seed or 0) & 0xFFFFFFFFFFFFFFFF,
            sample_index=sample_index,
            logprobs=self.logprobs,
        )


def check_defaults(defaults: Mapping[str, Any]) -> None:
    """Of a model's generation_config.json what `resolve` takes. Raises InvalidRequest."""
    given = {name: defaults[name] for name in _DEFAULTS if defaults.get(name) is not None}
    if isinstance(top_k := given.get("top_k"), float) and top_k.is_integer():
        given["top_k"] = int(top_k)
    SamplingParams(**given).check()


def _number(name: str, value: float | None, low: float, high: float, *, above: bool = False) -> None:
    if value is None:
        return
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not is_number or not low <= value <= high or (above and value == low):  # NaN is in no range
        start = f"above {low:g}" if above else f"at least {low:g}"
        raise InvalidRequest(f"{name} is {value!r}; it must be a number {start} and at most {high:g}.", name)


def _whole(name: str, value: int | None, low: int, high: int | None) -> None:
    if value is None:
        return
    if not isinstance(value, int) or isinstance(value, bool) or value < low or (high is not None and value > high):
        end = "" if high is None else f" and at most {high}"
        raise InvalidRequest(f"{name} is {value!r}; it must be a whole number of at least {low}{end}.", name)


def _token(name: str, value: int, vocab_size: int | None) -> None:
    if (
        not isinstance(value, int)
        or isinstance(value, bool)
        or value < 0
        or (vocab_size is not None and value >= vocab_size)
    ):
        end = "" if vocab_size is None else f" below {vocab_size}"
        raise InvalidRequest(f"{name} holds {value!r}; token ids are whole numbers from 0{end}.", name)
