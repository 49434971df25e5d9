// y [M, N] = x [M, K] W [N, K]^T for weights of 4 or 8 bits and inputs of 16: bound by reading W once, for few tokens.
//
// W lies in the order of the tensor cores' fragments (`repack`): tile by tile of 16 rows, step by step of 128 columns, a lane's part in
// 16-byte vectors side by side, so that a warp reads 512 neighbouring bytes at a time and a block one unbroken piece of memory. Each lane
// copies what it will itself use (cp.async) into its own places in shared memory, STAGES - 1 steps ahead: a pipeline without a barrier.
// Loads into registers would do too, but ptxas 13.0 was seen to put them just in front of their use, however the source orders them.
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
// TILES: 8 tokens each, M <= 8 TILES. STAGED: with one tile, tokens whose input comes by the same pipeline, M <= STAGED (1, 2, 4, 8), else
// 0: read where it is used. ROW_TILES: of 16 rows, that a warp computes at once, sharing its reads of x. WARPS: of a block; they share
// out K and are summed at the end. STAGES: of the pipeline. SPLIT: blocks that share out K too.
// PDL: 1 if the kernel may start before the one in front of it has ended (programmatic dependent launch, sm_90 on).
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
#ifndef TILES
#define TILES 1
#endif
#ifndef ROW_TILES
#define ROW_TILES 1
#endif
#ifndef WARPS
#define WARPS 8
#endif
#ifndef STAGES
#define STAGES 4
#endif
#ifndef STAGED
#define STAGED 0
#endif
#ifndef SPLIT
#define SPLIT 1
#endif
#ifndef PDL
#define PDL 0
#endif

#define STEP 128
#define VECTORS (BITS / 4 * 2)                                   // 16-byte vectors of a lane, tile and step: rows g, then rows g + 8
#define SCALES (GROUP == 0 || GROUP >= 128 ? 1 : 128 / GROUP)    // groups of a step
#define CHUNKS (4 / SCALES)                                      // chunks of 32 columns of a group within a step
#define ROWS (16 * ROW_TILES)
#define TOKENS_AT_ONCE (8 * (TILES < 4 ? TILES : 4))             // whose sums are in shared memory at a time
#define SCALE_WORDS (GROUP ? SCALES * (1 + ZERO) : 0)             // of a lane, tile and step: scales, then zero points
#define STAGE (ROW_TILES * (VECTORS * 512 + SCALE_WORDS * 128) + STAGED * 256)  // bytes of a warp's stage
#define HALF (ELEM_FP16 || ARCH < 800)                           // products of fp16: bf16 has none on sm_75

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

// The copies of this thread, but for the last STAGES - 2 groups, have landed. Only it reads them, so that no barrier is needed.
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

// --- the product -------------------------------------------------------------------------------------------------------------

// Where a lane's part of a stage lies in shared memory: of each tile the vectors of codes, 512 bytes apart, then its words of scales and
// zero points, 128 apart; then the input, 16 bytes for each chunk of 32 columns, token and t.
#define TILE_BYTES (VECTORS * 512 + SCALE_WORDS * 128)
#define INPUT_AT (ROW_TILES * TILE_BYTES)

// Starts the copies of a step's weights into the stage at `to`.
__device__ __forceinline__ void fetch_weights(
    u32 to, const uint4 *w, const u32 *scales, const u32 *zeros, int tile, int tiles, int step, int k, int lane) {
    int steps = (k + STEP - 1) / STEP;
#pragma unroll
    for (int r = 0; r < ROW_TILES; r++) {
        int at = min(tile + r, tiles - 1);
        const uint4 *from = w + ((u64)at * steps + step) * (VECTORS * 32) + lane;
#pragma unroll
        for (int v = 0; v < VECTORS; v++) copy16_async(to + r * TILE_BYTES + v * 512 + lane * 16, from + v * 32, true);
        if (GROUP) {
            int groups = k / (GROUP ? GROUP : 1);
#pragma unroll
            for (int s = 0; s < SCALES; s++) {
                int group = min((step * STEP + s * (STEP / SCALES)) / (GROUP ? GROUP : 1), groups - 1);  // K may end within a step
                u64 i = ((u64)at * groups + group) * 8 + (lane >> 2);
                u32 word = to + r * TILE_BYTES + VECTORS * 512 + s * 128 + lane * 4;
                copy4_async(word, scales + i);
                if (ZERO) copy4_async(word + SCALES * 128, zeros + i);
            }
        }
    }
}

// And of its input, zeros beyond M and K. `token`: x at the lane's token g and column 8t.
__device__ __forceinline__ void fetch_input(u32 to, const u16 *token, int step, int m, int k, int g, int t) {
#pragma unroll
    for (int c = 0; c < 4; c++) {
        int column = step * STEP + 32 * c;
        bool there = g < m && column + t * 8 < k;
        if (g < STAGED) copy16_async(to + INPUT_AT + ((c * STAGED + g) * 4 + t) * 16, there ? token + column : token, there);
    }
}

// Adds a step's part of the products with all tokens. `stage`: where it lies; `x`: the input at the lane's token and first column, for
// what is not staged. `row_zeros`: zero points of the lane's rows where they are a row's.
__device__ __forceinline__ void add_step(
    float (*acc)[TILES][4], u32 stage, const u32 *row_zeros, const u16 *x, int column, int m, int k, int lane) {
    int g = lane >> 2, t = lane & 3;
#pragma unroll
    for (int s = 0; s < SCALES; s++) {
        u32 a[ROW_TILES][CHUNKS][8], scale[ROW_TILES];
#pragma unroll
        for (int r = 0; r < ROW_TILES; r++) {
            u32 from = stage + r * TILE_BYTES, words = from + VECTORS * 512 + s * 128 + lane * 4;
            u32 zero = !ZERO ? 0x0808u : GROUP ? load4_shared(words + SCALES * 128) : row_zeros[r];
            u32 upper = offset_of(zero & 0xff), lower = offset_of(zero >> 8);
            scale[r] = GROUP ? load4_shared(words) : 0;
#pragma unroll
            for (int h = 0; h < 2; h++) {
                u32 code[4 * VECTORS / 2];  // of a row's whole step; what this group does not use is not loaded
#pragma unroll
                for (int v = 0; v < VECTORS / 2; v++) {
                    // A vector holds 4 chunks of int4, or 2 of int8.
                    int first = BITS == 4 ? 0 : 2 * v, last = BITS == 4 ? 4 : 2 * v + 2;
                    if (last <= s * CHUNKS || first >= (s + 1) * CHUNKS) continue;
                    uint4 y = load16_shared(from + (h * (VECTORS / 2) + v) * 512 + lane * 16);
                    code[4 * v] = y.x, code[4 * v + 1] = y.y, code[4 * v + 2] = y.z, code[4 * v + 3] = y.w;
                }
#pragma unroll
                for (int c = 0; c < CHUNKS; c++) numbers(code + (s * CHUNKS + c) * (BITS / 4), h ? lower : upper, a[r][c] + 4 * h);
            }
        }
#pragma unroll
        for (int i = 0; i < TILES; i++) {
            float sum[ROW_TILES][4];
#pragma unroll
            for (int r = 0; r < ROW_TILES; r++)
#pragma unroll
                for (int e = 0; e < 4; e++) sum[r][e] = GROUP ? 0.f : acc[r][i][e];
#pragma unroll
            for (int c = 0; c < CHUNKS; c++) {
                int chunk = s * CHUNKS + c;
                uint4 b = make_uint4(0, 0, 0, 0);
                if (STAGED) {
                    if (g < STAGED) b = load16_shared(stage + INPUT_AT + ((chunk * STAGED + g) * 4 + t) * 16);
                } else if (i * 8 + g < m && column + 32 * chunk < k) {
                    b = __ldg((const uint4 *)(x + (u64)i * 8 * k + 32 * chunk));
                }
#pragma unroll
                for (int r = 0; r < ROW_TILES; r++) {
                    const u32 *f = a[r][c];
                    product(sum[r], f[0], f[4], f[1], f[5], b.x, b.y);
                    product(sum[r], f[2], f[6], f[3], f[7], b.z, b.w);
                }
            }
#pragma unroll
            for (int r = 0; r < ROW_TILES; r++) {
                float upper = GROUP ? float_of_half(scale[r] & 0xffff) : 1.f, lower = GROUP ? float_of_half(scale[r] >> 16) : 1.f;
#pragma unroll
                for (int e = 0; e < 4; e++) acc[r][i][e] = GROUP ? fmaf(sum[r][e], e < 2 ? upper : lower, acc[r][i][e]) : sum[r][e];
            }
        }
    }
}

// scales: fp16 pairs (rows g, g + 8) [tiles of 16 rows, groups, 8], or float32 [tiles, 16] where GROUP is 0. zeros: pairs of bytes in a
// word, alike. partials float32 [SPLIT, M, 16 tiles], counters [blocks of x], zero between launches: read where SPLIT > 1. bias: N
// elements or null. K a multiple of 8. Grid (ceil(N / 16 / ROW_TILES), SPLIT), block 32 * WARPS; dynamic shared memory: the greater of
// WARPS * STAGES * STAGE and WARPS * TOKENS_AT_ONCE * (ROWS + 1) * 4 bytes (engines/cuda/packed.py: `shared_bytes`).
extern "C" __global__ void __launch_bounds__(32 * WARPS) skinny_packed(
    const uint4 *w, const u32 *scales, const u32 *zeros, const u16 *x, u16 *y, const u16 *bias, float *partials, u32 *counters, int m, int n,
    int k) {
    extern __shared__ uint4 room[];
    __shared__ u32 arrived;
    int warp = threadIdx.x >> 5, lane = threadIdx.x & 31, g = lane >> 2, t = lane & 3;
    int tiles = (n + 15) / 16, tile = blockIdx.x * ROW_TILES, steps = (k + STEP - 1) / STEP, stride = WARPS * SPLIT;
    int first_step = warp + WARPS * blockIdx.y;
    const u16 *token = x + (u64)g * k + t * 8;
    u32 stages = shared_address(room) + warp * STAGES * STAGE;
    float acc[ROW_TILES][TILES][4];
#pragma unroll
    for (int r = 0; r < ROW_TILES; r++)
#pragma unroll
        for (int i = 0; i < TILES; i++) acc[r][i][0] = acc[r][i][1] = acc[r][i][2] = acc[r][i][3] = 0.f;
    u32 row_zeros[ROW_TILES];
#pragma unroll
    for (int r = 0; r < ROW_TILES; r++) row_zeros[r] = ZERO && !GROUP ? __ldg(zeros + min(tile + r, tiles - 1) * 8 + g) : 0;
#if PDL && ARCH >= 900
    asm volatile("griddepcontrol.launch_dependents;");
#endif
    int next = first_step;  // the step whose copies start next
#pragma unroll
    for (int s = 0; s < STAGES - 1; s++) {
        if (next + s * stride < steps) fetch_weights(stages + s * STAGE, w, scales, zeros, tile, tiles, next + s * stride, k, lane);
#if !(PDL && ARCH >= 900)
        if (STAGED && next + s * stride < steps) fetch_input(stages + s * STAGE, token, next + s * stride, m, k, g, t);
        copy_commit();
#endif
    }
#if PDL && ARCH >= 900
    asm volatile("griddepcontrol.wait;" ::: "memory");  // W is nobody's output; x and y are
#pragma unroll
    for (int s = 0; s < STAGES - 1; s++) {
        if (STAGED && next + s * stride < steps) fetch_input(stages + s * STAGE, token, next + s * stride, m, k, g, t);
        copy_commit();
    }
#endif
    next += (STAGES - 1) * stride;
    int slot = 0, free = STAGES - 1;
    for (int at = first_step; at < steps; at += stride, next += stride) {
        wait_stage();
        if (next < steps) {
            fetch_weights(stages + free * STAGE, w, scales, zeros, tile, tiles, next, k, lane);
            if (STAGED) fetch_input(stages + free * STAGE, token, next, m, k, g, t);
        }
        copy_commit();
        add_step(acc, stages + slot * STAGE, row_zeros, token + at * STEP, at * STEP + t * 8, m, k, lane);
        slot = slot + 1 == STAGES ? 0 : slot + 1;
        free = free + 1 == STAGES ? 0 : free + 1;
    }
    // Sums over the warps, some tokens at a time, where the stages were.
    float(*partial)[TOKENS_AT_ONCE][ROWS + 1] = (float(*)[TOKENS_AT_ONCE][ROWS + 1])room;
#pragma unroll
    for (int first = 0; first < TILES; first += TOKENS_AT_ONCE / 8) {
        __syncthreads();
#pragma unroll
        for (int i = 0; i < TOKENS_AT_ONCE / 8; i++)
#pragma unroll
            for (int r = 0; r < ROW_TILES; r++)
#pragma unroll
                for (int e = 0; e < 4; e++)
                    if (first + i < TILES) partial[warp][i * 8 + 2 * t + (e & 1)][r * 16 + g + 8 * (e >> 1)] = acc[r][first + i][e];
        __syncthreads();
        for (int i = threadIdx.x; i < TOKENS_AT_ONCE * ROWS; i += 32 * WARPS) {
            int at_token = i / ROWS, r = i - at_token * ROWS, to = first * 8 + at_token, row = tile * 16 + r;
            if (to >= m || row >= 16 * tiles) continue;
            float sum = 0.f;
#pragma unroll
            for (int v = 0; v < WARPS; v++) sum += partial[v][at_token][r];
            if (SPLIT > 1) {
                partials[((u64)blockIdx.y * m + to) * (16 * tiles) + row] = sum;
            } else if (row < n) {
                if (!GROUP) sum *= ((const float *)scales)[row];
                if (bias) sum += to_float(bias[row]);
                y[(u64)to * n + row] = from_float(sum);
            }
        }
    }
    if (SPLIT > 1) {  // whichever block of these rows ends last adds them up, always in the same order
        __threadfence();
        __syncthreads();
        if (threadIdx.x == 0) arrived = atomicAdd(counters + blockIdx.x, 1u);
        __syncthreads();
        if (arrived == SPLIT - 1) {
            __threadfence();
            for (int i = threadIdx.x; i < m * ROWS; i += 32 * WARPS) {
                int to = i / ROWS, row = tile * 16 + i - to * ROWS;
                if (row >= n) continue;
                float sum = 0.f;
#pragma unroll
                for (int s = 0; s < SPLIT; s++) sum += __ldcg(partials + ((u64)s * m + to) * (16 * tiles) + row);
                if (!GROUP) sum *= ((const float *)scales)[row];
                if (bias) sum += to_float(bias[row]);
                y[(u64)to * n + row] = from_float(sum);
            }
            if (threadIdx.x == 0) counters[blockIdx.x] = 0;
        }
    }
}

// --- to that order and back --------------------------------------------------------------------------------------------------

// Codes as a scheme has them, [n, k] in rows (engines/network/schemes.py), to the order above; rows and columns beyond become code 0.
// One thread a word of the result. Grid (ceil(words / block)).
extern "C" __global__ void repack(const u32 *from, u32 *to, int n, int k, u64 words) {
    int steps = (k + STEP - 1) / STEP;
    for (u64 i = (u64)blockIdx.x * blockDim.x + threadIdx.x; i < words; i += (u64)gridDim.x * blockDim.x) {
        int part = (int)(i & 3), lane = (int)(i >> 2 & 31);
        u64 vector = i >> 7;
        int v = (int)(vector % VECTORS);
        u64 place = vector / VECTORS;
        int step = (int)(place % steps);
        int row = (int)(place / steps) * 16 + (lane >> 2) + (v >= VECTORS / 2 ? 8 : 0);
        int word = v % (VECTORS / 2) * 4 + part;  // of a row's 4 * BITS / 4 words in this step
        int column = step * STEP + word / (BITS / 4) * 32 + (lane & 3) * 8 + word % (BITS / 4) * 4;
        u32 r = 0;
        if (row < n && column < k) {
            u32 x = from[((u64)row * k + column) * BITS / 32];
#if BITS == 4
#pragma unroll
            for (int c = 0; c < 8; c++) r |= (x >> 4 * c & 15) << 4 * (c / 2 + c % 2 * 4);  // columns 2c, 2c + 1 at bits 4c, 4c + 16
#else
            r = __byte_perm(x, 0, 0x3120) ^ 0x80808080u;  // two's complement to 0 .. 255
#endif
        }
        to[i] = r;
    }
}

// Rows first .. first + count - 1 of W as elements [count, k], each weight rounded once: (code - zero) * scale. Plain shifts, so that
// it does not share a mistake with the product. A thread a chunk of 8 columns. Grid (ceil(count * k / 8 / block)).
extern "C" __global__ void unpack(const u32 *w, const u32 *scales, const u32 *zeros, uint4 *out, int first, int count, int k) {
    int steps = (k + STEP - 1) / STEP, k8 = k / 8, groups = GROUP ? k / (GROUP ? GROUP : 1) : 1;
    u64 all = (u64)count * k8;
    for (u64 i = (u64)blockIdx.x * blockDim.x + threadIdx.x; i < all; i += (u64)gridDim.x * blockDim.x) {
        int row = first + (int)(i / k8), column = (int)(i % k8) * 8;
        int tile = row / 16, g = row % 8, lower = row % 16 / 8, step = column / STEP, chunk = column % STEP / 32, t = column % 32 / 8;
        u64 scale_at = ((u64)tile * groups + (GROUP ? column / (GROUP ? GROUP : 1) : 0)) * 8 + g;
        float scale = GROUP ? float_of_half(scales[scale_at] >> 16 * lower & 0xffff) : ((const float *)scales)[row];
        int zero = ZERO ? zeros[scale_at] >> 8 * lower & 0xff : BITS == 4 ? 8 : 128;
        float v[8];
#pragma unroll
        for (int c = 0; c < 8; c++) {
            int word = chunk * (BITS / 4) + (BITS == 8 ? c / 4 : 0);
            u64 vector = (((u64)tile * steps + step) * VECTORS + lower * (VECTORS / 2) + word / 4) * 32 + g * 4 + t;
            u32 x = w[vector * 4 + word % 4];
            int code = BITS == 4 ? x >> 4 * (c / 2 + c % 2 * 4) & 15 : x >> 8 * (c % 4 / 2 + c % 2 * 2) & 255;
            v[c] = (float)(code - zero) * scale;
        }
        out[i] = pack8(v);
    }
}

// How far two arrays of `count` elements are apart: found[0] += |a - b|^2, found[1] += |b|^2, found[2] += what of a or b is not finite,
// found[3] = max(found[3], |a - b|).
extern "C" __global__ void difference(const u16 *a, const u16 *b, u64 count, float *found) {
    __shared__ float scratch[33];
    float apart = 0.f, size = 0.f, wrong = 0.f, top = 0.f;
    for (u64 i = (u64)blockIdx.x * blockDim.x + threadIdx.x; i < count; i += (u64)gridDim.x * blockDim.x) {
        float p = to_float(a[i]), q = to_float(b[i]);
        if (fabsf(p) <= 3.4e38f && fabsf(q) <= 3.4e38f) apart += (p - q) * (p - q), size += q * q, top = fmaxf(top, fabsf(p - q));
        else wrong += 1.f;
    }
    apart = block_sum(apart, scratch);
    size = block_sum(size, scratch);
    wrong = block_sum(wrong, scratch);
    top = block_max(top, scratch);
    if (threadIdx.x == 0) {
        atomicAdd(found, apart);
        atomicAdd(found + 1, size);
        atomicAdd(found + 2, wrong);
        atomicMax((u32 *)found + 3, __float_as_uint(top));  // ordered as their bits are, for none is negative
    }
}
