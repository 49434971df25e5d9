// y [M, N] = x [M, K] W [N, K]^T on E4M3 codes (INT8 with CODE_INT8), for few tokens: bound by reading W once. y is the product of the
// codes; scales are the reader's.
//
// Tensor cores do the sums, transposed: 16 rows of W by 8 tokens. A product does not care in which order it sums, so lane 4 g + t may
// hold any 16 neighbouring columns of rows g and g + 8, as long as x is held alike: W goes from memory to registers in 16-byte loads,
// never through shared memory. The warps of a block share out K and are summed at the end.
//
// TOKENS: M. WARPS: of a block. UNROLL: steps of 128 columns whose loads are in flight at once. K a multiple of 128, N of 16.
#include "common.cuh"

#ifndef TOKENS
#define TOKENS 1
#endif
#ifndef WARPS
#define WARPS 8
#endif
#ifndef UNROLL
#define UNROLL 2
#endif

#define TILES ((TOKENS + 7) / 8)

#ifndef CODE_INT8
#define CODE_INT8 0
#endif
#if CODE_INT8
typedef int sum_t;
#define PRODUCT mma16832_int8
#else
typedef float sum_t;
#define PRODUCT mma16832_e4m3
#endif

// W is read once: past the first-level cache. volatile: loads stay in front of the sums that wait for them.
__device__ __forceinline__ uint4 load_once(const unsigned char *p) {
    uint4 v;
    asm volatile("ld.global.nc.L1::no_allocate.v4.u32 {%0,%1,%2,%3}, [%4];" : "=r"(v.x), "=r"(v.y), "=r"(v.z), "=r"(v.w) : "l"(p));
    return v;
}

__device__ __forceinline__ void step(sum_t (*acc)[4], const uint4 *a, const unsigned char *x, int k, int g) {
#pragma unroll
    for (int n = 0; n < TILES; n++) {
        bool there = TOKENS % 8 == 0 || n * 8 + g < TOKENS;
        const uint4 *from = (const uint4 *)(x + (u64)n * 8 * k);
#pragma unroll
        for (int h = 0; h < 2; h++) {
            uint4 b = there ? load_made(from + 4 * h) : make_uint4(0, 0, 0, 0);
            PRODUCT(acc[n], a[h].x, a[2 + h].x, a[h].y, a[2 + h].y, b.x, b.y);
            PRODUCT(acc[n], a[h].z, a[2 + h].z, a[h].w, a[2 + h].w, b.z, b.w);
        }
    }
}

// The lane's part of UNROLL steps of W. AHEAD: before the kernels in front have ended.
template <bool AHEAD> __device__ __forceinline__ void load(uint4 (*a)[4], const unsigned char *upper, const unsigned char *lower) {
#pragma unroll
    for (int u = 0; u < UNROLL; u++)
#pragma unroll
        for (int h = 0; h < 2; h++) {
            const unsigned char *up = upper + u * WARPS * 128 + h * 64, *low = lower + u * WARPS * 128 + h * 64;
            a[u][h] = AHEAD ? load_ahead(up) : load_once(up);
            a[u][2 + h] = AHEAD ? load_ahead(low) : load_once(low);
        }
}

// Grid N / 16, block 32 * WARPS.
extern "C" __global__ void __launch_bounds__(32 * WARPS) skinny_fp8(const unsigned char *w, const unsigned char *x, u16 *y, int n, int k) {
    __shared__ sum_t partial[WARPS][TILES * 8][17];
    int warp = threadIdx.x >> 5, lane = threadIdx.x & 31, g = lane >> 2, t = lane & 3, row = blockIdx.x * 16;
    const unsigned char *upper = w + (u64)(row + g) * k + t * 16, *lower = upper + (u64)8 * k;
    const unsigned char *tokens = x + (u64)g * k + t * 16;
    sum_t acc[TILES][4];
#pragma unroll
    for (int i = 0; i < TILES; i++) acc[i][0] = acc[i][1] = acc[i][2] = acc[i][3] = 0;
    int at = warp * 128;
#if OVERLAPS
    // The first weights, while the kernel in front ends.
    let_next_start<EARLY>();
    uint4 ahead[UNROLL][4];
    bool loaded = at + (UNROLL - 1) * WARPS * 128 < k;
    if (loaded) load<true>(ahead, upper + at, lower + at);
    wait_for_previous();
    if (loaded) {
#pragma unroll
        for (int u = 0; u < UNROLL; u++) step(acc, ahead[u], tokens + at + u * WARPS * 128, k, g);
        at += UNROLL * WARPS * 128;
    }
#endif
    for (; at + (UNROLL - 1) * WARPS * 128 < k; at += UNROLL * WARPS * 128) {
        uint4 a[UNROLL][4];
        load<false>(a, upper + at, lower + at);
#pragma unroll
        for (int u = 0; u < UNROLL; u++) step(acc, a[u], tokens + at + u * WARPS * 128, k, g);
    }
    for (; at < k; at += WARPS * 128) {
        uint4 a[4];
#pragma unroll
        for (int h = 0; h < 2; h++) {
            a[h] = load_once(upper + at + h * 64);
            a[2 + h] = load_once(lower + at + h * 64);
        }
        step(acc, a, tokens + at, k, g);
    }
    let_next_start<LATE>();
#pragma unroll
    for (int i = 0; i < TILES; i++)
#pragma unroll
        for (int c = 0; c < 4; c++) partial[warp][i * 8 + 2 * t + (c & 1)][g + 8 * (c >> 1)] = acc[i][c];
    __syncthreads();
    for (int i = threadIdx.x; i < TOKENS * 16; i += 32 * WARPS) {
        int m = i >> 4, r = i & 15;
        sum_t sum = 0;
#pragma unroll
        for (int v = 0; v < WARPS; v++) sum += partial[v][m][r];
        y[(u64)m * n + row + r] = from_float((float)sum);
    }
}
