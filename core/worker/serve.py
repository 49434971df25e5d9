"""The worker's loop: take what arrived, make one turn of the engine loop, send its events as one frame; until told to stop."""

from __future__ import annotations

import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path

from core.errors import (
    DesksideError,
    DeviceUnusable,
    InternalError,
    InvalidRequest,
    Unavailable,
    UserError,
    from_engine,
)
from core.outbox import Outbox
from core.pipes import Connection, PipeClosed
from core.protocol import (
    Cancel,
    Deadlines,
    Done,
    Event,
    Events,
    Fault,
    Finish,
    Frame,
    GetStatus,
    Outcome,
    Phase,
    ProtocolError,
    Shutdown,
    Submit,
    ToWorker,
    UpdateWeights,
    WeightsUpdated,
    decode_to_worker,
    encode,
)
from core.scheduler import PlannedStep
from core.worker.engine import update_weights
from core.worker.grammars import Grammars
from core.worker.loop import EngineLoop
from core.worker.meter import Meter
from core.worker.pulse import Pulse, StepLimit
from engines.api.errors import DeviceError, EngineError

STATUS_S = 1.0
IDLE_CHECK_S = 0.2  # the pages are checked once nothing came for so long: a check may cost more than a step
GRAMMAR_POLL_S = 0.005
MAX_PENDING = 16 << 20  # bytes that the service has not read: then no further step is made
BLOCKED_S = 120.0

SHUTDOWN_MESSAGE = "The model is being unloaded; load it again or use another."
INTERNAL_MESSAGE = (
    "The engine failed unexpectedly; the log of its worker says why. The model is loaded again; retry then."
)


class Server:
    """Serves one engine over one connection. `run` returns the exit code of the process."""

    def __init__(
        self,
        connection: Connection,
        outbox: Outbox,
        pulse: Pulse,
        engine_loop: EngineLoop,
        grammars: Grammars,
        deadlines: Deadlines,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._connection = connection
        self._outbox = outbox
        self._pulse = pulse
        self._loop = engine_loop
        self._grammars = grammars
        self._deadlines = deadlines
        self._clock = clock
        self._limit = StepLimit(deadlines)
        self._meter = Meter(engine_loop.scheduler, clock)
        self._planned_tokens = 0  # of the step planned last
        self._limit_tokens = 0  # of the steps that this turn waits for
        self._progressed = clock()
        self._closing: float | None = None  # when what is open is cancelled
        self._checked = True  # nothing happened since the last idle check
        engine_loop.watch(self._on_plan, self._meter.step)

    def run(self) -> int:
        try:
            while True:
                self._receive()
                self._admit()
                if self._loop.busy:
                    self._turn()
                if self._closing is not None and self._close(self._closing):
                    return 0
        except EngineError as error:
            return self._die(from_engine(error), error)
        except MemoryError as error:
            return self._die(
                DeviceUnusable("The engine's process ran out of memory; free some or load a smaller model."), error
            )
        except DesksideError as error:
            return self._die(error, error)
        except Exception as error:
            return self._die(InternalError(f"{type(error).__name__}: {error}"), error)

    # --- one turn ------------------------------------------------------------------------------------------------------

    def _turn(self) -> None:
        self._checked = False
        if self._outbox.pending > MAX_PENDING:
            self._wait_for_reader()
        started = self._clock()
        self._limit_tokens, self._planned_tokens = self._planned_tokens, 0
        self._pulse.enter(Phase.STEP, self._limit.seconds(self._limit_tokens), self._meter.total_steps)
        events = self._loop.step()
        seconds = self._clock() - started
        if self._limit_tokens:
            self._limit.observe(self._limit_tokens, seconds)
        if not self._loop.engine.spec.lookahead:
            self._planned_tokens = 0
        self._meter.turn(seconds)
        if events or self._limit_tokens:
            self._progressed = started
        elif started - self._progressed > self._deadlines.step_s:
            raise InternalError(
                f"Nothing can be planned since {self._deadlines.step_s:g} s, although requests are open."
            )
        self._emit(events)
        if self._meter.age >= STATUS_S or not self._loop.busy:
            self._send_status()

    def _on_plan(self, planned: PlannedStep) -> None:
        self._planned_tokens = planned.plan.num_tokens
        self._limit_tokens += self._planned_tokens
        self._pulse.enter(Phase.STEP, self._limit.seconds(self._limit_tokens), planned.plan.step)

    def _wait_for_reader(self) -> None:
        """Back-pressure with an end: a service that reads nothing for minutes is no service."""
        self._pulse.enter(Phase.BLOCKED)
        if not self._outbox.wait_below(MAX_PENDING // 2, BLOCKED_S):
            raise InternalError(f"The service read nothing for {BLOCKED_S:g} seconds.")

    def _emit(self, events: list[Event]) -> None:
        if events:
            self._meter.events(events)
            self._send(Events(tuple(events)))

    def _send(self, frame: Frame) -> None:
        self._outbox.put(encode(frame))

    def _send_status(self, ticket: int = 0, detail: bool = False) -> None:
        version = self._loop.engine.weight_version
        self._send(self._meter.status(ticket, grammars=len(self._grammars), weight_version=version, detail=detail))

    # --- frames in -----------------------------------------------------------------------------------------------------

    def _receive(self) -> None:
        """Take every frame that is here; with nothing to do, wait for one."""
        try:
            if self._loop.busy:
                frames = self._arrived(0)
            elif len(self._grammars) or self._closing is not None:
                self._pulse.enter(Phase.IDLE)
                frames = self._arrived(GRAMMAR_POLL_S)
            else:
                frames = self._idle()
            for data in frames:
                self._handle(decode_to_worker(data))
        except PipeClosed:  # no one is left, or no one wants more: nothing can be answered
            self._closing = self._clock()
        except ProtocolError:
            # It may have been a Submit, and then its sender waits for ever: let the service end all streams.
            traceback.print_exc()
            raise

    def _arrived(self, timeout: float) -> list[bytes]:
        return self._connection.drain() if self._connection.wait(timeout) else []

    def _idle(self) -> list[bytes]:
        self._pulse.enter(Phase.IDLE)
        if not self._checked:
            frames = self._arrived(IDLE_CHECK_S)
            if frames:
                return frames
            self._loop.check_idle()
            self._checked = True
        first = self._connection.receive()  # unlike `wait` it sleeps on Windows, too
        self._meter.restart()
        self._progressed = self._clock()
        return [first, *self._arrived(0)]

    def _handle(self, frame: ToWorker) -> None:
        match frame:
            case Submit():
                self._submit(frame)
            case Cancel():
                pending = self._grammars.cancel(frame.request)
                if pending is not None:
                    self._emit([_done(pending, Outcome.CANCELLED)])
                else:
                    self._emit(self._loop.cancel(frame))
            case Finish():
                self._emit(self._loop.finish(frame))
            case UpdateWeights():
                self._update_weights(frame)
            case GetStatus():
                self._send_status(frame.ticket, frame.detail)
            case Shutdown():
                self._closing = self._clock() + frame.grace_s
            case _:
                raise ProtocolError(f"{type(frame).__name__} does not belong here.")

    def _submit(self, submit: Submit) -> None:
        with _Refusal(self, submit):
            if self._closing is not None:
                raise Unavailable(SHUTDOWN_MESSAGE)
            check_submit(submit, self._loop.engine.spec.vocab_size)
            if submit.grammar is not None:
                self._grammars.add(submit)
            else:
                self._loop.submit(submit)

    def _admit(self) -> None:
        """Requests whose grammar became ready."""
        if not len(self._grammars):
            return
        for submit, outcome in self._grammars.ready():
            with _Refusal(self, submit):
                if isinstance(outcome, DesksideError):
                    raise outcome
                self._loop.submit(submit, outcome)

    def refuse(self, submit: Submit, error: DesksideError) -> None:
        """End a request that never began."""
        if not isinstance(error, UserError):
            traceback.print_exception(error, file=sys.stderr)
            error = InternalError("The request could not be started; the log of the engine's worker says why.")
        self._emit([_done(submit, Outcome.FAILED, error)])

    def _update_weights(self, frame: UpdateWeights) -> None:
        self._pulse.enter(Phase.UPDATE, self._deadlines.update_s, tell=True)
        version = self._loop.engine.weight_version
        try:
            version, events, seconds = update_weights(self._loop, Path(frame.folder))
        except DeviceError:
            raise
        except EngineError as error:
            ours = from_engine(error)
            self._send(WeightsUpdated(frame.ticket, version, 0.0, ours.code, ours.message))
            return
        self._emit(events)
        self._send(WeightsUpdated(frame.ticket, version, seconds))

    # --- endings -------------------------------------------------------------------------------------------------------

    def _close(self, when: float) -> bool:
        """While shutting down: True once nothing is open. At the time given the rest is cancelled."""
        if self._clock() >= when:
            for submit in self._grammars.clear():
                self._emit([_done(submit, Outcome.CANCELLED)])
            for request in list(self._loop.scheduler.requests):
                self._emit(self._loop.cancel(Cancel(request)))
            return True
        return not self._loop.busy and not len(self._grammars)

    def _die(self, error: DesksideError, cause: BaseException) -> int:
        """The engine is unusable: every open request ends with `error`, and so does this process."""
        traceback.print_exception(cause, file=sys.stderr)
        shown = error if isinstance(error, UserError) else InternalError(INTERNAL_MESSAGE)
        self._send(Fault(error.code, error.message))  # first, so that nobody who sees a Done sends another request here
        try:
            events = self._loop.abort(shown.code, shown.message)
            events += [_done(submit, Outcome.FAILED, shown) for submit in self._grammars.clear()]
            self._emit(events)
        except Exception:  # then the service ends them, when it sees this process end
            traceback.print_exc()
        return error.exit_code


class _Refusal:
    """Turns an error of one request into its Done, so that it ends that request alone."""

    def __init__(self, server: Server, submit: Submit) -> None:
        self._server = server
        self._submit = submit

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> bool:
        if isinstance(error, EngineError):
            error = from_engine(error)
        elif isinstance(error, MemoryError):
            error = DeviceUnusable("There is not enough memory for this request; shorten it or retry later.")
        if not isinstance(error, DesksideError):
            return False
        self._server.refuse(self._submit, error)
        return True


def check_submit(submit: Submit, vocab_size: int) -> None:
    """What the engine would take for a fault of ours and die of. Raises InvalidRequest."""
    submit.params.check(vocab_size)
    ids = submit.prompt_ids
    if ids and not 0 <= min(ids) <= max(ids) < vocab_size:
        raise InvalidRequest(f"The prompt holds a token id that is not from 0 to {vocab_size - 1}.", "prompt")
    if any(not 0 <= token < vocab_size for token in submit.stop_ids):
        raise InvalidRequest(f"stop_token_ids holds an id that is not from 0 to {vocab_size - 1}.", "stop_token_ids")


def _done(submit: Submit, outcome: Outcome, error: DesksideError | None = None) -> Done:
    length = len(submit.prompt_ids)
    if error is None:
        return Done(submit.request, outcome, length, 0, 0)
    param = error.param if isinstance(error, InvalidRequest) and error.param else ""
    return Done(submit.request, outcome, length, 0, 0, error.code, error.message, param)
