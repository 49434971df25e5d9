// Once per step, before its first layer: canonical metadata for kernels whose grids know only the padded sizes.
#include "common.cuh"

#ifndef ITEM_COST
#define ITEM_COST 160  // keys that could be read in the time an item takes to start and to be merged
#endif

// Exclusive prefix sum over the block's 1024 threads; `total` is the sum.
__device__ int block_scan(int x, int *scratch, int &total) {
    int warp = threadIdx.x >> 5, lane = threadIdx.x & 31, sum = x;
#pragma unroll
    for (int i = 1; i < 32; i <<= 1) {
        int y = __shfl_up_sync(FULL_MASK, sum, i);
        if (lane >= i) sum += y;
    }
    __syncthreads();
    if (lane == 31) scratch[warp] = sum;
    __syncthreads();
    if (warp == 0) {
        int w = scratch[lane], s = w;
#pragma unroll
        for (int i = 1; i < 32; i <<= 1) {
            int y = __shfl_up_sync(FULL_MASK, s, i);
            if (lane >= i) s += y;
        }
        scratch[lane] = s - w;
        if (lane == 31) scratch[32] = s;
    }
    __syncthreads();
    total = scratch[32];
    return scratch[warp] + sum - x;
}

// Grid 1 + ceil(padded_tokens / 1024), block 1024; at most 1024 rows.
// Block 0 shares out attention. `work` int32: header, split_start of the decode rows, the row of each split, (row, first packed token)
// of the prefill tiles, the last tile of a row first because it sees the most keys. `blocks`: what the decode kernel runs at a time,
// `parts_per_split`: its items per split; the chunk is the one that they finish soonest, with at most `max_splits` splits.
// `all_tiles`: rows that decode are prefill tiles too (deterministic mode), and there are no splits.
// The others write tokens, positions, kv_index int32 [padded_tokens]; a padded token is id 0 at position 0 in the dummy page.
extern "C" __global__ void __launch_bounds__(1024) prepare_step(
    const int *plan, const int *last_token, int *tokens, int *positions, int *kv_index, int *work, int padded_tokens,
    int page_size, int max_rows, int max_splits, int tile_tokens, int blocks, int parts_per_split,
    int all_tiles) {
    after_previous();
    __shared__ int scratch[33], chosen_chunk;
    __shared__ u64 prices[32];
    int rows = plan[PLAN_ROWS], decodes = plan[PLAN_DECODES], count = plan[PLAN_TOKENS];
    const int *query_start = section(plan, AT_QUERY_START);
    if (blockIdx.x == 0) {
        if (all_tiles) decodes = 0;
        int r = threadIdx.x, warp = r >> 5, lane = r & 31;
        const int *kv_len = section(plan, AT_KV_LEN);
        // Each warp prices one chunk: rounds of the grid times keys of an item, and what an item costs besides.
        int candidate = warp < 8 ? 64 * (warp + 1) : warp < 31 ? (64 << ((warp - 4) / 4)) * (4 + warp % 4) / 4 * 4 : 1 << 24;
        int sum = 0, longest = 0;
        for (int i = lane; i < decodes; i += 32) {
            sum += (kv_len[i] + candidate - 1) / candidate;
            longest = max(longest, kv_len[i]);
        }
#pragma unroll
        for (int i = 16; i; i >>= 1) {
            sum += __shfl_xor_sync(FULL_MASK, sum, i);
            longest = max(longest, __shfl_xor_sync(FULL_MASK, longest, i));
        }
        u64 rounds = ((u64)sum * parts_per_split + blocks - 1) / blocks;
        u64 price = sum > max_splits ? ~0ull >> 6 : rounds * (min(candidate, longest) + ITEM_COST);
        if (lane == 0) prices[warp] = price << 5 | warp;  // of equals the first
        __syncthreads();
        u64 best = prices[lane];
#pragma unroll
        for (int i = 16; i; i >>= 1) {
            u64 other = __shfl_xor_sync(FULL_MASK, best, i);
            best = best < other ? best : other;
        }
        int chosen = (int)(best & 31);
        if (lane == 0 && warp == chosen) chosen_chunk = candidate;
        __syncthreads();
        int chunk = chosen_chunk;
        int length = r < decodes ? kv_len[r] : 0;
        int splits, own = (length + chunk - 1) / chunk, start = block_scan(own, scratch, splits);
        int *split_start = work + WORK_HEADER, *split_row = split_start + max_rows + 1;
        if (r < decodes) split_start[r] = start;
        for (int i = 0; i < own; i++) split_row[start + i] = r;
        int fresh = r >= decodes && r < rows ? query_start[r + 1] - query_start[r] : 0;
        int tiles, mine = (fresh + tile_tokens - 1) / tile_tokens, first = block_scan(mine, scratch, tiles);
        int *tile = split_row + max_splits + 2 * first;
        for (int i = 0; i < mine; i++) {
            tile[2 * i] = r;
            tile[2 * i + 1] = query_start[r] + (mine - 1 - i) * tile_tokens;
        }
        if (r == 0) {
            work[WORK_SPLITS] = splits;
            work[WORK_CHUNK] = chunk;
            work[WORK_TILES] = tiles;
            split_start[decodes] = splits;
        }
        return;
    }
    int i = (blockIdx.x - 1) * 1024 + threadIdx.x;
    if (i >= padded_tokens) return;
    int token = 0, position = 0, index = 0;
    if (i < count) {
        int row = i < decodes ? i : find_row(query_start, rows, i);
        token = section(plan, AT_TOKENS)[i];
        if (token < 0) token = last_token[section(plan, AT_SLOTS)[row]];
        position = section(plan, AT_POSITIONS)[i];
        int page = section(plan, AT_PAGE_IDS)[section(plan, AT_PAGE_START)[row] + position / page_size];
        index = page * page_size + position % page_size;
    }
    tokens[i] = token;
    positions[i] = position;
    kv_index[i] = index;
}

// Whole pages of every layer, source to destination. No page is both (the scheduler copies shared pages into fresh ones), so the
// copies may run at once. The pool is [2 layers, pages, page_words] in units of 16 bytes. Grid (copies, 2 layers).
extern "C" __global__ void copy_pages(const int *plan, uint4 *pool, int num_pages, int page_words) {
    after_previous();
    const int *pair = section(plan, AT_COPIES) + 2 * blockIdx.x;
    u64 base = (u64)blockIdx.y * num_pages;
    const uint4 *from = pool + (base + pair[0]) * page_words;
    uint4 *to = pool + (base + pair[1]) * page_words;
    for (int i = threadIdx.x; i < page_words; i += blockDim.x) to[i] = from[i];
}

// (Re)set slots: record r is int32 [2 + 32] = slot, last token, parameters. Grid (records), block 32.
extern "C" __global__ void init_slots(const int *records, int *slot_params, int *last_token) {
    after_previous();
    const int *record = records + blockIdx.x * 34;
    int slot = record[0];
    slot_params[slot * 32 + threadIdx.x] = record[2 + threadIdx.x];
    if (threadIdx.x == 0) last_token[slot] = record[1];
}
