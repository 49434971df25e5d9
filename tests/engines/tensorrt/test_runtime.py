"""The runner's control flow without a GPU: a stand-in of the library's runtime objects records what it is told, and computes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from engines.api.errors import ContractError, DeviceError, WeightError
from engines.network.schemes import Scheme
from engines.passes import compile_program
from engines.reference.engine import ReferenceEngine
from engines.reference.program import Operations
from engines.tensorrt.compile import Spec, build_plans
from engines.tensorrt.library import Library
from engines.tensorrt.network import emit_piece, needs_constants
from engines.tensorrt.pieces import Piece, cut
from engines.tensorrt.plans import Plans, read_plan
from engines.tensorrt.runtime import Segments, port_bytes
from engines.tensorrt.seal import PlanError
from engines.tensorrt.targets import parse_targets
from engines.weights import DType, Tensor

KEY = b"k" * 32
ROWS = 16  # of every buffer
STREAM = 77


@dataclass
class Rig:
    """A model built, opened by the stand-in, with buffers for every value."""

    model: Any
    plans: Plans
    standin: Any
    segments: Segments
    nodes: tuple[Any, ...]
    values: dict[str, int]
    widths: dict[str, int]
    module: Any

    def rows(self, value: str, count: int, float32: bool = False) -> np.ndarray:
        width = (
            self.model.network.widths.get(value)
            or compile_program(self.model.network, self.model.schemes).network.widths[value]
        )
        raw = self.module.at(self.values[value], count * width * (4 if float32 else 2))
        return raw.view(np.float32 if float32 else np.float16).reshape(count, width)


@pytest.fixture(scope="module")
def plans_of(library: Library, tmp_path_factory: pytest.TempPathFactory) -> Callable[[Any], tuple[Path, Plans]]:
    """Built once for each network and precision: what is bound to it changes, plans do not."""
    made: dict[str, tuple[Path, Plans]] = {}

    def build(model: Any) -> tuple[Path, Plans]:
        key = f"{len(model.network.nodes)} {model.schemes}"
        if key not in made:
            folder = tmp_path_factory.mktemp("plans")
            made[key] = (
                folder,
                build_plans(model, Spec(parse_targets("sm89"), 128, 8), folder, library=library, key=KEY),
            )
        return made[key]

    return build


@pytest.fixture
def open_rig(
    library: Library, trt: Any, interpreter: ModuleType, standin: ModuleType, plans_of: Callable[..., Any]
) -> Callable[..., Rig]:
    def encode(values: np.ndarray, dtype: str) -> np.ndarray:
        return values.astype({"HALF": np.float16, "FLOAT": np.float32}[dtype])

    def make(
        model: Any,
        spoil: Callable[[Plans], Plans] = lambda p: p,
        cache: Path | None = None,
        borrowed: dict[str, int] | None = None,
        max_rows: int = 128,
        full: bool = False,
        **options: Any,
    ) -> Rig:
        folder, plans = plans_of(model)
        program = compile_program(model.network, model.schemes)
        nodes = cut(program)
        builder = trt.Builder(trt.Logger(trt.Logger.ERROR))
        emitted, profiles, values = {}, {}, {}
        device = standin.HostDevice()
        for node in nodes:
            for name in (*node.inputs, *node.outputs):
                if name not in ("tokens", "positions"):
                    values.setdefault(name, 0)
            if isinstance(node.op, Piece):
                plan = plans.plans[plans.pieces[node.op.index].plan]
                load = model.load if needs_constants(node.op) else None
                if plan.sha256 not in emitted:
                    emitted[plan.sha256] = emit_piece(
                        trt, builder, node.op, program.network.widths, program.network.params, "fp16", load
                    )
                    profiles[plan.sha256] = [(p.least, p.most) for p in plan.profiles]
        for name in values:
            values[name] = device.take(128 * program.network.widths[name] * 4)
        fake = standin.StandIn(
            standin.FullLibrary(trt) if full else trt,
            device, interpreter.interpret, interpreter.decode, encode, emitted, profiles, rtx=not full, **options,
        )  # fmt: skip
        segments = Segments(
            replace(library, trt=fake, kind="datacenter" if full else "rtx"), spoil(plans),
            lambda plan: read_plan(folder, plan), model.load,
            device, STREAM, graph_rows=64, max_rows=max_rows, cache=cache,
            borrow=lambda weight: (borrowed or {}).get(weight.params[0]),
        )  # fmt: skip
        return Rig(model, plans, fake, segments, nodes, values, dict(program.network.widths), standin)

    return make


class RunnerOnSegments:
    """Stands where the reference engine's runner does: pieces are enqueued, the rest is the reference's, on the same buffers."""

    def __init__(self, rig: Rig, engine: ReferenceEngine, captured: bool) -> None:
        self.rig, self.captured = rig, captured
        assert engine._params is not None
        operations = Operations(engine._params, engine._pool, engine._workers)
        self.runs = {
            i: operations.build(node, [False] * len(node.inputs))
            for i, node in enumerate(rig.nodes)
            if not isinstance(node.op, Piece)
        }

    def __call__(self, step: Any) -> np.ndarray:
        rig, count = self.rig, len(step.tokens)
        ids = {"tokens": step.tokens, "positions": step.plan.positions}
        for i, node in enumerate(rig.nodes):
            rows = count if not isinstance(node.op, Piece) or node.op.rows == "T" else step.plan.num_logits
            if isinstance(node.op, Piece):
                ports = [rig.values[name] for name in node.inputs], [rig.values[name] for name in node.outputs]
                rig.segments.enqueue(node.op.index, rows, *ports)
                if self.captured:  # the first run was the warm-up: now from a graph, into buffers wiped clean
                    assert rig.segments.capturable(node.op.index, rows)
                    replay = rig.standin.device.capture(
                        lambda n=node, r=rows, p=ports: rig.segments.enqueue(n.op.index, r, *p)
                    )
                    for name in node.outputs:
                        rig.rows(name, rows)[:] = np.nan
                    replay()
                continue
            inputs = [ids[n] if n in ids else rig.rows(n, count).astype(np.float32) for n in node.inputs]
            for name, value in zip(node.outputs, self.runs[i](step, inputs), strict=True):
                rig.rows(name, len(value))[:] = value
        return rig.rows(rig.model.network.output, step.plan.num_logits, float32=True).copy()


@pytest.mark.parametrize("captured", [False, True])
@pytest.mark.parametrize("precision", ["fp16", "int8", "fp8", "int4"])
def test_the_runner_computes_what_the_networks_do(
    make_model: Any, quantized: Any, compare_runs: Any, open_rig: Any, precision: str, captured: bool
) -> None:
    model = make_model(layers=3)
    schemes = {
        "int8": Scheme("int8", "channel"),
        "fp8": Scheme("fp8", "channel", activations="fp8", activation_scale="dynamic_token"),
        "int4": Scheme("int4", "group", 16),
    }
    if precision in schemes:
        model = quantized(model, schemes[precision])
    rig = open_rig(model)
    wanted, found = compare_runs(model, lambda engine: RunnerOnSegments(rig, engine, captured))
    np.testing.assert_array_equal(found, wanted)
    calls = [call for call in rig.standin.calls if call[0] == "execute"]
    assert {call[5] for call in calls} == {STREAM}
    steps = len(calls) // (2 if captured else 1) // len(rig.plans.pieces)
    assert steps == 4
    # One context per plan and profile serves every layer, with that layer's weights bound.
    middle = [call for call in calls if call[1] is calls[2 if captured else 1][1]]
    layers = {tuple(sorted(call[4].items())) for call in middle}
    assert len(layers) == (2 if precision != "int4" else 1)


def test_the_full_library_is_asked_for_nothing_that_it_has_not(
    make_model: Any, compare_runs: Any, open_rig: Any, tmp_path: Path
) -> None:
    """One emitter and one runner for both: for the full TensorRT without RTX's strategies, cache and question."""
    model = make_model()
    rig = open_rig(model, full=True, cache=tmp_path / "kernels")
    wanted, found = compare_runs(model, lambda engine: RunnerOnSegments(rig, engine, True))
    np.testing.assert_array_equal(found, wanted)
    rig.segments.save()
    assert not (tmp_path / "kernels").exists()
    rig = open_rig(model, full=True, fail="execute")
    ports = [[rig.values[name] for name in names] for names in (rig.nodes[1].inputs, rig.nodes[1].outputs)]
    with pytest.raises(DeviceError, match=r"^TensorRT \d.* could not run"):
        rig.segments.enqueue(0, 1, *ports)


def test_scratch_memory_is_one_block_and_profiles_follow_the_rows(make_model: Any, open_rig: Any) -> None:
    rig = open_rig(make_model(), scratch=5000)
    assert rig.segments.scratch_bytes == 10000  # of the greater profile
    contexts = [context for opened in rig.segments._opened for context in opened.contexts]
    assert len({context.memory for context in contexts}) == 1
    x = [rig.values[name] for name in rig.nodes[1].inputs]
    y = [rig.values[name] for name in rig.nodes[1].outputs]
    for rows, profile in ((1, 0), (64, 0), (65, 1), (128, 1)):
        for address, port in zip(x, rig.plans.plans[0].inputs, strict=True):
            rig.module.at(address, port_bytes(port, rows))[:] = 0
        rig.segments.enqueue(0, rows, x, y)
        assert rig.standin.calls[-1][2:4] == (profile, rows)
    with pytest.raises(ContractError, match="up to 128 rows, not 129"):
        rig.segments.enqueue(0, 129, x, y)
    with pytest.raises(ContractError, match="multiple of 256"):
        rig.segments.enqueue(0, 1, [x[0] + 2], y)


def test_profiles_for_larger_steps_than_there_will_be_stay_closed(make_model: Any, open_rig: Any) -> None:
    rig = open_rig(make_model(), scratch=5000, max_rows=64)
    assert rig.segments.scratch_bytes == 5000
    assert [len(opened.contexts) for opened in rig.segments._opened] == [1] * len(rig.plans.plans)
    with pytest.raises(ContractError, match="not 65"):
        rig.segments.enqueue(0, 65, [], [])


def test_large_steps_use_kernels_for_any_shape(make_model: Any, open_rig: Any, trt: Any) -> None:
    rig = open_rig(make_model())
    strategies = trt.DynamicShapesKernelSpecializationStrategy
    found = [c.config.dynamic_shapes_kernel_specialization_strategy for c in rig.segments._opened[0].contexts]
    assert found == [strategies.EAGER, strategies.NONE]


def test_the_cache_of_kernels_is_kept(make_model: Any, open_rig: Any, tmp_path: Path) -> None:
    file = tmp_path / "cache" / "kernels"
    rig = open_rig(make_model(), cache=file)
    caches = [call[1] for call in rig.standin.calls if call[0] == "cache"]
    assert len(caches) == 1  # one for all contexts
    assert caches[0].content == b"new"
    rig.segments.save()
    assert file.read_bytes() == b"compiled kernels"
    again = open_rig(make_model(), cache=file)
    assert [call[1].content for call in again.standin.calls if call[0] == "cache"] == [b"compiled kernels"]
    rig.segments.close()
    rig.segments.close()


def test_failures_of_the_library_are_sentences(make_model: Any, open_rig: Any) -> None:
    with pytest.raises(DeviceError, match=r"could not open piece-000.plan: the plan is not for this GPU"):
        open_rig(make_model(), fail="deserialize")
    rig = open_rig(make_model(), fail="execute")
    x = [rig.values[name] for name in rig.nodes[1].inputs]
    with pytest.raises(DeviceError, match="could not run: it gave no reason"):
        rig.segments.enqueue(0, 1, x, [rig.values[name] for name in rig.nodes[1].outputs])


def test_a_plan_that_takes_other_tensors_is_refused(make_model: Any, open_rig: Any) -> None:
    def wider(plans: Plans) -> Plans:
        first = plans.plans[0]
        port = replace(first.inputs[0], width=first.inputs[0].width + 1)
        return replace(plans, plans=(replace(first, inputs=(port,)), *plans.plans[1:]))

    with pytest.raises(PlanError, match="takes other tensors than its manifest says"):
        open_rig(make_model(), wider)


def test_weights_are_replaced_in_place(make_model: Any, compare_runs: Any, open_rig: Any) -> None:
    model, other = make_model(), make_model(seed=1)
    rig = open_rig(model)
    changed = [n for n in model.network.params if n != "embed.weight"]
    for name in changed:
        rig.segments.check_update(name)
    for name in changed:
        rig.segments.update(Tensor(name, DType.FP16, other.arrays[name]))
    mixed = replace(other, arrays={**other.arrays, "embed.weight": model.arrays["embed.weight"]})
    wanted, found = compare_runs(mixed, lambda engine: RunnerOnSegments(rig, engine, False))
    np.testing.assert_array_equal(found, wanted)


def test_what_is_on_the_device_already_is_not_uploaded_again(
    make_model: Any, compare_runs: Any, open_rig: Any, standin: ModuleType
) -> None:
    """A tied head: its bytes lie with the embedding, and the head reads them there."""
    model = make_model()
    device = standin.HostDevice()
    head = model.arrays["lm_head.weight"]
    address = device.take(head.nbytes)
    device.upload(head, address)
    rig = open_rig(model, borrowed={"lm_head.weight": address})
    assert [place for place, _ in rig.segments.places("lm_head.weight")] == [address]
    wanted, found = compare_runs(model, lambda engine: RunnerOnSegments(rig, engine, False))
    np.testing.assert_array_equal(found, wanted)


def test_packed_weights_are_not_replaced(make_model: Any, quantized: Any, open_rig: Any) -> None:
    for scheme in (Scheme("int8", "channel"), Scheme("int4", "group", 16)):
        rig = open_rig(quantized(make_model(), scheme))
        with pytest.raises(WeightError, match="cannot be replaced"):
            rig.segments.check_update("1.down.weight")
        rig.segments.check_update("lm_head.weight")
