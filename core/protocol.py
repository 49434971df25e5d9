"""Every frame between whoever submits requests (service, `LLM`) and the engine loop. Frozen, tagged msgspec structs.

Every accepted Submit is answered by any number of Progress and Tokens, one SampleEnd for each of its n samples, and exactly
one Done, last.
"""

from __future__ import annotations

import enum

import msgspec

from core.sampling import SamplingParams

PROTOCOL_VERSION = 1


class Priority(enum.IntEnum):
    """INTERACTIVE goes first; BATCH always progresses."""

    INTERACTIVE = 0
    BATCH = 1


class FinishReason(enum.StrEnum):
    """Why a sample ended. STOP: an end token, stop string or finished grammar. LENGTH: max_tokens or the context."""

    STOP = "stop"
    LENGTH = "length"
    CANCELLED = "cancelled"
    ERROR = "error"


class Outcome(enum.StrEnum):
    """How a whole request ended. COMPLETED: each sample has its own FinishReason."""

    COMPLETED = "completed"
    CANCELLED = "cancelled"
    FAILED = "failed"


class Frame(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """Root of all frames."""


class Submit(Frame, frozen=True):
    """Run a request. `params` is resolved and checked; `stop_ids` are the token ids that end it (end tokens unless ignored,
    and the user's)."""

    request: int
    prompt_ids: list[int]
    params: SamplingParams
    stop_ids: tuple[int, ...] = ()
    priority: Priority = Priority.INTERACTIVE
    client: str = ""
    wants_progress: bool = False


class Cancel(Frame, frozen=True):
    """End a request now; its Done follows. Unknown or finished requests are ignored."""

    request: int


class Finish(Frame, frozen=True):
    """The text layer found a stop string: end sample `index`, of whose tokens the first `keep_tokens` count."""

    request: int
    index: int
    keep_tokens: int


class TokenLogprob(Frame, frozen=True):
    """`logprob` of the chosen token, and the most likely tokens with theirs, best first."""

    logprob: float
    top: tuple[tuple[int, float], ...] = ()


class Tokens(Frame, frozen=True):
    """New tokens of one sample, in order, an end token included; `logprobs` as many, where asked for."""

    request: int
    index: int
    ids: tuple[int, ...]
    logprobs: tuple[TokenLogprob, ...] = ()


class SampleEnd(Frame, frozen=True):
    """Sample `index` is over. `stop_token`: the id that ended it, if one did: the last of its tokens, not part of the text."""

    request: int
    index: int
    reason: FinishReason
    output_tokens: int
    stop_token: int | None = None


class Progress(Frame, frozen=True):
    """Prompt tokens computed so far, of `total`, of which `cached` came from the prefix cache."""

    request: int
    computed: int
    total: int
    cached: int


class Done(Frame, frozen=True):
    """The one terminal event. `code` and `message` say what went wrong where `outcome` is FAILED."""

    request: int
    outcome: Outcome
    prompt_tokens: int
    cached_tokens: int
    output_tokens: int
    code: str = ""
    message: str = ""


Event = Tokens | SampleEnd | Progress | Done
