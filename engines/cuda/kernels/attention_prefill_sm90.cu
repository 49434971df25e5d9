// Causal attention of ragged chunks of prompt over the paged cache, on Hopper's asynchronous tensor cores (wgmma). The same work
// items, arguments and results as attention_prefill.cu; needs sm_90a.
//
// Four warpgroups: the first gathers tiles of 128 keys from their pages into shared memory, the second those of values, two stages deep
// (codes become float16 on the way), the other two hold 64 rows of the tile each: scores, softmax and output stay in their registers.
// Shared memory is laid out as wgmma reads it: halves of 64 dimensions, 128 bytes a key, 16-byte chunks exchanged within 8 keys.
//
// HEAD_DIM: 64 or 128. GROUP: query heads per kv head, at most 128. PAGE_SIZE: tokens of a page, a multiple of 16.
// SOFT_CAP: 1 if scores are capped. KV_FP8: the cache holds E4M3 codes.
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
#ifndef KV_FP8
#define KV_FP8 0
#endif
#ifndef SINKS
#define SINKS 0
#endif

#if ARCH == 900 && (defined(__CUDA_ARCH_FEAT_SM90_ALL) || !defined(__CUDA_ARCH__))

#define TILE_TOKENS (128 / GROUP)
#define TILE_KEYS 128
#define HALVES (HEAD_DIM / 64)
#define HALF_BYTES (TILE_KEYS * 128)
#define TILE_BYTES (HALVES * HALF_BYTES)
#define STEPS (HEAD_DIM / 16)

#if KV_FP8
typedef unsigned char cell_t;
#define CELLS 16  // of a 16-byte load
#define OPERAND "f16"
#define pack_weights pack_half2
#else
typedef u16 cell_t;
#define CELLS 8
#if ELEM_FP16
#define OPERAND "f16"
#else
#define OPERAND "bf16"
#endif
#define pack_weights pack2
#endif
#define KEY_LOADS (HEAD_DIM / CELLS)                  // 16-byte loads of a key
#define LOADS (TILE_KEYS * KEY_LOADS / 128)           // of a thread and tile
#define KEYS_AT_ONCE (128 / KEY_LOADS)                // keys that 128 threads load at once
#define STAGES 2
#define RAW_BYTES (KV_FP8 ? TILE_KEYS * HEAD_DIM : 0) // codes of a tile

// --- barriers in shared memory: a phase ends when `count` arrivals were made ------------------------------------------------------

__device__ __forceinline__ void barrier_init(u32 at, int count) {
    asm volatile("mbarrier.init.shared.b64 [%0], %1;" ::"r"(at), "r"(count) : "memory");
}
__device__ __forceinline__ void barrier_arrive(u32 at) {
    asm volatile("{ .reg .b64 state; mbarrier.arrive.shared.b64 state, [%0]; }" ::"r"(at) : "memory");
}
// Until the phase of this parity has ended.
__device__ __forceinline__ void barrier_wait(u32 at, int parity) {
    asm volatile("{\n.reg .pred done;\nAGAIN:\nmbarrier.try_wait.parity.shared.b64 done, [%0], %1;\n@!done bra AGAIN;\n}" ::"r"(at), "r"(parity)
                 : "memory");
}

// --- wgmma -------------------------------------------------------------------------------------------------------------------------

// Products run on their own until `products_end`: nothing that writes their operands, or touches d, may move across its borders. The
// compiler does not know that: registers that pass through an empty statement are as they are before it.
template <int N> __device__ __forceinline__ void hold(float *d) {
#pragma unroll
    for (int i = 0; i < N; i++) asm volatile("" : "+f"(d[i])::"memory");
}
template <int N, int K> __device__ __forceinline__ void products_begin(float *d, u32 (*a)[4]) {
    hold<N>(d);
#pragma unroll
    for (int k = 0; k < K; k++)
#pragma unroll
        for (int i = 0; i < 4; i++) asm volatile("" : "+r"(a[k][i])::"memory");
    asm volatile("wgmma.fence.sync.aligned;" ::: "memory");
}
template <int N> __device__ __forceinline__ void products_end(float *d) {
    asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory");
    asm volatile("wgmma.wait_group.sync.aligned 0;" ::: "memory");
    hold<N>(d);
}

// A matrix in shared memory with 128-byte swizzle. `leading`: bytes from one 64 of the contiguous dimension to the next where that
// is not the summed one; 1024 bytes from 8 rows to the next 8.
__device__ __forceinline__ u64 descriptor(u32 address, u32 leading) {
    return (u64)((address & 0x3ffff) >> 4) | (u64)(leading >> 4) << 16 | (u64)(1024 >> 4) << 32 | 1ull << 62;
}

#define R4(d, i) "+f"(d[i]), "+f"(d[i + 1]), "+f"(d[i + 2]), "+f"(d[i + 3])
#define R16(d, i) R4(d, i), R4(d, i + 4), R4(d, i + 8), R4(d, i + 12)
#define D32 "{%0,%1,%2,%3,%4,%5,%6,%7,%8,%9,%10,%11,%12,%13,%14,%15,%16,%17,%18,%19,%20,%21,%22,%23,%24,%25,%26,%27,%28,%29,%30,%31}"
#define D64                                                                                                                            \
    "{%0,%1,%2,%3,%4,%5,%6,%7,%8,%9,%10,%11,%12,%13,%14,%15,%16,%17,%18,%19,%20,%21,%22,%23,%24,%25,%26,%27,%28,%29,%30,%31,"           \
    "%32,%33,%34,%35,%36,%37,%38,%39,%40,%41,%42,%43,%44,%45,%46,%47,%48,%49,%50,%51,%52,%53,%54,%55,%56,%57,%58,%59,%60,%61,%62,%63}"

// d [64 x 128] (+)= a [64 x 16] b. TRANSPOSED: b lies [16, 128] instead of [128, 16].
template <int TRANSPOSED> __device__ __forceinline__ void product128(float *d, const u32 *a, u64 b, int add) {
    asm volatile("{\n.reg .pred p;\nsetp.ne.b32 p, %69, 0;\n"
                 "wgmma.mma_async.sync.aligned.m64n128k16.f32." OPERAND "." OPERAND " " D64 ", {%64,%65,%66,%67}, %68, p, 1, 1, %70;\n}"
                 : R16(d, 0), R16(d, 16), R16(d, 32), R16(d, 48)
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(b), "r"(add), "n"(TRANSPOSED));
}
// d [64 x 64] (+)= a [64 x 16] b [16, 64].
__device__ __forceinline__ void product64(float *d, const u32 *a, u64 b) {
    asm volatile("wgmma.mma_async.sync.aligned.m64n64k16.f32." OPERAND "." OPERAND " " D32 ", {%32,%33,%34,%35}, %36, 1, 1, 1, 1;"
                 : R16(d, 0), R16(d, 16)
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(b));
}

// --- gathering ---------------------------------------------------------------------------------------------------------------------

// Where in a tile the first 16 bytes go that a thread loads, as wgmma wants them; those of later loads lie KEYS_AT_ONCE keys on.
__device__ __forceinline__ u32 place(int thread, int part) {
    int key = thread / KEY_LOADS, chunk = thread % KEY_LOADS * (KV_FP8 ? 2 : 1) + part;
    return chunk / 8 * HALF_BYTES + key * 128 + ((chunk % 8 ^ (key & 7)) << 4);
}

// Keys base .. base + 127 of a row on their way to shared memory, by 128 threads; zeros from `length` on. Elements go to their places,
// codes to `shared` as they are. `pool`: of the kv head, at the thread's part of a page's first key.
__device__ __forceinline__ void fetch(u32 shared, const cell_t *pool, const int *pages, u64 page_cells, int key, int base, u32 length) {
    u32 last = (u32)(length - 1) / PAGE_SIZE;
#pragma unroll 8
    for (int j = 0; j < LOADS; j++) {
        u32 at = base + key + j * KEYS_AT_ONCE;
        const cell_t *from = pool + __ldg(pages + min(at / PAGE_SIZE, last)) * page_cells + at % PAGE_SIZE * HEAD_DIM;
        copy16_async(shared + j * (KV_FP8 ? 2048 : KEYS_AT_ONCE * 128), from, at < length);
    }
}

// The codes that this thread fetched, as float16 in their places.
__device__ __forceinline__ void widen(u32 raw, u32 first, u32 second, bool swap) {
#pragma unroll 4
    for (int j = 0; j < LOADS; j++) {
        u32 v[4];
        asm volatile("ld.shared.v4.u32 {%0,%1,%2,%3}, [%4];" : "=r"(v[0]), "=r"(v[1]), "=r"(v[2]), "=r"(v[3]) : "r"(raw + j * 2048) : "memory");
        u32 x0 = swap ? v[2] : v[0], x1 = swap ? v[3] : v[1], y0 = swap ? v[0] : v[2], y1 = swap ? v[1] : v[3];
        asm volatile("st.shared.v4.u32 [%0], {%1,%2,%3,%4};" ::"r"(first + j * (KEYS_AT_ONCE * 128)), "r"(half2_of_e4m3x2(x0)),
                     "r"(half2_of_e4m3x2(x0 >> 16)), "r"(half2_of_e4m3x2(x1)), "r"(half2_of_e4m3x2(x1 >> 16)) : "memory");
        asm volatile("st.shared.v4.u32 [%0], {%1,%2,%3,%4};" ::"r"(second + j * (KEYS_AT_ONCE * 128)), "r"(half2_of_e4m3x2(y0)),
                     "r"(half2_of_e4m3x2(y0 >> 16)), "r"(half2_of_e4m3x2(y1)), "r"(half2_of_e4m3x2(y1 >> 16)) : "memory");
    }
}

// Dynamic shared memory 4 * (TILE_BYTES + RAW_BYTES) + 1024 + 64. Grid: any; block 512. Persistent: items in turn.
extern "C" __global__ void __launch_bounds__(512, 1) attention_prefill_sm90(
    const u16 *qkv, u16 *out, const cell_t *keys, const cell_t *values, const int *plan, const int *work, int max_rows, int max_splits, int kv_heads,
    int q_stride, float scale, int window, float soft_cap, const float *slopes, float value_scale, const u16 *sinks) {
    after_previous();
    extern __shared__ uint4 memory[];
    u32 tiles = (shared_address(memory) + 1023) & ~1023u, codes = tiles + 4 * TILE_BYTES, barriers = codes + 4 * RAW_BYTES;
    // Of keys (0) and values (1): tile n's place, and the barriers that tell that it is there and that it has been read.
    auto slot = [&](int of, int n) { return tiles + (2 * of + n % STAGES) * TILE_BYTES; };
    auto full = [&](int of, int n) { return barriers + (2 * of + n % STAGES) * 16; };
    auto empty = [&](int of, int n) { return barriers + (2 * of + n % STAGES) * 16 + 8; };
    auto parity = [](int n) { return n / STAGES & 1; };
    if (threadIdx.x == 0) {
        for (int i = 0; i < 2 * STAGES; i++) {
            barrier_init(barriers + 16 * i, 128);
            barrier_init(barriers + 16 * i + 8, 8);
        }
        asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory");
    }
    __syncthreads();

    int items = work[WORK_TILES] * kv_heads;
    const int *tile = work + WORK_HEADER + max_rows + 1 + max_splits;
    const int *query_start = section(plan, AT_QUERY_START), *positions = section(plan, AT_POSITIONS);
    const int *kv_len = section(plan, AT_KV_LEN), *page_start = section(plan, AT_PAGE_START), *page_ids = section(plan, AT_PAGE_IDS);
    int n = 0;  // tiles of keys so far: slot and parity of its phase follow

    if (threadIdx.x < 256) {
        asm volatile("setmaxnreg.dec.sync.aligned.u32 48;");
        int of = threadIdx.x >> 7, thread = threadIdx.x & 127, key = thread / KEY_LOADS;
        u32 first = place(thread, 0);
#if KV_FP8
        bool swap = thread % KEY_LOADS >= 4;  // threads that share banks store their two chunks the other way round
        u32 second = place(thread, swap ? 0 : 1), raw = codes + 2 * of * RAW_BYTES + thread * 16;
        if (swap) first = place(thread, 1);
        auto finish = [&](int m) {
            barrier_wait(empty(of, m), parity(m) ^ 1);
            widen(raw + m % STAGES * RAW_BYTES, slot(of, m) + first, slot(of, m) + second, swap);
            asm volatile("fence.proxy.async.shared::cta;" ::: "memory");
            barrier_arrive(full(of, m));
        };
#endif
        u64 page_cells = (u64)kv_heads * PAGE_SIZE * HEAD_DIM;
        for (int round = 0; round * (int)gridDim.x < items; round++) {
            int item = item_of(round);
            if (item >= items) continue;
            int index = item / kv_heads, kv_head = item - index * kv_heads;
            int row = tile[2 * index], start = tile[2 * index + 1], count = min(TILE_TOKENS, query_start[row + 1] - start);
            int low = positions[start], length = min(kv_len[row], low + count);
            const int *pages = page_ids + page_start[row];
            const cell_t *pool = (of ? values : keys) + (u64)kv_head * PAGE_SIZE * HEAD_DIM + thread % KEY_LOADS * CELLS;
            int begin = window > 0 ? max(0, low - window + 1) / TILE_KEYS * TILE_KEYS : 0;
            for (int base = begin; base < length; base += TILE_KEYS, n++) {
#if KV_FP8
                fetch(raw + n % STAGES * RAW_BYTES, pool, pages, page_cells, key, base, length);
                copy_commit();
                copy_wait<1>();
                if (n > 0) finish(n - 1);
#else
                barrier_wait(empty(of, n), parity(n) ^ 1);
                fetch(slot(of, n) + first, pool, pages, page_cells, key, base, length);
                asm volatile("cp.async.mbarrier.arrive.noinc.shared.b64 [%0];" ::"r"(full(of, n)) : "memory");
#endif
            }
        }
        copy_commit();
        copy_wait<0>();
#if KV_FP8
        if (n > 0) finish(n - 1);
#endif
    } else {
    asm volatile("setmaxnreg.inc.sync.aligned.u32 208;");
    int warp = (threadIdx.x >> 5) - 8, lane = threadIdx.x & 31, g = lane >> 2, t = lane & 3;
    for (int round = 0; round * (int)gridDim.x < items; round++) {
        int item = item_of(round);
        if (item >= items) continue;
        int index = item / kv_heads, kv_head = item - index * kv_heads;
        int row = tile[2 * index], first = tile[2 * index + 1], count = min(TILE_TOKENS, query_start[row + 1] - first);
        int low = positions[first], length = min(kv_len[row], low + count);  // keys that some token of the tile sees
        int begin = window > 0 ? max(0, low - window + 1) / TILE_KEYS * TILE_KEYS : 0;

        // This lane's two rows of the tile. A row without a token sees nothing.
        int position[2];
        u32 q[STEPS][4];
#pragma unroll
        for (int upper = 0; upper < 2; upper++) {
            int m = warp * 16 + g + 8 * upper, i = m / GROUP;
            bool there = i < count && i < TILE_TOKENS;
            position[upper] = there ? low + i : -1;
            const u32 *from = (const u32 *)(qkv + (u64)(first + i) * q_stride + (kv_head * GROUP + m % GROUP) * HEAD_DIM);
#pragma unroll
            for (int k = 0; k < STEPS; k++) {
                q[k][upper] = there ? from[k * 8 + t] : 0;
                q[k][2 + upper] = there ? from[k * 8 + 4 + t] : 0;
            }
        }
        float o[HEAD_DIM / 2], top[2] = {NEG_INF, NEG_INF}, sum[2] = {0.f, 0.f};
#pragma unroll
        for (int i = 0; i < HEAD_DIM / 2; i++) o[i] = 0.f;

        for (int base = begin; base < length; base += TILE_KEYS, n++) {
            float s[64];
#pragma unroll
            for (int i = 0; i < 64; i++) s[i] = 0.f;
            barrier_wait(full(0, n), parity(n));
            if (!KV_FP8) asm volatile("fence.proxy.async.shared::cta;" ::: "memory");
            // The operand is made anew for each tile. WORKAROUND: held across the loop, ptxas 13.0 gives it and the weights of the values
            // the same registers and does not restore it; seen in the machine code for codes and heads of 128.
            u32 operand[STEPS][4];
#pragma unroll
            for (int k = 0; k < STEPS; k++)
#pragma unroll
                for (int i = 0; i < 4; i++) {
                    u32 pair;
                    asm volatile("mov.b32 %0, %1;" : "=r"(pair) : "r"(q[k][i]));
                    operand[k][i] = KV_FP8 ? half2_of_elements(pair) : pair;
                }
            products_begin<64, STEPS>(s, operand);
#pragma unroll
            for (int k = 0; k < STEPS; k++) product128<0>(s, operand[k], descriptor(slot(0, n) + k / 4 * HALF_BYTES + k % 4 * 32, 16), k > 0);
            products_end<64>(s);
            if (lane == 0) barrier_arrive(empty(0, n));

            float factor = scale;
            if (SOFT_CAP) {
                factor = 1.4426950408889634f;
#pragma unroll
                for (int i = 0; i < 64; i++) s[i] = soft_cap * tanhf(s[i] * scale / soft_cap);
            }
            if (base + TILE_KEYS > low + 1 || window > 0) {  // some row does not see all of this tile
#pragma unroll
                for (int i = 0; i < 64; i++) {
                    int key = base + i / 4 * 8 + 2 * t + (i & 1), at = position[i >> 1 & 1];
                    if (key > at || (window > 0 && key <= at - window)) s[i] = NEG_INF;
                }
            }
#pragma unroll
            for (int upper = 0; upper < 2; upper++) {
                float m = NEG_INF;
#pragma unroll
                for (int n = 0; n < 16; n++) m = fmaxf(m, fmaxf(s[4 * n + 2 * upper], s[4 * n + 2 * upper + 1]));
                m = fmaxf(m, __shfl_xor_sync(FULL_MASK, m, 1));
                m = fmaxf(m, __shfl_xor_sync(FULL_MASK, m, 2));
                m = fmaxf(m, top[upper]);
                float safe = m == NEG_INF ? 0.f : m * factor, shrink = fast_exp2(top[upper] * factor - safe), add = 0.f;
#pragma unroll
                for (int n = 0; n < 16; n++)
#pragma unroll
                    for (int i = 0; i < 2; i++) {
                        float p = fast_exp2(fmaf(s[4 * n + 2 * upper + i], factor, -safe));
                        s[4 * n + 2 * upper + i] = p;
                        add += p;
                    }
                top[upper] = m;
                sum[upper] = sum[upper] * shrink + add;
#pragma unroll
                for (int n = 0; n < HEAD_DIM / 8; n++) {
                    o[4 * n + 2 * upper] *= shrink;
                    o[4 * n + 2 * upper + 1] *= shrink;
                }
            }
            u32 p[8][4];
#pragma unroll
            for (int k = 0; k < 8; k++)
#pragma unroll
                for (int i = 0; i < 4; i++) p[k][i] = pack_weights(s[8 * k + 2 * i], s[8 * k + 2 * i + 1]);
            barrier_wait(full(1, n), parity(n));
            if (!KV_FP8) asm volatile("fence.proxy.async.shared::cta;" ::: "memory");
            products_begin<HEAD_DIM / 2, 8>(o, p);
#pragma unroll
            for (int k = 0; k < 8; k++) {
                u64 b = descriptor(slot(1, n) + k * 2048, HALF_BYTES);
#if HEAD_DIM == 128
                product128<1>(o, p[k], b, 1);
#else
                product64(o, p[k], b);
#endif
            }
            products_end<HEAD_DIM / 2>(o);
            if (lane == 0) barrier_arrive(empty(1, n));
        }
#pragma unroll
        for (int upper = 0; upper < 2; upper++) {
            float total = sum[upper];
            total += __shfl_xor_sync(FULL_MASK, total, 1);
            total += __shfl_xor_sync(FULL_MASK, total, 2);
            if (position[upper] < 0) continue;
            int m = warp * 16 + g + 8 * upper;
            if (SINKS) total += sink_weight(sinks[kv_head * GROUP + m % GROUP], top[upper] * (SOFT_CAP ? 1.4426950408889634f : scale));
            float inverse = value_scale / total;
            u32 *to = (u32 *)(out + ((u64)(first + m / GROUP) * kv_heads * GROUP + kv_head * GROUP + m % GROUP) * HEAD_DIM);
#pragma unroll
            for (int n = 0; n < HEAD_DIM / 8; n++) to[n * 4 + t] = pack2(o[4 * n + 2 * upper] * inverse, o[4 * n + 2 * upper + 1] * inverse);
        }
    }
    }
}
#endif
