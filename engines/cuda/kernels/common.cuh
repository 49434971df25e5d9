// What every kernel file shares: element type, conversions, fragments of tensor-core products, reductions, plan sections.
//
// Self-contained on purpose: no CUDA header is included, so that NVRTC needs nothing but this text.
// ELEM_FP16 = 0: activations, weights and cache are bfloat16; 1: float16. Sums are always float32.
#pragma once

typedef unsigned int u32;
typedef unsigned long long u64;
typedef unsigned short u16;

#ifndef ELEM_FP16
#define ELEM_FP16 0
#endif

#ifdef __CUDA_ARCH__
#define ARCH __CUDA_ARCH__
#else
#define ARCH 900
#endif

#define NEG_INF __int_as_float(0xff800000)
#define FULL_MASK 0xffffffffu

// --- programmatic dependent launch (sm_90 on) --------------------------------------------------------------------------------

// PDL: 0, a kernel starts when the one in front of it has ended. Else it may be launched to start before (engines/cuda/launch.py), so
// that its launch, and the first copies of its weights, run beside the end of the one in front. Rules, for all threads of all kernels:
// - `after_previous` before anything is read or written that another kernel writes or reads (outputs, scratch, counters and what
//   prepare_step wrote too), and in any case before the end: a kernel that ended without it would let the next start too early.
//   Before it only arguments and weights: those change between steps alone, and the first kernel of a step starts after all of that.
// - What another kernel wrote is read by plain loads or `load_made`.
// PDL 1: the next kernel may start as soon as all blocks of this one have, 2: when they have seen the end of the one in front (products:
// when they have read their weights). A block that waits holds its place in a multiprocessor, and all of this one's have theirs then.
#ifndef PDL
#define PDL 0
#endif
#define OVERLAPS (PDL && ARCH >= 900)
enum { EARLY = 1, LATE = 2 };

// Where the next kernel may start: two places in a kernel, one of which counts.
template <int WHEN> __device__ __forceinline__ void let_next_start() {
#if OVERLAPS
    if (PDL == WHEN) asm volatile("griddepcontrol.launch_dependents;");
#endif
}

// Until all kernels in front have ended and what they wrote can be seen.
__device__ __forceinline__ void wait_for_previous() {
#if OVERLAPS
    asm volatile("griddepcontrol.wait;" ::: "memory");
#endif
}

// Both, for kernels that have nothing to do before.
__device__ __forceinline__ void after_previous() {
    let_next_start<EARLY>();
    wait_for_previous();
    let_next_start<LATE>();
}

// 16 bytes of a weight, in front of `wait_for_previous`: past the first-level cache, for they are read once. Not by the path for constants:
// ptxas 13.0 was seen to put such loads behind the wait.
__device__ __forceinline__ uint4 load_ahead(const void *p) {
    uint4 v;
    asm volatile("ld.global.L1::no_allocate.v4.u32 {%0,%1,%2,%3}, [%4];" : "=r"(v.x), "=r"(v.y), "=r"(v.z), "=r"(v.w) : "l"(p) : "memory");
    return v;
}

// A load past the writes of this kernel. Where kernels overlap it is no `__ldg`: that is for data that nobody writes from the start of
// the kernel on, and may be moved in front of the wait.
template <class T> __device__ __forceinline__ T load_made(const T *p) {
#if OVERLAPS
    return *p;
#else
    return __ldg(p);
#endif
}

// --- one element: 16 bits, held as u16 -------------------------------------------------------------------------------------

__device__ __forceinline__ float to_float(u16 bits) {
#if ELEM_FP16
    float x;
    asm("cvt.f32.f16 %0, %1;" : "=f"(x) : "h"(bits));
    return x;
#else
    return __uint_as_float((u32)bits << 16);
#endif
}

__device__ __forceinline__ u16 from_float(float x) {
    u16 bits;
#if ELEM_FP16
    asm("cvt.rn.f16.f32 %0, %1;" : "=h"(bits) : "f"(x));
#elif ARCH >= 800
    asm("cvt.rn.bf16.f32 %0, %1;" : "=h"(bits) : "f"(x));
#else  // round to nearest even by hand; NaN stays NaN
    u32 u = __float_as_uint(x);
    bits = (u & 0x7fffffffu) > 0x7f800000u ? (u16)0x7fff : (u16)((u + 0x7fffu + ((u >> 16) & 1u)) >> 16);
#endif
    return bits;
}

// Two elements in one register, the first in the low half.
__device__ __forceinline__ u32 pack2(float lo, float hi) {
#if ARCH >= 800
    u32 r;
#if ELEM_FP16
    asm("cvt.rn.f16x2.f32 %0, %1, %2;" : "=r"(r) : "f"(hi), "f"(lo));
#else
    asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(r) : "f"(hi), "f"(lo));
#endif
    return r;
#else
    return (u32)from_float(lo) | ((u32)from_float(hi) << 16);
#endif
}

__device__ __forceinline__ void unpack2(u32 r, float &lo, float &hi) {
    lo = to_float((u16)(r & 0xffffu));
    hi = to_float((u16)(r >> 16));
}

// Eight elements in 16 bytes.
__device__ __forceinline__ void unpack8(uint4 v, float *x) {
    unpack2(v.x, x[0], x[1]);
    unpack2(v.y, x[2], x[3]);
    unpack2(v.z, x[4], x[5]);
    unpack2(v.w, x[6], x[7]);
}

__device__ __forceinline__ uint4 pack8(const float *x) {
    return make_uint4(pack2(x[0], x[1]), pack2(x[2], x[3]), pack2(x[4], x[5]), pack2(x[6], x[7]));
}

// --- 8 bits: E4M3 (no infinities, greatest 448, NaN 0x7f) -------------------------------------------------------------------

// Two floats to codes, round to nearest even, beyond 448 the greatest; the first in the low byte.
__device__ __forceinline__ u16 to_e4m3x2(float lo, float hi) {
#if ARCH >= 890
    u16 r;
    asm("cvt.rn.satfinite.e4m3x2.f32 %0, %1, %2;" : "=h"(r) : "f"(hi), "f"(lo));
    return r;
#else
    u32 r = 0;
#pragma unroll
    for (int i = 0; i < 2; i++) {
        float x = i ? hi : lo;
        u32 u = __float_as_uint(x), sign = u >> 31 << 7, code;
        float size = fminf(fabsf(x), 448.f);
        if (x != x) code = 0x7f;
        else if (size < 0.015625f) code = (u32)__float2int_rn(size * 512.f);
        else {
            u = __float_as_uint(size);
            code = ((u + 0x7ffffu + ((u >> 20) & 1u)) >> 20) - (120u << 3);
        }
        r |= (sign | code) << (8 * i);
    }
    return (u16)r;
#endif
}

// Two codes (the low 16 bits of r) to two float16, exactly.
__device__ __forceinline__ u32 half2_of_e4m3x2(u32 r) {
#if ARCH >= 890
    u32 h;
    asm("cvt.rn.f16x2.e4m3x2 %0, %1;" : "=r"(h) : "h"((u16)r));
    return h;
#else
    u32 wide = __byte_perm(r, 0, 0x1404), h = (wide & 0x80008000u) | ((wide >> 1) & 0x3f803f80u);  // 2^-8 of the value
    asm("mul.f16x2 %0, %0, %1;" : "+r"(h) : "r"(0x5c005c00u));
    return h;
#endif
}

// Two floats to float16, the first in the low half.
__device__ __forceinline__ u32 pack_half2(float lo, float hi) {
#if ARCH >= 800
    u32 r;
    asm("cvt.rn.f16x2.f32 %0, %1, %2;" : "=r"(r) : "f"(hi), "f"(lo));
    return r;
#else
    u16 a, b;
    asm("cvt.rn.f16.f32 %0, %1;" : "=h"(a) : "f"(lo));
    asm("cvt.rn.f16.f32 %0, %1;" : "=h"(b) : "f"(hi));
    return (u32)a | ((u32)b << 16);
#endif
}

// Two elements to float16.
__device__ __forceinline__ u32 half2_of_elements(u32 r) {
#if ELEM_FP16
    return r;
#else
    float lo, hi;
    unpack2(r, lo, hi);
    return pack_half2(lo, hi);
#endif
}

// Eight floats to codes.
__device__ __forceinline__ uint2 pack8_e4m3(const float *x) {
    return make_uint2((u32)to_e4m3x2(x[0], x[1]) | (u32)to_e4m3x2(x[2], x[3]) << 16,
                      (u32)to_e4m3x2(x[4], x[5]) | (u32)to_e4m3x2(x[6], x[7]) << 16);
}

// Eight floats to whole numbers -127 .. 127, round to nearest even.
__device__ __forceinline__ uint2 pack8_int8(const float *x) {
    u32 r[2] = {0, 0};
#pragma unroll
    for (int i = 0; i < 8; i++) r[i >> 2] |= ((u32)__float2int_rn(fminf(fmaxf(x[i], -127.f), 127.f)) & 0xffu) << 8 * (i & 3);
    return make_uint2(r[0], r[1]);
}

// --- tensor cores ----------------------------------------------------------------------------------------------------------

#if ARCH < 800 && !ELEM_FP16
// Turing has no bfloat16 product: the operands are converted to float16 (range 65504), sums stay float32.
__device__ __forceinline__ u32 half2_of(u32 r) {
    float lo, hi;
    unpack2(r, lo, hi);
    u16 a, b;
    asm("cvt.rn.f16.f32 %0, %1;" : "=h"(a) : "f"(lo));
    asm("cvt.rn.f16.f32 %0, %1;" : "=h"(b) : "f"(hi));
    return (u32)a | ((u32)b << 16);
}
#else
__device__ __forceinline__ u32 half2_of(u32 r) { return r; }
#endif

// c [16 x 8] += a [16 x 16] b [16 x 8]. Lane = 4 g + t: a0 (row g, k 2t), a1 (row g + 8), a2 (row g, k 2t + 8), a3; b0 (k 2t, col g),
// b1 (k 2t + 8); c0, c1 (row g, cols 2t, 2t + 1), c2, c3 (row g + 8).
__device__ __forceinline__ void mma16816(float *c, u32 a0, u32 a1, u32 a2, u32 a3, u32 b0, u32 b1) {
#if ARCH >= 800
#if ELEM_FP16
    asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
#else
    asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
#endif
                 : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
                 : "r"(a0), "r"(a1), "r"(a2), "r"(a3), "r"(b0), "r"(b1));
#else
    asm volatile("mma.sync.aligned.m16n8k8.row.col.f32.f16.f16.f32 {%0,%1,%2,%3}, {%4,%5}, {%6}, {%0,%1,%2,%3};"
                 : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
                 : "r"(half2_of(a0)), "r"(half2_of(a1)), "r"(half2_of(b0)));
    asm volatile("mma.sync.aligned.m16n8k8.row.col.f32.f16.f16.f32 {%0,%1,%2,%3}, {%4,%5}, {%6}, {%0,%1,%2,%3};"
                 : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
                 : "r"(half2_of(a2)), "r"(half2_of(a3)), "r"(half2_of(b1)));
#endif
}

// The same on float16, whatever the element type.
__device__ __forceinline__ void mma16816_half(float *c, u32 a0, u32 a1, u32 a2, u32 a3, u32 b0, u32 b1) {
#if ARCH >= 800
    asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
                 : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
                 : "r"(a0), "r"(a1), "r"(a2), "r"(a3), "r"(b0), "r"(b1));
#else
    asm volatile("mma.sync.aligned.m16n8k8.row.col.f32.f16.f16.f32 {%0,%1,%2,%3}, {%4,%5}, {%6}, {%0,%1,%2,%3};"
                 : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3]) : "r"(a0), "r"(a1), "r"(b0));
    asm volatile("mma.sync.aligned.m16n8k8.row.col.f32.f16.f16.f32 {%0,%1,%2,%3}, {%4,%5}, {%6}, {%0,%1,%2,%3};"
                 : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3]) : "r"(a2), "r"(a3), "r"(b1));
#endif
}

// c [16 x 8] += a [16 x 32] b [32 x 8] on E4M3 codes, four to a register in an order of k that a and b share.
__device__ __forceinline__ void mma16832_e4m3(float *c, u32 a0, u32 a1, u32 a2, u32 a3, u32 b0, u32 b1) {
#if ARCH >= 890
    asm volatile("mma.sync.aligned.m16n8k32.row.col.f32.e4m3.e4m3.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
                 : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
                 : "r"(a0), "r"(a1), "r"(a2), "r"(a3), "r"(b0), "r"(b1));
#else
    mma16816_half(c, half2_of_e4m3x2(a0), half2_of_e4m3x2(a1), half2_of_e4m3x2(a0 >> 16), half2_of_e4m3x2(a1 >> 16),
                  half2_of_e4m3x2(b0), half2_of_e4m3x2(b0 >> 16));
    mma16816_half(c, half2_of_e4m3x2(a2), half2_of_e4m3x2(a3), half2_of_e4m3x2(a2 >> 16), half2_of_e4m3x2(a3 >> 16),
                  half2_of_e4m3x2(b1), half2_of_e4m3x2(b1 >> 16));
#endif
}

// The same on INT8 codes, into int32.
__device__ __forceinline__ void mma16832_int8(int *c, u32 a0, u32 a1, u32 a2, u32 a3, u32 b0, u32 b1) {
#if ARCH >= 800
    asm volatile("mma.sync.aligned.m16n8k32.row.col.s32.s8.s8.s32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
                 : "+r"(c[0]), "+r"(c[1]), "+r"(c[2]), "+r"(c[3])
                 : "r"(a0), "r"(a1), "r"(a2), "r"(a3), "r"(b0), "r"(b1));
#else  // four of 8 x 8 x 16: rows g, then rows g + 8
    asm volatile("mma.sync.aligned.m8n8k16.row.col.s32.s8.s8.s32 {%0,%1}, {%2}, {%3}, {%0,%1};" : "+r"(c[0]), "+r"(c[1]) : "r"(a0), "r"(b0));
    asm volatile("mma.sync.aligned.m8n8k16.row.col.s32.s8.s8.s32 {%0,%1}, {%2}, {%3}, {%0,%1};" : "+r"(c[0]), "+r"(c[1]) : "r"(a2), "r"(b1));
    asm volatile("mma.sync.aligned.m8n8k16.row.col.s32.s8.s8.s32 {%0,%1}, {%2}, {%3}, {%0,%1};" : "+r"(c[2]), "+r"(c[3]) : "r"(a1), "r"(b0));
    asm volatile("mma.sync.aligned.m8n8k16.row.col.s32.s8.s8.s32 {%0,%1}, {%2}, {%3}, {%0,%1};" : "+r"(c[2]), "+r"(c[3]) : "r"(a3), "r"(b1));
#endif
}

__device__ __forceinline__ u32 shared_address(const void *p) { return (u32)__cvta_generic_to_shared(p); }

__device__ __forceinline__ void ldmatrix4(u32 address, u32 *r) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];"
                 : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3]) : "r"(address));
}

__device__ __forceinline__ void ldmatrix4_trans(u32 address, u32 *r) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0,%1,%2,%3}, [%4];"
                 : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3]) : "r"(address));
}

// 16 bytes to shared memory without passing through registers; zeros where `valid` is false.
__device__ __forceinline__ void copy16_async(u32 shared, const void *global, bool valid) {
#if ARCH >= 800
    int bytes = valid ? 16 : 0;
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(shared), "l"(global), "r"(bytes));
#else
    uint4 v = valid ? *(const uint4 *)global : make_uint4(0, 0, 0, 0);
    asm volatile("st.shared.v4.u32 [%0], {%1,%2,%3,%4};" ::"r"(shared), "r"(v.x), "r"(v.y), "r"(v.z), "r"(v.w));
#endif
}

__device__ __forceinline__ void copy_commit() {
#if ARCH >= 800
    asm volatile("cp.async.commit_group;");
#endif
}

template <int PENDING> __device__ __forceinline__ void copy_wait() {
#if ARCH >= 800
    asm volatile("cp.async.wait_group %0;" ::"n"(PENDING));
#endif
}

// The transpose of an 8 x 8 matrix of elements held as a fragment: row g, columns 2t, 2t + 1 of lane 4 g + t.
__device__ __forceinline__ u32 transpose8(u32 r) {
    u32 out;
    asm volatile("movmatrix.sync.aligned.m8n8.trans.b16 %0, %1;" : "=r"(out) : "r"(r));
    return out;
}

// 2^x by the special-function unit: 2 units in the last place, 0 for -inf.
__device__ __forceinline__ float fast_exp2(float x) {
    float y;
    asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
    return y;
}

// What attention with sinks adds to a row's sum of weights 2^(score - top): a key of its own for each query head, without a value. `sink`:
// its logit, as an element.
__device__ __forceinline__ float sink_weight(u16 sink, float top) { return fast_exp2(to_float(sink) * 1.4426950408889634f - top); }

// --- reductions ------------------------------------------------------------------------------------------------------------

__device__ __forceinline__ float warp_sum(float x) {
#pragma unroll
    for (int i = 16; i; i >>= 1) x += __shfl_xor_sync(FULL_MASK, x, i);
    return x;
}

__device__ __forceinline__ float warp_max(float x) {
#pragma unroll
    for (int i = 16; i; i >>= 1) x = fmaxf(x, __shfl_xor_sync(FULL_MASK, x, i));
    return x;
}

// The greatest of non-negative x over a block of whole warps, as `block_sum`.
__device__ __forceinline__ float block_max(float x, float *scratch) {
    int warp = threadIdx.x >> 5, lane = threadIdx.x & 31;
    x = warp_max(x);
    __syncthreads();
    if (lane == 0) scratch[warp] = x;
    __syncthreads();
    if (warp == 0) {
        x = warp_max(lane < (int)(blockDim.x >> 5) ? scratch[lane] : 0.f);
        if (lane == 0) scratch[32] = x;
    }
    __syncthreads();
    return scratch[32];
}

// Over a block of whole warps; `scratch` 33 floats of shared memory. Every thread gets the result; safe to call in sequence.
__device__ __forceinline__ float block_sum(float x, float *scratch) {
    int warp = threadIdx.x >> 5, lane = threadIdx.x & 31;
    x = warp_sum(x);
    __syncthreads();
    if (lane == 0) scratch[warp] = x;
    __syncthreads();
    if (warp == 0) {
        x = warp_sum(lane < (int)(blockDim.x >> 5) ? scratch[lane] : 0.f);
        if (lane == 0) scratch[32] = x;
    }
    __syncthreads();
    return scratch[32];
}

// --- the step plan (engines/api/plan.py): header words and sections --------------------------------------------------------

enum { PLAN_TOKENS = 4, PLAN_ROWS = 5, PLAN_DECODES = 6, PLAN_LOGITS = 7, PLAN_COPIES = 9, PLAN_OFFSETS = 10 };
enum {
    AT_TOKENS, AT_POSITIONS, AT_QUERY_START, AT_SLOTS, AT_KV_LEN, AT_PAGE_START, AT_PAGE_IDS, AT_LOGIT_TOKEN, AT_LOGIT_ROW, AT_COPIES
};

__device__ __forceinline__ const int *section(const int *plan, int which) { return plan + plan[PLAN_OFFSETS + which]; }

// The greatest i in 0 .. n - 1 with start[i] <= x, for ascending start.
__device__ __forceinline__ int find_row(const int *start, int n, int x) {
    int low = 0, high = n - 1;
    while (low < high) {
        int mid = (low + high + 1) >> 1;
        if (start[mid] <= x) low = mid; else high = mid - 1;
    }
    return low;
}

// --- the work of a step, written by prepare_step and read by both attention kernels ----------------------------------------

// After the header: split_start [max_rows + 1], split_row [max_splits], then the prefill tiles.
enum { WORK_SPLITS = 0, WORK_CHUNK = 1, WORK_TILES = 2, WORK_HEADER = 4 };

// The block's item of a round: the list is gone through forth and back, so that each block gets long items and short ones.
__device__ __forceinline__ int item_of(int round) {
    return round * (int)gridDim.x + (int)(round & 1 ? gridDim.x - 1 - blockIdx.x : blockIdx.x);
}
