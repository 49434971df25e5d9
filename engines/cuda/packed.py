"""Weights of 4 or 8 bits whose inputs stay in 16: how they lie on the device, and the kernels that read them (kernels/packed.cu,
packed_wide.cu, packed_sm90.cu).

A weight [N, K] is one block: codes in the order of the tensor cores' fragments, scales, zero points. It is multiplied with few
tokens by our own kernel, with many by cublasLt on pieces that are made into elements first; which, timing says. Nothing of this is
taken on trust: the way back from codes to elements is compared with NumPy when weights are loaded, to the bit, and each variant of
our kernel with cublasLt on the real weights before it may answer anybody (`Gemm.prepare`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from engines.api.errors import DeviceError, UnsupportedError
from engines.cuda.driver import Driver
from engines.cuda.launch import Modules
from engines.cuda.memory import Memory, StagingRing, align
from engines.network.schemes import Scheme
from engines.quantization.decode import dequantize
from engines.quantization.encode import encode
from engines.weights import Tensor, round_bf16

TILE: Final = 16
STEP: Final = 128
# Tokens of the kernel that is bound by reading W at most, of one launch of the other, and of a product that is tried in several.
SKINNY_TOKENS: Final = 8
LAUNCH_TOKENS: Final = 64
PACKED_TOKENS: Final = 256
# Of packed_sm90.cu: tokens of a block, and of a product; with more, elements made first are as fast as any.
HOPPER_BLOCKS: Final = (16, 32, 64, 128)
HOPPER_TOKENS: Final = 2048
# Elements made for cublasLt at a time, bytes: a piece stays in the second-level cache (50 MB on H200) until it is read.
UNPACK_BYTES: Final = 32 << 20
_THREADS: Final = 256
# That run on a multiprocessor at once, with 48 registers each.
_RESIDENT_THREADS: Final = 1280


@dataclass(frozen=True, slots=True)
class Packing:
    """`bits`: 4 or 8. `group`: columns of a scale, 0 for one scale a row. `zeros`: whether there are zero points."""

    bits: int
    group: int
    zeros: bool

    @classmethod
    def of(cls, scheme: Scheme | None) -> Packing | None:
        """The packing of a weight-only integer scheme that there are kernels for; None for any other scheme."""
        if (
            scheme is None
            or scheme.weights not in ("int4", "int8")
            or scheme.activations is not None
            or scheme.pre_scale
        ):
            return None
        group = scheme.group or 0
        if group not in (0, 32, 64) and group % STEP:
            return None
        return cls(4 if scheme.weights == "int4" else 8, group, scheme.zero_points)

    @property
    def key(self) -> str:
        return f"i{self.bits}{f'g{self.group}' if self.group else ''}{'z' * self.zeros}"

    @property
    def defines(self) -> dict[str, int]:
        return {"BITS": self.bits, "GROUP": self.group, "ZERO": int(self.zeros)}

    def codes(self, n: int, k: int) -> int:
        """Bytes of the codes, and where the scales begin."""
        return -(-n // TILE) * -(-k // STEP) * TILE * STEP * self.bits // 8

    def scales(self, n: int, k: int) -> int:
        """Bytes of the scales."""
        rows = -(-n // TILE) * TILE
        return rows * (k // self.group) * 2 if self.group else rows * 4

    def places(self, n: int, k: int) -> tuple[int, int, int]:
        """Offsets of scales and of zero points in a weight's block, and its size."""
        scales = align(self.codes(n, k))
        zeros = scales + align(self.scales(n, k))
        pairs = -(-n // TILE) * 8 * (k // self.group if self.group else 1)
        return scales, zeros, zeros + align(4 * pairs * self.zeros)

    def arrange(self, values: NDArray[Any], n: int) -> NDArray[Any]:
        """Scales or zero points [N] or [N, groups] as the kernels take them: of each tile's groups the pairs (row g, row g + 8) in
        32 bits; a scale a row stays in rows. Rows beyond N get 0."""
        padded = np.zeros((-(-n // TILE) * TILE, *values.shape[1:]), values.dtype)
        padded[:n] = values
        if values.ndim == 1 and values.dtype == np.float32:
            return padded
        pairs = padded.reshape(-1, 2, 8, *(values.shape[1:] or (1,))).transpose(0, 3, 2, 1)
        if values.dtype == np.uint8:
            joined: NDArray[np.uint32] = (pairs[..., 0] | pairs[..., 1].astype(np.uint32) << np.uint32(8)).astype(
                np.uint32
            )
            return joined
        return np.ascontiguousarray(pairs)


@dataclass(frozen=True, slots=True)
class Variant:
    """A way to multiply by our own kernels. `kind`, by which:

    - "packed": packed.cu, whose warps share out K.
    - "wide": packed_wide.cu, whose warps have `row_tiles` tiles of 16 rows each, and whose blocks share out K among `split`.
    - "sm90": packed_sm90.cu, two of whose warpgroups have `row_tiles` tiles of 64 rows each for `block` tokens; K as above.

    `stages`: of the pipeline of weights."""

    kind: str
    warps: int
    stages: int
    row_tiles: int = 1
    split: int = 1
    block: int = 0

    def tokens(self, m: int) -> int:
        """Tokens that the kernel is compiled for: at least M, but for "sm90", which takes any M."""
        sizes = {"packed": (1, 2, 4, 8), "wide": (8, 16, 24, 32, 48, 64)}
        return self.block or next(tokens for tokens in sizes[self.kind] if m <= tokens)

    @property
    def tiles(self) -> int:
        """Of 16 rows, of a block of "wide" or "sm90"."""
        return self.row_tiles * (self.warps - 8 if self.kind == "sm90" else self.warps)

    @property
    def inputs(self) -> int:
        """Stages of x of "sm90"."""
        return 4 if self.block <= 64 else 3

    def shared(self, packing: Packing, m: int, k: int) -> int:
        """Bytes of shared memory of a block: weights on their way, x, and sums, where that was or behind it."""
        groups = 1 if packing.group == 0 or packing.group >= STEP else STEP // packing.group
        tile = packing.bits * 256 + (groups * (1 + packing.zeros) * 128 if packing.group else 0)
        tokens, block = self.tokens(m), self.tiles
        if self.kind == "sm90":
            stages = self.inputs * tokens * 256 + self.stages * block * tile
            return max(stages, min(tokens, 32) * (TILE * block + 4) * 4) + 1024 + 16 * self.inputs
        if self.kind == "packed":
            x = -(-k // STEP) * tokens * (256 + 4 * groups)
            return self.warps * self.stages * tile + x + 2 * self.warps * tokens * (TILE + 1) * 4
        stage = 4 * (tokens * 64 + 64) + block * tile
        return max(self.stages * stage, min(tokens, 32) * (TILE * block + 1) * 4)


def launch_tokens(m: int) -> int:
    """Tokens of each launch of our kernels: nearly the same, LAUNCH_TOKENS at most."""
    return -(-m // -(-m // LAUNCH_TOKENS))


def skinny_blocks(tiles: int, multiprocessors: int, resident: int) -> int:
    """Blocks of a product with few tokens, each of which goes from tile to tile: so many to a multiprocessor, `resident` at most,
    that the busiest has the fewest tiles; of equal numbers the greater, for more copies are then on their way."""
    best = min(range(resident, 0, -1), key=lambda each: each * -(-tiles // (multiprocessors * each)))
    return min(tiles, multiprocessors * best)


def check_packing(scheme: Scheme) -> Packing:
    """The packing of a weight-only integer scheme. Raises UnsupportedError naming what there is no kernel for."""
    packing = Packing.of(scheme)
    if packing is None:
        reason = (
            "a vector that its input is multiplied by first (AWQ of another program)"
            if scheme.pre_scale
            else f"groups of {scheme.group} columns (there are kernels for 32, 64 and multiples of {STEP})"
            if scheme.weights in ("int4", "int8") and scheme.activations is None
            else "its type"
        )
        raise UnsupportedError(
            f"The CUDA backend does not run {scheme.label} weights, for {reason}; use --backend reference."
        )
    return packing


def piece_rows(n: int, k: int) -> int:
    """Rows that are made into elements at a time: a multiple of 128 that fills UNPACK_BYTES at most, so that every piece of y
    begins where cublasLt expects a matrix to; all, where N is none."""
    return n if n % STEP else min(n, max(STEP, UNPACK_BYTES // (2 * k) // STEP * STEP))


def pieces(n: int, k: int) -> list[int]:
    """First rows of the pieces: all of one size, so that one way to multiply serves; the last may overlap the one before."""
    rows = piece_rows(n, k)
    return [min(first, n - rows) for first in range(0, n, rows)]


class PackedKernels:
    """Launches of kernels/packed.cu."""

    def __init__(self, driver: Driver, modules: Modules) -> None:
        self._driver, self._modules = driver, modules

    def repack(self, packing: Packing, source: int, target: int, n: int, k: int) -> None:
        """Codes in rows [N, K] to the order of fragments."""
        words = packing.codes(n, k) // 4
        kernel = self._modules.kernel("packed", "repack", packing.defines)
        kernel((min(-(-words // _THREADS), 1 << 16), 1, 1), _THREADS, source, target, n, k, words)

    def unpack(self, packing: Packing, w: int, target: int, first: int, count: int, n: int, k: int) -> None:
        """Rows first .. first + count - 1 of a packed weight as elements [count, K]."""
        scales, zeros, _ = packing.places(n, k)
        kernel = self._modules.kernel("packed", "unpack", packing.defines)
        grid = (min(-(-count * k // 8 // _THREADS), 1 << 16), 1, 1)
        kernel(grid, _THREADS, w, w + scales, w + zeros, target, first, count, k)

    def multiply(
        self, packing: Packing, variant: Variant, w: int, bias: int, x: int, y: int, m: int, n: int, k: int, parts: int
    ) -> None:
        """y [M, N] = x [M, K] W^T + bias, M up to LAUNCH_TOKENS but for "sm90". `parts`: room for the sums of a split."""
        warps, tokens, tiles, info = variant.warps, variant.tokens(m), -(-n // TILE), self._driver.info
        scales, zeros, _ = packing.places(n, k)
        shared = variant.shared(packing, m, k)
        defines = {**packing.defines, "WARPS": warps, "STAGES": variant.stages}
        if variant.kind == "packed":
            kernel = self._modules.kernel("packed", "skinny_packed", {**defines, "TOKENS": tokens}, shared)
            resident = min(_RESIDENT_THREADS // (32 * warps), info.shared_per_block // (shared + 1024))
            blocks = skinny_blocks(tiles, info.multiprocessors, max(1, resident))
            kernel((blocks, 1, 1), 32 * warps, w, w + scales, w + zeros, x, y, bias, m, n, k)
            return
        if variant.kind == "sm90":
            hopper = {"TOKENS": tokens, "ROW_TILES": variant.row_tiles, "INPUTS": variant.inputs}
            kernel = self._modules.kernel("packed_sm90", "packed_sm90", defines | hopper, shared)
            grid = (-(-m // tokens), -(-tiles // variant.tiles), variant.split)
        else:
            defines |= {"TILES": tokens // 8, "ROW_TILES": variant.row_tiles}
            kernel = self._modules.kernel("packed_wide", "wide_packed", defines, shared)
            grid = (-(-tiles // variant.tiles), variant.split, 1)
        kernel(grid, 32 * warps, w, w + scales, w + zeros, x, y, bias, parts, m, n, k)
        if variant.split > 1:
            add = self._modules.kernel("packed_wide", "sum_parts", packing.defines)
            add((-(-n // _THREADS), m, 1), _THREADS, parts, variant.split, w + scales, bias, y, n)

    def difference(self, packing: Packing, a: int, b: int, count: int, found: int) -> None:
        """Adds |a - b|^2, |b|^2 and the number of values that are not finite to the float32 at `found`, and raises the fourth to
        the greatest |a - b| - |b| / 64."""
        kernel = self._modules.kernel("packed", "difference", packing.defines)
        kernel((min(-(-count // 1024), 256), 1, 1), _THREADS, a, b, count, found)


def variants(packing: Packing, m: int, n: int, k: int, multiprocessors: int, shared_per_block: int) -> list[Variant]:
    """Those to try for a product with M tokens. Derived for an H200:

    Few tokens: to keep 4.3 TB/s busy over a latency of about 0.8 us, Little's law asks for 3.4 MB in flight, 26 KB on each of 132
    multiprocessors. A step of a warp is 1 KB of int4 (2 KB of int8): 32 warps with 3 of 4 stages in flight have 96 KB. Instructions
    are about 120 a step and warp, 13 KB of W a microsecond and multiprocessor at 4 a clock: enough, with little to spare.
    More tokens: 16 rows by 128 columns of weights are 64 products of m16n8k16 with 64 tokens, about 100 clocks of tensor cores, and
    16 KB of x from shared memory, 128 clocks: two tiles of rows to a warp halve the latter. A grid of fewer blocks than
    multiprocessors splits K."""
    steps, tiles = -(-k // STEP), -(-n // TILE)

    def fits(variant: Variant) -> bool:
        return variant.shared(packing, m, k) <= shared_per_block

    found = []
    if m <= SKINNY_TOKENS:
        found = [v for v in (Variant("packed", 16, 4), Variant("packed", 8, 6), Variant("packed", 8, 4)) if fits(v)]
    best = [(8, 4, 1), (4, 4, 1)] if found else [(8, 4, 2), (8, 3, 2), (8, 4, 1), (4, 4, 2), (8, 3, 1)]
    wide = [Variant("wide", *shape) for shape in best if fits(Variant("wide", *shape))][:4]
    for variant in (
        wide or [v for v in (Variant("wide", 4, 3), Variant("wide", 2, 3), Variant("wide", 2, 2)) if fits(v)][:1]
    ):
        blocks = -(-tiles // variant.tiles)
        splits = {max(1, min(steps // 3, rounds * multiprocessors // blocks)) for rounds in (1, 2)}
        found += [replace(variant, split=split) for split in sorted(splits)]
    return found


def hopper_variants(
    packing: Packing, m: int, n: int, k: int, multiprocessors: int, shared_per_block: int
) -> list[Variant]:
    """Those of packed_sm90.cu to try for a product with M tokens: one block to a multiprocessor, K split where there are fewer.
    Products read 64 bytes of x a clock from shared memory, half of what that gives; the more rows a block has, the less often
    x is brought there. Blocks of fewer rows fill the multiprocessors where weights are small."""
    block = next((size for size in HOPPER_BLOCKS if m <= size), HOPPER_BLOCKS[-1])
    found = []
    for row_tiles in (2, 1):
        for stages in (4, 3, 2) if block <= 64 else (3, 2):
            variant = Variant("sm90", 16, stages, row_tiles, 1, block)
            if variant.shared(packing, m, k) <= shared_per_block:
                blocks = -(-m // block) * -(-n // (TILE * variant.tiles))
                found.append(replace(variant, split=max(1, min(-(-k // STEP) // 3, multiprocessors // blocks))))
                break
    return found


def split_bytes(m: int, n: int, split: int) -> int:
    """Of the sums of a split product."""
    return split * m * -(-n // TILE) * TILE * 4 if split > 1 else 0


class PackedLoader:
    """Puts weights where the kernels look for them: codes are uploaded as they are stored and brought into order on the device."""

    def __init__(
        self, driver: Driver, memory: Memory, staging: StagingRing, kernels: PackedKernels, largest: int, fp16: bool
    ) -> None:
        """`largest`: bytes of the largest weight's codes, as stored."""
        self._driver, self._memory, self._staging, self._kernels, self._fp16 = driver, memory, staging, kernels, fp16
        self._room = memory.take(largest)
        self._checked: set[Packing] = set()

    def close(self) -> None:
        self._driver.call("cuCtxSynchronize")
        self._memory.give(self._room)

    def load(self, packing: Packing, parts: Sequence[Mapping[str, NDArray[Any]]], k: int, target: int) -> None:
        """`parts`: tensors by suffix of each of the joined weights, in order. Raises DeviceError where the kernels here do not give
        back what went in."""
        if packing not in self._checked:
            self._checked.add(packing)
            self._check(packing)
        self._place(packing, parts, k, target)

    def _place(self, packing: Packing, parts: Sequence[Mapping[str, NDArray[Any]]], k: int, target: int) -> None:
        at = 0
        for part in parts:
            data = np.ascontiguousarray(part[""]).reshape(-1).view(np.uint8)
            for start in range(0, len(data), _UPLOAD):
                self._staging.upload(data[start : start + _UPLOAD], self._room + at + start)
            at += len(data)
        n = sum(len(part[""]) for part in parts)
        self._kernels.repack(packing, self._room, target, n, k)
        scales, zeros, _ = packing.places(n, k)
        kind = np.float16 if packing.group else np.float32
        joined = np.concatenate([_rows(part["scale"], len(part[""])).astype(kind) for part in parts])
        self._staging.upload(packing.arrange(joined, n), target + scales)
        if packing.zeros:
            joined = np.concatenate([_rows(part["zero"], len(part[""])) for part in parts])
            self._staging.upload(packing.arrange(joined, n), target + zeros)

    def _check(self, packing: Packing) -> None:
        """Codes of every value, rows and columns that end within a tile, there and back, against NumPy."""
        n, k = 40, 3 * (packing.group or 88)
        scheme = Scheme(
            "int4" if packing.bits == 4 else "int8",
            "group" if packing.group else "channel",
            packing.group or None,
            packing.zeros,
        )
        rng = np.random.default_rng(0)
        tensors = dict(
            encode(Scheme(scheme.weights, scheme.per, scheme.group), rng.standard_normal((n, k)).astype(np.float32))
        )
        if packing.zeros:
            tensors["zero"] = rng.integers(0, 16 if packing.bits == 4 else 256, tensors["scale"].shape).astype(np.uint8)
        types = scheme.tensors(n, k)
        wanted = dequantize(scheme, {s: Tensor(s, types[s][0], array) for s, array in tensors.items()})
        bits = wanted.astype(np.float16).view(np.uint16) if self._fp16 else round_bf16(wanted)
        saved, self._room = self._room, self._memory.take(tensors[""].nbytes)
        weight, out = self._memory.take(packing.places(n, k)[2]), self._memory.take(bits.nbytes)
        try:
            self._staging.upload(np.full(bits.shape, 0xFFFF, np.uint16), out)
            self._place(packing, [tensors], k, weight)
            self._kernels.unpack(packing, weight, out, 0, n, n, k)
            found = np.empty_like(bits)
            self._driver.call("cuCtxSynchronize")
            self._driver.call("cuMemcpyDtoH", found.ctypes.data, out, found.nbytes)
        finally:
            for block in (self._room, weight, out):
                self._memory.give(block)
            self._room = saved
        if not np.array_equal(found, bits):
            raise DeviceError(
                f"The kernels for {scheme.label} weights do not give back what was packed on this GPU, so nothing they compute can "
                f"be trusted; use --backend reference, and report the GPU and the driver."
            )


_UPLOAD: Final = 32 << 20


def _rows(values: NDArray[Any], rows: int) -> NDArray[Any]:
    """A scale or zero point of a whole tensor for each of its rows."""
    return np.broadcast_to(values, (rows,)).copy() if values.ndim == 0 else values
