// y [M, N] = x [M, K] W [N, K]^T for weights of 4 or 8 bits and inputs of 16: bound by reading W once, for few tokens.
//
// W lies in the order of the tensor cores' fragments (`repack`): tile by tile of 16 rows, step by step of 128 columns, a lane's part in
// 16-byte vectors side by side, so that a warp reads 512 neighbouring bytes at a time and a block one unbroken piece of memory. Nothing of
// W passes through shared memory: a fragment is used by one warp alone.
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
// TILES: 8 tokens each, M <= 8 TILES. ROW_TILES: of 16 rows, that a warp computes at once, sharing its reads of x. WARPS: of a block; they
// share out K and are summed at the end. UNROLL: steps whose loads of W are in flight at once. SPLIT: blocks that share out K too.
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
#ifndef UNROLL
#define UNROLL 4
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

// W is read once: past the first-level cache. volatile: the loads stay in front of the sums that wait for them.
__device__ __forceinline__ uint4 load_once(const uint4 *p) {
    uint4 v;
    asm volatile("ld.global.nc.L1::no_allocate.v4.u32 {%0,%1,%2,%3}, [%4];" : "=r"(v.x), "=r"(v.y), "=r"(v.z), "=r"(v.w) : "l"(p));
    return v;
}

// --- the product -------------------------------------------------------------------------------------------------------------

// What a warp has of one step: codes, and the scales (fp16) and zero points of rows g and g + 8.
struct Step {
    u32 codes[ROW_TILES][4 * VECTORS];
    u32 scales[ROW_TILES][SCALES], zeros[ROW_TILES][SCALES];

    __device__ __forceinline__ void load(const uint4 *w, const u32 *scale, const u16 *zero, int tile, int tiles, int step, int k, int lane) {
        int steps = (k + STEP - 1) / STEP;
#pragma unroll
        for (int r = 0; r < ROW_TILES; r++) {
            int at = min(tile + r, tiles - 1);
            const uint4 *from = w + ((u64)at * steps + step) * (VECTORS * 32) + lane;
#pragma unroll
            for (int v = 0; v < VECTORS; v++) {
                uint4 x = load_once(from + v * 32);
                codes[r][4 * v] = x.x, codes[r][4 * v + 1] = x.y, codes[r][4 * v + 2] = x.z, codes[r][4 * v + 3] = x.w;
            }
            if (GROUP) {
                int groups = k / (GROUP ? GROUP : 1);
#pragma unroll
                for (int s = 0; s < SCALES; s++) {
                    int group = min((step * STEP + s * (STEP / SCALES)) / (GROUP ? GROUP : 1), groups - 1);  // K may end within a step
                    u64 i = ((u64)at * groups + group) * 8 + (lane >> 2);
                    scales[r][s] = __ldg(scale + i);
                    if (ZERO) zeros[r][s] = __ldg(zero + i);
                }
            } else if (ZERO) {
                zeros[r][0] = __ldg(zero + at * 8 + (lane >> 2));
            }
        }
    }

    // Adds the step's part of the products with all tokens. `x`: the input at the lane's token (row g of a tile) and first column.
    __device__ __forceinline__ void add(float (*acc)[TILES][4], const u16 *x, int column, int m, int k, int g) const {
#pragma unroll
        for (int s = 0; s < SCALES; s++) {
            u32 a[ROW_TILES][CHUNKS][8];
#pragma unroll
            for (int r = 0; r < ROW_TILES; r++) {
                u32 zero = ZERO ? zeros[r][s] : 0x0808u;
                u32 upper = offset_of(zero & 0xff), lower = offset_of(zero >> 8);
#pragma unroll
                for (int c = 0; c < CHUNKS; c++) {
                    numbers(codes[r] + (s * CHUNKS + c) * (BITS / 4), upper, a[r][c]);
                    numbers(codes[r] + 2 * VECTORS + (s * CHUNKS + c) * (BITS / 4), lower, a[r][c] + 4);
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
                    int at = 32 * (s * CHUNKS + c);
                    bool there = i * 8 + g < m && column + at < k;
                    uint4 b = there ? __ldg((const uint4 *)(x + (u64)i * 8 * k + at)) : make_uint4(0, 0, 0, 0);
#pragma unroll
                    for (int r = 0; r < ROW_TILES; r++) {
                        const u32 *f = a[r][c];
                        product(sum[r], f[0], f[4], f[1], f[5], b.x, b.y);
                        product(sum[r], f[2], f[6], f[3], f[7], b.z, b.w);
                    }
                }
#pragma unroll
                for (int r = 0; r < ROW_TILES; r++) {
                    float upper = GROUP ? float_of_half(scales[r][s] & 0xffff) : 1.f, lower = GROUP ? float_of_half(scales[r][s] >> 16) : 1.f;
#pragma unroll
                    for (int e = 0; e < 4; e++) acc[r][i][e] = GROUP ? fmaf(sum[r][e], e < 2 ? upper : lower, acc[r][i][e]) : sum[r][e];
                }
            }
        }
    }
};

// scales: fp16 pairs (rows g, g + 8) [tiles of 16 rows, groups, 8], or float32 [tiles, 16] where GROUP is 0. zeros: pairs of bytes, alike.
// partials float32 [SPLIT, M, 16 tiles], counters [blocks of x], zero between launches: read where SPLIT > 1. bias: N elements or null.
// K a multiple of 8. Grid (ceil(N / 16 / ROW_TILES), SPLIT), block 32 * WARPS.
extern "C" __global__ void __launch_bounds__(32 * WARPS) skinny_packed(
    const uint4 *w, const u32 *scales, const u16 *zeros, const u16 *x, u16 *y, const u16 *bias, float *partials, u32 *counters, int m, int n,
    int k) {
    __shared__ float partial[WARPS][TOKENS_AT_ONCE][ROWS + 1];
    __shared__ u32 arrived;
    int warp = threadIdx.x >> 5, lane = threadIdx.x & 31, g = lane >> 2, t = lane & 3;
    int tiles = (n + 15) / 16, tile = blockIdx.x * ROW_TILES, steps = (k + STEP - 1) / STEP, stride = WARPS * SPLIT;
    const u16 *token = x + (u64)g * k + t * 8;
    float acc[ROW_TILES][TILES][4];
#pragma unroll
    for (int r = 0; r < ROW_TILES; r++)
#pragma unroll
        for (int i = 0; i < TILES; i++) acc[r][i][0] = acc[r][i][1] = acc[r][i][2] = acc[r][i][3] = 0.f;
#if PDL && ARCH >= 900
    asm volatile("griddepcontrol.launch_dependents;");
    bool waited = false;
#endif
    int at = warp + WARPS * blockIdx.y;
    for (; at + (UNROLL - 1) * stride < steps; at += UNROLL * stride) {
        Step part[UNROLL];
#pragma unroll
        for (int u = 0; u < UNROLL; u++) part[u].load(w, scales, zeros, tile, tiles, at + u * stride, k, lane);
#if PDL && ARCH >= 900
        if (!waited) asm volatile("griddepcontrol.wait;" ::: "memory");  // W is nobody's output; x is
        waited = true;
#endif
#pragma unroll
        for (int u = 0; u < UNROLL; u++) {
            int column = (at + u * stride) * STEP;
            part[u].add(acc, token + column, column + t * 8, m, k, g);
        }
    }
    for (; at < steps; at += stride) {
        Step part;
        part.load(w, scales, zeros, tile, tiles, at, k, lane);
#if PDL && ARCH >= 900
        if (!waited) asm volatile("griddepcontrol.wait;" ::: "memory");
        waited = true;
#endif
        part.add(acc, token + at * STEP, at * STEP + t * 8, m, k, g);
    }
#if PDL && ARCH >= 900
    if (!waited) asm volatile("griddepcontrol.wait;" ::: "memory");
#endif
    // Sums over the warps, some tokens at a time.
#pragma unroll
    for (int first = 0; first < TILES; first += TOKENS_AT_ONCE / 8) {
        if (first) __syncthreads();
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
extern "C" __global__ void unpack(const u32 *w, const u32 *scales, const u16 *zeros, uint4 *out, int first, int count, int k) {
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

// How far two arrays of `count` elements are apart: found[0] += |a - b|^2, found[1] += |b|^2, found[2] += what of a or b is not finite.
extern "C" __global__ void difference(const u16 *a, const u16 *b, u64 count, float *found) {
    __shared__ float scratch[33];
    float apart = 0.f, size = 0.f, wrong = 0.f;
    for (u64 i = (u64)blockIdx.x * blockDim.x + threadIdx.x; i < count; i += (u64)gridDim.x * blockDim.x) {
        float p = to_float(a[i]), q = to_float(b[i]);
        if (fabsf(p) <= 3.4e38f && fabsf(q) <= 3.4e38f) apart += (p - q) * (p - q), size += q * q;
        else wrong += 1.f;
    }
    apart = block_sum(apart, scratch);
    size = block_sum(size, scratch);
    wrong = block_sum(wrong, scratch);
    if (threadIdx.x == 0) {
        atomicAdd(found, apart);
        atomicAdd(found + 1, size);
        atomicAdd(found + 2, wrong);
    }
}
