// The first half of an Attention op: qk-norm, rotary embedding, and the write into the paged cache.
//
// One warp per (token, head). Cache of a layer: keys and values each [pages, kv_heads, page_size, HEAD_DIM].
#include "common.cuh"

#ifndef HEAD_DIM
#define HEAD_DIM 128
#endif

#define PER_LANE ((HEAD_DIM + 31) / 32)

// qkv [T, (heads + 2 kv_heads) HEAD_DIM]: q is rotated in place, k rotated into the cache, v copied into it.
// cos_sin: [positions, rotary / 2] pairs (cos, sin), or null for none. q_norm, k_norm: [HEAD_DIM] or null.
// Grid (tokens, ceil((heads + 2 kv_heads) / warps)).
extern "C" __global__ void __launch_bounds__(256) rope_kv(
    u16 *qkv, const int *positions, const int *kv_index, const float2 *cos_sin, const u16 *q_norm, const u16 *k_norm, u16 *keys,
    u16 *values, int heads, int kv_heads, int page_size, int rotary, int interleaved, float eps) {
    int head = blockIdx.y * (blockDim.x >> 5) + (threadIdx.x >> 5), lane = threadIdx.x & 31, token = blockIdx.x;
    int all = heads + 2 * kv_heads;
    if (head >= all) return;
    u16 *from = qkv + ((u64)token * all + head) * HEAD_DIM, *to = from;
    bool is_q = head < heads, is_v = head >= heads + kv_heads;
    if (!is_q) {
        int index = kv_index[token], page = index / page_size, h = head - heads - (is_v ? kv_heads : 0);
        to = (is_v ? values : keys) + (((u64)page * kv_heads + h) * page_size + index % page_size) * HEAD_DIM;
    }
    if (is_v) {
#pragma unroll
        for (int j = 0; j < PER_LANE; j++) {
            int d = lane + 32 * j;
            if (d < HEAD_DIM) to[d] = from[d];
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
            float x = d < HEAD_DIM ? to_float(from[d]) : 0.f;
            squares += x * x;
        }
        inverse = rsqrtf(warp_sum(squares) / HEAD_DIM + eps);
    }
    int half = cos_sin ? rotary / 2 : 0;
    const float2 *turn = cos_sin + (u64)positions[token] * half;
    // Each lane reads all it needs of a pair before it writes the pair: in place is safe.
    for (int p = lane; p < half; p += 32) {
        int i = interleaved ? 2 * p : p, j = interleaved ? 2 * p + 1 : p + half;
        float a = to_float(from[i]), b = to_float(from[j]);
        if (weight) {
            a *= inverse * to_float(weight[i]);
            b *= inverse * to_float(weight[j]);
        }
        float2 cs = turn[p];
        to[i] = from_float(a * cs.x - b * cs.y);
        to[j] = from_float(b * cs.x + a * cs.y);
    }
    for (int d = 2 * half + lane; d < HEAD_DIM; d += 32) {
        float x = to_float(from[d]);
        to[d] = weight ? from_float(x * inverse * to_float(weight[d])) : from[d];
    }
}
