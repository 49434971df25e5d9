// y [M, N] = x [M, K] W [N, K]^T for few tokens: bound by reading W once, which this does with every load in flight it can have.
//
// A warp owns ROWS rows of W at a time and strides over K, 16 bytes per lane and load; x lies in shared memory as it is stored.
// TOKENS: M, 1 .. 8. OUT_FLOAT: y is float32 (logits), else elements.
#include "common.cuh"

#ifndef TOKENS
#define TOKENS 1
#endif
#ifndef ROWS
#define ROWS 2
#endif
#ifndef UNROLL
#define UNROLL 4
#endif
#ifndef OUT_FLOAT
#define OUT_FLOAT 0
#endif

// Weights are read once: past the first-level cache. volatile: the loads stay in front of the sums that wait for them.
__device__ __forceinline__ uint4 load_once(const uint4 *p) {
    uint4 v;
    asm volatile("ld.global.nc.L1::no_allocate.v4.u32 {%0,%1,%2,%3}, [%4];" : "=r"(v.x), "=r"(v.y), "=r"(v.z), "=r"(v.w) : "l"(p));
    return v;
}

// Columns 8 at .. 8 at + 7 of every 32nd vector from `at` on, COUNT times: all loads first, then the sums.
// AHEAD: before the kernels in front have ended.
template <int COUNT, bool AHEAD> __device__ __forceinline__ void load(uint4 (*v)[COUNT], const uint4 *const *from, int at) {
#pragma unroll
    for (int r = 0; r < ROWS; r++)
#pragma unroll
        for (int u = 0; u < COUNT; u++) v[r][u] = AHEAD ? load_ahead(from[r] + at + 32 * u) : load_once(from[r] + at + 32 * u);
}
template <int COUNT>
__device__ __forceinline__ void add(const uint4 (*v)[COUNT], const uint4 *xs, int k8, int at, float (*acc)[TOKENS]) {
#pragma unroll
    for (int u = 0; u < COUNT; u++)
#pragma unroll
        for (int m = 0; m < TOKENS; m++) {
            float a[8];
            unpack8(xs[m * k8 + at + 32 * u], a);
#pragma unroll
            for (int r = 0; r < ROWS; r++) {
                float b[8];
                unpack8(v[r][u], b);
#pragma unroll
                for (int e = 0; e < 8; e++) acc[r][m] = fmaf(a[e], b[e], acc[r][m]);
            }
        }
}
template <int COUNT>
__device__ __forceinline__ void part(const uint4 *const *from, const uint4 *xs, int k8, int at, float (*acc)[TOKENS]) {
    uint4 v[ROWS][COUNT];
    load<COUNT, false>(v, from, at);
    add<COUNT>(v, xs, k8, at, acc);
}

__device__ __forceinline__ void find_rows(const uint4 **from, const uint4 *w, int row, int n, int k8) {
#pragma unroll
    for (int r = 0; r < ROWS; r++) from[r] = w + (u64)min(row + r, n - 1) * k8;
}

// The weights that are loaded ahead take registers: as many blocks to a multiprocessor as are launched nevertheless. Not where none are, for
// even a bound of one block makes ptxas 13.0 take twice the registers.
#if OVERLAPS && TOKENS <= 2
#define GEMV_BOUNDS __launch_bounds__(256, 4)
#else
#define GEMV_BOUNDS __launch_bounds__(256)
#endif

// Dynamic shared memory: TOKENS * K * 2 bytes. K a multiple of 8. y [TOKENS, stride].
// Grid: any; block 256.
extern "C" __global__ void GEMV_BOUNDS gemv(const uint4 *w, const uint4 *x, void *y, const u16 *bias, int n, int k8, int stride) {
    extern __shared__ uint4 xs[];
    int lane = threadIdx.x & 31, warps = gridDim.x * (blockDim.x >> 5);
    int row = (blockIdx.x * (blockDim.x >> 5) + (threadIdx.x >> 5)) * ROWS;
    const uint4 *from[ROWS];
#if OVERLAPS
    // The first weights, while the kernel in front ends.
    let_next_start<EARLY>();
    uint4 ahead[ROWS][UNROLL];
    bool loaded = row < n && lane + 32 * (UNROLL - 1) < k8;
    find_rows(from, w, row, n, k8);
    if (loaded) load<UNROLL, true>(ahead, from, lane);
    wait_for_previous();
#endif
    for (int i = threadIdx.x; i < TOKENS * k8; i += blockDim.x) xs[i] = x[i];
    __syncthreads();
    for (; row < n; row += warps * ROWS) {
        float acc[ROWS][TOKENS];
#pragma unroll
        for (int r = 0; r < ROWS; r++)
#pragma unroll
            for (int m = 0; m < TOKENS; m++) acc[r][m] = 0.f;
        find_rows(from, w, row, n, k8);
        int i = lane;
#if OVERLAPS
        if (loaded) {
#pragma unroll
            for (int r = 0; r < ROWS; r++)
#pragma unroll
                for (int u = 0; u < UNROLL; u++)  // else the compiler unpacks them all in front of the loop, and spills
                    asm volatile("" : "+r"(ahead[r][u].x), "+r"(ahead[r][u].y), "+r"(ahead[r][u].z), "+r"(ahead[r][u].w));
            add<UNROLL>(ahead, xs, k8, i, acc);
            i += 32 * UNROLL;
            loaded = false;
        }
#endif
        for (; i + 32 * (UNROLL - 1) < k8; i += 32 * UNROLL) part<UNROLL>(from, xs, k8, i, acc);
        for (; i < k8; i += 32) part<1>(from, xs, k8, i, acc);
#pragma unroll
        for (int r = 0; r < ROWS; r++)
#pragma unroll
            for (int m = 0; m < TOKENS; m++) {
                float sum = warp_sum(acc[r][m]);
                if (lane == 0 && row + r < n) {
                    if (bias) sum += to_float(bias[row + r]);
                    if (OUT_FLOAT) ((float *)y)[(u64)m * stride + row + r] = sum;
                    else ((u16 *)y)[(u64)m * stride + row + r] = from_float(sum);
                }
            }
    }
    let_next_start<LATE>();
}
