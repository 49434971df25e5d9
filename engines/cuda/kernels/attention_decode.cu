// One query token per row against its paged cache: split over keys (flash-decoding), on tensor cores, straight from global memory.
//
// A work item is (split of a row, kv head, up to 16 query heads that share it). Its four warps take tiles of 16 keys in turn, each
// with its own running softmax; they are merged in shared memory, and the splits of a row by whichever of its blocks ends last.
//
// Keys and values never pass through shared memory. A tensor-core product does not care in which order it sums, so the lane
// 4 g + t may hold any 8 neighbouring dimensions of key g as its part of four k-steps, as long as the query is held alike; and any
// 8 neighbouring dimensions of the values as column g of 8 products, as long as the output is stored alike. Every load is 16 bytes.
//
// HEAD_DIM: a multiple of 32. GROUP: query heads per kv head. A page holds a multiple of 16 tokens.
#include "common.cuh"

#ifndef HEAD_DIM
#define HEAD_DIM 128
#endif
#ifndef GROUP
#define GROUP 4
#endif

#define WARPS 4
#define TILE 16
#define QUERIES (GROUP < 16 ? GROUP : 16)         // query heads of an item
#define QUERY_GROUPS ((GROUP + 15) / 16)          // items per kv head
#define UPPER (QUERIES > 8)                       // rows 8 .. 15 of the products are in use
#define KEY_BLOCKS (HEAD_DIM / 32)                // 32 dimensions: one 16-byte load per lane and key
#define VALUE_BLOCKS (HEAD_DIM / 64)              // 64 dimensions: one 16-byte load per lane and key
#define VALUE_TAIL (HEAD_DIM % 64 != 0)           // 32 more: one 8-byte load
#define OUT_TILES (HEAD_DIM / 8)

struct Softmax {
    float top[2], sum[2];  // of rows g and g + 8: greatest score (base 2) and sum of this lane's weights
};

// Two products of a value block: keys (2t, 2t + 1) and (2t + 8, 2t + 9) of dimension j of 8, or of 4.
__device__ __forceinline__ u32 low_pair(u32 a, u32 b) { return __byte_perm(a, b, 0x5410); }
__device__ __forceinline__ u32 high_pair(u32 a, u32 b) { return __byte_perm(a, b, 0x7632); }

__device__ __forceinline__ uint4 load16(const u16 *p) { return __ldg((const uint4 *)p); }

// qkv [T, q_stride]: rotated queries in the first columns. out [T, heads HEAD_DIM]. keys, values: a layer's cache.
// partial [splits, heads, HEAD_DIM] and partial_stat [splits, heads] (top, sum); counters [rows, kv_heads * QUERY_GROUPS], zero between
// launches. scale: of q.k, times log2(e) unless there is a soft cap. Grid: any; block 128. Persistent: items in turn.
extern "C" __global__ void __launch_bounds__(32 * WARPS) attention_decode(
    const u16 *qkv, u16 *out, const u16 *keys, const u16 *values, const int *plan, const int *work, float *partial,
    float2 *partial_stat, u32 *counters, int kv_heads, int q_stride, int page_size, float scale, int window, float soft_cap) {
    __shared__ float merged[WARPS][QUERIES][HEAD_DIM + 4];
    __shared__ float stat[WARPS][2][16];
    __shared__ u32 arrived;
    int warp = threadIdx.x >> 5, lane = threadIdx.x & 31, g = lane >> 2, t = lane & 3;
    int heads = kv_heads * GROUP, per_split = kv_heads * QUERY_GROUPS;
    int rows = plan[PLAN_DECODES], chunk = work[WORK_CHUNK], items = work[WORK_SPLITS] * per_split;
    const int *split_start = work + WORK_HEADER, *kv_len = section(plan, AT_KV_LEN);
    const int *page_start = section(plan, AT_PAGE_START), *page_ids = section(plan, AT_PAGE_IDS);

    for (int item = blockIdx.x; item < items; item += gridDim.x) {
        int split = item / per_split, part = item - split * per_split;
        int kv_head = part / QUERY_GROUPS, query_group = part - kv_head * QUERY_GROUPS;
        int row = find_row(split_start, rows, split), first_split = split_start[row];
        int splits = split_start[row + 1] - first_split, length = kv_len[row];
        int begin = (split - first_split) * chunk, end = min(begin + chunk, length);
        int seen = window > 0 ? max(0, length - window) : 0;  // the first key within the window
        const int *pages = page_ids + page_start[row];
        int head = kv_head * GROUP + query_group * 16;

        // The queries as A operand of all k-steps: row g is head + g. Rows beyond the group are zero.
        u32 q[KEY_BLOCKS][2][4];
#pragma unroll
        for (int b = 0; b < KEY_BLOCKS; b++)
#pragma unroll
            for (int upper = 0; upper < 2; upper++) {
                int h = g + 8 * upper;
                uint4 v = make_uint4(0, 0, 0, 0);
                if ((upper == 0 || UPPER) && h < QUERIES && query_group * 16 + h < GROUP)
                    v = *(const uint4 *)(qkv + (u64)row * q_stride + (head + h) * HEAD_DIM + b * 32 + t * 8);
                q[b][0][upper] = v.x, q[b][0][2 + upper] = v.y;
                q[b][1][upper] = v.z, q[b][1][2 + upper] = v.w;
            }
        float o[OUT_TILES][4];
#pragma unroll
        for (int i = 0; i < OUT_TILES; i++) o[i][0] = o[i][1] = o[i][2] = o[i][3] = 0.f;
        Softmax soft = {{NEG_INF, NEG_INF}, {0.f, 0.f}};

        int from = max(begin, seen / TILE * TILE);
        from = begin + (from - begin) / TILE * TILE;
        for (int base = from + warp * TILE; base < end; base += WARPS * TILE) {
            u64 cell = ((u64)pages[base / page_size] * kv_heads + kv_head) * page_size + base % page_size;
            const u16 *k = keys + (cell + g) * HEAD_DIM + t * 8;
            const u16 *v = values + cell * HEAD_DIM;
            uint4 kk[2][KEY_BLOCKS];
#pragma unroll
            for (int n = 0; n < 2; n++)
#pragma unroll
                for (int b = 0; b < KEY_BLOCKS; b++) kk[n][b] = load16(k + n * 8 * HEAD_DIM + b * 32);
            uint4 vv[4][VALUE_BLOCKS + 1];
            uint2 vtail[4];
#pragma unroll
            for (int i = 0; i < 4; i++) {
                int key = 2 * t + (i & 1) + 8 * (i >> 1);
                bool there = base + key < end;  // behind the end a page may hold anything, and 0 * NaN is NaN
#pragma unroll
                for (int b = 0; b < VALUE_BLOCKS; b++)
                    vv[i][b] = there ? load16(v + key * HEAD_DIM + b * 64 + g * 8) : make_uint4(0, 0, 0, 0);
                if (VALUE_TAIL)
                    vtail[i] = there ? __ldg((const uint2 *)(v + key * HEAD_DIM + VALUE_BLOCKS * 64 + g * 4)) : make_uint2(0, 0);
            }
            float s[2][4];
#pragma unroll
            for (int n = 0; n < 2; n++) {
                s[n][0] = s[n][1] = s[n][2] = s[n][3] = 0.f;
#pragma unroll
                for (int b = 0; b < KEY_BLOCKS; b++) {
                    uint4 x = kk[n][b];
                    mma16816(s[n], q[b][0][0], q[b][0][1], q[b][0][2], q[b][0][3], x.x, x.y);
                    mma16816(s[n], q[b][1][0], q[b][1][1], q[b][1][2], q[b][1][3], x.z, x.w);
                }
            }
#pragma unroll
            for (int n = 0; n < 2; n++)
#pragma unroll
                for (int i = 0; i < 4; i++) {
                    int key = base + n * 8 + 2 * t + (i & 1);
                    float x = s[n][i] * scale;
                    if (soft_cap > 0.f) x = soft_cap * tanhf(x / soft_cap) * 1.4426950408889634f;
                    s[n][i] = key >= end || key < seen ? NEG_INF : x;
                }
            float p[2][4];
#pragma unroll
            for (int upper = 0; upper < 1 + UPPER; upper++) {
                float top = fmaxf(fmaxf(s[0][2 * upper], s[0][2 * upper + 1]), fmaxf(s[1][2 * upper], s[1][2 * upper + 1]));
                top = fmaxf(top, __shfl_xor_sync(FULL_MASK, top, 1));
                top = fmaxf(top, __shfl_xor_sync(FULL_MASK, top, 2));
                top = fmaxf(top, soft.top[upper]);
                float safe = top == NEG_INF ? 0.f : top;
                float shrink = exp2f(soft.top[upper] - safe), sum = 0.f;
#pragma unroll
                for (int n = 0; n < 2; n++)
#pragma unroll
                    for (int i = 0; i < 2; i++) {
                        p[n][2 * upper + i] = exp2f(s[n][2 * upper + i] - safe);
                        sum += p[n][2 * upper + i];
                    }
                soft.top[upper] = top;
                soft.sum[upper] = soft.sum[upper] * shrink + sum;
#pragma unroll
                for (int i = 0; i < OUT_TILES; i++) {
                    o[i][2 * upper] *= shrink;
                    o[i][2 * upper + 1] *= shrink;
                }
            }
            u32 a0 = pack2(p[0][0], p[0][1]), a2 = pack2(p[1][0], p[1][1]), a1 = 0, a3 = 0;
            if (UPPER) a1 = pack2(p[0][2], p[0][3]), a3 = pack2(p[1][2], p[1][3]);
#pragma unroll
            for (int b = 0; b < VALUE_BLOCKS; b++) {
                const u32 x0[4] = {vv[0][b].x, vv[0][b].y, vv[0][b].z, vv[0][b].w}, x1[4] = {vv[1][b].x, vv[1][b].y, vv[1][b].z, vv[1][b].w};
                const u32 x2[4] = {vv[2][b].x, vv[2][b].y, vv[2][b].z, vv[2][b].w}, x3[4] = {vv[3][b].x, vv[3][b].y, vv[3][b].z, vv[3][b].w};
#pragma unroll
                for (int j = 0; j < 4; j++) {
                    mma16816(o[b * 8 + 2 * j], a0, a1, a2, a3, low_pair(x0[j], x1[j]), low_pair(x2[j], x3[j]));
                    mma16816(o[b * 8 + 2 * j + 1], a0, a1, a2, a3, high_pair(x0[j], x1[j]), high_pair(x2[j], x3[j]));
                }
            }
            if (VALUE_TAIL) {
                const u32 x0[2] = {vtail[0].x, vtail[0].y}, x1[2] = {vtail[1].x, vtail[1].y};
                const u32 x2[2] = {vtail[2].x, vtail[2].y}, x3[2] = {vtail[3].x, vtail[3].y};
#pragma unroll
                for (int j = 0; j < 2; j++) {
                    mma16816(o[VALUE_BLOCKS * 8 + 2 * j], a0, a1, a2, a3, low_pair(x0[j], x1[j]), low_pair(x2[j], x3[j]));
                    mma16816(o[VALUE_BLOCKS * 8 + 2 * j + 1], a0, a1, a2, a3, high_pair(x0[j], x1[j]), high_pair(x2[j], x3[j]));
                }
            }
        }

        // Merge the warps. Output tile b * 8 + j holds, in column c = 2t (+ 1), dimension b * 64 + c * 8 + j; the tail 4 apart.
#pragma unroll
        for (int upper = 0; upper < 1 + UPPER; upper++) {
            float sum = soft.sum[upper];
            sum += __shfl_xor_sync(FULL_MASK, sum, 1);
            sum += __shfl_xor_sync(FULL_MASK, sum, 2);
            if (t == 0) {
                stat[warp][0][g + 8 * upper] = soft.top[upper];
                stat[warp][1][g + 8 * upper] = sum;
            }
            if (g + 8 * upper < QUERIES) {
#pragma unroll
                for (int i = 0; i < OUT_TILES; i++)
#pragma unroll
                    for (int c = 0; c < 2; c++) {
                        int column = 2 * t + c;
                        int d = i < VALUE_BLOCKS * 8 ? i / 8 * 64 + column * 8 + i % 8 : VALUE_BLOCKS * 64 + column * 4 + i % 8;
                        merged[warp][g + 8 * upper][d] = o[i][2 * upper + c];
                    }
            }
        }
        __syncthreads();
        for (int x = threadIdx.x; x < QUERIES * HEAD_DIM; x += 32 * WARPS) {
            int h = x / HEAD_DIM, d = x - h * HEAD_DIM;
            if (query_group * 16 + h >= GROUP) continue;
            float top = NEG_INF, sum = 0.f, value = 0.f;
#pragma unroll
            for (int w = 0; w < WARPS; w++) top = fmaxf(top, stat[w][0][h]);
            float safe = top == NEG_INF ? 0.f : top;
#pragma unroll
            for (int w = 0; w < WARPS; w++) {
                float share = exp2f(stat[w][0][h] - safe);
                sum += stat[w][1][h] * share;
                value += merged[w][h][d] * share;
            }
            if (splits == 1) {
                out[((u64)row * heads + head + h) * HEAD_DIM + d] = from_float(value / sum);
            } else {
                u64 at = (u64)split * heads + head + h;
                partial[at * HEAD_DIM + d] = value;
                if (d == 0) partial_stat[at] = make_float2(top, sum);
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
                for (int x = threadIdx.x; x < QUERIES * HEAD_DIM; x += 32 * WARPS) {
                    int h = x / HEAD_DIM, d = x - h * HEAD_DIM;
                    if (query_group * 16 + h >= GROUP) continue;
                    u64 at = (u64)first_split * heads + head + h;
                    float top = NEG_INF, sum = 0.f, value = 0.f;
                    for (int i = 0; i < splits; i++) {
                        float2 st = __ldcg(partial_stat + at + (u64)i * heads);
                        float higher = fmaxf(top, st.x), safe = higher == NEG_INF ? 0.f : higher;
                        float old = exp2f(top - safe), share = exp2f(st.x - safe);
                        sum = sum * old + st.y * share;
                        value = value * old + __ldcg(partial + (at + (u64)i * heads) * HEAD_DIM + d) * share;
                        top = higher;
                    }
                    out[((u64)row * heads + head + h) * HEAD_DIM + d] = from_float(value / sum);
                }
                if (threadIdx.x == 0) *counter = 0;
            }
        }
        __syncthreads();  // `merged` and `stat` are written again
    }
}
