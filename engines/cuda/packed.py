"""Weights of 4 or 8 bits whose inputs stay in 16: how they lie on the device, and the kernels that read them (kernels/packed.cu).

A weight [N, K] is one block: codes in the order of the tensor cores' fragments, scales, zero points. It is multiplied with few
tokens by our own kernel, with many by cublasLt on pieces that are made into elements first; which, timing says. Nothing of this is
taken on trust: the way back from codes to elements is compared with NumPy when weights are loaded, to the bit, and each variant of
our kernel with cublasLt on the real weights before it may answer anybody (`Gemm.prepare`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
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
# Tokens of one launch of our kernel at most, and of a product that is tried in several.
LAUNCH_TOKENS: Final = 64
PACKED_TOKENS: Final = 256
# Elements made for cublasLt at a time, bytes: a piece stays in the second-level cache (50 MB on H200) until it is read.
UNPACK_BYTES: Final = 32 << 20
_THREADS: Final = 256


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

    def shared(self, m: int, warps: int, stages: int, row_tiles: int) -> int:
        """Bytes of shared memory of a block of the product: its pipeline, and its sums where that was."""
        groups = 1 if self.group == 0 or self.group >= STEP else STEP // self.group
        words = groups * (1 + self.zeros) if self.group else 0
        stage = row_tiles * (self.bits * 256 + words * 128) + staged_tokens(m) * 256
        return max(warps * stages * stage, warps * 8 * min(-(-m // 8), 4) * (TILE * row_tiles + 1) * 4)

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


def staged_tokens(m: int) -> int:
    """Tokens whose input comes through the pipeline, 0 where there are too many."""
    return next((tokens for tokens in (1, 2, 4, 8) if m <= tokens), 0)


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
        self, packing: Packing, shape: tuple[int, int, int, int], w: int, bias: int, x: int, y: int, m: int, n: int, k: int,
        partials: int, counters: int,
    ) -> None:  # fmt: skip
        """y [M, N] = x [M, K] W^T + bias, M up to LAUNCH_TOKENS. `shape`: warps, stages, row tiles, split. `partials`, `counters`:
        room for a split's sums, and zeros."""
        warps, stages, row_tiles, split = shape
        scales, zeros, _ = packing.places(n, k)
        defines = {
            **packing.defines,
            "TILES": -(-m // 8),
            "WARPS": warps,
            "STAGES": stages,
            "STAGED": staged_tokens(m),
            "ROW_TILES": row_tiles,
            "SPLIT": split,
        }
        kernel = self._modules.kernel("packed", "skinny_packed", defines, packing.shared(m, warps, stages, row_tiles))
        grid = (-(-n // TILE // row_tiles), split, 1)
        kernel(grid, 32 * warps, w, w + scales, w + zeros, x, y, bias, partials, counters, m, n, k)

    def difference(self, packing: Packing, a: int, b: int, count: int, found: int) -> None:
        """Adds |a - b|^2, |b|^2 and the number of values that are not finite to the float32 at `found`, and raises the fourth to
        the greatest |a - b|."""
        kernel = self._modules.kernel("packed", "difference", packing.defines)
        kernel((min(-(-count // 1024), 256), 1, 1), _THREADS, a, b, count, found)


def shapes(
    packing: Packing, m: int, n: int, k: int, multiprocessors: int, shared_per_block: int
) -> list[tuple[int, int, int, int]]:
    """(warps, stages, row tiles, split) to try for a product with M tokens. Derived for an H200, unmeasured:

    To keep 4.3 TB/s busy over a latency of about 0.8 us, Little's law asks for 3.4 MB in flight, 26 KB on each of 132
    multiprocessors. A step of a warp is 1 KB of int4 (2 KB of int8), so 8 warps with 3 of 4 stages in flight have 24 KB (48), 45 KB
    of shared memory a block at M = 1: five blocks fit a multiprocessor's 227 KB (48 registers a thread, ptxas for sm_90). K = 4096
    is 4 steps for each of 8 warps: with 5 stages and more everything that a block will read is on its way at once.
    Instructions, M = 1: a step is 64 codes a lane, 11 instructions a word of 8 (3 shifts, 4 lop3, 4 fma), 8 products, copies and
    scales: about 120 a warp. 32.6 bytes/ns a multiprocessor bring a step every 31 ns, 55 clocks of 4 issue slots: 55 % of them.
    Rows: at M = 64 a warp reads 16 KB of x from the first-level cache for 1 KB of W, at 128 bytes a clock 128 clocks where the
    memory takes 55; two tiles of rows halve that, and spill from M = 40 on. Products: 64 of m16n8k16 a step, about 58 ns at the
    rate of mma.sync (4.5 TFLOP/s a multiprocessor) against 31 ns of memory: from M = 32 on it is they that bound.
    A grid of fewer blocks than two a multiprocessor splits K."""
    if m <= 8:
        found = [(8, 4, 1), (8, 6, 1), (4, 8, 1), (16, 3, 1)]
    elif m <= 32:
        found = [(8, 4, 1), (4, 6, 1), (8, 3, 2), (4, 4, 2)]
    else:
        found = [(8, 4, 1), (8, 3, 1), (4, 6, 1)]
    fitting = [shape for shape in found if packing.shared(m, *shape) <= shared_per_block]
    steps = -(-k // STEP)
    made = []
    for warps, stages, row_tiles in fitting or [(4, 3, 1)]:
        blocks = -(-n // TILE // row_tiles)
        split = 1
        while split < 8 and blocks * split < 2 * multiprocessors and steps >= 4 * split * warps:
            split *= 2
        made.append((warps, stages, row_tiles, split))
        if split > 1:
            made.append((warps, stages, row_tiles, 1))
    return made


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
