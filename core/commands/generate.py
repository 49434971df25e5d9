"""Complete prompts. --jsonl reads one request per line:

    {"prompt": "text"} or {"prompt_ids": [1, 2]} or {"messages": [{"role": "user", "content": "..."}]},
    with "id" (copied to its result) and "params" (fields of SamplingParams) as you like.

All requests run in flight together; results come in the order of the input.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import msgspec

from core.commands.options import (
    add_json,
    add_model,
    add_sampling,
    add_service,
    note,
    open_model,
    print_json,
    sampling_from,
)
from core.commands.results import result_json
from core.errors import InvalidRequest, NotFound
from core.llm import LLM, PromptLike
from core.protocol import FinishReason, Priority
from core.results import Result
from core.sampling import SamplingParams

if TYPE_CHECKING:
    from core.commands.remote import RemoteModel


@dataclass(frozen=True, slots=True)
class _Item:
    """One line of the input."""

    prompt: PromptLike
    params: SamplingParams
    label: dict[str, Any]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_model(parser)
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--prompt", metavar="TEXT", action="append", help="a prompt (repeatable)")
    source.add_argument("--file", metavar="F", help="a file whose whole text is the prompt; - is stdin")
    source.add_argument("--jsonl", metavar="IN", help="a file with one request per line; - is stdin")
    parser.add_argument("--chat", action="store_true", help="put prompts through the model's chat template")
    parser.add_argument(
        "--out", metavar="OUT", help="write results here as JSON Lines; the file appears when all are done"
    )
    add_service(parser)
    add_json(parser, "each result")
    add_sampling(parser)


def run(args: argparse.Namespace) -> int:
    params = sampling_from(args)
    items = list(_items(args, params))
    if args.out and not Path(args.out).expanduser().absolute().parent.is_dir():
        raise NotFound(f"The folder of '{args.out}' does not exist; make it first.")
    if args.out and Path(args.out).expanduser().is_dir():
        raise InvalidRequest(f"'{args.out}' is a folder; give the name of a file to write.", "out")
    if any(_needs_ids(item) for item in items) and not args.service:
        args.local = True
    with open_model(args) as llm:
        plain = not (args.out or args.json or args.jsonl)
        if isinstance(llm, LLM) and plain and len(items) == 1 and items[0].params.n == 1:
            stream = llm.stream(items[0].prompt, items[0].params)
            for delta in stream:
                sys.stdout.write(delta.text)
                sys.stdout.flush()
            print(flush=True)
            _explain_silence(llm, items, [stream.result])
            return 0
        with _sink(args, isinstance(llm, LLM)) as write:
            results = _results(llm, items, args)
            for item, result in zip(items, results, strict=True):
                write(item, result)
        _explain_silence(llm, items, results)
    return 0


def _needs_ids(item: _Item) -> bool:
    """The service speaks text: prompts as ids and log-probabilities by id are for an engine in this process."""
    is_ids = not isinstance(item.prompt, str) and isinstance(item.prompt[0], int)
    return is_ids or item.params.logprobs is not None


def _explain_silence(llm: LLM | RemoteModel, items: list[_Item], results: list[Result]) -> None:
    """A chat model that is given a plain text often sees a finished turn, and ends at once: say so once."""
    silent = any(
        isinstance(item.prompt, str)
        and not result.text
        and result.finish_reason is FinishReason.STOP
        and not isinstance(result.samples[0].stop, str)  # a stop text is what the user asked for
        for item, result in zip(items, results, strict=True)
    )
    if silent and (not isinstance(llm, LLM) or llm.prompts.template is not None):
        note("The model ended at once, with no text. It is made for conversations: add --chat.")


def _results(llm: LLM | RemoteModel, items: list[_Item], args: argparse.Namespace) -> list[Result]:
    from tqdm import tqdm

    prompts = [item.prompt for item in items]
    priority = Priority.BATCH if args.jsonl else Priority.INTERACTIVE
    with tqdm(total=len(items), unit="prompt", disable=not sys.stderr.isatty() or len(items) == 1) as bar:

        def advance(_index: int, _result: Result) -> None:
            bar.update()

        return llm.generate_many(prompts, [item.params for item in items], priority=priority, on_done=advance)


def _items(args: argparse.Namespace, params: SamplingParams) -> Iterator[_Item]:
    if args.prompt is not None:
        for text in args.prompt:
            yield _Item(_as_chat(text) if args.chat else text, params, {})
    elif args.file is not None:
        text = _read(args.file)
        yield _Item(_as_chat(text) if args.chat else text, params, {})
    else:
        for number, line in enumerate(_read(args.jsonl).split("\n"), 1):
            if line.strip():
                yield _parse_line(line, f"{args.jsonl}, line {number}", params, args.chat)


def _parse_line(line: str, where: str, params: SamplingParams, chat: bool) -> _Item:
    try:
        value = json.loads(line)
    except ValueError as error:
        raise InvalidRequest(f"{where} is not valid JSON ({error}).") from error
    known = {"id", "params", "prompt", "prompt_ids", "messages"}
    sources = [key for key in ("prompt", "prompt_ids", "messages") if isinstance(value, dict) and key in value]
    if len(sources) != 1 or not set(value) <= known:
        raise InvalidRequest(
            f"{where} must be an object with one of prompt, prompt_ids or messages, and besides only id and params."
        )
    own = value.get("params", {})
    try:
        merged = msgspec.convert(msgspec.to_builtins(params) | own, SamplingParams).check()
    except (msgspec.ValidationError, TypeError) as error:
        raise InvalidRequest(f"{where} has params that cannot be used ({error}).", "params") from error
    except InvalidRequest as error:
        raise InvalidRequest(f"{where}: {error.message}", error.param) from error
    prompt = value[sources[0]]
    right = isinstance(prompt, str) if sources[0] == "prompt" else isinstance(prompt, list) and bool(prompt)
    if not right:
        raise InvalidRequest(f"{where} has a {sources[0]} that is no {'text' if sources[0] == 'prompt' else 'list'}.")
    if chat and isinstance(prompt, str):
        prompt = _as_chat(prompt)
    return _Item(prompt, merged, {"id": value["id"]} if "id" in value else {})


def _as_chat(text: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": text}]


def _read(name: str) -> str:
    try:
        text = sys.stdin.read() if name == "-" else Path(name).read_text(encoding="utf-8")
        return text.removeprefix("\ufeff")  # editors on Windows write one
    except FileNotFoundError as error:
        raise NotFound(f"There is no file '{name}'.") from error
    except OSError as error:
        raise NotFound(f"'{name}' cannot be read ({error.strerror}).") from error
    except UnicodeDecodeError as error:
        raise InvalidRequest(f"'{name}' is not UTF-8 text ({error.reason} at byte {error.start}).") from error


@contextmanager
def _sink(args: argparse.Namespace, with_ids: bool) -> Iterator[Any]:
    """Where results go: stdout as text or JSON, or a file that takes its name only when everything is in it."""
    if not args.out:
        yield (
            lambda item, result: (
                print_json(result_json(result, with_ids=with_ids, **item.label))
                if args.json or args.jsonl
                else print(result.text)
            )
        )
        return
    target = Path(args.out).expanduser()
    part = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        with part.open("w", encoding="utf-8", errors="backslashreplace") as file:
            yield lambda item, result: _write_line(file, result_json(result, with_ids=with_ids, **item.label))
        part.replace(target)
    except OSError as error:
        raise InvalidRequest(f"'{target}' cannot be written ({error.strerror}); nothing was left there.") from error
    finally:
        part.unlink(missing_ok=True)


def _write_line(file: TextIO, value: object) -> None:
    file.write(json.dumps(value, ensure_ascii=False) + "\n")
