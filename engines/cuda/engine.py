"""The engine on an NVIDIA GPU."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engines.api.engine import Engine, EngineSpec, KVSpec
from engines.api.errors import ContractError, OutOfMemory, UnsupportedError
from engines.api.plan import StepPlan
from engines.api.sampling import Sampled, SlotInit, TokenMasks
from engines.cuda.attention import Launch, check_attention, tile_tokens
from engines.cuda.buckets import GRAPH_TOKENS, choose, decode_buckets, mixed_buckets
from engines.cuda.driver import Driver
from engines.cuda.exact import PIECE, ExactGemm
from engines.cuda.gemm import Gemm
from engines.cuda.graphs import Graphs
from engines.cuda.launch import Modules, overlap_macros
from engines.cuda.memory import Memory, StagingRing
from engines.cuda.nvrtc import Compiler
from engines.cuda.program import Runner
from engines.cuda.sampling import Pending, Sampler
from engines.cuda.slots import Slots
from engines.cuda.state import Limits, StepState, kv_itemsize, page_bytes
from engines.cuda.weights import Parameters, schemes_of
from engines.network.graph import Program
from engines.network.ops import Attention
from engines.network.schemes import precision
from engines.passes import compile_program
from engines.weights import DType
from engines.weights.loaded import LoadedModel

MAX_TOP = 32
# Of the memory that is free once weights and workspaces are there, what the KV pool takes by itself.
_KV_SHARE = 0.9
_STAGING_BYTES = 32 << 20


@dataclass(slots=True)
class Step:
    """A step in flight: `pending` from `sample` to `collect`."""

    slots: NDArray[np.int32]
    positions: NDArray[np.int32]
    state: str = "forward"
    pending: Pending | None = None


class CudaEngine(Engine):
    """A model on one GPU, weights, activations and cache in bf16 (fp16 for a checkpoint in fp16), sums in float32.

    `lookahead` is 1: every call but `collect` only enqueues. Steps of decodes, and small steps with prompt tokens, replay CUDA
    graphs captured per padded size; larger ones are launched kernel by kernel.

    Give `num_pages` (the dummy page included), `kv_bytes`, or neither for 90 % of what is free. `cache`: a folder for compiled
    kernels and measured choices, None for none. `kv_dtype`: "auto" for the 16 bits of the activations, "fp8" for E4M3 with one
    (key, value) scale per layer, the model's `kv_scales` (1 if it has none). `graphs`: "ahead" captures all sizes of decode
    steps now, "lazy"
    each when it is first needed, "off" none. Weights are copied: `model` may be closed once this returns.

    `deterministic`: a request gives the same tokens to the bit whatever else is in its steps, however its prompt is cut, and
    whether it was preempted or found its beginning in the cache. Each token is computed by one attention kernel, and by products
    whose rows do not depend on how many there are. What it costs: docs/performance.md.

    `overlap`: whether a kernel of a decode step may start before the one in front of it has ended (programmatic dependent launch,
    from compute capability 9.0 on): "off"; "early", as soon as that one's blocks have all started; "late", when they have read
    their weights; "auto": "early" where that was measured to pay, with weights of 8 bits. Results are the same to the bit.
    """

    def __init__(
        self,
        model: LoadedModel,
        *,
        num_pages: int | None = None,
        kv_bytes: int | None = None,
        page_size: int = 16,
        num_slots: int = 64,
        max_tokens: int = 512,
        device: int = 0,
        cache: Path | None = None,
        graphs: str = "lazy",
        kv_dtype: str = "auto",
        deterministic: bool = False,
        overlap: str = "auto",
    ) -> None:
        if kv_dtype not in ("auto", "fp8"):
            raise UnsupportedError(
                f"The CUDA backend has a KV cache of auto (the model's 16 bits) or fp8, not {kv_dtype!r}."
            )
        if num_pages is not None and kv_bytes is not None:
            raise ContractError("Give num_pages or kv_bytes, not both.")
        if page_size % 16 or page_size < 16:
            raise ContractError(f"The CUDA backend takes pages of a multiple of 16 tokens, not {page_size}.")
        if not 1 <= num_slots <= 1024 or max_tokens < num_slots:
            raise ContractError("num_slots is 1 to 1024, and max_tokens at least as many.")
        if graphs not in ("ahead", "lazy", "off"):
            raise ContractError(f"graphs is ahead, lazy or off, not {graphs!r}.")
        if deterministic and model.schemes:
            raise UnsupportedError(
                f"The deterministic mode takes weights in 16 bits, not {precision(model.schemes)}; use one or the other."
            )
        if overlap == "auto":
            overlap = "early" if any(scheme.weights in ("fp8", "int8") for scheme in model.schemes.values()) else "off"
        program = self._program(model)
        schemes_of(program)
        layers = check_layers(program.network.attention_layers())
        self._closed = False
        self._driver = driver = Driver(device)
        self._memory = memory = Memory(driver)
        try:
            self._open(
                model, program, layers, num_pages, kv_bytes, page_size, num_slots, max_tokens, cache, graphs,
                kv_dtype == "fp8", deterministic, overlap_macros(overlap, driver.info.arch),
            )  # fmt: skip
        except BaseException:
            memory.close()
            driver.release()
            raise

    def _open(
        self,
        model: LoadedModel,
        program: Program,
        layers: list[Attention],
        num_pages: int | None,
        kv_bytes: int | None,
        page_size: int,
        num_slots: int,
        max_tokens: int,
        cache: Path | None,
        graphs: str,
        kv_fp8: bool,
        deterministic: bool,
        macros: Mapping[str, int],
    ) -> None:
        driver, memory = self._driver, self._memory
        fp16 = self._fp16(model)
        self._stream = driver.call("cuStreamCreate", int(driver.api.CUstream_flags.CU_STREAM_NON_BLOCKING))
        self._staging = StagingRing(driver, memory, self._stream, 4, _STAGING_BYTES)
        macros = {"ELEM_FP16": int(fp16), **macros}
        self._modules = Modules(driver, Compiler(driver.info.arch, cache), self._stream, macros)
        self._deterministic = deterministic
        make_gemm = ExactGemm if deterministic else Gemm
        self._gemm = make_gemm(driver, memory, self._modules, self._stream, fp16=fp16, cache=cache)
        self._params = Parameters(driver, memory, self._staging, self._modules, program, model, fp16)
        one_page = page_bytes(layers, page_size, kv_itemsize(kv_fp8))
        config = model.config
        self._decode_buckets, self._mixed_buckets = decode_buckets(num_slots), mixed_buckets(max_tokens)
        if num_pages is None:
            room = kv_bytes
            if room is None:
                widest = sum(sorted(program.network.widths.values())[-4:])
                spare = 2 * widest * max_tokens + 4 * num_slots * config.vocab_size * 2 + (1 << 30)
                room = min(
                    int((driver.free_memory() - spare) * _KV_SHARE),
                    one_page * (1 + num_slots * -(-config.max_context // page_size)),
                )
            num_pages = max(0, room) // one_page
        if num_pages < 2:
            raise OutOfMemory(
                f"The KV cache needs at least two pages of {one_page} bytes, and {(kv_bytes or 0) // 2**20} MiB do not hold them "
                f"({driver.free_memory() / 2**30:.1f} GiB are free on {driver.info.name}); give it more memory, or take a "
                f"smaller model."
            )
        limits = Limits(
            max_tokens=max_tokens,
            num_slots=num_slots,
            page_size=page_size,
            num_pages=num_pages,
            context=min(config.max_context, (num_pages - 1) * page_size),
            padded_tokens=-(-max(self._mixed_buckets[-1], num_slots) // PIECE) * PIECE,
            padded_logits=-(-num_slots // PIECE) * PIECE,
        )
        group = layers[0].num_heads // layers[0].num_kv_heads
        self._state = StepState(
            memory, limits, layers, driver.info.multiprocessors, tile_tokens(group), kv_fp8, model.kv_scales
        )
        for address, size in (
            (self._state.counters, self._state.counter_bytes),
            (self._state.pool, self._state.pool_bytes),
        ):
            driver.call("cuMemsetD8Async", address, 0, size, self._stream)
        self._slots = Slots(num_slots, config.vocab_size, memory, self._staging)
        self._runner = self._make_runner(
            driver,
            memory,
            self._staging,
            self._modules,
            self._gemm,
            self._params,
            program,
            self._state,
            deterministic=deterministic,
        )
        self._sampler = Sampler(
            driver, memory, self._staging, self._modules, self._stream, self._slots, plan=self._state.plan,
            logits=self._runner.logits, stride=self._runner.logits_stride, vocab=config.vocab_size, max_rows=num_slots,
            max_top=MAX_TOP,
        )  # fmt: skip
        self._prepare_step = self._modules.kernel("step", "prepare_step", {"ITEM_COST": 320} if kv_fp8 else {})
        self._copy_pages = self._modules.kernel("step", "copy_pages")
        self._init_slots = self._modules.kernel("step", "init_slots")
        self._graphs = Graphs(driver, self._stream)
        self._use_graphs = graphs != "off"
        self._prepared: set[tuple[str, int]] = set()
        self._weight_version = 0
        self.spec = EngineSpec(
            model=model.family,
            backend=self.backend,
            precision=precision(model.schemes) or ("fp16" if fp16 else "bf16"),
            vocab_size=config.vocab_size,
            max_context=config.max_context,
            max_tokens=max_tokens,
            num_slots=num_slots,
            lookahead=1,
            kv=KVSpec(page_size, one_page, num_pages, "fp8" if kv_fp8 else "fp16" if fp16 else "bf16"),
            model_revision=model.revision,
        )
        self._wait()
        if graphs == "ahead":
            self.warm_up()

    # --- what the TensorRT backend does otherwise ---------------------------------------------------------------------------

    backend = "cuda"

    def _program(self, model: LoadedModel) -> Program:
        """What the runner runs."""
        return compile_program(model.network, model.schemes)

    def _fp16(self, model: LoadedModel) -> bool:
        """Whether 16-bit values are fp16. Products of codes leave its range."""
        return model.dtype is DType.FP16 and not model.schemes

    def _make_runner(self, *parts: Any, **options: Any) -> Runner:
        """Arguments are those of `Runner`."""
        return Runner(*parts, **options)

    # --- the contract ----------------------------------------------------------------------------------------------------

    @property
    def weight_version(self) -> int:
        return self._weight_version

    def init_slot(self, init: SlotInit) -> None:
        self._alive()
        self._slots.init(init)

    def forward(self, plan: StepPlan) -> Step:
        """Enqueue the step. Raises ContractError before anything is enqueued if the plan is malformed."""
        self._alive()
        spec, state = self.spec, self._state
        plan.check(
            page_size=spec.kv.page_size,
            num_pages=spec.kv.num_pages,
            num_slots=spec.num_slots,
            vocab_size=spec.vocab_size,
        )
        if plan.num_tokens > spec.max_tokens:
            raise ContractError(f"A step of {plan.num_tokens} tokens; this engine takes {spec.max_tokens}.")
        if int(plan.kv_len.max()) > state.limits.context:
            raise ContractError(
                f"A row of {plan.kv_len.max()} tokens; this engine's context is {state.limits.context}."
            )
        if len(plan.buffer) > state.limits.plan_words:
            raise ContractError(f"A plan of {len(plan.buffer)} words; this engine takes {state.limits.plan_words}.")
        count, records = self._slots.flush()
        if count:
            self._init_slots((count, 1, 1), 32, records, self._slots.params, self._slots.last_token)
        self._staging.upload(plan.buffer, state.plan)
        copies = len(plan.page_copies)
        if copies:
            self._copy_pages(
                (copies, 2 * state.num_layers, 1),
                128,
                state.plan,
                state.pool,
                state.limits.num_pages,
                state.page_bytes // 16,
            )
        decodes_only = plan.num_decodes == plan.num_rows
        if decodes_only:
            launch = Launch(choose(self._decode_buckets, plan.num_rows), False)
        else:
            launch = Launch(choose(self._mixed_buckets, plan.num_tokens), True)
        self._run("body", launch)
        if plan.num_logits:
            self._run("head", Launch(choose(self._decode_buckets, plan.num_logits), False))
        return Step(plan.slots[plan.logit_row], plan.kv_len[plan.logit_row])

    def sample(self, step: Step, masks: TokenMasks | None = None) -> None:
        self._alive()
        if step.state != "forward":
            raise ContractError("A step is sampled once, after its forward.")
        self._slots.check_used(step.slots)
        if len(step.slots):
            step.pending = self._sampler.enqueue(step.slots, step.positions, masks)
        step.state = "sampled"

    def collect(self, step: Step) -> Sampled:
        self._alive()
        if step.state != "sampled":
            raise ContractError("A step is collected once, after it was sampled.")
        step.state = "collected"
        if step.pending is None:
            return Sampled(np.zeros(0, np.int32), np.zeros(0, np.float32))
        return self._sampler.collect(step.pending)

    def update_weights(self, tensors: Mapping[str, NDArray[np.generic]]) -> int:
        self._alive()
        self._params.write(self._params.check(tensors))
        self._weight_version += 1
        return self._weight_version

    def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        self._driver.use()
        self._driver.call("cuStreamSynchronize", self._stream)
        self._graphs.close()
        self._gemm.close()
        self._sampler.close()
        self._staging.close()
        self._modules.close()
        self._memory.close()
        self._driver.call("cuStreamDestroy", self._stream)
        self._driver.release()

    # --- beyond it -------------------------------------------------------------------------------------------------------

    def warm_up(self) -> None:
        """Choose products of every size, and capture graphs of those that have one, largest first."""
        for rows in reversed(self._decode_buckets):
            self._ensure("body", Launch(rows, False))
            self._ensure("head", Launch(rows, False))
        for rows in reversed(self._mixed_buckets):
            if rows <= GRAPH_TOKENS:
                self._ensure("body", Launch(rows, True))
            else:
                self._choose_products("body", rows)
        self._gemm.tactics.write()
        self._wait()

    def logits(self, rows: int) -> NDArray[np.float32]:
        """The logits of the last forward's first `rows` logit rows, float32 [rows, vocab]. Waits; for tests and checks."""
        self._alive()
        stride = self._runner.logits_stride
        out = np.empty((rows, stride), np.float32)
        self._wait()
        if rows:
            self._driver.call("cuMemcpyDtoH", out.ctypes.data, self._runner.logits, out.nbytes)
        return out[:, : self.spec.vocab_size]

    def _run(self, part: str, launch: Launch) -> None:
        if self._use_graphs and launch.rows <= GRAPH_TOKENS:
            self._ensure(part, launch)
            self._graphs.replay((part, launch))
            return
        self._choose_products(part, launch.rows)
        self._enqueue(part, launch)

    def _ensure(self, part: str, launch: Launch) -> None:
        if (part, launch) not in self._graphs:
            self._choose_products(part, launch.rows)
            self._graphs.capture((part, launch), lambda: self._enqueue(part, launch))

    def _choose_products(self, part: str, rows: int) -> None:
        if (part, rows) not in self._prepared:
            self._runner.prepare(rows, part == "head")
            self._prepared.add((part, rows))

    def _enqueue(self, part: str, launch: Launch) -> None:
        with self._modules.overlapping(not launch.prefill):
            self._enqueue_chained(part, launch)

    def _enqueue_chained(self, part: str, launch: Launch) -> None:
        if part == "head":
            self._runner.head(launch)
            return
        state = self._state
        self._prepare_step(
            (1 + -(-launch.rows // 1024), 1, 1), 1024, state.plan, self._slots.last_token, state.tokens, state.positions,
            state.kv_index, state.work, launch.rows, state.limits.page_size, state.limits.num_slots, state.max_splits,
            self._tile_tokens(launch), state.decode_blocks, state.parts_per_split, int(self._deterministic),
        )  # fmt: skip
        self._runner.body(launch)

    def _tile_tokens(self, launch: Launch) -> int:
        return 1 if self._deterministic and not launch.prefill else self._state.tokens_per_tile

    def _wait(self) -> None:
        self._driver.call("cuStreamSynchronize", self._stream)

    def _alive(self) -> None:
        if self._closed:
            raise ContractError("The engine is closed.")
        self._driver.use()


def check_layers(layers: tuple[Attention, ...]) -> list[Attention]:
    """The attention layers by index, all with heads of one shape. Raises UnsupportedError."""
    ordered = sorted(layers, key=lambda op: op.layer)
    if not ordered:
        raise UnsupportedError("The CUDA backend needs a network with attention.")
    for op in ordered:
        check_attention(op)
        if (op.num_heads, op.num_kv_heads, op.head_dim) != (
            ordered[0].num_heads,
            ordered[0].num_kv_heads,
            ordered[0].head_dim,
        ):
            raise UnsupportedError("The CUDA backend needs attention heads of one shape in all layers.")
    return ordered
