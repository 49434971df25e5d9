// y [M, N] = x [M, K] W [N, K]^T for weights of 4 or 8 bits (packed.cuh) and inputs of 16, up to 64 tokens: the tensor cores and the reads
// of x are what bounds it, beside reading W once.
//
// Each warp of a block has ROW_TILES tiles of rows of its own, all warps read the same x: a step's 128 columns of all tokens come to shared
// memory once a block, and from there once a warp for its ROW_TILES tiles. Blocks of the grid's y share out K; `sum_parts` adds them up.
//
// TILES: 8 tokens each, M <= TOKENS = 8 TILES. ROW_TILES: of 16 rows, that a warp computes at once.
#include "packed.cuh"

#ifndef TILES
#define TILES 2
#endif
#ifndef ROW_TILES
#define ROW_TILES 1
#endif

#define TOKENS (8 * TILES)
#define BLOCK_TILES (WARPS * ROW_TILES)
// x of a step: 16 bytes for each chunk of 32 columns, token and t. Chunks lie so that two of them do not share banks.
#define CHUNK_BYTES (TOKENS * 64 + 64)
#define INPUT_BYTES (4 * CHUNK_BYTES)
#define STAGE (INPUT_BYTES + BLOCK_TILES * TILE_BYTES)  // bytes of a block's stage
#define AT_ONCE (TOKENS < 32 ? TOKENS : 32)              // tokens whose sums are in shared memory at a time

// Starts the copies of a step's input, zeros beyond M and K: neighbouring threads neighbouring bytes of a token.
__device__ __forceinline__ void fetch_input(u32 to, const u16 *x, int step, int m, int k) {
#pragma unroll
    for (int i = threadIdx.x; i < TOKENS * 16; i += 32 * WARPS) {
        int token = i >> 4, piece = i & 15, column = step * STEP + piece * 8;
        bool there = token < m && column < k;
        copy16_async(to + (piece >> 2) * CHUNK_BYTES + (token * 4 + (piece & 3)) * 16, there ? x + (u64)token * k + column : x, there);
    }
}

// Starts the copies of a step's weights of the warp's tiles.
__device__ __forceinline__ void fetch_weights(u32 to, const Tile *tile, int step, int k, int lane) {
#pragma unroll
    for (int r = 0; r < ROW_TILES; r++) fetch_tile(to + r * TILE_BYTES, tile[r], step, k, lane);
}

// Adds a step's part of the products with all tokens. `stage`: where the weights lie; `input`: where x does. `zeros`: of rows.
__device__ __forceinline__ void add_step(float (*acc)[TILES][4], u32 stage, u32 input, const u32 *zeros, int lane) {
#pragma unroll
    for (int s = 0; s < SCALES; s++) {
        u32 a[ROW_TILES][CHUNKS][8], scale[ROW_TILES];
#pragma unroll
        for (int r = 0; r < ROW_TILES; r++) {
            u32 from = stage + r * TILE_BYTES, words = from + VECTORS * 512 + s * 128 + lane * 4;
            u32 zero = !ZERO ? 0x0808u : GROUP ? load4_shared(words + SCALES * 128) : zeros[r];
            scale[r] = GROUP ? load4_shared(words) : 0;
#pragma unroll
            for (int h = 0; h < 2; h++) {
                u32 code[4 * VECTORS / 2], offset = offset_of(h ? zero >> 8 : zero & 0xff);
                load_codes(code, from, h, s, lane);
#pragma unroll
                for (int c = 0; c < CHUNKS; c++) numbers(code + (s * CHUNKS + c) * (BITS / 4), offset, a[r][c] + 4 * h);
            }
        }
#pragma unroll
        for (int i = 0; i < TILES; i++) {
            float sum[ROW_TILES][4];
#pragma unroll
            for (int r = 0; r < ROW_TILES; r++)
#pragma unroll
                for (int e = 0; e < 4; e++) sum[r][e] = GROUP ? 0.f : acc[r][i][e];
#pragma unroll
            for (int c = 0; c < CHUNKS; c++) {
                uint4 b = load16_shared(input + (s * CHUNKS + c) * CHUNK_BYTES + i * 512 + lane * 16);
#pragma unroll
                for (int r = 0; r < ROW_TILES; r++) {
                    const u32 *f = a[r][c];
                    product(sum[r], f[0], f[4], f[1], f[5], b.x, b.y);
                    product(sum[r], f[2], f[6], f[3], f[7], b.z, b.w);
                }
            }
#pragma unroll
            for (int r = 0; r < ROW_TILES; r++) {
                float upper = GROUP ? float_of_half(scale[r] & 0xffff) : 1.f, lower = GROUP ? float_of_half(scale[r] >> 16) : 1.f;
#pragma unroll
                for (int e = 0; e < 4; e++) acc[r][i][e] = GROUP ? fmaf(sum[r][e], e < 2 ? upper : lower, acc[r][i][e]) : sum[r][e];
            }
        }
    }
}

// Arguments as skinny_packed's; parts: float32 [split, M, 16 tiles], written in place of y where K is split. Grid (ceil(tiles / WARPS /
// ROW_TILES), split), block 32 * WARPS; dynamic shared memory: the greater of STAGES * STAGE and AT_ONCE * (16 * BLOCK_TILES + 1) * 4 bytes
// (engines/cuda/packed.py: `shared`).
extern "C" __global__ void __launch_bounds__(32 * WARPS) wide_packed(
    const uint4 *w, const u32 *scales, const u32 *zeros, const u16 *x, u16 *y, const u16 *bias, float *parts, int m, int n, int k) {
    extern __shared__ uint4 room[];
    int warp = threadIdx.x >> 5, lane = threadIdx.x & 31, g = lane >> 2, t = lane & 3;
    int tiles = (n + 15) / 16, steps = (k + STEP - 1) / STEP, first_tile = blockIdx.x * BLOCK_TILES;
    u32 stages = shared_address(room), mine = INPUT_BYTES + warp * ROW_TILES * TILE_BYTES;
    float acc[ROW_TILES][TILES][4];
    Tile tile[ROW_TILES];
    u32 zero[ROW_TILES];
#pragma unroll
    for (int r = 0; r < ROW_TILES; r++) {
        tile[r] = tile_of(w, scales, zeros, min(first_tile + warp * ROW_TILES + r, tiles - 1), k, lane);  // beyond N the last again
        zero[r] = row_zeros(tile[r]);
#pragma unroll
        for (int i = 0; i < TILES; i++) acc[r][i][0] = acc[r][i][1] = acc[r][i][2] = acc[r][i][3] = 0.f;
    }
    int next = blockIdx.y;  // the step whose copies start next
#if OVERLAPS
    let_next_start<EARLY>();
#pragma unroll
    for (int s = 0; s < STAGES - 1; s++)
        if (next + s * gridDim.y < steps) fetch_weights(stages + s * STAGE + mine, tile, next + s * gridDim.y, k, lane);
    wait_for_previous();  // W is nobody's output; x and y are
#endif
#pragma unroll
    for (int s = 0; s < STAGES - 1; s++, next += gridDim.y) {
        if (next < steps) {
#if !OVERLAPS
            fetch_weights(stages + s * STAGE + mine, tile, next, k, lane);
#endif
            fetch_input(stages + s * STAGE, x, next, m, k);
        }
        copy_commit();
    }
    int slot = 0, free = STAGES - 1;
    for (int at = blockIdx.y; at < steps; at += gridDim.y, next += gridDim.y) {
        wait_stage();
        __syncthreads();  // x comes by all threads' copies, and everybody has read the stage that is filled next
        if (next < steps) {
            fetch_weights(stages + free * STAGE + mine, tile, next, k, lane);
            fetch_input(stages + free * STAGE, x, next, m, k);
        }
        copy_commit();
        add_step(acc, stages + slot * STAGE + mine, stages + slot * STAGE, zero, lane);
        slot = slot + 1 == STAGES ? 0 : slot + 1;
        free = free + 1 == STAGES ? 0 : free + 1;
    }
    let_next_start<LATE>();
    // Out by rows, some tokens at a time, through where the stages were.
    copy_wait<0>();
    float(*sums)[16 * BLOCK_TILES + 1] = (float(*)[16 * BLOCK_TILES + 1])room;
#pragma unroll
    for (int first = 0; first < TOKENS; first += AT_ONCE) {
        __syncthreads();
#pragma unroll
        for (int i = 0; i < AT_ONCE / 8; i++)
#pragma unroll
            for (int r = 0; r < ROW_TILES; r++)
#pragma unroll
                for (int e = 0; e < 4; e++)
                    if (first / 8 + i < TILES) sums[i * 8 + 2 * t + (e & 1)][(warp * ROW_TILES + r) * 16 + g + 8 * (e >> 1)] = acc[r][first / 8 + i][e];
        __syncthreads();
        for (int i = threadIdx.x; i < AT_ONCE * 16 * BLOCK_TILES; i += 32 * WARPS) {
            int at = i / (16 * BLOCK_TILES), r = i - at * (16 * BLOCK_TILES), to = first + at, row = first_tile * 16 + r;
            if (to >= m || row >= 16 * tiles) continue;
            if (gridDim.y > 1) parts[((u64)blockIdx.y * m + to) * (16 * tiles) + row] = sums[at][r];
            else if (row < n) y[(u64)to * n + row] = finished(sums[at][r], scales, bias, row);
        }
    }
}

// y from the parts of a split product, always added in the same order. A thread a value. Grid (ceil(N / block), M).
extern "C" __global__ void sum_parts(const float *parts, int split, const u32 *scales, const u16 *bias, u16 *y, int n) {
    after_previous();
    int row = blockIdx.x * blockDim.x + threadIdx.x, width = (n + 15) / 16 * 16;
    if (row >= n) return;
    const float *part = parts + (u64)blockIdx.y * width + row;
    float sum = 0.f;
#pragma unroll 8
    for (int s = 0; s < split; s++) sum += part[(u64)s * gridDim.y * width];
    y[(u64)blockIdx.y * n + row] = finished(sum, scales, bias, row);
}
