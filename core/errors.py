"""Errors of the runtime: two families, and the one place where engine errors become ours.

DesksideError
├── UserError                 shown as it is: what happened, why, what to do next
│   ├── InvalidRequest            a parameter, prompt or message that cannot be used (HTTP 400, exit 2)
│   │   ├── NeverFits                 longer than this model or its pages can ever hold; holds the numbers
│   │   └── ConstraintFailed          a grammar that cannot go on
│   ├── NotFound                  a model, file or job that does not exist (404, exit 3)
│   ├── ModelUnusable             its files are corrupt, incomplete or unsupported (422, exit 4)
│   │   ├── ModelUnsupported          known to exist, not implemented here: an architecture, an option, a precision
│   │   ├── ModelDamaged              its config.json or weights are missing, damaged, or contradict each other
│   │   └── EngineStale               a built engine of another driver, GPU, version or revision: build it again
│   │       └── EngineRebuilding          the same, and a job is building it again
│   ├── Busy                      queue full, folder in use; try again (429, exit 5)
│   ├── DeviceUnusable            driver, GPU, memory (503, exit 6)
│   │   ├── DriverUnusable            the NVIDIA driver is missing or too old
│   │   ├── OutOfMemory               memory that is needed is not there, with the numbers
│   │   └── DoesNotFit                a model in a precision, on a GPU: said before anything is built
│   ├── Unavailable               the service or the engine is down or starting (503, exit 7)
│   │   ├── EngineDied                the engine crashed or hung during the request; its partial answer is kept
│   │   └── FilesUnusable             a file or folder cannot be read or written: rights, a disk that failed, gone
│   ├── AccessDenied              the Hub wants a token or an accepted licence (403, exit 8)
│   │   └── TokenNeeded               nobody gave an access token yet
│   └── DiskFull                  too little space on a volume; what was written is kept (507, exit 9)
└── InternalError             logged with its cause; the user sees a generic sentence (500, exit 70)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from engines.api.errors import EngineError


class DesksideError(Exception):
    """Root. `code` is a stable word for programs; `http_status` and `exit_code` are what the edges answer with."""

    code: ClassVar[str] = "internal"
    http_status: ClassVar[int] = 500
    exit_code: ClassVar[int] = 70

    @property
    def message(self) -> str:
        return str(self.args[0]) if self.args else ""


class UserError(DesksideError):
    """Its message is written for the person who sees it."""

    code = "invalid"
    http_status = 400
    exit_code = 2


class InvalidRequest(UserError):
    """A parameter, prompt or message that cannot be used. `param` names it where there is one."""

    code = "invalid_request"

    def __init__(self, message: str, param: str | None = None) -> None:
        super().__init__(message)
        self.param = param


class NeverFits(InvalidRequest):
    """The request can never fit this model's context or this machine's KV pages."""

    code = "context_length_exceeded"


class ConstraintFailed(InvalidRequest):
    """A grammar that could be compiled cannot go on with the answer it has led to."""

    code = "constraint_failed"


class NotFound(UserError):
    code = "not_found"
    http_status = 404
    exit_code = 3


class ModelUnusable(UserError):
    code = "model_unusable"
    http_status = 422
    exit_code = 4


class ModelUnsupported(ModelUnusable):
    """Something real that this version does not implement."""

    code = "model_unsupported"


class ModelDamaged(ModelUnusable):
    """config.json or weights that are missing, damaged, or contradict each other."""

    code = "model_damaged"


class EngineStale(ModelUnusable):
    """A built engine that was changed, or belongs to another driver, GPU, version or revision."""

    code = "engine_stale"


class EngineRebuilding(EngineStale):
    """One that is being built again."""

    code = "engine_rebuilding"


class Busy(UserError):
    """`retry_after`: seconds after which trying again makes sense, if known."""

    code = "busy"
    http_status = 429
    exit_code = 5

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class DeviceUnusable(UserError):
    code = "device_unusable"
    http_status = 503
    exit_code = 6


class DriverUnusable(DeviceUnusable):
    """The NVIDIA driver is missing or too old."""

    code = "driver_unusable"


class OutOfMemory(DeviceUnusable):
    """Memory that is needed is not there."""

    code = "out_of_memory"


class DoesNotFit(DeviceUnusable):
    """A model in a precision needs more than a GPU has, or has not got."""

    code = "does_not_fit"


class Unavailable(UserError):
    """`retry_after`: seconds after which trying again makes sense; None: it needs somebody to do something."""

    code = "unavailable"
    http_status = 503
    exit_code = 7

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class EngineDied(Unavailable):
    """The engine of a model crashed or hung while it worked on the request. What it had generated is intact."""

    code = "engine_died"


class FilesUnusable(Unavailable):
    """A file or folder of ours cannot be read or written."""

    code = "io_error"


class AccessDenied(UserError):
    code = "access_denied"
    http_status = 403
    exit_code = 8


class TokenNeeded(AccessDenied):
    """A gated model, and nobody gave an access token yet."""

    code = "token_needed"


class DiskFull(UserError):
    code = "disk_full"
    http_status = 507
    exit_code = 9


class InternalError(DesksideError):
    """A bug or a fault of ours. The cause is logged, never shown."""


def from_code(code: str, message: str, param: str = "") -> DesksideError:
    """The error that a frame or an answer describes: the class with this `code`; InternalError for an unknown one."""
    for kind in _tree(UserError):
        if kind.code == code:
            return kind(message, param or None) if issubclass(kind, InvalidRequest) else kind(message)
    return InternalError(message)


def _tree(kind: type[DesksideError]) -> list[type[DesksideError]]:
    return [kind, *(below for child in kind.__subclasses__() for below in _tree(child))]


def from_engine(error: EngineError) -> DesksideError:
    """The runtime's error for an engine's. Called at the worker, `LLM` and build-job boundaries only."""
    from engines.api import errors as engine  # here, so that the window and `--help` do not load NumPy for it

    if isinstance(error, engine.Cancelled):
        return Unavailable("It was stopped before it was done.")
    table: tuple[tuple[type[EngineError] | tuple[type[EngineError], ...], type[DesksideError]], ...] = (
        (engine.ContractError, InternalError),
        (engine.ConstraintError, InvalidRequest),
        (engine.StaleError, EngineStale),
        (engine.UnsupportedError, ModelUnsupported),
        ((engine.ConfigError, engine.WeightError), ModelDamaged),
        (engine.ModelError, ModelUnusable),
        (engine.DriverError, DriverUnusable),
        (engine.OutOfMemory, OutOfMemory),
        (engine.DeviceError, DeviceUnusable),
    )
    ours = next((ours for theirs, ours in table if isinstance(error, theirs)), InternalError)
    return ours(str(error))
