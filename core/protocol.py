"""Every frame between whoever submits requests (service, `LLM`) and the engine loop. Frozen, tagged msgspec structs.

    service -> worker   Hello, Load, then Submit, Cancel, Finish, UpdateWeights, GetStatus, Shutdown in any order
    worker -> service   Hello, LoadProgress*, Ready, then Events, Status, WeightsUpdated; Heartbeat all the while; Fault

Every Submit that a worker received is answered by any number of Progress and Tokens, one SampleEnd for each of its n samples
(none, where it was refused), and exactly one Done, last. All events of one step travel in one Events frame.

Hello comes first in both directions and never changes its shape: a version that differs ends the connection, in words.
"""

from __future__ import annotations

import enum

import msgspec

from core.errors import InternalError
from core.grammar.source import GrammarSource as GrammarSource
from core.sampling import SamplingParams

PROTOCOL_VERSION = 3


class ProtocolError(InternalError):
    """Bytes that are no frame of this version: a bug, or another version of Deskside on the other side."""


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
    and the user's). `grammar`: only what it derives is generated."""

    request: int
    prompt_ids: list[int]
    params: SamplingParams
    stop_ids: tuple[int, ...] = ()
    priority: Priority = Priority.INTERACTIVE
    client: str = ""
    wants_progress: bool = False
    grammar: GrammarSource | None = None


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
    """The one terminal event. Where `outcome` is FAILED, `code` (of an error in core.errors) and `message` say what went wrong,
    and `param` names the parameter that is to blame, if one is."""

    request: int
    outcome: Outcome
    prompt_tokens: int
    cached_tokens: int
    output_tokens: int
    code: str = ""
    message: str = ""
    param: str = ""


Event = Tokens | SampleEnd | Progress | Done


# --- a worker's life --------------------------------------------------------------------------------------------------------


class Phase(enum.StrEnum):
    """What a worker does. Each but IDLE and BLOCKED has a deadline. BLOCKED: the service does not read what it sends."""

    LOAD = "load"
    COMPILE = "compile"
    CAPTURE = "capture"
    STEP = "step"
    UPDATE = "update"
    IDLE = "idle"
    BLOCKED = "blocked"


class Deadlines(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds after which a phase that goes on counts as hung. `start_s`: from creating the process to its first frame.
    A step may take `step_s` and time for its planned tokens (core.worker.pulse): `token_s` each while no step was measured.
    `silence_s`: no heartbeat although nothing is to be done."""

    start_s: float = 120.0
    load_s: float = 1800.0
    compile_s: float = 3600.0
    capture_s: float = 600.0
    step_s: float = 30.0
    token_s: float = 1.0
    update_s: float = 1800.0
    silence_s: float = 30.0


class EngineOptions(msgspec.Struct, frozen=True, kw_only=True):
    """How a worker opens its engine; see `engines.factory.open_engine`. `max_waiting`: sequences that may wait.
    `target`: "module:function" that makes the engine instead, called with the JSON object `arguments` as keywords: for
    tests and benchmarks, never from a request."""

    backend: str = "auto"
    num_slots: int = 64
    max_tokens: int = 512
    kv_tokens: int | None = None
    kv_bytes: int | None = None
    page_size: int = 16
    threads: int | None = None
    deterministic: bool = False
    kv_dtype: str = "auto"
    max_waiting: int = 1024
    target: str = ""
    arguments: str = "{}"


class Hello(Frame, frozen=True):
    """The first frame in each direction."""

    version: int


class Load(Frame, frozen=True):
    """Load the model in `folder`. `heartbeat_s`: seconds between heartbeats. `grammar_s`: a grammar that takes longer to
    compile is refused."""

    folder: str
    options: EngineOptions = EngineOptions()
    deadlines: Deadlines = Deadlines()
    heartbeat_s: float = 0.5
    grammar_s: float = 30.0


class LoadProgress(Frame, frozen=True):
    """`done` of `total` (0: unknown) in a phase of loading."""

    phase: Phase
    done: int
    total: int


class Ready(Frame, frozen=True):
    """The engine is loaded. `capacity`: most tokens of one sequence, the context or what the KV pages hold. `num_pages`
    without the dummy page."""

    model: str
    backend: str
    precision: str
    model_revision: str
    vocab_size: int
    max_context: int
    capacity: int
    max_tokens: int
    num_slots: int
    page_size: int
    num_pages: int
    bytes_per_page: int
    kv_dtype: str
    lookahead: int
    pid: int
    load_s: float


class Heartbeat(Frame, frozen=True):
    """`now`, `started` and `deadline` are seconds on the worker's own clock: only their differences mean something elsewhere.
    `started`: when the phase, or step number `step`, began."""

    phase: Phase
    step: int
    now: float
    started: float
    deadline: float | None


class Events(Frame, frozen=True):
    """All events of one turn, in order."""

    events: tuple[Event, ...]


class GetStatus(Frame, frozen=True):
    """Answered by a Status with the same `ticket`. `detail`: with the sequences, at most 1024 of them."""

    ticket: int
    detail: bool = False


class SequenceStatus(Frame, frozen=True):
    """One sequence, in tokens: of `total` known ones `computed` are in the KV cache, `cached` of these were found there;
    it ends at `max_total` at the latest."""

    request: int
    index: int
    state: str
    prompt: int
    cached: int
    computed: int
    total: int
    max_total: int
    pages: int


class Status(Frame, frozen=True):
    """How a worker is doing. Counters count from its start; rates and step times are of the time since the last Status that
    was sent unasked (about a second while it works). `ticket`: of the GetStatus that asked, else 0."""

    ticket: int
    requests: int
    running: int
    waiting: int
    grammars: int
    pages_free: int
    pages_cached: int
    pages_held: int
    slots_used: int
    steps: int
    preemptions: int
    prompt_tokens: int
    cached_tokens: int
    output_tokens: int
    completed: int
    cancelled: int
    failed: int
    output_tokens_per_s: float
    prompt_tokens_per_s: float
    step_s_mean: float
    step_s_max: float
    weight_version: int
    sequences: tuple[SequenceStatus, ...] = ()


class UpdateWeights(Frame, frozen=True):
    """Replace the weights by those of the checkpoint in `folder`, between steps. Answered by a WeightsUpdated."""

    ticket: int
    folder: str


class WeightsUpdated(Frame, frozen=True):
    """`version` counts updates. With a `code` nothing changed."""

    ticket: int
    version: int
    seconds: float
    code: str = ""
    message: str = ""


class Shutdown(Frame, frozen=True):
    """Take no new request, let the open ones finish for at most `grace_s` seconds, cancel the rest, exit."""

    grace_s: float = 0.0


class Fault(Frame, frozen=True):
    """Why the worker is about to exit. `message` is for the user where `code` is that of a UserError, else for the log."""

    code: str
    message: str


ToWorker = Hello | Load | Submit | Cancel | Finish | UpdateWeights | GetStatus | Shutdown
FromWorker = Hello | LoadProgress | Ready | Heartbeat | Events | Status | WeightsUpdated | Fault

# A tag that is no UTF-8 and arrays within arrays within arrays are not MsgspecErrors.
_UNREADABLE = (msgspec.MsgspecError, ValueError, RecursionError)

_encoder = msgspec.msgpack.Encoder()
_to_worker: msgspec.msgpack.Decoder[ToWorker] = msgspec.msgpack.Decoder(ToWorker)
_from_worker: msgspec.msgpack.Decoder[FromWorker] = msgspec.msgpack.Decoder(FromWorker)


def encode(frame: Frame) -> bytes:
    """The bytes of one frame. From any thread."""
    return _encoder.encode(frame)


def decode_to_worker(data: bytes) -> ToWorker:
    """Raises ProtocolError."""
    try:
        return _to_worker.decode(data)
    except _UNREADABLE as error:
        raise ProtocolError(f"A frame to the worker cannot be read ({error}).") from error


def decode_from_worker(data: bytes) -> FromWorker:
    """Raises ProtocolError."""
    try:
        return _from_worker.decode(data)
    except _UNREADABLE as error:
        raise ProtocolError(f"A frame of the worker cannot be read ({error}).") from error
