// Weights of 4 or 8 bits as packed.cu and packed_wide.cu read them.
//
// W lies in the order of the tensor cores' fragments (`repack`): tile by tile of 16 rows, step by step of 128 columns, a lane's part in
// 16-byte vectors side by side, so that a warp reads 512 neighbouring bytes at a time. Each lane copies what it will itself use
// (cp.async) into its own places in shared memory, STAGES - 1 steps ahead: a pipeline that needs no barrier. Loads into registers
// would do too, but ptxas 13.0 was seen to put them just in front of their use, however the source orders them.
//
// Codes become numbers by three instructions a pair: a shift, `lop3` that puts two nibbles into the mantissas of two 128.0 (bf16, 7
// bits) or 1024.0 (fp16, 10 bits), and an exact fma that takes that away again, and the zero point with it. They are whole numbers of at
// most 8 bits: exact in both types. A group's scale is applied in float32 to the sum of the group, once for 32 to 128 columns and not once
// for each, which is both cheaper and more accurate than to round each weight.
//
// A product does not care in which order it sums, so slots 2t, 2t + 1, 2t + 8, 2t + 9 of lane t's two k16 products are its 8 neighbouring
// columns 8t .. 8t + 7 of a chunk of 32: the input comes as it lies, 16 bytes a lane.
//
// BITS: 4, 8. GROUP: columns of a scale, 32, 64 or a multiple of 128; 0: one scale a row, applied at the end. ZERO: 1 with zero points.
// WARPS: of a block. STAGES: of the pipeline.
#pragma once
#include "common.cuh"

#ifndef BITS
#define BITS 4
#endif
#ifndef GROUP
#define GROUP 128
#endif
#ifndef ZERO
#define ZERO 0
#endif
#ifndef WARPS
#define WARPS 8
#endif
#ifndef STAGES
#define STAGES 4
#endif

#define STEP 128
#define VECTORS (BITS / 4 * 2)                                   // 16-byte vectors of a lane, tile and step: rows g, then rows g + 8
#define SCALES (GROUP == 0 || GROUP >= 128 ? 1 : 128 / GROUP)    // groups of a step
#define CHUNKS (4 / SCALES)                                      // chunks of 32 columns of a group within a step
#define SCALE_WORDS (GROUP ? SCALES * (1 + ZERO) : 0)             // of a lane, tile and step: scales, then zero points
#define HALF (ELEM_FP16 || ARCH < 800)                           // products of fp16: bf16 has none on sm_75

// Of a tile's stage: the vectors of codes, 512 bytes apart, then its words of scales and zero points, 128 apart.
#define TILE_BYTES (VECTORS * 512 + SCALE_WORDS * 128)

// --- codes to numbers --------------------------------------------------------------------------------------------------------

__device__ __forceinline__ u32 fma2(u32 a, u32 b, u32 c) {
    u32 d;
#if HALF
    asm("fma.rn.f16x2 %0, %1, %2, %3;" : "=r"(d) : "r"(a), "r"(b), "r"(c));
#else
    asm("fma.rn.bf16x2 %0, %1, %2, %3;" : "=r"(d) : "r"(a), "r"(b), "r"(c));
#endif
    return d;
}

// The nibbles at bits 0 and 16, each on top of 128 or 1024.
__device__ __forceinline__ u32 nibbles(u32 x) {
    u32 d;
    asm("lop3.b32 %0, %1, %2, %3, 0xea;" : "=r"(d) : "r"(x), "r"(0x000f000fu), "r"(HALF ? 0x64006400u : 0x43004300u));  // (x & m) | c
    return d;
}

#if HALF
#define ONES 0x3c003c00u
#define SIXTEENS 0x4c004c00u
#define MINUS_BASE 0xe400e400u         // -1024 - z for z in the low bits
#define MINUS_BYTE 0xf440f440u         // -17408 = -(1024 * 16 + 1024): leaves 0 .. 255
#define MINUS_BYTE_128 0xf448f448u     // 128 less
#else
#define ONES 0x3f803f80u
#define SIXTEENS 0x41804180u
#define MINUS_BASE 0xc300c300u         // -128 - z for z < 128 in the low bits
#define MINUS_BYTE 0xc508c508u         // -2176 = -(128 * 16 + 128)
#define MINUS_BYTE_128 0xc510c510u
#endif

// What is taken away from the codes of a row: `zero` is the code that stands for 0.
__device__ __forceinline__ u32 offset_of(u32 zero) {
#if BITS == 4
    return MINUS_BASE | zero | zero << 16;
#elif HALF
    return pack_half2(-(float)zero, -(float)zero);
#else
    return pack2(-(float)zero, -(float)zero);
#endif
}

// Eight columns of a row: `word` points at 32 bits of int4, or 64 of int8. r: columns (0, 1), (2, 3), (4, 5), (6, 7).
__device__ __forceinline__ void numbers(const u32 *word, u32 offset, u32 *r) {
#if BITS == 4
#pragma unroll
    for (int i = 0; i < 4; i++) r[i] = fma2(nibbles(word[0] >> 4 * i), ONES, offset);
#else
#pragma unroll
    for (int i = 0; i < 4; i++) {
        u32 x = word[i >> 1] >> 8 * (i & 1);
        u32 high = fma2(nibbles(x >> 4), SIXTEENS, ZERO ? MINUS_BYTE : MINUS_BYTE_128);
        r[i] = fma2(nibbles(x), ONES, high);
        if (ZERO) r[i] = fma2(r[i], ONES, offset);
    }
#endif
}

__device__ __forceinline__ void product(float *c, u32 a0, u32 a1, u32 a2, u32 a3, u32 b0, u32 b1) {
#if HALF
    mma16816_half(c, a0, a1, a2, a3, half2_of_elements(b0), half2_of_elements(b1));
#else
    mma16816(c, a0, a1, a2, a3, b0, b1);
#endif
}

__device__ __forceinline__ float float_of_half(u32 bits) {
    float x;
    asm("cvt.f32.f16 %0, %1;" : "=f"(x) : "h"((u16)bits));
    return x;
}

// 4 bytes to shared memory, as copy16_async.
__device__ __forceinline__ void copy4_async(u32 shared, const void *global) {
#if ARCH >= 800
    asm volatile("cp.async.ca.shared.global [%0], [%1], 4;" ::"r"(shared), "l"(global));
#else
    asm volatile("st.shared.u32 [%0], %1;" ::"r"(shared), "r"(*(const u32 *)global));
#endif
}

// The copies of this thread, but for the last STAGES - 2 groups, have landed.
__device__ __forceinline__ void wait_stage() {
#if ARCH >= 800
    asm volatile("cp.async.wait_group %0;" ::"n"(STAGES - 2) : "memory");
#endif
}

__device__ __forceinline__ uint4 load16_shared(u32 address) {
    uint4 v;
    asm volatile("ld.shared.v4.u32 {%0,%1,%2,%3}, [%4];" : "=r"(v.x), "=r"(v.y), "=r"(v.z), "=r"(v.w) : "r"(address) : "memory");
    return v;
}

__device__ __forceinline__ u32 load4_shared(u32 address) {
    u32 v;
    asm volatile("ld.shared.u32 %0, [%1];" : "=r"(v) : "r"(address) : "memory");
    return v;
}

// --- to and from memory ------------------------------------------------------------------------------------------------------

// Where a lane's part of a tile begins.
struct Tile {
    const uint4 *w;
    const u32 *scales, *zeros;
};

__device__ __forceinline__ Tile tile_of(const uint4 *w, const u32 *scales, const u32 *zeros, int tile, int k, int lane) {
    u64 steps = (k + STEP - 1) / STEP, pairs = 8 * (GROUP ? k / (GROUP ? GROUP : 1) : 1);
    return {w + tile * steps * (VECTORS * 32) + lane, scales + tile * pairs + (lane >> 2), zeros + tile * pairs + (lane >> 2)};
}

// Starts the copies of a step of a tile to `to`.
__device__ __forceinline__ void fetch_tile(u32 to, const Tile &tile, int step, int k, int lane) {
    const uint4 *from = tile.w + step * (VECTORS * 32);
#pragma unroll
    for (int v = 0; v < VECTORS; v++) copy16_async(to + v * 512 + lane * 16, from + v * 32, true);
#if GROUP
#pragma unroll
    for (int s = 0; s < SCALES; s++) {
        int group = step * STEP / GROUP + s;
        if (SCALES > 1) group = min(step * SCALES + s, k / GROUP - 1);  // K may end within a step
        u32 word = to + VECTORS * 512 + s * 128 + lane * 4;
        copy4_async(word, tile.scales + group * 8);
        if (ZERO) copy4_async(word + SCALES * 128, tile.zeros + group * 8);
    }
#endif
}

// The zero points of the lane's two rows where they are a row's.
__device__ __forceinline__ u32 row_zeros(const Tile &tile) { return ZERO && !GROUP ? __ldg(tile.zeros) : 0; }

// Codes of row g (h = 0) or g + 8 of the group `s` of a step that lies at `from`: the words that the group has no part in are not loaded.
__device__ __forceinline__ void load_codes(u32 *code, u32 from, int h, int s, int lane) {
#pragma unroll
    for (int v = 0; v < VECTORS / 2; v++) {
        // A vector holds 4 chunks of int4, or 2 of int8.
        int first = BITS == 4 ? 0 : 2 * v, last = BITS == 4 ? 4 : 2 * v + 2;
        if (last <= s * CHUNKS || first >= (s + 1) * CHUNKS) continue;
        uint4 y = load16_shared(from + (h * (VECTORS / 2) + v) * 512 + lane * 16);
        code[4 * v] = y.x, code[4 * v + 1] = y.y, code[4 * v + 2] = y.z, code[4 * v + 3] = y.w;
    }
}

// A row's sum as it goes out. `scales`: float32 a row where GROUP is 0.
__device__ __forceinline__ u16 finished(float sum, const u32 *scales, const u16 *bias, int row) {
    if (!GROUP) sum *= ((const float *)scales)[row];
    if (bias) sum += to_float(bias[row]);
    return from_float(sum);
}
