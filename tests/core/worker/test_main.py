"""The worker from its greeting to its end, without the process around it."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from core.outbox import Outbox
from core.protocol import (
    PROTOCOL_VERSION,
    Deadlines,
    EngineOptions,
    Heartbeat,
    Hello,
    Load,
    LoadProgress,
    Outcome,
    Phase,
    Ready,
    Shutdown,
    UpdateWeights,
    WeightsUpdated,
)
from core.worker.main import LoadReport


def test_greeting_loading_serving_ending(make: Any) -> None:
    peer = make.loaded(num_slots=3, num_pages=11, page_size=4, max_context=100, lookahead=1)
    assert peer.until(Hello) == Hello(PROTOCOL_VERSION)
    ready = peer.until(Ready)
    assert (ready.model, ready.num_slots, ready.num_pages, ready.capacity, ready.lookahead) == ("stub", 3, 10, 40, 1)
    loading = [frame for frame in peer.frames if isinstance(frame, Heartbeat)]
    assert loading[0].phase is Phase.LOAD
    assert loading[0].deadline == pytest.approx(loading[0].started + Deadlines().load_s)
    assert peer.until(Heartbeat, lambda beat: beat.phase is Phase.IDLE).deadline is None
    peer.send(make.submit(1))
    assert peer.done(1).outcome is Outcome.COMPLETED
    peer.send(Shutdown())
    assert peer.end() == 0
    assert not peer.faults


@pytest.mark.parametrize("first", [Hello(PROTOCOL_VERSION + 1), Load("stub")])
def test_another_version_is_refused_in_words(make: Any, first: Any) -> None:
    peer = make.main()
    peer.send(first)
    assert peer.end() == 70
    assert peer.frames[0] == Hello(PROTOCOL_VERSION)
    assert "Deskside was changed while it ran; restart it" in peer.faults[0].message


def test_a_worker_is_told_what_to_load_first(make: Any) -> None:
    peer = make.main()
    peer.send(Hello(PROTOCOL_VERSION), Shutdown())
    assert peer.end() == 70
    assert "not Shutdown" in peer.faults[0].message


def test_a_service_that_goes_before_it_said_anything(make: Any) -> None:
    peer = make.main()
    peer.connection.end_sending()
    assert peer.end() == 0


@pytest.mark.parametrize(
    ("target", "arguments", "code", "words"),
    [
        ("faulty_engine:FaultyEngine", {"load_fault": "weights"}, "model_damaged", "A fault for the tests"),
        ("faulty_engine:FaultyEngine", {"load_fault": "device_memory"}, "out_of_memory", "A fault for the tests"),
        ("faulty_engine:FaultyEngine", {"load_fault": "memory"}, "device_unusable", "not enough memory to load"),
        ("faulty_engine:FaultyEngine", {"load_fault": "bug"}, "internal", "ZeroDivisionError"),
        ("builtins:dict", {}, "internal", "made no engine"),
        ("no_such_module:Engine", {}, "internal", "no_such_module"),
        ("", {}, "model_damaged", "config.json"),
    ],
)
def test_a_model_that_cannot_be_loaded(
    make: Any, tmp_path: Path, target: str, arguments: dict[str, Any], code: str, words: str
) -> None:
    peer = make.loaded(tmp_path, target, **arguments)
    assert peer.end() in (4, 6, 70)
    assert [fault.code for fault in peer.faults] == [code]
    assert words in peer.faults[0].message


def test_loading_tells_its_phases_and_their_deadlines() -> None:
    sent: list[bytes] = []
    entered: list[tuple[Any, ...]] = []

    class Box(Outbox):
        def __init__(self) -> None: ...
        def put(self, frame: bytes) -> bool:
            sent.append(frame)
            return True

    class Pulse:
        phase = Phase.LOAD

        def enter(self, phase: Phase, limit: float, *, tell: bool) -> None:
            self.phase = phase
            entered.append((phase, limit, tell))

    report = LoadReport(Pulse(), Box(), Deadlines(compile_s=7.0, capture_s=3.0))  # type: ignore[arg-type]
    report("load", 1, 2)
    report("compile", 0, 0)
    report("compile", 1, 4)
    report("capture", 1, 1)
    assert entered == [(Phase.COMPILE, 7.0, True), (Phase.CAPTURE, 3.0, True)]
    from core.protocol import decode_from_worker

    assert [decode_from_worker(frame) for frame in sent] == [
        LoadProgress(Phase.LOAD, 1, 2),
        LoadProgress(Phase.COMPILE, 0, 0),
        LoadProgress(Phase.COMPILE, 1, 4),
        LoadProgress(Phase.CAPTURE, 1, 1),
    ]


def test_loading_beats_while_it_goes_on(make: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    import faulty_engine

    def slow_load(self: Any, fault: str) -> None:
        if fault == "slow":
            time.sleep(0.5)

    monkeypatch.setattr(faulty_engine.FaultyEngine, "_fault", slow_load)
    peer = make.loaded(Path("stub"), "faulty_engine:FaultyEngine", load_fault="slow")
    peer.until(Ready)
    beats = [frame for frame in peer.frames if isinstance(frame, Heartbeat)]
    assert len(beats) > 5
    assert beats[-1].now - beats[-1].started > 0.3


def write_checkpoint(folder: Path, name: str) -> None:
    header = json.dumps({name: {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}).encode()
    header += b" " * (-len(header) % 8)
    folder.mkdir()
    (folder / "model.safetensors").write_bytes(len(header).to_bytes(8, "little") + header + bytes(4))


def test_weights_come_from_a_folder(make: Any, tmp_path: Path) -> None:
    write_checkpoint(tmp_path / "good", "stub")
    write_checkpoint(tmp_path / "bad", "other")
    peer = make.loaded()
    peer.send(
        UpdateWeights(1, str(tmp_path / "good")),
        UpdateWeights(2, str(tmp_path / "bad")),
        UpdateWeights(3, str(tmp_path / "missing")),
    )
    assert [peer.until(WeightsUpdated).version for _ in range(3)] == [1, 1, 1]
    codes = [frame.code for frame in peer.frames if isinstance(frame, WeightsUpdated)]
    assert codes == ["", "model_damaged", "model_damaged"]
    peer.send(make.submit(1))
    assert peer.done(1).outcome is Outcome.COMPLETED


def test_options_reach_the_engine(make: Any) -> None:
    folder = Path(__file__).parents[2] / "golden" / "llama-mha"
    peer = make.main()
    options = EngineOptions(
        backend="reference", num_slots=3, max_tokens=17, kv_tokens=64, page_size=8, threads=1, kv_dtype="fp8"
    )
    peer.send(Hello(PROTOCOL_VERSION), Load(str(folder), options))
    ready = peer.until(Ready)
    assert (ready.backend, ready.num_slots, ready.max_tokens, ready.num_pages, ready.page_size) == (
        "reference",
        3,
        17,
        8,
        8,
    )
    assert ready.kv_dtype == "fp8"
    peer.send(make.submit(1, prompt=[1, 2, 3]))
    assert peer.done(1).outcome is Outcome.COMPLETED
