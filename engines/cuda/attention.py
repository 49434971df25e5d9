"""Attention as launched: RoPE and cache write, decodes by one kernel, prompt tokens by another."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np

from engines.api.errors import UnsupportedError
from engines.cuda.agreement import agree
from engines.cuda.driver import Driver
from engines.cuda.launch import Kernel, Modules
from engines.cuda.memory import Memory, StagingRing
from engines.cuda.state import StepState
from engines.cuda.weights import Parameters
from engines.network import ops
from engines.network.alibi import alibi_slopes
from engines.network.rope import cos_sin

_LOG: Final = logging.getLogger("deskside.engines")
MAX_HEAD_DIM: Final = 256
PREFILL_WARPS: Final = 8
HOPPER_KEYS: Final = 128
HOPPER_BLOCK: Final = 512
LOG2E: Final = math.log2(math.e)


@dataclass(frozen=True, slots=True)
class Launch:
    """How a step runs: rows of the packed buffers, and whether it holds rows that are no decodes."""

    rows: int
    prefill: bool


Run = Callable[[Launch], None]


@dataclass(frozen=True, slots=True)
class Scales:
    """Addresses: a product of codes times `rows` float32 [tokens] (0: none) times `columns` float32 [n], plus `bias` elements [n]
    (0: none), is its value; all 0 of a value."""

    rows: int = 0
    columns: int = 0
    bias: int = 0


PLAIN: Final = Scales()


def tile_tokens(group: int) -> int:
    """Tokens of a prefill tile: query heads that share a kv head are packed beside them."""
    return 16 * PREFILL_WARPS // group


def decode_tile_warps(group: int) -> int:
    """Warps of a tile that holds one token, where decodes are prefill tiles: as few as hold its query heads."""
    return -(-group // 16)


def prefill_shared(head_dim: int, keys: int) -> int:
    """Bytes of shared memory of the prefill kernel: two stages of keys and values, rows padded to what the swizzle permutes."""
    chunks = head_dim // 8
    return 4 * keys * 16 * (-(-chunks // 8) * 8 if chunks > 4 else chunks)


def tile_keys(head_dim: int, shared_per_block: int) -> int:
    """Keys of a prefill tile: 64, fewer where a block may not have the shared memory for it."""
    return next(keys for keys in (64, 32, 16) if keys == 16 or prefill_shared(head_dim, keys) <= shared_per_block)


def takes_hopper(op: ops.Attention, arch: int) -> bool:
    """Whether attention_prefill_sm90.cu is for this device and attention."""
    return arch == 90 and op.head_dim in (64, 128) and not op.alibi and op.scale > 0


def rotates_whole(op: ops.Attention) -> bool:
    """Whether rope_kv_whole does: a plain rotary embedding of whole heads."""
    rope = op.rope
    plain = op.q_norm is None and op.k_norm is None and op.head_dim in (32, 64, 128, 256)
    return plain and rope is not None and rope.rotary_dim == op.head_dim and not rope.interleaved


def hopper_shared(head_dim: int, kv_fp8: bool) -> int:
    """Bytes of shared memory of that kernel: two tiles of keys and two of values, the codes of as many if they come as such, a tile
    of queries, barriers."""
    return HOPPER_KEYS * head_dim * (14 if kv_fp8 else 10) + 1024 + 128


def check_attention(op: ops.Attention) -> None:
    """Raises UnsupportedError for attention this backend has no kernel for."""
    group = op.num_heads // op.num_kv_heads
    if op.head_dim % 16 or op.head_dim > MAX_HEAD_DIM:
        raise UnsupportedError(
            f"The CUDA backend has attention for heads of a multiple of 16 up to {MAX_HEAD_DIM} and the model's have "
            f"{op.head_dim}; use --backend reference."
        )
    if group > 16 * PREFILL_WARPS:
        raise UnsupportedError(
            f"The CUDA backend takes up to {16 * PREFILL_WARPS} query heads per KV head, not {group}."
        )


class AttentionLaunches:
    """Makes each attention node's launches; holds what layers share: rotary tables, slopes, room for q, k and v side by side."""

    def __init__(
        self,
        memory: Memory,
        staging: StagingRing,
        modules: Modules,
        params: Parameters,
        state: StepState,
        driver: Driver,
        *,
        deterministic: bool,
    ) -> None:
        """`deterministic`: every token by the prefill kernel, whose result for a token does not depend on its tile."""
        self._memory, self._staging, self._modules = memory, staging, modules
        self._params, self._state = params, state
        self._driver = driver
        self._deterministic = deterministic
        self._agreed: dict[tuple[tuple[str, int], ...], bool] = {}
        self._tables: dict[ops.Rope, int] = {}
        self._slopes: dict[int, int] = {}
        self._packed: dict[int, int] = {}

    def build(self, op: ops.Attention, inputs: list[int], y: int, scales: Scales = PLAIN) -> Run:
        """`inputs`: the address of qkv, or of q, k and v apart; `y`: of the result; `scales`: of a qkv that is a product of codes.
        Raises UnsupportedError."""
        check_attention(op)
        state, kernel = self._state, self._modules.kernel
        group = op.num_heads // op.num_kv_heads
        size = state.limits.page_size
        macros = {
            "HEAD_DIM": op.head_dim,
            "GROUP": group,
            "PAGE_SIZE": size,
            "SOFT_CAP": int(op.soft_cap is not None),
            "ALIBI": int(op.alibi),
            "SINKS": int(op.sinks is not None),
            "KV_FP8": int(state.kv_fp8),
        }
        keys_of_tile = tile_keys(op.head_dim, self._driver.info.shared_per_block)
        rope_macros = {"HEAD_DIM": op.head_dim, "KV_FP8": int(state.kv_fp8)}
        rope = kernel("rope_kv", "rope_kv", rope_macros)
        whole = rotates_whole(op)
        rope_whole = kernel("rope_kv", "rope_kv_whole", rope_macros) if whole else rope
        decode = kernel("attention_decode", "attention_decode", macros)
        tile = {**macros, "TILE_KEYS": keys_of_tile}
        shared, few = prefill_shared(op.head_dim, keys_of_tile), decode_tile_warps(group)
        single = kernel("attention_prefill", "attention_prefill", {**tile, "WARPS": few}, shared)
        block = 32 * PREFILL_WARPS
        prefill = kernel("attention_prefill", "attention_prefill", {**tile, "WARPS": PREFILL_WARPS}, shared)
        if takes_hopper(op, self._driver.info.arch) and not self._deterministic:
            name = "attention_prefill_sm90"
            del macros["ALIBI"]
            faster = kernel(name, name, macros, hopper_shared(op.head_dim, state.kv_fp8))
            if self._agree(macros, faster, prefill):
                prefill, block = faster, HOPPER_BLOCK
        table = self._table(op.rope) if op.rope is not None else 0
        rotary, interleaved = (op.rope.rotary_dim, int(op.rope.interleaved)) if op.rope is not None else (0, 0)
        q_norm = 0 if op.q_norm is None else self._params.get(op.q_norm).ptr
        k_norm = 0 if op.k_norm is None else self._params.get(op.k_norm).ptr
        slopes = self._slopes_of(op.num_heads) if op.alibi else 0
        sinks = 0 if op.sinks is None else self._params.get(op.sinks).ptr
        heads = op.num_heads + 2 * op.num_kv_heads
        stride = heads * op.head_dim
        keys, values = state.layer(op.layer)
        cap = float(op.soft_cap or 0.0)
        key_scale, value_scale = state.scales(op.layer)
        scale = float(op.scale) * key_scale * (1.0 if cap else LOG2E)
        window = op.sliding_window or 0
        qkv = inputs[0] if len(inputs) == 1 else self._room(stride)
        pack = kernel("elementwise", "pack_qkv")
        q8, kv8 = op.num_heads * op.head_dim // 8, op.num_kv_heads * op.head_dim // 8

        def run(s: Launch) -> None:
            if len(inputs) == 3:
                pack((s.rows, 1, 1), 128, *inputs, qkv, q8, kv8)
            if whole:
                rope_whole(
                    (s.rows, -(-heads * op.head_dim // 16 // 256), 1), 256, qkv, state.positions, state.kv_index, table, keys,
                    values, op.num_heads, op.num_kv_heads, size, scales.rows, scales.columns, 1.0 / key_scale,
                    1.0 / value_scale,
                )  # fmt: skip
            else:
                rope(
                    (s.rows, -(-heads // 8), 1), 256, qkv, state.positions, state.kv_index, table, q_norm, k_norm, keys, values,
                    op.num_heads, op.num_kv_heads, size, rotary, interleaved, float(op.norm_eps), scales.rows, scales.columns,
                    1.0 / key_scale, 1.0 / value_scale,
                )  # fmt: skip
            if not self._deterministic:
                decode(
                    (state.decode_blocks, 1, 1), 128, qkv, y, keys, values, state.plan, state.work, state.partial,
                    state.partial_stat, state.counters, state.limits.num_slots, op.num_kv_heads, stride, scale, window, cap, slopes,
                    value_scale, sinks,
                )  # fmt: skip
            elif not s.prefill:
                single(
                    (state.decode_blocks, 1, 1), 32 * few, qkv, y, keys, values, state.plan, state.work,
                    state.limits.num_slots, state.max_splits, op.num_kv_heads, stride, scale, window, cap, slopes,
                    value_scale, sinks,
                )  # fmt: skip
            if s.prefill:
                prefill(
                    (state.prefill_blocks, 1, 1), block, qkv, y, keys, values, state.plan, state.work,
                    state.limits.num_slots, state.max_splits, op.num_kv_heads, stride, scale, window, cap, slopes,
                    value_scale, sinks,
                )  # fmt: skip

        return run

    def _agree(self, macros: dict[str, int], faster: Kernel, plain: Kernel) -> bool:
        """Whether the kernel for Hopper gives on this device what the plain one does; asked once per kind of attention."""
        key = tuple(sorted(macros.items()))
        if key not in self._agreed:
            self._agreed[key] = agree(
                self._driver,
                self._memory,
                self._staging,
                ((faster, HOPPER_BLOCK), (plain, 32 * PREFILL_WARPS)),
                group=macros["GROUP"],
                head_dim=macros["HEAD_DIM"],
                page_size=macros["PAGE_SIZE"],
                tokens_per_tile=tile_tokens(macros["GROUP"]),
                kv_fp8=bool(macros["KV_FP8"]),
                fp16=self._modules.fp16,
                soft_cap=50.0 if macros["SOFT_CAP"] else 0.0,
            )
            if not self._agreed[key]:
                _LOG.warning(
                    "Prefill attention for Hopper disagrees with the plain kernel (%s): the plain one runs, prompts are slower.",
                    ", ".join(f"{name} {value}" for name, value in key),
                )
        return self._agreed[key]

    def _table(self, rope: ops.Rope) -> int:
        """(cos, sin) pairs float32 [context, rotary / 2, 2], once per kind of rope."""
        if rope not in self._tables:
            cos, sin = cos_sin(rope, np.arange(self._state.limits.context, dtype=np.int32))
            pairs = np.stack([cos, sin], axis=-1)
            self._tables[rope] = self._memory.take(pairs.nbytes)
            self._staging.upload(pairs, self._tables[rope])
        return self._tables[rope]

    def _slopes_of(self, num_heads: int) -> int:
        """ALiBi's slopes times log2(e), float32 [num_heads]."""
        if num_heads not in self._slopes:
            slopes = alibi_slopes(num_heads) * np.float32(LOG2E)
            self._slopes[num_heads] = self._memory.take(slopes.nbytes)
            self._staging.upload(slopes, self._slopes[num_heads])
        return self._slopes[num_heads]

    def _room(self, width: int) -> int:
        """For q, k and v that were not made side by side. One for all layers: each is done with it before the next."""
        if width not in self._packed:
            self._packed[width] = self._memory.take(2 * width * self._state.limits.padded_tokens)
        return self._packed[width]
