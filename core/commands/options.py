"""Arguments that several verbs share: the model, and everything the sampler takes."""

from __future__ import annotations

import argparse
import json
import os
import sys
from typing import TYPE_CHECKING, Any

from core.config import load_config
from core.errors import InvalidRequest

if TYPE_CHECKING:  # what runs a model takes half a second to load: most verbs run none
    from core.commands.remote import RemoteModel
    from core.llm import LLM
    from core.sampling import SamplingParams


def add_model(parser: argparse.ArgumentParser, *, optional: bool = False) -> None:
    nargs = "?" if optional else None
    parser.add_argument("model", nargs=nargs, default="demo", help="demo, an installed name, or a checkpoint folder")
    parser.add_argument("--backend", help="what runs the model (default: from the configuration)")
    parser.add_argument("--kv-tokens", type=int, metavar="N", help="tokens that the KV cache holds")


def add_service(parser: argparse.ArgumentParser) -> None:
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--service", action="store_true", help="use the background service; start it if there is none")
    where.add_argument(
        "--local", action="store_true", help="run the model in this process, even if a service is running"
    )


def add_json(parser: argparse.ArgumentParser, what: str) -> None:
    parser.add_argument("--json", action="store_true", help=f"print {what} as JSON on stdout, and nothing else there")


def add_sampling(parser: argparse.ArgumentParser) -> None:
    """One flag per field of SamplingParams; what is not given keeps the field's default."""
    group = parser.add_argument_group("sampling (what is not given follows the model's generation_config.json)")
    number: tuple[tuple[str, str], ...] = (
        ("temperature", "0 is greedy"),
        ("top_p", "keep the likeliest tokens that make up this mass"),
        ("min_p", "drop tokens less likely than this share of the likeliest"),
        ("typical_p", "locally typical sampling"),
        ("repetition_penalty", "above 1: avoid what was said"),
        ("presence_penalty", "subtracted once from tokens already generated"),
        ("frequency_penalty", "subtracted per occurrence of tokens already generated"),
    )
    whole: tuple[tuple[str, str], ...] = (
        ("top_k", "keep the K likeliest tokens; 0 is off"),
        ("seed", "same seed, same text"),
        ("n", "independent answers per prompt"),
        ("max_tokens", "longest answer"),
        ("min_tokens", "do not stop before so many tokens"),
        ("logprobs", "log-probabilities of the chosen and the K likeliest tokens"),
    )
    for name, text in number:
        group.add_argument(_flag(name), type=float, metavar="X", help=text)
    for name, text in whole:
        group.add_argument(_flag(name), type=int, metavar="K", help=text)
    group.add_argument("--stop", action="append", metavar="TEXT", help="end the answer at this text (repeatable)")
    group.add_argument("--include-stop", action="store_true", default=None, help="keep the stop text in the answer")
    group.add_argument("--stop-token-ids", type=int, nargs="+", metavar="ID", help="end the answer at these tokens")
    group.add_argument("--ignore-eos", action="store_true", default=None, help="the model's end token does not end it")
    group.add_argument("--logit-bias", action="append", metavar="ID=BIAS", help="added to a token's logit (repeatable)")


def sampling_from(args: argparse.Namespace) -> SamplingParams:
    """The SamplingParams of parsed arguments. Raises InvalidRequest."""
    from core.sampling import SamplingParams

    values: dict[str, Any] = {}
    for field in SamplingParams.__struct_fields__:
        value = getattr(args, field, None)
        if value is not None:
            values[field] = tuple(value) if isinstance(value, list) else value
    if args.logit_bias:
        values["logit_bias"] = dict(_bias(item) for item in args.logit_bias)
    return SamplingParams(**values).check()


def _bias(item: str) -> tuple[int, float]:
    token, _, bias = item.partition("=")
    try:
        return int(token), float(bias)
    except ValueError as error:
        raise InvalidRequest(
            f"--logit-bias is '{item}'; write a token id and a number, such as 42=-5.", "logit_bias"
        ) from error


def _flag(name: str) -> str:
    return "--" + name.replace("_", "-")


def open_model(args: argparse.Namespace) -> LLM | RemoteModel:
    """The running service's model, or one in this process (core.commands.remote says when)."""
    from core.commands.remote import (
        open_remote,
    )  # an HTTP client: half a second that an engine in this process never needs

    may_be_remote = args.service or (not args.local and load_config(os.environ).places.service_lock.exists())
    return (open_remote(args) if may_be_remote else None) or open_llm(args)


def open_llm(args: argparse.Namespace, **options: Any) -> LLM:
    from core.llm import LLM

    return LLM(args.model, backend=args.backend, kv_tokens=args.kv_tokens, **options)


def print_json(value: object) -> None:
    """One JSON object on one line of stdout, at once."""
    print(json.dumps(value, ensure_ascii=False), flush=True)


def note(text: str) -> None:
    """A line for the person at the terminal."""
    print(text, file=sys.stderr, flush=True)
