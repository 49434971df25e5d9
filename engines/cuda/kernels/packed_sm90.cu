// y [M, N] = x [M, K] W [N, K]^T for weights of 4 or 8 bits (packed.cuh) and inputs of 16, any number of tokens, on Hopper's asynchronous
// tensor cores (wgmma); needs sm_90a. W comes to them through registers: what mma.sync takes as a fragment of 16 rows is what a warp of a
// warpgroup's 64 holds, so one order of weights serves both.
//
// Four warpgroups: two bring x to shared memory, where products read it; two hold 64 ROW_TILES rows each, fetch their codes (cp.async,
// each lane what it will itself use) and make them into elements, 64 columns at a time, while the products of the 64 before run.
// A group's scale is multiplied to each element, once rounded, as cublasLt's are made (`unpack`): sums by groups would need twice the
// registers. In bf16 a scale is a sum of two, the second of which is what its 11 bits have beyond the first's 8.
//
// A product does not care in which order it sums (packed.cuh): of 32 columns, the n-th pairs of four lanes' 8 are neighbours where wgmma
// looks for them. That is how `stmatrix` stores what four lanes loaded.
//
// TOKENS: of a block, 16, 32, 64 or 128. ROW_TILES: of 64 rows, that a warpgroup computes. INPUTS: stages of x.
#include "packed.cuh"
#include "wgmma.cuh"

#ifndef TOKENS
#define TOKENS 128
#endif
#ifndef ROW_TILES
#define ROW_TILES 2
#endif
#ifndef INPUTS
#define INPUTS 4
#endif

#if HOPPER

#define BLOCK_TILES (8 * ROW_TILES)             // of 16 rows
#define ROWS (16 * BLOCK_TILES)
#define HALF_BYTES (TOKENS * 128)             // x of 64 columns
#define INPUT_BYTES (2 * HALF_BYTES)          // of a step
#define STAGE (BLOCK_TILES * TILE_BYTES)      // W of a step
#define LOADS (TOKENS / 16)                   // 16-byte loads of x, of a thread and step
#define OUT_TOKENS (TOKENS < 32 ? TOKENS : 32)  // whose sums are in shared memory at a time
#define OUT_PITCH (ROWS + 4)                    // floats from one token's to the next's: lanes do not share banks
#define UNIT_SCALES (!GROUP ? 0 : SCALES == 4 ? 2 : 1)  // groups of 64 columns

// d [64 x TOKENS] += a [64 x 16] b [TOKENS, 16].
__device__ __forceinline__ void multiply(float *d, const u32 *a, u64 b) {
#if ELEM_FP16
#define OPERANDS "f16.f16 "
#else
#define OPERANDS "bf16.bf16 "
#endif
#if TOKENS == 128
    asm volatile("wgmma.mma_async.sync.aligned.m64n128k16.f32." OPERANDS D64 ", {%64,%65,%66,%67}, %68, 1, 1, 1, 0;"
                 : R64("+f", d, 0)
#elif TOKENS == 64
    asm volatile("wgmma.mma_async.sync.aligned.m64n64k16.f32." OPERANDS D32 ", {%32,%33,%34,%35}, %36, 1, 1, 1, 0;"
                 : R16("+f", d, 0), R16("+f", d, 16)
#elif TOKENS == 32
    asm volatile("wgmma.mma_async.sync.aligned.m64n32k16.f32." OPERANDS D16 ", {%16,%17,%18,%19}, %20, 1, 1, 1, 0;"
                 : R16("+f", d, 0)
#else
    asm volatile("wgmma.mma_async.sync.aligned.m64n16k16.f32." OPERANDS D8 ", {%8,%9,%10,%11}, %12, 1, 1, 1, 0;"
                 : R4("+f", d, 0), R4("+f", d, 4)
#endif
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(b));
}

// --- elements of W -----------------------------------------------------------------------------------------------------------

// A group's scales for rows g and g + 8, each twice in a register: the element next to it, and what is left.
struct Scale {
    u32 high[2], low[2];
};

__device__ __forceinline__ Scale scale_of(u32 halves) {
    Scale s;
#pragma unroll
    for (int h = 0; h < 2; h++) {
        u32 half = halves >> 16 * h & 0xffff;
        float all = float_of_half(half);
        s.high[h] = HALF ? half | half << 16 : pack2(all, all);
        float rest = all - to_float((u16)s.high[h]);
        s.low[h] = pack2(rest, rest);
    }
    return s;
}

// Whole numbers times their scale, rounded once.
__device__ __forceinline__ u32 scaled(u32 pair, const Scale &scale, int h) {
    if (!GROUP) return pair;
    u32 rest = 0x80008000u;  // -0
    if (!HALF) rest = fma2(pair, scale.low[h], rest);
    return fma2(pair, scale.high[h], rest);
}

// What two chunks of 32 columns of a tile are made of.
struct Unit {
    u32 code[2][BITS / 2], scale[UNIT_SCALES + 1], zero[UNIT_SCALES + 1];
};

// `from`: where the tile's stage lies; `half`: of its 128 columns. `zero`: of rows.
__device__ __forceinline__ void load(Unit &unit, u32 from, int half, u32 zero, int lane) {
#pragma unroll
    for (int h = 0; h < 2; h++) {
        if (BITS == 4) {
            asm volatile("ld.shared.v2.u32 {%0,%1}, [%2];"
                         : "=r"(unit.code[h][0]), "=r"(unit.code[h][1]) : "r"(from + h * 512 + lane * 16 + half * 8) : "memory");
        } else {
            uint4 y = load16_shared(from + (2 * h + half) * 512 + lane * 16);
            unit.code[h][0] = y.x, unit.code[h][1] = y.y, unit.code[h][BITS / 2 - 2] = y.z, unit.code[h][BITS / 2 - 1] = y.w;
        }
    }
    unit.zero[0] = GROUP ? 0x0808u : zero;
#pragma unroll
    for (int s = 0; s < UNIT_SCALES; s++) {
        u32 word = from + VECTORS * 512 + (SCALES == 1 ? 0 : half * UNIT_SCALES + s) * 128 + lane * 4;
        unit.scale[s] = load4_shared(word);
        unit.zero[s] = ZERO ? load4_shared(word + SCALES * 128) : 0x0808u;
    }
}

// As operands of two products a chunk.
__device__ __forceinline__ void make(u32 (*a)[4], const Unit &unit, Scale &scale, int half) {
#pragma unroll
    for (int c = 0; c < 2; c++) {
        int s = UNIT_SCALES == 2 ? c : 0;
        if (GROUP && (SCALES == 1 ? c + half == 0 : s == c)) scale = scale_of(unit.scale[s]);
#pragma unroll
        for (int h = 0; h < 2; h++) {
            u32 f[4], zero = ZERO ? unit.zero[s] : 0x0808u;
            numbers(unit.code[h] + c * (BITS / 4), offset_of(h ? zero >> 8 : zero & 0xff), f);
#pragma unroll
            for (int i = 0; i < 4; i++) a[2 * c + i / 2][2 * (i & 1) + h] = scaled(f[i], scale, h);
        }
    }
}

// Arguments as wide_packed's. Grid (ceil(M / TOKENS), ceil(tiles / BLOCK_TILES), split), block 512; dynamic shared memory
// INPUTS * INPUT_BYTES + STAGES * STAGE, at least OUT_TOKENS * OUT_PITCH * 4, and 1024 + 16 * INPUTS bytes (engines/cuda/packed.py: `shared`).
// Neighbouring blocks have the same rows: these come from memory once.
extern "C" __global__ void __launch_bounds__(512, 1) packed_sm90(
    const uint4 *w, const u32 *scales, const u32 *zeros, const u16 *x, u16 *y, const u16 *bias, float *parts, int m, int n, int k) {
    extern __shared__ uint4 room[];
    u32 inputs = (shared_address(room) + 1023) & ~1023u, weights = inputs + INPUTS * INPUT_BYTES, barriers = weights + STAGES * STAGE;
    auto full = [&](int at) { return barriers + at % INPUTS * 16; };
    auto empty = [&](int at) { return barriers + at % INPUTS * 16 + 8; };
    auto parity = [](int at) { return at / INPUTS & 1; };
    int tiles = (n + 15) / 16, all = (k + STEP - 1) / STEP, steps = (all - (int)blockIdx.z + (int)gridDim.z - 1) / (int)gridDim.z;
    int first_token = blockIdx.x * TOKENS, first_tile = blockIdx.y * BLOCK_TILES;
    if (threadIdx.x == 0) {
        for (int i = 0; i < INPUTS; i++) barrier_init(barriers + 16 * i, 256), barrier_init(barriers + 16 * i + 8, 8);
        asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory");
    }
    let_next_start<EARLY>();
    __syncthreads();

    if (threadIdx.x < 256) {
        asm volatile("setmaxnreg.dec.sync.aligned.u32 56;");
        wait_for_previous();
        // A warp has a chunk of 32 columns, four lanes 64 bytes of a token. Their n-th pairs of columns are 16 bytes in a matrix, lane
        // 8 n + i of eight times four says where that of token i goes.
        int warp = threadIdx.x >> 5, lane = threadIdx.x & 31, chunk = warp & 3, first = warp >> 2 << 3, i = lane & 7;
        int token = first_token + first + (lane >> 2), from = chunk * 32 + (lane & 3) * 8;
        const u16 *mine = x + (u64)token * k;
        u32 to = inputs + (chunk >> 1) * HALF_BYTES + (first + i) * 128 + (((chunk & 1) * 4 + (lane >> 3) ^ i) << 4);
        uint4 v[LOADS];  // of the step that is stored next: the next one's loads run meanwhile
        auto load = [&](int at, int j) {
            int column = ((int)blockIdx.z + at * (int)gridDim.z) * STEP + from;
            v[j] = make_uint4(0, 0, 0, 0);
            if (column < k && token + 16 * j < m) v[j] = load_made((const uint4 *)(mine + column + (u64)(16 * j) * k));
        };
#pragma unroll
        for (int j = 0; j < LOADS; j++) load(0, j);
        for (int at = 0; at < steps; at++) {
            u32 slot = to + at % INPUTS * INPUT_BYTES;
            barrier_wait(empty(at), parity(at) ^ 1);
#pragma unroll
            for (int j = 0; j < LOADS; j++) {
                asm volatile("stmatrix.sync.aligned.m8n8.x4.shared.b16 [%0], {%1,%2,%3,%4};" ::"r"(slot + j * 2048), "r"(v[j].x), "r"(v[j].y),
                             "r"(v[j].z), "r"(v[j].w) : "memory");
                load(at + 1, j);
            }
            products_see();
            barrier_arrive(full(at));
        }
    } else {
        asm volatile("setmaxnreg.inc.sync.aligned.u32 200;");
        int thread = threadIdx.x - 256, group = __shfl_sync(FULL_MASK, thread >> 7, 0), warp = thread >> 5 & 3;
        int lane = threadIdx.x & 31, g = lane >> 2, t = lane & 3;
        float acc[ROW_TILES][TOKENS / 2];
        Tile tile[ROW_TILES];
        u32 zero[ROW_TILES], mine = weights + (thread >> 5) * ROW_TILES * TILE_BYTES;
#pragma unroll
        for (int r = 0; r < ROW_TILES; r++) {
            tile[r] = tile_of(w, scales, zeros, min(first_tile + (group * ROW_TILES + r) * 4 + warp, tiles - 1), k, lane);
            zero[r] = row_zeros(tile[r]);
#pragma unroll
            for (int i = 0; i < TOKENS / 2; i++) acc[r][i] = 0.f;
        }
        auto fetch = [&](int at) {  // beyond the end nothing, as a group of copies of its own
            if (at < steps)
#pragma unroll
                for (int r = 0; r < ROW_TILES; r++)
                    fetch_tile(mine + at % STAGES * STAGE + r * TILE_BYTES, tile[r], (int)blockIdx.z + at * (int)gridDim.z, k, lane);
            copy_commit();
        };
#pragma unroll
        for (int s = 0; s < STAGES - 1; s++) fetch(s);
        wait_for_previous();  // W is nobody's output; y is
        wait_stage();
        fetch(STAGES - 1);
        u32 a[2][4][4];  // of the products that run, and of the next
        Unit unit;       // of the next after those
        Scale scale[ROW_TILES];
        load(unit, mine, 0, zero[0], lane);
        for (int at = 0; at < steps; at++) {
            barrier_wait(full(at), parity(at));
            u32 stage = mine + at % STAGES * STAGE;
            u64 b = descriptor(inputs + at % INPUTS * INPUT_BYTES, 16);
#pragma unroll
            for (int u = 0; u < 2 * ROW_TILES; u++) {
                int r = u / 2, half = u % 2;
                Unit now = unit;
                if (u + 1 < 2 * ROW_TILES) {
                    load(unit, stage + (u + 1) / 2 * TILE_BYTES, 1 - half, zero[(u + 1) / 2], lane);
                } else if (at + 1 < steps) {
                    wait_stage();
                    fetch(at + STAGES);
                    load(unit, mine + (at + 1) % STAGES * STAGE, 0, zero[0], lane);
                }
                make(a[half], now, scale[r], half);
                hold_operand<4>(a[half]);
                products_fence();
#pragma unroll
                for (int c = 0; c < 4; c++) multiply(acc[r], a[half][c], b + (half * (HALF_BYTES >> 4) + 2 * c));
                products_commit();
                products_wait<1>();
                hold_operand<4>(a[half ^ 1]);
                if (u == 0 && at > 0 && lane == 0) barrier_arrive(empty(at - 1));
            }
        }
        products_wait<0>();
        let_next_start<LATE>();
#pragma unroll
        for (int r = 0; r < ROW_TILES; r++) hold<TOKENS / 2>(acc[r]);
        copy_wait<0>();
        // Out by rows, some tokens at a time, through where x and W were.
        float *sums = (float *)((char *)room + (inputs - shared_address(room)));
#pragma unroll
        for (int first = 0; first < TOKENS; first += OUT_TOKENS) {
            asm volatile("bar.sync 1, 256;" ::: "memory");
#pragma unroll
            for (int r = 0; r < ROW_TILES; r++)
#pragma unroll
                for (int i = 0; i < OUT_TOKENS / 2; i++) {
                    int row = ((group * ROW_TILES + r) * 4 + warp) * 16 + g + 8 * (i >> 1 & 1);
                    sums[(i / 4 * 8 + 2 * t + (i & 1)) * OUT_PITCH + row] = acc[r][first / 2 + i];
                }
            asm volatile("bar.sync 1, 256;" ::: "memory");
            for (int i = thread; i < OUT_TOKENS * ROWS / 8; i += 256) {
                int token = i / (ROWS / 8), to = first_token + first + token, row = i % (ROWS / 8) * 8, out = first_tile * 16 + row;
                if (to >= m || out >= (gridDim.z > 1 ? 16 * tiles : n)) continue;
                const float4 *from = (const float4 *)(sums + token * OUT_PITCH + row);
                float4 low = from[0], high = from[1];
                if (gridDim.z > 1) {
                    float4 *part = (float4 *)(parts + ((u64)blockIdx.z * m + to) * (16 * tiles) + out);
                    part[0] = low, part[1] = high;
                    continue;
                }
                float f[8] = {low.x, low.y, low.z, low.w, high.x, high.y, high.z, high.w};
                u16 *end = y + (u64)to * n + out;
                if (n % 8 == 0) {
                    u32 v[4];
#pragma unroll
                    for (int j = 0; j < 4; j++)
                        v[j] = finished(f[2 * j], scales, bias, out + 2 * j) | (u32)finished(f[2 * j + 1], scales, bias, out + 2 * j + 1) << 16;
                    *(uint4 *)end = make_uint4(v[0], v[1], v[2], v[3]);
                } else {
#pragma unroll
                    for (int j = 0; j < 8; j++)
                        if (out + j < n) end[j] = finished(f[j], scales, bias, out + j);
                }
            }
        }
    }
}
#endif
