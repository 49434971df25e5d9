"""What a grammar may cost inside llguidance. Its own limits bound memory and work of most grammars, not of all:
`core.grammar.trial` finds the rest before a worker sees them."""

from __future__ import annotations

from llguidance import LLParserLimits

TRIAL_SECONDS = 2.0  # to check, compile and walk a few tokens, in the trial's child process
TRIAL_BYTES = 1 << 30  # of address space beyond what that process starts with
TRIAL_STACK = 1 << 20  # of the thread that tries a grammar, as small as any: what passes with this much ...
COMPILE_STACK = 16 << 20  # ... cannot overflow this much, however frames differ between builds
COMPILE_SECONDS = 10.0  # in the worker: a large vocabulary costs more than the trial's 256 tokens
TRIAL_STEPS = 24


def parser_limits() -> LLParserLimits:
    """A quarter of the defaults where a served model has no use for more. verbose_errors would put text of the answer
    into messages and logs."""
    return LLParserLimits(max_lexer_states=60_000, max_grammar_size=200_000, verbose_errors=False)
