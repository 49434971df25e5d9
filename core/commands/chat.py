"""Talk with a model. Without --prompt, a conversation: one line per message from stdin.

In a conversation: /reset starts anew, /retry answers again, /exit (or Ctrl+D) leaves; Ctrl+C stops an answer.
"""

from __future__ import annotations

import argparse
import sys
import time
from typing import TYPE_CHECKING, Any

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
from core.errors import InvalidRequest
from core.llm import LLM
from core.results import Result
from core.sampling import SamplingParams

if TYPE_CHECKING:
    from core.commands.remote import RemoteModel

Messages = list[dict[str, Any]]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_model(parser, optional=True)
    parser.add_argument("--prompt", metavar="TEXT", help="answer this and leave")
    parser.add_argument("--system", metavar="TEXT", help="system prompt")
    parser.add_argument("--quiet", action="store_true", help="no statistics on stderr")
    add_service(parser)
    add_json(parser, "each answer")
    add_sampling(parser)


def run(args: argparse.Namespace) -> int:
    params = sampling_from(args)
    opening: Messages = [{"role": "system", "content": args.system}] if args.system else []
    with open_model(args) as llm:
        if args.prompt is not None:
            answer(llm, [*opening, {"role": "user", "content": args.prompt}], params, args)
            return 0
        return converse(llm, opening, params, args)


def converse(llm: LLM | RemoteModel, opening: Messages, params: SamplingParams, args: argparse.Namespace) -> int:
    """Read lines until the input ends; keep the conversation as messages, so that each turn reuses the cache of the last."""
    at_terminal = sys.stdin.isatty() and sys.stdout.isatty() and not args.json
    if at_terminal:
        note(
            f"{args.model}, {llm.context:,} tokens of context, on {llm.backend}. /exit leaves, Ctrl+C stops an answer."
        )
    messages = list(opening)
    while True:
        line = _read_line(at_terminal)
        if line is None or line in ("/exit", "/quit"):
            return 0
        if line == "/reset":
            messages = list(opening)
            note("A new conversation.")
            continue
        if line == "/retry":
            if not messages or messages[-1]["role"] != "assistant":
                note("There is no answer to try again.")
                continue
            messages.pop()
        elif not line.strip():
            continue
        else:
            messages.append({"role": "user", "content": line})
        try:
            text = answer(llm, messages, params, args)
        except InvalidRequest as error:
            if not at_terminal:
                raise
            note(f"{error.message} (/reset starts anew.)")  # a conversation is not thrown away for one message
            if messages and messages[-1]["role"] == "user":
                messages.pop()
            continue
        messages.append({"role": "assistant", "content": text})


def answer(llm: LLM | RemoteModel, messages: Messages, params: SamplingParams, args: argparse.Namespace) -> str:
    """Stream one answer to stdout; returns its text, in part if it was stopped."""
    started = time.perf_counter()
    first: float | None = None
    text = ""
    # Several samples cannot be shown at once while they grow, so they are shown when they are done.
    live = not args.json and params.n == 1
    with llm.stream(messages, params) as stream:
        try:
            for delta in stream:
                first = first or time.perf_counter()
                if delta.index == 0:
                    text += delta.text
                    if live:
                        sys.stdout.write(delta.text)
                        sys.stdout.flush()
        except KeyboardInterrupt:
            if args.prompt is not None:
                raise
            note("\n(stopped)")
            return text
        result = stream.result
    if args.json:
        print_json(result_json(result, with_ids=isinstance(llm, LLM)))
    elif live:
        print(flush=True)
    else:
        for i, sample in enumerate(result.samples):
            print(f"[{i + 1}] {sample.text}", flush=True)
    if not args.quiet and not args.json:
        note(_statistics(result, (first or started) - started, time.perf_counter() - (first or started), llm))
    return text


def _read_line(at_terminal: bool) -> str | None:
    try:
        return input("> " if at_terminal else "")
    except EOFError:
        return None
    except UnicodeDecodeError as error:
        raise InvalidRequest(f"stdin is not UTF-8 text ({error.reason} at byte {error.start}).") from error
    except KeyboardInterrupt:
        note("")
        return None


def _statistics(result: Result, first_token: float, rest: float, llm: LLM | RemoteModel) -> str:
    usage = result.usage
    used = usage.prompt_tokens + usage.output_tokens
    speed = (usage.output_tokens - 1) / rest if usage.output_tokens > 1 and rest > 0 else 0.0
    cached = f", {usage.cached_tokens} of {usage.prompt_tokens} prompt tokens from cache" if usage.cached_tokens else ""
    return (
        f"[{usage.output_tokens} tokens, {speed:.0f} tokens/s, first after {first_token:.2f} s{cached}; "
        f"context {used} of {llm.context}]"
    )
