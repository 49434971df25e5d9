// y [M, N] = x [M, K] W [N, K]^T for weights of 4 or 8 bits (packed.cuh) and inputs of 16, up to 8 tokens: bound by reading W once. And
// the way of weights into that order and back.
//
// x lies in shared memory, whole: read from the second-level cache with every step of W, the few lines of x were what all multiprocessors
// waited for (measured). Warps of a block share out K; the block goes from tile to tile of rows with its copies running ahead over the ends
// of tiles. Sums over the warps go through one of two places in turn, which makes one barrier a tile enough.
//
// At this size instructions are as scarce as bandwidth. So of int4 the 128 (fp16: 1024) that `lop3` leaves on each code, and the zero point,
// are not taken away from each, but as so many times the sum of x from the sum of a group; that of x is made once.
//
// TOKENS: 1, 2, 4 or 8, M <= TOKENS.
#include "packed.cuh"

#ifndef TOKENS
#define TOKENS 1
#endif

#define SUMMED (BITS == 4)                  // whether sums of x are needed
#define STEP_BYTES (4 * TOKENS * 64)        // x of a step: 16 bytes for each chunk of 32 columns, token and t
#define GROUP_LANES (16 / SCALES)           // threads that hold a group of x, 8 columns each
#define BASE (HALF ? 1024.f : 128.f)

// x of all steps to shared memory, zeros beyond M and K, and the sums of its groups [steps * SCALES][TOKENS].
__device__ __forceinline__ void load_input(u32 to, float *sums, const u16 *x, int m, int k, int steps) {
    int pieces = steps * 16;
    for (int first = 0; first < TOKENS * pieces; first += 32 * WARPS) {
        int i = first + threadIdx.x, token = i / pieces, piece = i - token * pieces, column = piece * 8;
        uint4 v = make_uint4(0, 0, 0, 0);
        if (token < m && column < k) v = load_made((const uint4 *)(x + (u64)token * k + column));
        if (token < TOKENS) {
            u32 at = to + (piece >> 4) * STEP_BYTES + ((piece >> 2 & 3) * TOKENS + token) * 64 + (piece & 3) * 16;
            asm volatile("st.shared.v4.u32 [%0], {%1,%2,%3,%4};" ::"r"(at), "r"(v.x), "r"(v.y), "r"(v.z), "r"(v.w) : "memory");
        }
        if (SUMMED) {
            float f[8], sum = 0.f;
            unpack8(v, f);
#pragma unroll
            for (int c = 0; c < 8; c++) sum += f[c];
#pragma unroll
            for (int apart = 1; apart < GROUP_LANES; apart *= 2) sum += __shfl_xor_sync(FULL_MASK, sum, apart);
            if (token < TOKENS && piece % GROUP_LANES == 0) sums[piece / GROUP_LANES * TOKENS + token] = sum;
        }
    }
}

// Adds a step's part of the products. `stage`: where the weights lie; `input`: x of the step; `sums`: of its groups, for the lane's tokens.
__device__ __forceinline__ void add_step(float *acc, u32 stage, u32 input, const float *sums, u32 zeros, int lane) {
    int g = lane >> 2, t = lane & 3;
#pragma unroll
    for (int s = 0; s < SCALES; s++) {
        u32 words = stage + VECTORS * 512 + s * 128 + lane * 4, scale = GROUP ? load4_shared(words) : 0;
        u32 zero = !ZERO ? 0x0808u : GROUP ? load4_shared(words + SCALES * 128) : zeros;
        u32 a[CHUNKS][8];
#pragma unroll
        for (int h = 0; h < 2; h++) {
            u32 code[4 * VECTORS / 2];
            load_codes(code, stage, h, s, lane);
#pragma unroll
            for (int c = 0; c < CHUNKS; c++) {
#if SUMMED
#pragma unroll
                for (int i = 0; i < 4; i++) a[c][4 * h + i] = nibbles(code[s * CHUNKS + c] >> 4 * i);
#else
                numbers(code + (s * CHUNKS + c) * (BITS / 4), offset_of(h ? zero >> 8 : zero & 0xff), a[c] + 4 * h);
#endif
            }
        }
        float sum[4] = {0.f, 0.f, 0.f, 0.f};
#pragma unroll
        for (int c = 0; c < CHUNKS; c++) {
            uint4 b = make_uint4(0, 0, 0, 0);
            if (TOKENS == 8 || g < TOKENS) b = load16_shared(input + (s * CHUNKS + c) * (TOKENS * 64) + lane * 16);
            product(sum, a[c][0], a[c][4], a[c][1], a[c][5], b.x, b.y);
            product(sum, a[c][2], a[c][6], a[c][3], a[c][7], b.z, b.w);
        }
#pragma unroll
        for (int e = 0; e < 4; e++) {
            float of_row = GROUP ? float_of_half(e < 2 ? scale & 0xffff : scale >> 16) : 1.f;
            if (SUMMED) sum[e] = fmaf(-(BASE + (ZERO ? (float)(e < 2 ? zero & 0xff : zero >> 8) : 8.f)), sums[s * TOKENS + min(2 * t + (e & 1), TOKENS - 1)], sum[e]);
            acc[e] = fmaf(of_row, sum[e], acc[e]);
        }
    }
}

// scales: fp16 pairs (rows g, g + 8) [tiles of 16 rows, groups, 8], or float32 [tiles, 16] where GROUP is 0. zeros: pairs of bytes in a
// word, alike. bias: N elements or null. K a multiple of 8. Grid (blocks), block 32 * WARPS; dynamic shared memory: WARPS * STAGES *
// TILE_BYTES for weights, steps * (STEP_BYTES + SCALES * TOKENS * 4) for x, 2 * WARPS * TOKENS * 17 * 4 for sums (engines/cuda/packed.py:
// `shared`).
extern "C" __global__ void __launch_bounds__(32 * WARPS) skinny_packed(
    const uint4 *w, const u32 *scales, const u32 *zeros, const u16 *x, u16 *y, const u16 *bias, int m, int n, int k) {
    extern __shared__ uint4 room[];
    int warp = threadIdx.x >> 5, lane = threadIdx.x & 31, g = lane >> 2, t = lane & 3;
    int tiles = (n + 15) / 16, steps = (k + STEP - 1) / STEP;
    u32 input = shared_address(room) + WARPS * STAGES * TILE_BYTES, stages = shared_address(room) + warp * STAGES * TILE_BYTES;
    float *sums = (float *)((char *)room + WARPS * STAGES * TILE_BYTES + steps * STEP_BYTES);
    float(*partial)[WARPS][TOKENS][17] = (float(*)[WARPS][TOKENS][17])(sums + steps * SCALES * TOKENS);
    let_next_start<EARLY>();
    // The step whose copies start next: it runs ahead of the one that is computed.
    int next_tile = warp < steps ? blockIdx.x : tiles, next_step = warp;
    Tile next = tile_of(w, scales, zeros, next_tile, k, lane);
    auto fetch = [&](u32 slot) {
        if (next_tile < tiles) fetch_tile(stages + slot * TILE_BYTES, next, next_step, k, lane);
        copy_commit();
        next_step += WARPS;
        if (next_step >= steps) next_step = warp, next_tile += gridDim.x, next = tile_of(w, scales, zeros, next_tile, k, lane);
    };
#pragma unroll
    for (int s = 0; s < STAGES - 1; s++) fetch(s);
    wait_for_previous();  // W is nobody's output; x and y are
    load_input(input, sums, x, m, k, steps);
    __syncthreads();
    int slot = 0, free = STAGES - 1, turn = 0;
    for (int tile = blockIdx.x; tile < tiles; tile += gridDim.x, turn ^= 1) {
        float acc[4] = {0.f, 0.f, 0.f, 0.f};
        u32 zero = row_zeros(tile_of(w, scales, zeros, tile, k, lane));
        for (int at = warp; at < steps; at += WARPS) {
            wait_stage();  // only this lane reads what it copied, so that no barrier is needed
            fetch(free);
            add_step(acc, stages + slot * TILE_BYTES, input + at * STEP_BYTES, sums + at * SCALES * TOKENS, zero, lane);
            slot = slot + 1 == STAGES ? 0 : slot + 1;
            free = free + 1 == STAGES ? 0 : free + 1;
        }
#pragma unroll
        for (int e = 0; e < 4; e++)
            if (2 * t + (e & 1) < TOKENS) partial[turn][warp][2 * t + (e & 1)][g + 8 * (e >> 1)] = acc[e];
        __syncthreads();
        for (int i = threadIdx.x; i < 16 * m; i += 32 * WARPS) {
            int row = tile * 16 + (i & 15);
            float sum = 0.f;
#pragma unroll
            for (int v = 0; v < WARPS; v++) sum += partial[turn][v][i >> 4][i & 15];
            if (row < n) y[(u64)(i >> 4) * n + row] = finished(sum, scales, bias, row);
        }
    }
    let_next_start<LATE>();
}

// --- to that order and back --------------------------------------------------------------------------------------------------

// Codes as a scheme has them, [n, k] in rows (engines/network/schemes.py), to the order above; rows and columns beyond become code 0.
// One thread a word of the result. Grid (ceil(words / block)).
extern "C" __global__ void repack(const u32 *from, u32 *to, int n, int k, u64 words) {
    after_previous();
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
    after_previous();
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
// found[3] = max(found[3], |a - b| - |b| / 64): what of a difference is not rounding.
extern "C" __global__ void difference(const u16 *a, const u16 *b, u64 count, float *found) {
    after_previous();
    __shared__ float scratch[33];
    float apart = 0.f, size = 0.f, wrong = 0.f, top = 0.f;
    for (u64 i = (u64)blockIdx.x * blockDim.x + threadIdx.x; i < count; i += (u64)gridDim.x * blockDim.x) {
        float p = to_float(a[i]), q = to_float(b[i]);
        if (fabsf(p) <= 3.4e38f && fabsf(q) <= 3.4e38f) apart += (p - q) * (p - q), size += q * q, top = fmaxf(top, fabsf(p - q) - fabsf(q) * 0.015625f);
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
