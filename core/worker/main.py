"""The engine worker's process: greet, load, serve. Role `worker` of core.spawn.

It ends when told to, when its parent is gone (core.child), or when its engine died; the last with the exit code of the error
and a Fault frame before it. Everything it prints goes to its log.
"""

from __future__ import annotations

import os
import time
import traceback
from pathlib import Path

from core.config import load_config
from core.errors import DesksideError, DeviceUnusable, InternalError, from_engine
from core.library.locks import use_model
from core.outbox import Outbox
from core.pipes import Connection, PipeClosed
from core.protocol import (
    PROTOCOL_VERSION,
    Deadlines,
    Fault,
    Heartbeat,
    Hello,
    Load,
    LoadProgress,
    Phase,
    ProtocolError,
    ToWorker,
    decode_to_worker,
    encode,
)
from core.worker.engine import describe, open_worker_engine
from core.worker.grammars import Grammars, model_grammars
from core.worker.loop import EngineLoop, scheduler_config
from core.worker.pulse import Pulse
from core.worker.serve import MAX_PENDING, Server
from engines.api.errors import EngineError

FLUSH_S = 5.0


def main(connection: Connection) -> int:
    """Serve until the end; the exit code is 0 only when that was asked for."""
    outbox = Outbox(connection)
    try:
        return _serve(connection, outbox)
    except PipeClosed:
        return 0  # told to end before there was anything to do
    except DesksideError as error:
        traceback.print_exc()
        outbox.put(encode(Fault(error.code, error.message)))
        return error.exit_code
    finally:
        outbox.close(FLUSH_S)


def _serve(connection: Connection, outbox: Outbox) -> int:
    outbox.put(encode(Hello(PROTOCOL_VERSION)))
    hello = _receive(connection)
    if not isinstance(hello, Hello) or hello.version != PROTOCOL_VERSION:
        found = hello.version if isinstance(hello, Hello) else "none"
        raise ProtocolError(
            f"The service speaks protocol version {found}, this worker version {PROTOCOL_VERSION}: Deskside was changed "
            f"while it ran; restart it."
        )
    load = _receive(connection)
    if not isinstance(load, Load):
        raise ProtocolError(f"A worker is first told what to load, not {type(load).__name__}.")

    def send(beat: Heartbeat) -> None:
        if outbox.pending < MAX_PENDING:  # else the service reads nothing, and this would only grow
            outbox.put(encode(beat))

    pulse = Pulse(send, load.heartbeat_s)
    try:
        pulse.enter(Phase.LOAD, load.deadlines.load_s, tell=True)
        started = time.monotonic()
        # Held until this process ends, so that nobody removes or replaces the files meanwhile.
        in_use = use_model(Path(load.folder), load_config(os.environ).places)
        loop = _load(load, LoadReport(pulse, outbox, load.deadlines))
        outbox.put(encode(describe(loop, os.getpid(), time.monotonic() - started)))
        pulse.enter(Phase.IDLE, tell=True)
        grammars = Grammars(model_grammars(Path(load.folder), loop.engine.spec.vocab_size), load.grammar_s)
        code = Server(connection, outbox, pulse, loop, grammars, load.deadlines).run()
        if code == 0:
            loop.engine.close()
        if in_use is not None:
            in_use.release()
        return code
    finally:
        pulse.stop()


class LoadReport:
    """Tells the service how loading comes forward, and by when each phase of it must be over."""

    def __init__(self, pulse: Pulse, outbox: Outbox, deadlines: Deadlines) -> None:
        self._pulse = pulse
        self._outbox = outbox
        self._limits = {
            Phase.LOAD: deadlines.load_s,
            Phase.COMPILE: deadlines.compile_s,
            Phase.CAPTURE: deadlines.capture_s,
        }

    def __call__(self, phase: str, done: int, total: int) -> None:
        known = Phase(phase)
        if known is not self._pulse.phase:
            self._pulse.enter(known, self._limits[known], tell=True)
        self._outbox.put(encode(LoadProgress(known, done, total)))


def _load(load: Load, report: LoadReport) -> EngineLoop:
    try:
        engine = open_worker_engine(Path(load.folder), load.options, report)
    except EngineError as error:
        raise from_engine(error) from error
    except MemoryError as error:
        raise DeviceUnusable(f"There is not enough memory to load {load.folder}; free some.") from error
    except DesksideError:
        raise
    except Exception as error:
        raise InternalError(f"Loading {load.folder} failed ({type(error).__name__}: {error}).") from error
    return EngineLoop(engine, scheduler_config(engine.spec, max_waiting=load.options.max_waiting))


def _receive(connection: Connection) -> ToWorker:
    return decode_to_worker(connection.receive())
