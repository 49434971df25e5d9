// The first half of an Attention op: qk-norm, rotary embedding, and the write into the paged cache.
//
// One warp per (token, head). Cache of a layer: keys and values each [pages, kv_heads, page_size, HEAD_DIM].
// KV_FP8: the cache holds E4M3 codes of key * key_inverse and value * value_inverse.
#include "common.cuh"

#ifndef KV_FP8
#define KV_FP8 0
#endif

#ifndef HEAD_DIM
#define HEAD_DIM 128
#endif

#define PER_LANE ((HEAD_DIM + 31) / 32)

#if KV_FP8
typedef unsigned char cell_t;
__device__ __forceinline__ void store(cell_t *to, float x, float inverse) { *to = (cell_t)(to_e4m3x2(x * inverse, 0.f) & 0xff); }
#else
typedef u16 cell_t;
__device__ __forceinline__ void store(cell_t *to, float x, float) { *to = from_float(x); }
#endif

// qkv [T, (heads + 2 kv_heads) HEAD_DIM]: q is rotated in place, k rotated into the cache, v copied into it. columns not null: qkv is
// a product of codes, and element * rows[token] * columns[column] its value (rows null: 1).
// cos_sin: [positions, rotary / 2] pairs (cos, sin), or null for none. q_norm, k_norm: [HEAD_DIM] or null.
// Grid (tokens, ceil((heads + 2 kv_heads) / warps)).
extern "C" __global__ void __launch_bounds__(256) rope_kv(
    u16 *qkv, const int *positions, const int *kv_index, const float2 *cos_sin, const u16 *q_norm, const u16 *k_norm, cell_t *keys,
    cell_t *values, int heads, int kv_heads, int page_size, int rotary, int interleaved, float eps, const float *rows,
    const float *columns, float key_inverse, float value_inverse) {
    after_previous();
    int head = blockIdx.y * (blockDim.x >> 5) + (threadIdx.x >> 5), lane = threadIdx.x & 31, token = blockIdx.x;
    int all = heads + 2 * kv_heads;
    if (head >= all) return;
    u16 *from = qkv + ((u64)token * all + head) * HEAD_DIM;
    cell_t *cell = 0;
    bool is_q = head < heads, is_v = head >= heads + kv_heads;
    float factor = columns && rows ? rows[token] : 1.f, into = is_v ? value_inverse : key_inverse;
    if (columns) columns += head * HEAD_DIM;
    if (!is_q) {
        int index = kv_index[token], page = index / page_size, h = head - heads - (is_v ? kv_heads : 0);
        cell = (is_v ? values : keys) + (((u64)page * kv_heads + h) * page_size + index % page_size) * HEAD_DIM;
    }
    auto value = [&](int d) { return columns ? to_float(from[d]) * factor * columns[d] : to_float(from[d]); };
    auto put = [&](int d, float x) {
        if (is_q) from[d] = from_float(x);
        else store(cell + d, x, into);
    };
    if (is_v) {
#pragma unroll
        for (int j = 0; j < PER_LANE; j++) {
            int d = lane + 32 * j;
            if (d < HEAD_DIM) store(cell + d, value(d), into);
        }
        return;
    }
    const u16 *weight = is_q ? q_norm : k_norm;
    float inverse = 1.f;
    if (weight) {
        float squares = 0.f;
#pragma unroll
        for (int j = 0; j < PER_LANE; j++) {
            int d = lane + 32 * j;
            float x = d < HEAD_DIM ? value(d) : 0.f;
            squares += x * x;
        }
        inverse = rsqrtf(warp_sum(squares) / HEAD_DIM + eps);
    }
    int half = cos_sin ? rotary / 2 : 0;
    const float2 *turn = cos_sin + (u64)positions[token] * half;
    // Each lane reads all it needs of a pair before it writes the pair: in place is safe.
    for (int p = lane; p < half; p += 32) {
        int i = interleaved ? 2 * p : p, j = interleaved ? 2 * p + 1 : p + half;
        float a = value(i), b = value(j);
        if (weight) {
            a *= inverse * to_float(weight[i]);
            b *= inverse * to_float(weight[j]);
        }
        float2 cs = turn[p];
        put(i, a * cs.x - b * cs.y);
        put(j, b * cs.x + a * cs.y);
    }
    for (int d = 2 * half + lane; d < HEAD_DIM; d += 32) {
        float x = value(d);
        put(d, weight ? x * inverse * to_float(weight[d]) : x);
    }
}

// The same for heads that are rotated as a whole, pairs half a head apart, without norms: a thread has 8 pairs, 16 bytes an access.
#if HEAD_DIM == 32 || HEAD_DIM == 64 || HEAD_DIM == 128 || HEAD_DIM == 256
#define HEAD_THREADS (HEAD_DIM / 16)

__device__ __forceinline__ void store8(cell_t *to, const float *x, float inverse) {
#if KV_FP8
    float y[8];
#pragma unroll
    for (int i = 0; i < 8; i++) y[i] = x[i] * inverse;
    *(uint2 *)to = pack8_e4m3(y);
#else
    *(uint4 *)to = pack8(x);
#endif
}

__device__ __forceinline__ void load8(const float *from, float *x) {
    float4 a = __ldg((const float4 *)from), b = __ldg((const float4 *)from + 1);
    x[0] = a.x, x[1] = a.y, x[2] = a.z, x[3] = a.w, x[4] = b.x, x[5] = b.y, x[6] = b.z, x[7] = b.w;
}

// Grid (tokens, ceil((heads + 2 kv_heads) * HEAD_THREADS / 256)), block 256.
extern "C" __global__ void __launch_bounds__(256) rope_kv_whole(
    u16 *qkv, const int *positions, const int *kv_index, const float *cos_sin, cell_t *keys, cell_t *values, int heads, int kv_heads,
    int page_size, const float *rows, const float *columns, float key_inverse, float value_inverse) {
    after_previous();
    int i = blockIdx.y * blockDim.x + threadIdx.x, head = i / HEAD_THREADS, at = i % HEAD_THREADS * 8, token = blockIdx.x;
    int all = heads + 2 * kv_heads;
    if (head >= all) return;
    u16 *from = qkv + ((u64)token * all + head) * HEAD_DIM + at;
    uint4 low = *(const uint4 *)from, high = *(const uint4 *)(from + HEAD_DIM / 2);
    bool is_q = head < heads, is_v = head >= heads + kv_heads;
    float a[8], b[8], turn[16];
    if (!is_v) {
        const float *c = cos_sin + ((u64)positions[token] * (HEAD_DIM / 2) + at) * 2;
        load8(c, turn);
        load8(c + 8, turn + 8);
    }
    unpack8(low, a);
    unpack8(high, b);
    if (columns) {
        float factor = rows ? rows[token] : 1.f, c[8];
        load8(columns + head * HEAD_DIM + at, c);
#pragma unroll
        for (int k = 0; k < 8; k++) a[k] *= factor * c[k];
        load8(columns + head * HEAD_DIM + at + HEAD_DIM / 2, c);
#pragma unroll
        for (int k = 0; k < 8; k++) b[k] *= factor * c[k];
    }
    if (!is_v) {
#pragma unroll
        for (int k = 0; k < 8; k++) {
            float x = a[k], y = b[k];
            a[k] = x * turn[2 * k] - y * turn[2 * k + 1];
            b[k] = y * turn[2 * k] + x * turn[2 * k + 1];
        }
    }
    if (is_q) {
        *(uint4 *)from = pack8(a);
        *(uint4 *)(from + HEAD_DIM / 2) = pack8(b);
        return;
    }
    int index = kv_index[token], page = index / page_size, h = head - heads - (is_v ? kv_heads : 0);
    cell_t *cell = (is_v ? values : keys) + (((u64)page * kv_heads + h) * page_size + index % page_size) * HEAD_DIM + at;
    float inverse = is_v ? value_inverse : key_inverse;
    store8(cell, a, inverse);
    store8(cell + HEAD_DIM / 2, b, inverse);
}
#endif
