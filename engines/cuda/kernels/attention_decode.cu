// One query token per row against its paged cache: split over keys (flash-decoding), on tensor cores, straight from global memory.
//
// A work item is (split of a row, kv head, up to 8 query heads that share it). Its four warps take tiles of 16 keys in turn, each
// with its own running softmax; they are merged in shared memory, and the splits of a row by whichever of its blocks ends last.
//
// Products are transposed, so that keys and then dimensions fill the 16 rows and the queries the 8 columns:
//     scores [16 keys, 8 queries] = K [16 keys, d] Q^T,    out^T [16 dimensions, 8 queries] += V^T [16 dimensions, 16 keys] P^T.
// Keys and values never pass through shared memory. A product does not care in which order it sums, so lane 4 g + t may hold any 8
// neighbouring dimensions of keys g and g + 8 as its part of two k-steps, as long as the query is held alike; and any neighbouring
// dimensions of the values as rows g and g + 8, as long as the output is stored alike. Every load is 16 bytes. The next keys are on
// their way while the softmax and the second product run.
//
// KV_FP8: the cache holds E4M3 codes. They become float16 in registers, exactly, as the query and the weights of the values do; the
// scales of keys and values are the caller's, in `scale` and `value_scale`.
//
// HEAD_DIM: a multiple of 16 up to 256. GROUP: query heads per kv head. PAGE_SIZE: tokens of a page, a multiple of 16. SOFT_CAP: 1 if
// scores are capped. ALIBI: 1 if they have linear biases (after the cap). SINKS: 1 if each head has a key without a value.
#include "common.cuh"

#ifndef HEAD_DIM
#define HEAD_DIM 128
#endif
#ifndef GROUP
#define GROUP 4
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

#ifndef KV_FP8
#define KV_FP8 0
#endif
#ifndef SINKS
#define SINKS 0
#endif

#define WARPS 4
#define TILE 16
#define QUERIES (GROUP < 8 ? GROUP : 8)           // query heads of an item
#define QUERY_GROUPS ((GROUP + 7) / 8)            // items per kv head
#if KV_FP8
#define KEY_BLOCKS (HEAD_DIM / 64)                // 64 dimensions: one 16-byte load per lane and key
#define KEY_TAIL (HEAD_DIM % 64 >= 32)            // 32 more: one 8-byte load
#define KEY_TAIL16 (HEAD_DIM % 32 != 0)           // 16 more: one 4-byte load
#define KEY_WORDS (HEAD_DIM / 16)                 // registers of a lane and key
#define VALUE_WORDS (HEAD_DIM / 32)               // a lane's part of a value: 4 * VALUE_WORDS neighbouring dimensions
#define VALUE_TAIL16 (HEAD_DIM % 32 != 0)         // 16 more: two bytes
typedef unsigned char cell_t;
#else
#define KEY_BLOCKS (HEAD_DIM / 32)                // 32 dimensions: one 16-byte load per lane and key
#define KEY_TAIL (HEAD_DIM % 32 != 0)             // 16 more: one 8-byte load
#define VALUE_BLOCKS (HEAD_DIM / 64)              // 64 dimensions: one 16-byte load per lane and key
#define VALUE_TAIL (HEAD_DIM % 64 >= 32)          // 32 more: one 8-byte load
#define VALUE_TAIL16 (HEAD_DIM % 32 != 0)         // 16 more: one 4-byte load
#define TAIL_AT (VALUE_BLOCKS * 64 + VALUE_TAIL * 32)
typedef u16 cell_t;
#endif
#define OUT_TILES (HEAD_DIM / 16)
#define MERGE_UNROLL 8
#define MIN_BLOCKS (HEAD_DIM <= 128 ? 4 : 2)      // per multiprocessor; engines/cuda/state.py launches as many

#if KV_FP8
// Keys g and g + 8 at the lane's dimensions; `k` points at key g.
struct Keys {
    u32 word[2][KEY_WORDS];
    __device__ __forceinline__ void load(const cell_t *k, int t) {
#pragma unroll
        for (int n = 0; n < 2; n++) {
            const cell_t *from = k + n * 8 * HEAD_DIM;
#pragma unroll
            for (int b = 0; b < KEY_BLOCKS; b++) {
                uint4 v = load_made((const uint4 *)(from + b * 64 + t * 16));
                word[n][4 * b] = v.x, word[n][4 * b + 1] = v.y, word[n][4 * b + 2] = v.z, word[n][4 * b + 3] = v.w;
            }
            if (KEY_TAIL) {
                uint2 v = load_made((const uint2 *)(from + KEY_BLOCKS * 64 + t * 8));
                word[n][4 * KEY_BLOCKS] = v.x, word[n][4 * KEY_BLOCKS + 1] = v.y;
            }
            if (KEY_TAIL16) word[n][KEY_WORDS - 1] = load_made((const u32 *)(from + HEAD_DIM - 16 + t * 4));
        }
    }
};
// A query at the dimensions that the words of the keys have.
struct Query {
    u32 pair[KEY_WORDS][2];
    __device__ __forceinline__ void load(const u16 *q, int t, bool there) {
#pragma unroll
        for (int i = 0; i < KEY_WORDS; i++) {
            int d = i < 4 * KEY_BLOCKS                     ? i / 4 * 64 + t * 16 + i % 4 * 4
                    : KEY_TAIL16 && i == KEY_WORDS - 1 ? HEAD_DIM - 16 + t * 4
                                                       : KEY_BLOCKS * 64 + t * 8 + i % 4 * 4;
            uint2 v = there ? *(const uint2 *)(q + d) : make_uint2(0, 0);
            pair[i][0] = half2_of_elements(v.x), pair[i][1] = half2_of_elements(v.y);
        }
    }
    __device__ __forceinline__ void scores(float *s, const Keys &k) const {
#pragma unroll
        for (int i = 0; i < KEY_WORDS; i++) {
            u32 a = k.word[0][i], b = k.word[1][i];
            mma16816_half(s, half2_of_e4m3x2(a), half2_of_e4m3x2(b), half2_of_e4m3x2(a >> 16), half2_of_e4m3x2(b >> 16), pair[i][0], pair[i][1]);
        }
    }
};
// Values of keys 2t, 2t + 1, 2t + 8, 2t + 9 at dimensions 4 * VALUE_WORDS * g on; `v` points at key 0.
struct Values {
    u32 word[4][VALUE_WORDS + 1];
    __device__ __forceinline__ void load(const cell_t *v, int base, int end, int g, int t) {
#pragma unroll
        for (int i = 0; i < 4; i++) {
            int key = 2 * t + (i & 1) + 8 * (i >> 1);
            bool there = base + key < end;  // behind the end a page may hold anything, and 0 * NaN is NaN
            const cell_t *from = v + key * HEAD_DIM + g * (4 * VALUE_WORDS);
            if (VALUE_WORDS % 4 == 0) {
#pragma unroll
                for (int w = 0; w + 3 < VALUE_WORDS; w += 4) {
                    uint4 x = there ? load_made((const uint4 *)(from + w * 4)) : make_uint4(0, 0, 0, 0);
                    word[i][w] = x.x, word[i][w + 1] = x.y, word[i][w + 2] = x.z, word[i][w + 3] = x.w;
                }
            } else if (VALUE_WORDS % 2 == 0) {
#pragma unroll
                for (int w = 0; w + 1 < VALUE_WORDS; w += 2) {
                    uint2 x = there ? load_made((const uint2 *)(from + w * 4)) : make_uint2(0, 0);
                    word[i][w] = x.x, word[i][w + 1] = x.y;
                }
            } else {
#pragma unroll
                for (int w = 0; w < VALUE_WORDS; w++) word[i][w] = there ? load_made((const u32 *)(from + w * 4)) : 0;
            }
            if (VALUE_TAIL16) word[i][VALUE_WORDS] = there ? load_made((const u16 *)(v + key * HEAD_DIM + HEAD_DIM - 16 + g * 2)) : 0;
        }
    }
    __device__ __forceinline__ void add(float (*o)[4], u32 b0, u32 b1) const {
#pragma unroll
        for (int w = 0; w < VALUE_WORDS + VALUE_TAIL16; w++)
#pragma unroll
            for (int half = 0; half < (w < VALUE_WORDS ? 2 : 1); half++) {
                u32 x = __byte_perm(word[0][w], word[1][w], half ? 0x7362 : 0x5140);
                u32 y = __byte_perm(word[2][w], word[3][w], half ? 0x7362 : 0x5140);
                mma16816_half(o[2 * w + half], half2_of_e4m3x2(x), half2_of_e4m3x2(x >> 16), half2_of_e4m3x2(y), half2_of_e4m3x2(y >> 16), b0, b1);
            }
    }
    // The dimension in row g of output tile i; row g + 8 is the next.
    static __device__ __forceinline__ int dimension(int i, int g) { return i < 2 * VALUE_WORDS ? g * (4 * VALUE_WORDS) + 2 * i : HEAD_DIM - 16 + g * 2; }
};
__device__ __forceinline__ u32 pack_weights(float a, float b) { return pack_half2(a, b); }
#else
__device__ __forceinline__ u32 low_pair(u32 a, u32 b) { return __byte_perm(a, b, 0x5410); }
__device__ __forceinline__ u32 high_pair(u32 a, u32 b) { return __byte_perm(a, b, 0x7632); }

// Keys g and g + 8 at the lane's dimensions; `k` points at key g.
struct Keys {
    uint4 block[2][KEY_BLOCKS + 1];
    uint2 tail[2];
    __device__ __forceinline__ void load(const cell_t *k, int t) {
#pragma unroll
        for (int n = 0; n < 2; n++) {
#pragma unroll
            for (int b = 0; b < KEY_BLOCKS; b++) block[n][b] = load_made((const uint4 *)(k + n * 8 * HEAD_DIM + b * 32 + t * 8));
            if (KEY_TAIL) tail[n] = load_made((const uint2 *)(k + n * 8 * HEAD_DIM + KEY_BLOCKS * 32 + t * 4));
        }
    }
};
// A query at the dimensions that the blocks of the keys have.
struct Query {
    uint4 block[KEY_BLOCKS + 1];
    uint2 tail;
    __device__ __forceinline__ void load(const u16 *q, int t, bool there) {
#pragma unroll
        for (int b = 0; b < KEY_BLOCKS; b++) block[b] = there ? *(const uint4 *)(q + b * 32 + t * 8) : make_uint4(0, 0, 0, 0);
        if (KEY_TAIL) tail = there ? *(const uint2 *)(q + KEY_BLOCKS * 32 + t * 4) : make_uint2(0, 0);
    }
    __device__ __forceinline__ void scores(float *s, const Keys &k) const {
#pragma unroll
        for (int b = 0; b < KEY_BLOCKS; b++) {
            mma16816(s, k.block[0][b].x, k.block[1][b].x, k.block[0][b].y, k.block[1][b].y, block[b].x, block[b].y);
            mma16816(s, k.block[0][b].z, k.block[1][b].z, k.block[0][b].w, k.block[1][b].w, block[b].z, block[b].w);
        }
        if (KEY_TAIL) mma16816(s, k.tail[0].x, k.tail[1].x, k.tail[0].y, k.tail[1].y, tail.x, tail.y);
    }
};
// Values of keys 2t, 2t + 1, 2t + 8, 2t + 9; `v` points at key 0.
struct Values {
    uint4 block[4][VALUE_BLOCKS + 1];
    uint2 tail[4];
    u32 tail16[4];
    __device__ __forceinline__ void load(const cell_t *v, int base, int end, int g, int t) {
#pragma unroll
        for (int i = 0; i < 4; i++) {
            int key = 2 * t + (i & 1) + 8 * (i >> 1);
            bool there = base + key < end;  // behind the end a page may hold anything, and 0 * NaN is NaN
#pragma unroll
            for (int b = 0; b < VALUE_BLOCKS; b++)
                block[i][b] = there ? load_made((const uint4 *)(v + key * HEAD_DIM + b * 64 + g * 8)) : make_uint4(0, 0, 0, 0);
            if (VALUE_TAIL)
                tail[i] = there ? load_made((const uint2 *)(v + key * HEAD_DIM + VALUE_BLOCKS * 64 + g * 4)) : make_uint2(0, 0);
            if (VALUE_TAIL16) tail16[i] = there ? load_made((const u32 *)(v + key * HEAD_DIM + TAIL_AT + g * 2)) : 0;
        }
    }
    __device__ __forceinline__ void add(float (*o)[4], u32 b0, u32 b1) const {
#pragma unroll
        for (int b = 0; b < VALUE_BLOCKS; b++) {
            const u32 x0[4] = {block[0][b].x, block[0][b].y, block[0][b].z, block[0][b].w}, x1[4] = {block[1][b].x, block[1][b].y, block[1][b].z, block[1][b].w};
            const u32 x2[4] = {block[2][b].x, block[2][b].y, block[2][b].z, block[2][b].w}, x3[4] = {block[3][b].x, block[3][b].y, block[3][b].z, block[3][b].w};
#pragma unroll
            for (int j = 0; j < 4; j++)
                mma16816(o[b * 4 + j], low_pair(x0[j], x1[j]), high_pair(x0[j], x1[j]), low_pair(x2[j], x3[j]), high_pair(x2[j], x3[j]), b0, b1);
        }
        if (VALUE_TAIL) {
            const u32 x0[2] = {tail[0].x, tail[0].y}, x1[2] = {tail[1].x, tail[1].y};
            const u32 x2[2] = {tail[2].x, tail[2].y}, x3[2] = {tail[3].x, tail[3].y};
#pragma unroll
            for (int j = 0; j < 2; j++)
                mma16816(o[VALUE_BLOCKS * 4 + j], low_pair(x0[j], x1[j]), high_pair(x0[j], x1[j]), low_pair(x2[j], x3[j]), high_pair(x2[j], x3[j]), b0, b1);
        }
        if (VALUE_TAIL16)
            mma16816(o[OUT_TILES - 1], low_pair(tail16[0], tail16[1]), high_pair(tail16[0], tail16[1]), low_pair(tail16[2], tail16[3]),
                     high_pair(tail16[2], tail16[3]), b0, b1);
    }
    // The dimension in row g of output tile i; row g + 8 is the next. Tile b * 4 + j: b * 64 + g * 8 + 2j; the tails 4 and 2 apart.
    static __device__ __forceinline__ int dimension(int i, int g) {
        return i < VALUE_BLOCKS * 4                   ? i / 4 * 64 + g * 8 + i % 4 * 2
               : VALUE_TAIL16 && i == OUT_TILES - 1 ? TAIL_AT + g * 2
                                                    : VALUE_BLOCKS * 64 + g * 4 + i % 4 * 2;
    }
};
__device__ __forceinline__ u32 pack_weights(float a, float b) { return pack2(a, b); }
#endif

// qkv [T, q_stride]: rotated queries in the first columns. out [T, heads HEAD_DIM]. keys, values: a layer's cache.
// partial [splits, heads, HEAD_DIM] and partial_stat [splits, heads] (top, sum); counters [rows, kv_heads * QUERY_GROUPS], zero between
// launches. scale: of q.k, times log2(e) unless there is a soft cap. slopes [heads], times log2(e), read if ALIBI.
// sinks [heads], elements, read if SINKS. value_scale: of the output. Grid: any; block 128. Persistent: items in turn.
extern "C" __global__ void __launch_bounds__(32 * WARPS, MIN_BLOCKS) attention_decode(
    const u16 *qkv, u16 *out, const cell_t *keys, const cell_t *values, const int *plan, const int *work, float *partial,
    float2 *partial_stat, u32 *counters, int max_rows, int kv_heads, int q_stride, float scale, int window, float soft_cap,
    const float *slopes, float value_scale, const u16 *sinks) {
    __shared__ __align__(16) float merged[WARPS][QUERIES][HEAD_DIM + 4];
    __shared__ float stat[WARPS][2][8];
    __shared__ u32 arrived;
    int warp = threadIdx.x >> 5, lane = threadIdx.x & 31, g = lane >> 2, t = lane & 3;
    int heads = kv_heads * GROUP, per_split = kv_heads * QUERY_GROUPS;
    after_previous();
    int chunk = work[WORK_CHUNK], items = work[WORK_SPLITS] * per_split;
    const int *split_start = work + WORK_HEADER, *split_row = split_start + max_rows + 1, *kv_len = section(plan, AT_KV_LEN);
    const int *page_start = section(plan, AT_PAGE_START), *page_ids = section(plan, AT_PAGE_IDS);

    for (int item = blockIdx.x; item < items; item += gridDim.x) {
        int split = item / per_split, part = item - split * per_split;
        int kv_head = part / QUERY_GROUPS, query_group = part - kv_head * QUERY_GROUPS;
        int row = split_row[split], first_split = split_start[row];
        int splits = split_start[row + 1] - first_split, length = kv_len[row];
        int begin = (split - first_split) * chunk, end = min(begin + chunk, length);
        int seen = window > 0 ? max(0, length - window) : 0;  // the first key within the window
        const int *pages = page_ids + page_start[row];
        int head = kv_head * GROUP + query_group * 8;

        // The queries as B operand of all k-steps: column g is head + g. Columns beyond the group are zero.
        Query q;
        q.load(qkv + (u64)row * q_stride + (head + g) * HEAD_DIM, t, g < QUERIES && query_group * 8 + g < GROUP);
        float slope[2];  // of queries 2t, 2t + 1
#pragma unroll
        for (int c = 0; c < 2; c++)
            slope[c] = ALIBI && 2 * t + c < QUERIES && query_group * 8 + 2 * t + c < GROUP ? slopes[head + 2 * t + c] : 0.f;
        float o[OUT_TILES][4], top[2] = {NEG_INF, NEG_INF}, sum[2] = {0.f, 0.f};  // of queries 2t, 2t + 1
#pragma unroll
        for (int i = 0; i < OUT_TILES; i++) o[i][0] = o[i][1] = o[i][2] = o[i][3] = 0.f;

        int base = begin + (max(begin, seen) - begin) / TILE * TILE + warp * TILE;
        Keys k;
        u64 cell = 0;
        if (base < end) {
            cell = ((u64)pages[base / PAGE_SIZE] * kv_heads + kv_head) * PAGE_SIZE + base % PAGE_SIZE;
            k.load(keys + (cell + g) * HEAD_DIM, t);
        }
        for (; base < end; base += WARPS * TILE) {
            const cell_t *from = values + cell * HEAD_DIM;
            int next = base + WARPS * TILE;
            if (next < end) cell = ((u64)pages[next / PAGE_SIZE] * kv_heads + kv_head) * PAGE_SIZE + next % PAGE_SIZE;
            Values v;
            v.load(from, base, end, g, t);
            float s[4] = {0.f, 0.f, 0.f, 0.f};  // (key g, queries 2t, 2t + 1), (key g + 8, the same)
            q.scores(s, k);
            if (next < end) k.load(keys + (cell + g) * HEAD_DIM, t);
#pragma unroll
            for (int i = 0; i < 4; i++) {
                int key = base + g + 8 * (i >> 1);
                float x = s[i] * scale;
                if (SOFT_CAP) x = soft_cap * tanhf(x / soft_cap) * 1.4426950408889634f;
                if (ALIBI) x += slope[i & 1] * (key - length + 1);
                s[i] = key >= end || key < seen ? NEG_INF : x;
            }
            float p[4];
#pragma unroll
            for (int c = 0; c < 2; c++) {
                float m = fmaxf(s[c], s[2 + c]);
                m = fmaxf(m, __shfl_xor_sync(FULL_MASK, m, 4));
                m = fmaxf(m, __shfl_xor_sync(FULL_MASK, m, 8));
                m = fmaxf(m, __shfl_xor_sync(FULL_MASK, m, 16));
                m = fmaxf(m, top[c]);
                float safe = m == NEG_INF ? 0.f : m, shrink = fast_exp2(top[c] - safe);
                p[c] = fast_exp2(s[c] - safe);
                p[2 + c] = fast_exp2(s[2 + c] - safe);
                top[c] = m;
                sum[c] = sum[c] * shrink + p[c] + p[2 + c];
#pragma unroll
                for (int i = 0; i < OUT_TILES; i++) {
                    o[i][c] *= shrink;
                    o[i][2 + c] *= shrink;
                }
            }
            v.add(o, transpose8(pack_weights(p[0], p[1])), transpose8(pack_weights(p[2], p[3])));
        }

        // Merge the warps.
#pragma unroll
        for (int c = 0; c < 2; c++) {
            float total = sum[c];
            total += __shfl_xor_sync(FULL_MASK, total, 4);
            total += __shfl_xor_sync(FULL_MASK, total, 8);
            total += __shfl_xor_sync(FULL_MASK, total, 16);
            int query = 2 * t + c;
            if (g == 0) {
                stat[warp][0][query] = top[c];
                stat[warp][1][query] = total;
            }
            if (query < QUERIES) {
#pragma unroll
                for (int i = 0; i < OUT_TILES; i++) {
                    *(float2 *)&merged[warp][query][Values::dimension(i, g)] = make_float2(o[i][c], o[i][2 + c]);
                }
            }
        }
        __syncthreads();
        // Four dimensions of a query per thread, here and below.
        for (int x = threadIdx.x; x < QUERIES * HEAD_DIM / 4; x += 32 * WARPS) {
            int h = x / (HEAD_DIM / 4), d = (x - h * (HEAD_DIM / 4)) * 4;
            if (query_group * 8 + h >= GROUP) continue;
            float all_top = NEG_INF, all_sum = 0.f, value[4] = {0.f, 0.f, 0.f, 0.f};
#pragma unroll
            for (int w = 0; w < WARPS; w++) all_top = fmaxf(all_top, stat[w][0][h]);
            float safe = all_top == NEG_INF ? 0.f : all_top;
#pragma unroll
            for (int w = 0; w < WARPS; w++) {
                float share = fast_exp2(stat[w][0][h] - safe);
                float4 m = *(const float4 *)&merged[w][h][d];
                all_sum += stat[w][1][h] * share;
                value[0] += m.x * share, value[1] += m.y * share, value[2] += m.z * share, value[3] += m.w * share;
            }
            if (splits == 1) {
                if (SINKS) all_sum += sink_weight(sinks[head + h], safe);
                float inverse = value_scale / all_sum;
                *(uint2 *)(out + ((u64)row * heads + head + h) * HEAD_DIM + d) =
                    make_uint2(pack2(value[0] * inverse, value[1] * inverse), pack2(value[2] * inverse, value[3] * inverse));
            } else {
                u64 at = (u64)split * heads + head + h;
                *(float4 *)(partial + at * HEAD_DIM + d) = make_float4(value[0], value[1], value[2], value[3]);
                if (d == 0) partial_stat[at] = make_float2(all_top, all_sum);
            }
        }
        if (splits > 1) {
            __threadfence();
            __syncthreads();
            u32 *counter = counters + row * per_split + part;
            if (threadIdx.x == 0) arrived = atomicAdd(counter, 1u);
            __syncthreads();
            if (arrived == (u32)(splits - 1)) {
                __threadfence();
                for (int x = threadIdx.x; x < QUERIES * HEAD_DIM / 4; x += 32 * WARPS) {
                    int h = x / (HEAD_DIM / 4), d = (x - h * (HEAD_DIM / 4)) * 4;
                    if (query_group * 8 + h >= GROUP) continue;
                    u64 at = (u64)first_split * heads + head + h;
                    float all_top = NEG_INF, all_sum = 0.f, value[4] = {0.f, 0.f, 0.f, 0.f};
                    for (int first = 0; first < splits; first += MERGE_UNROLL) {  // loads of a round first, then its sums
                        float2 st[MERGE_UNROLL];
                        float4 m[MERGE_UNROLL];
#pragma unroll
                        for (int i = 0; i < MERGE_UNROLL; i++) {
                            u64 from = at + (u64)min(first + i, splits - 1) * heads;
                            st[i] = __ldcg(partial_stat + from);
                            m[i] = __ldcg((const float4 *)(partial + from * HEAD_DIM + d));
                        }
                        float higher = all_top;
#pragma unroll
                        for (int i = 0; i < MERGE_UNROLL; i++) higher = fmaxf(higher, st[i].x);
                        float safe = higher == NEG_INF ? 0.f : higher, old = fast_exp2(all_top - safe);
                        all_top = higher;
                        all_sum *= old;
                        value[0] *= old, value[1] *= old, value[2] *= old, value[3] *= old;
#pragma unroll
                        for (int i = 0; i < MERGE_UNROLL; i++) {
                            float share = first + i < splits ? fast_exp2(st[i].x - safe) : 0.f;
                            all_sum += st[i].y * share;
                            value[0] += m[i].x * share, value[1] += m[i].y * share, value[2] += m[i].z * share, value[3] += m[i].w * share;
                        }
                    }
                    if (SINKS) all_sum += sink_weight(sinks[head + h], all_top);
                    float inverse = value_scale / all_sum;
                    *(uint2 *)(out + ((u64)row * heads + head + h) * HEAD_DIM + d) =
                        make_uint2(pack2(value[0] * inverse, value[1] * inverse), pack2(value[2] * inverse, value[3] * inverse));
                }
                if (threadIdx.x == 0) *counter = 0;
            }
        }
        __syncthreads();  // `merged` and `stat` are written again
    }
}
