// Causal attention of ragged chunks of prompt over the paged cache (cached prefixes included): flash attention on mma.sync.
//
// A work item is (tile of a row, kv head). The query heads that share a kv head are packed with the tokens: row m of a tile is token
// m / GROUP, head kv_head * GROUP + m % GROUP, so keys and values are read once for all of them. Key tiles of 64 are gathered from
// their pages into shared memory, two stages deep, 16-byte chunks swizzled so that no access conflicts.
//
// KV_FP8: the cache holds E4M3 codes, which become float16 on their way to shared memory, exactly; the query and the weights of the
// values do so too. The scales of keys and values are the caller's, in `scale` and `value_scale`.
//
// HEAD_DIM: a multiple of 16 up to 256. GROUP: query heads per kv head, at most TILE_ROWS. PAGE_SIZE: tokens of a page.
// TILE_KEYS: 64, or 32 or 16 where shared memory is short. SOFT_CAP: 1 if scores are capped. ALIBI: 1 if they have linear biases.
#include "common.cuh"

#ifndef HEAD_DIM
#define HEAD_DIM 128
#endif
#ifndef GROUP
#define GROUP 4
#endif
#ifndef WARPS
#define WARPS 8
#endif
#ifndef PAGE_SIZE
#define PAGE_SIZE 16
#endif
#ifndef SOFT_CAP
#define SOFT_CAP 0
#endif

#ifndef ALIBI
#define ALIBI 0
#endif
#ifndef SINKS
#define SINKS 0
#endif
#ifndef TILE_KEYS
#define TILE_KEYS 64
#endif

#ifndef KV_FP8
#define KV_FP8 0
#endif

#define TILE_ROWS (16 * WARPS)
#define TILE_TOKENS (TILE_ROWS / GROUP)
#define CHUNKS (HEAD_DIM / 8)
// Chunks a row of keys takes in shared memory: what the swizzle permutes among itself.
#define ROW_CHUNKS (CHUNKS > 4 ? (CHUNKS + 7) / 8 * 8 : CHUNKS)
#define STEPS (HEAD_DIM / 16)

#if KV_FP8
typedef unsigned char cell_t;
#define product mma16816_half
#define pack_weights pack_half2
// Eight cells to shared memory.
__device__ __forceinline__ void copy_cells(u32 shared, const cell_t *from, bool there) {
    uint2 v = there ? load_made((const uint2 *)from) : make_uint2(0, 0);
    asm volatile("st.shared.v4.u32 [%0], {%1,%2,%3,%4};" ::"r"(shared), "r"(half2_of_e4m3x2(v.x)), "r"(half2_of_e4m3x2(v.x >> 16)),
                 "r"(half2_of_e4m3x2(v.y)), "r"(half2_of_e4m3x2(v.y >> 16)) : "memory");
}
__device__ __forceinline__ u32 query_pair(u32 q) { return half2_of_elements(q); }
#else
typedef u16 cell_t;
#define product mma16816
#define pack_weights pack2
__device__ __forceinline__ void copy_cells(u32 shared, const cell_t *from, bool there) { copy16_async(shared, from, there); }
__device__ __forceinline__ u32 query_pair(u32 q) { return q; }
#endif

// Address of 16-byte chunk `chunk` of row `row` in a [TILE_KEYS, HEAD_DIM] tile at `base`.
__device__ __forceinline__ u32 place(u32 base, int row, int chunk) {
    int swizzle = ROW_CHUNKS >= 8 ? row & 7 : ROW_CHUNKS == 4 ? (row >> 1) & 3 : 0;
    return base + (u32)(row * ROW_CHUNKS + (chunk ^ swizzle)) * 16;
}

__device__ __forceinline__ void fetch(u32 shared, const cell_t *pool, const int *pages, int kv_heads, int kv_head, int base,
                                      int length) {
#pragma unroll
    for (int i = threadIdx.x; i < TILE_KEYS * CHUNKS; i += 32 * WARPS) {
        int key = i / CHUNKS, chunk = i - key * CHUNKS, at = base + key;
        bool there = at < length;
        const cell_t *from = pool;
        if (there)
            from += (((u64)pages[(u32)at / PAGE_SIZE] * kv_heads + kv_head) * PAGE_SIZE + (u32)at % PAGE_SIZE) * HEAD_DIM + chunk * 8;
        copy_cells(place(shared, key, chunk), from, there);
    }
}

// qkv [T, q_stride]: rotated queries in the first columns. out [T, kv_heads GROUP HEAD_DIM]. keys, values: a layer's cache, this step's
// tokens already written. scale: of q.k, times log2(e) unless there is a soft cap. sinks [heads], elements, if SINKS. slopes [heads], times log2(e),
// read if ALIBI. value_scale: of the output. Dynamic shared memory 4 * TILE_KEYS * ROW_CHUNKS * 16.
// Grid: any; block 32 * WARPS. Persistent: items in turn.
extern "C" __global__ void __launch_bounds__(32 * WARPS) attention_prefill(
    const u16 *qkv, u16 *out, const cell_t *keys, const cell_t *values, const int *plan, const int *work, int max_rows, int max_splits, int kv_heads,
    int q_stride, float scale, int window, float soft_cap, const float *slopes, float value_scale, const u16 *sinks) {
    after_previous();
    extern __shared__ uint4 tiles[];
    const u32 tile_bytes = TILE_KEYS * ROW_CHUNKS * 16;
    u32 shared = shared_address(tiles);
    int warp = threadIdx.x >> 5, lane = threadIdx.x & 31, g = lane >> 2, t = lane & 3;
    int items = work[WORK_TILES] * kv_heads;
    const int *tile = work + WORK_HEADER + max_rows + 1 + max_splits;
    const int *query_start = section(plan, AT_QUERY_START), *positions = section(plan, AT_POSITIONS);
    const int *kv_len = section(plan, AT_KV_LEN), *page_start = section(plan, AT_PAGE_START), *page_ids = section(plan, AT_PAGE_IDS);

    for (int round = 0; round * (int)gridDim.x < items; round++) {
        int item = item_of(round);
        if (item >= items) continue;
        int index = item / kv_heads, kv_head = item - index * kv_heads;
        int row = tile[2 * index], first = tile[2 * index + 1], count = min(TILE_TOKENS, query_start[row + 1] - first);
        int low = positions[first], length = min(kv_len[row], low + count);  // keys that some token of the tile sees
        const int *pages = page_ids + page_start[row];

        // This lane's two rows of the tile. A row without a token sees nothing.
        int position[2];
        u64 token[2];
        int head[2];
        float slope[2];
        u32 q[STEPS][4];
#pragma unroll
        for (int upper = 0; upper < 2; upper++) {
            int m = warp * 16 + g + 8 * upper, i = m / GROUP;
            bool there = i < count && i < TILE_TOKENS;
            position[upper] = there ? low + i : -1;
            token[upper] = first + i;
            head[upper] = kv_head * GROUP + m % GROUP;
            slope[upper] = ALIBI ? slopes[head[upper]] : 0.f;
            const u32 *from = (const u32 *)(qkv + token[upper] * q_stride + head[upper] * HEAD_DIM);
#pragma unroll
            for (int k = 0; k < STEPS; k++) {
                q[k][upper] = there ? query_pair(from[k * 8 + t]) : 0;
                q[k][2 + upper] = there ? query_pair(from[k * 8 + 4 + t]) : 0;
            }
        }
        float o[CHUNKS][4], top[2] = {NEG_INF, NEG_INF}, sum[2] = {0.f, 0.f};
#pragma unroll
        for (int i = 0; i < CHUNKS; i++) o[i][0] = o[i][1] = o[i][2] = o[i][3] = 0.f;

        int begin = window > 0 ? max(0, low - window + 1) / TILE_KEYS * TILE_KEYS : 0;
        int stage = 0;
        fetch(shared, keys, pages, kv_heads, kv_head, begin, length);
        fetch(shared + tile_bytes, values, pages, kv_heads, kv_head, begin, length);
        copy_commit();
        for (int base = begin; base < length; base += TILE_KEYS, stage ^= 1) {
            if (base + TILE_KEYS < length) {
                u32 next = shared + (stage ^ 1) * 2 * tile_bytes;
                fetch(next, keys, pages, kv_heads, kv_head, base + TILE_KEYS, length);
                fetch(next + tile_bytes, values, pages, kv_heads, kv_head, base + TILE_KEYS, length);
            }
            copy_commit();
            copy_wait<1>();
            __syncthreads();
            u32 k_tile = shared + stage * 2 * tile_bytes, v_tile = k_tile + tile_bytes;

            float s[TILE_KEYS / 8][4];
#pragma unroll
            for (int n = 0; n < TILE_KEYS / 8; n++) s[n][0] = s[n][1] = s[n][2] = s[n][3] = 0.f;
#pragma unroll
            for (int k = 0; k < STEPS; k++)
#pragma unroll
                for (int n = 0; n < TILE_KEYS / 16; n++) {
                    u32 b[4];  // keys 16 n .. + 7: chunks 2k, 2k + 1; keys + 8: the same
                    int r = n * 16 + (lane >> 4) * 8 + (lane & 7), c = 2 * k + ((lane >> 3) & 1);
                    ldmatrix4(place(k_tile, r, c), b);
                    product(s[2 * n], q[k][0], q[k][1], q[k][2], q[k][3], b[0], b[1]);
                    product(s[2 * n + 1], q[k][0], q[k][1], q[k][2], q[k][3], b[2], b[3]);
                }
            bool border = base + TILE_KEYS > low + 1 || window > 0;  // some row does not see all of this tile
#pragma unroll
            for (int n = 0; n < TILE_KEYS / 8; n++)
#pragma unroll
                for (int i = 0; i < 4; i++) {
                    float x = s[n][i] * scale;
                    if (SOFT_CAP) x = soft_cap * tanhf(x / soft_cap) * 1.4426950408889634f;
                    int key = base + n * 8 + 2 * t + (i & 1), at = position[i >> 1];
                    if (ALIBI) x += slope[i >> 1] * (key - at);
                    if (border) {
                        if (key > at || (window > 0 && key <= at - window)) x = NEG_INF;
                    }
                    s[n][i] = x;
                }
#pragma unroll
            for (int upper = 0; upper < 2; upper++) {
                float m = NEG_INF;
#pragma unroll
                for (int n = 0; n < TILE_KEYS / 8; n++) m = fmaxf(m, fmaxf(s[n][2 * upper], s[n][2 * upper + 1]));
                m = fmaxf(m, __shfl_xor_sync(FULL_MASK, m, 1));
                m = fmaxf(m, __shfl_xor_sync(FULL_MASK, m, 2));
                m = fmaxf(m, top[upper]);
                float safe = m == NEG_INF ? 0.f : m, shrink = fast_exp2(top[upper] - safe), add = 0.f;
#pragma unroll
                for (int n = 0; n < TILE_KEYS / 8; n++)
#pragma unroll
                    for (int i = 0; i < 2; i++) {
                        float p = fast_exp2(s[n][2 * upper + i] - safe);
                        s[n][2 * upper + i] = p;
                        add += p;
                    }
                top[upper] = m;
                sum[upper] = sum[upper] * shrink + add;
#pragma unroll
                for (int i = 0; i < CHUNKS; i++) {
                    o[i][2 * upper] *= shrink;
                    o[i][2 * upper + 1] *= shrink;
                }
            }
#pragma unroll
            for (int k = 0; k < TILE_KEYS / 16; k++) {
                u32 a0 = pack_weights(s[2 * k][0], s[2 * k][1]), a1 = pack_weights(s[2 * k][2], s[2 * k][3]);
                u32 a2 = pack_weights(s[2 * k + 1][0], s[2 * k + 1][1]), a3 = pack_weights(s[2 * k + 1][2], s[2 * k + 1][3]);
#pragma unroll
                for (int n = 0; n < CHUNKS / 2; n++) {
                    u32 b[4];  // keys 16 k .. + 7, + 8 .. + 15 of chunk 2n; the same of chunk 2n + 1
                    int r = k * 16 + ((lane >> 3) & 1) * 8 + (lane & 7), c = 2 * n + (lane >> 4);
                    ldmatrix4_trans(place(v_tile, r, c), b);
                    product(o[2 * n], a0, a1, a2, a3, b[0], b[1]);
                    product(o[2 * n + 1], a0, a1, a2, a3, b[2], b[3]);
                }
            }
            __syncthreads();  // this stage is fetched into again
        }
        copy_wait<0>();
#pragma unroll
        for (int upper = 0; upper < 2; upper++) {
            float total = sum[upper];
            total += __shfl_xor_sync(FULL_MASK, total, 1);
            total += __shfl_xor_sync(FULL_MASK, total, 2);
            if (position[upper] < 0) continue;
            if (SINKS) total += sink_weight(sinks[head[upper]], top[upper]);
            float inverse = value_scale / total;
            u32 *to = (u32 *)(out + (token[upper] * kv_heads * GROUP + head[upper]) * HEAD_DIM);
#pragma unroll
            for (int i = 0; i < CHUNKS; i++) to[i * 4 + t] = pack2(o[i][2 * upper] * inverse, o[i][2 * upper + 1] * inverse);
        }
        __syncthreads();
    }
}
