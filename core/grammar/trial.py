"""The role `grammar`: a process that tries grammars so that no other has to. It may hang, swell or crash; its parent,
`core.grammar.guard`, then knows what the grammar is worth, and starts another."""

from __future__ import annotations

import random
import sys

import msgspec
import numpy as np
from llguidance import LLMatcher, LLTokenizer

from core.errors import InvalidRequest
from core.grammar.compiler import start_thread
from core.grammar.limits import TRIAL_BYTES, TRIAL_STACK, TRIAL_STEPS, parser_limits
from core.grammar.source import GrammarSource
from core.grammar.validate import NAMES, check, refuse, to_llguidance
from core.grammar.vocabulary import byte_vocabulary
from core.pipes import Connection


class Verdict(msgspec.Struct, frozen=True, array_like=True):
    """`problem`: "" if the grammar is good, else the sentence for whoever sent it."""

    problem: str


def main(connection: Connection) -> None:
    vocabulary = byte_vocabulary()
    limit_memory(TRIAL_BYTES)
    decoder, encoder = msgspec.msgpack.Decoder(GrammarSource), msgspec.msgpack.Encoder()
    for frame in connection:
        source = decoder.decode(frame)
        problems: list[str] = []
        thread = start_thread(lambda source=source, problems=problems: problems.append(try_out(vocabulary, source)), TRIAL_STACK)  # type: ignore[misc]  # fmt: skip
        thread.join()
        connection.send(encoder.encode(Verdict(*problems)))


def try_out(vocabulary: LLTokenizer, source: GrammarSource) -> str:
    """Check, compile, and follow the grammar for a few tokens; the problem found, or ""."""
    try:
        check(source)
        matcher = LLMatcher(vocabulary, to_llguidance(source), log_level=0, limits=parser_limits())
        _walk(matcher, vocabulary.vocab_size)
        if matcher.is_error():
            refuse(source, f"it is too complex ({matcher.get_error().strip().splitlines()[0][:200].rstrip('.')})")
    except InvalidRequest as error:
        return error.message
    except BaseException as error:  # a panic of llguidance arrives as a BaseException
        return f"The {NAMES[source.kind]} cannot be used: llguidance cannot handle it ({type(error).__name__})."
    return ""


def _walk(matcher: LLMatcher, width: int) -> None:
    chance = random.Random(0)
    for _ in range(TRIAL_STEPS):
        if matcher.is_stopped():
            return
        allowed = np.flatnonzero(np.unpackbits(np.frombuffer(matcher.compute_bitmask(), np.uint8), bitorder="little"))
        choices = allowed[allowed < width - 1]  # without the end
        if not len(choices) or not matcher.consume_token(int(chance.choice(choices.tolist()))):
            return


def limit_memory(extra: int) -> None:
    """At most `extra` bytes of address space beyond what is in use. Windows has no such limit: there, time bounds memory."""
    if sys.platform != "win32":
        import resource
        from pathlib import Path

        statm = Path("/proc/self/statm")
        used = int(statm.read_text().split()[0]) * resource.getpagesize() if statm.exists() else 4 << 30
        _, hard = resource.getrlimit(resource.RLIMIT_AS)
        soft = used + extra
        resource.setrlimit(resource.RLIMIT_AS, (soft if hard < 0 else min(soft, hard), hard))
