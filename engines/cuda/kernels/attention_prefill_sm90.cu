// Causal attention of ragged chunks of prompt over the paged cache, on Hopper's asynchronous tensor cores (wgmma). The same work
// items, arguments and results as attention_prefill.cu; needs sm_90a.
//
// Four warpgroups: the first gathers tiles of 128 keys from their pages into shared memory, the second those of values and an item's
// queries, two stages deep (codes become float16 on the way); the other two hold 64 rows of the item each: scores, softmax and output
// stay in their registers. The scores of a tile are computed beside the product of the tile before with its values, and the softmax
// runs under that product and under those of the other warpgroup.
// Shared memory is laid out as wgmma reads it: halves of 64 dimensions, 128 bytes a key, 16-byte chunks exchanged within 8 keys.
//
// HEAD_DIM: 64 or 128. GROUP: query heads per kv head, at most 128. PAGE_SIZE: tokens of a page, a multiple of 16.
// SOFT_CAP: 1 if scores are capped. KV_FP8: the cache holds E4M3 codes.
#include "wgmma.cuh"

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

#if HOPPER

#define STAGES 2

#define TILE_TOKENS (128 / GROUP)
#define TILE_KEYS 128
#define HALVES (HEAD_DIM / 64)
#define HALF_BYTES (TILE_KEYS * 128)
#define TILE_BYTES (HALVES * HALF_BYTES)
#define STEPS (HEAD_DIM / 16)
#define RAW_BYTES (KV_FP8 ? TILE_KEYS * HEAD_DIM : 0)  // codes of a tile

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
#define KEY_LOADS (HEAD_DIM / CELLS)   // 16-byte loads of a key; a warp has 32 keys of a tile, so as many of a thread
#define KEYS_AT_ONCE (32 / KEY_LOADS)  // keys that a warp loads at once
#define QUERY_LOADS (HEAD_DIM / 8)
#define QUERIES_AT_ONCE (128 / QUERY_LOADS)

// d [64 x 128] = a [64 x 16] b [128, 16].
__device__ __forceinline__ void product_first(float *d, u64 a, u64 b) {
    asm volatile("wgmma.mma_async.sync.aligned.m64n128k16.f32." OPERAND "." OPERAND " " D64 ", %64, %65, 0, 1, 1, 0, 0;"
                 : R16("=f", d, 0), R16("=f", d, 16), R16("=f", d, 32), R16("=f", d, 48)
                 : "l"(a), "l"(b));
}
// The same, added to d.
__device__ __forceinline__ void product_next(float *d, u64 a, u64 b) {
    asm volatile("wgmma.mma_async.sync.aligned.m64n128k16.f32." OPERAND "." OPERAND " " D64 ", %64, %65, 1, 1, 1, 0, 0;"
                 : R16("+f", d, 0), R16("+f", d, 16), R16("+f", d, 32), R16("+f", d, 48)
                 : "l"(a), "l"(b));
}
// d [64 x HEAD_DIM] += a [64 x 16] b [16, HEAD_DIM].
__device__ __forceinline__ void product_values(float *d, const u32 *a, u64 b) {
#if HEAD_DIM == 128
    asm volatile("wgmma.mma_async.sync.aligned.m64n128k16.f32." OPERAND "." OPERAND " " D64 ", {%64,%65,%66,%67}, %68, 1, 1, 1, 1;"
                 : R16("+f", d, 0), R16("+f", d, 16), R16("+f", d, 32), R16("+f", d, 48)
#else
    asm volatile("wgmma.mma_async.sync.aligned.m64n64k16.f32." OPERAND "." OPERAND " " D32 ", {%32,%33,%34,%35}, %36, 1, 1, 1, 1;"
                 : R16("+f", d, 0), R16("+f", d, 16)
#endif
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(b));
}

// --- gathering ---------------------------------------------------------------------------------------------------------------------

// Where in a tile the 16 bytes of a key (or query) go that hold 8 of its dimensions, as wgmma wants them.
__device__ __forceinline__ u32 place(int key, int chunk) { return chunk / 8 * HALF_BYTES + key * 128 + ((chunk % 8 ^ (key & 7)) << 4); }

// The same so many keys on, where that adds no carry to the key's low three bits.
__device__ __forceinline__ u32 keys_on(u32 place, int keys) { return (place ^ (keys & 7) << 4) + keys * 128; }

__device__ __forceinline__ void store16(u32 shared, u32 x, u32 y, u32 z, u32 w) {
    asm volatile("st.shared.v4.u32 [%0], {%1,%2,%3,%4};" ::"r"(shared), "r"(x), "r"(y), "r"(z), "r"(w) : "memory");
}
__device__ __forceinline__ uint4 load16(u32 shared) {
    uint4 v;
    asm volatile("ld.shared.v4.u32 {%0,%1,%2,%3}, [%4];" : "=r"(v.x), "=r"(v.y), "=r"(v.z), "=r"(v.w) : "r"(shared) : "memory");
    return v;
}

// The codes that this thread fetched, as float16 to their places: those of its first key.
__device__ __forceinline__ void widen(u32 raw, u32 low, u32 high, bool swap) {
#pragma unroll 4
    for (int j = 0; j < KEY_LOADS; j++) {
        uint4 v = load16(raw + j * 2048);
        u32 x0 = swap ? v.z : v.x, x1 = swap ? v.w : v.y, y0 = swap ? v.x : v.z, y1 = swap ? v.y : v.w;
        u32 first = keys_on(swap ? high : low, j * KEYS_AT_ONCE), second = keys_on(swap ? low : high, j * KEYS_AT_ONCE);
        store16(first, half2_of_e4m3x2(x0), half2_of_e4m3x2(x0 >> 16), half2_of_e4m3x2(x1), half2_of_e4m3x2(x1 >> 16));
        store16(second, half2_of_e4m3x2(y0), half2_of_e4m3x2(y0 >> 16), half2_of_e4m3x2(y1), half2_of_e4m3x2(y1 >> 16));
    }
}

// Dynamic shared memory 5 * TILE_BYTES + 4 * RAW_BYTES + 1024 + 128. Grid: any; block 512. Persistent: items in turn.
extern "C" __global__ void __launch_bounds__(512, 1) attention_prefill_sm90(
    const u16 *qkv, u16 *out, const cell_t *keys, const cell_t *values, const int *plan, const int *work, int max_rows, int max_splits, int kv_heads,
    int q_stride, float scale, int window, float soft_cap, const float *slopes, float value_scale, const u16 *sinks) {
    after_previous();
    extern __shared__ uint4 memory[];
    u32 tiles = (shared_address(memory) + 1023) & ~1023u, query = tiles + 4 * TILE_BYTES;
    u32 codes = query + TILE_BYTES, barriers = codes + 4 * RAW_BYTES;
    // Of keys (0) and values (1): where tile n lies, and the barriers that tell that it is there and that it has been read.
    auto slot = [&](int of, int n) { return tiles + (STAGES * of + n % STAGES) * TILE_BYTES; };
    auto full = [&](int of, int n) { return barriers + (STAGES * of + n % STAGES) * 16; };
    auto empty = [&](int of, int n) { return barriers + (STAGES * of + n % STAGES) * 16 + 8; };
    auto parity = [](int n) { return n / STAGES & 1; };
    u32 query_full = barriers + 2 * STAGES * 16, query_empty = query_full + 8, about = query_full + 16;
    if (threadIdx.x == 0) {
        for (int i = 0; i <= 2 * STAGES; i++) {
            barrier_init(barriers + 16 * i, i < 2 * STAGES ? 128 : 129);
            barrier_init(barriers + 16 * i + 8, 8);
        }
        asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory");
    }
    __syncthreads();

    int items = work[WORK_TILES] * kv_heads;
    const int *tile = work + WORK_HEADER + max_rows + 1 + max_splits;
    auto first_key = [&](int low) { return window > 0 ? max(0, low - window + 1) / TILE_KEYS * TILE_KEYS : 0; };
    int n = 0, done = 0;  // tiles of keys and items so far: slots and parities of phases follow

    if (threadIdx.x < 256) {
        asm volatile("setmaxnreg.dec.sync.aligned.u32 56;");
        int of = threadIdx.x >> 7, thread = threadIdx.x & 127, part = thread % KEY_LOADS;
        int block = thread / 32 * 32, key = block + thread % 32 / KEY_LOADS;  // the warp's first key of a tile, the thread's
        u32 page_cells = kv_heads * PAGE_SIZE * HEAD_DIM;
#if KV_FP8
        u32 raw = codes + 2 * of * RAW_BYTES + thread * 16;
        auto finish = [&](int m) {
            barrier_wait(empty(of, m), parity(m) ^ 1);
            // Threads that share banks store their two chunks the other way round.
            widen(raw + m % 2 * RAW_BYTES, slot(of, m) + place(key, 2 * part), slot(of, m) + place(key, 2 * part + 1), part >= 4);
            products_see();
            barrier_arrive(full(of, m));
        };
#endif
        for (int round = 0; round * (int)gridDim.x < items; round++) {
            int item = item_of(round);
            if (item >= items) continue;
            int index = item / kv_heads, kv_head = item - index * kv_heads;
            int row = tile[2 * index], first = tile[2 * index + 1];
            int count = min(TILE_TOKENS, section(plan, AT_QUERY_START)[row + 1] - first), low = section(plan, AT_POSITIONS)[first];
            int length = min(section(plan, AT_KV_LEN)[row], low + count);  // keys that some token of the tile sees
            const int *pages = section(plan, AT_PAGE_IDS) + section(plan, AT_PAGE_START)[row];
            const cell_t *pool = (of ? values : keys) + (u64)kv_head * PAGE_SIZE * HEAD_DIM + part * CELLS;
            u32 last = (u32)(length - 1) / PAGE_SIZE;
            if (of) {
                int m = thread / QUERY_LOADS;
                u32 to = query + place(m, thread % QUERY_LOADS);
                const u16 *from = qkv + (u64)first * q_stride + kv_head * GROUP * HEAD_DIM + thread % QUERY_LOADS * 8;
                barrier_wait(query_empty, done++ & 1 ^ 1);
                if (thread == 0) {
                    store16(about, first, count, low, length);
                    barrier_arrive(query_full);
                }
#pragma unroll 4
                for (int j = 0; j < 128 / QUERIES_AT_ONCE; j++, m += QUERIES_AT_ONCE, to += QUERIES_AT_ONCE * 128) {
                    bool there = m < count * GROUP;
                    const u16 *x = from + (there ? (u64)(m / GROUP) * q_stride + m % GROUP * HEAD_DIM : 0);
                    copy16_async(to, x, there);
                }
#if KV_FP8
                copy_commit();
                copy_wait<0>();
#pragma unroll 4
                for (int j = 0; j < 128 / QUERIES_AT_ONCE; j++) {
                    uint4 v = load16(to -= QUERIES_AT_ONCE * 128);
                    store16(to, half2_of_elements(v.x), half2_of_elements(v.y), half2_of_elements(v.z), half2_of_elements(v.w));
                }
                products_see();
                barrier_arrive(query_full);
#else
                barrier_arrive_copied(query_full);
#endif
            }
            int begin = first_key(low);
            for (int base = begin; base < length; base += TILE_KEYS, n++) {
                // Keys base .. base + 127 on their way, zeros from `length` on.
                const cell_t *from[2];  // of the first key of 16, which lie in a page
#pragma unroll
                for (int i = 0; i < 2; i++) {
                    u32 at = base + block + 16 * i;
                    from[i] = pool + (u64)(u32)__ldg(pages + min(at / PAGE_SIZE, last)) * page_cells + (at % PAGE_SIZE + key % 16) * HEAD_DIM;
                }
#if KV_FP8
                u32 to = raw + n % 2 * RAW_BYTES;
#else
                u32 to = slot(of, n) + place(key, part);
                barrier_wait(empty(of, n), parity(n) ^ 1);
#endif
#pragma unroll
                for (int j = 0; j < KEY_LOADS; j++) {
                    int on = j * KEYS_AT_ONCE;
                    copy16_async(KV_FP8 ? to + j * 2048 : keys_on(to, on), from[on / 16] + on % 16 * HEAD_DIM, base + key + on < length);
                }
#if KV_FP8
                copy_commit();
                copy_wait<1>();
                if (base > begin) finish(n - 1);
#else
                barrier_arrive_copied(full(of, n));
#endif
            }
#if KV_FP8
            copy_wait<0>();
            finish(n - 1);
#endif
        }
        copy_commit();
        copy_wait<0>();
    } else {
    asm volatile("setmaxnreg.inc.sync.aligned.u32 200;");
    int group = __shfl_sync(FULL_MASK, threadIdx.x >> 7, 0) - 2, warp = (threadIdx.x >> 5) - 8, lane = threadIdx.x & 31, g = lane >> 2, t = lane & 3;
    float factor = SOFT_CAP ? 1.4426950408889634f : scale;
    u64 query_part = descriptor(query + group * 8192, 16);
    for (int round = 0; round * (int)gridDim.x < items; round++, done++) {
        int item = item_of(round);
        if (item >= items) continue;
        int kv_head = item % kv_heads;
        barrier_wait(query_full, done & 1);
        uint4 told = load16(about);
        int first = told.x, count = told.y, low = told.z, length = told.w, begin = first_key(low);
        // This lane's two rows of the tile. A row without a token sees nothing.
        int position[2];
#pragma unroll
        for (int upper = 0; upper < 2; upper++) {
            int i = (warp * 16 + g + 8 * upper) / GROUP;
            position[upper] = i < count && i < TILE_TOKENS ? low + i : -1;
        }
        float s[64], o[HEAD_DIM / 2], top[2] = {NEG_INF, NEG_INF}, sum[2] = {0.f, 0.f}, shrink[2];
        u32 p[8][4];
#pragma unroll
        for (int i = 0; i < HEAD_DIM / 2; i++) o[i] = 0.f;

        auto wait_for = [&](int of, int n) {
            barrier_wait(full(of, n), parity(n));
            if (!KV_FP8) products_see();
        };
        auto scores_begin = [&] {
            u64 b = descriptor(slot(0, n), 16);
            products_fence();
            product_first(s, query_part, b);
#pragma unroll
            for (int k = 1; k < STEPS; k++) {
                u32 part = (k / 4 * HALF_BYTES + k % 4 * 32) >> 4;
                product_next(s, query_part + part, b + part);
            }
            products_commit();
        };
        auto values_begin = [&](int n) {
            u64 b = descriptor(slot(1, n), HALF_BYTES);
            hold<HEAD_DIM / 2>(o);
            hold_operand<8>(p);
            products_fence();
#pragma unroll
            for (int k = 0; k < 8; k++) product_values(o, p[k], b + k * (2048 >> 4));
            products_commit();
        };
        auto values_end = [&](int n) {
            products_wait<0>();
            hold<HEAD_DIM / 2>(o);
            if (lane == 0) barrier_arrive(empty(1, n));
        };
        // Scores of keys base .. base + 127 to weights.
        auto softmax = [&](int base) {
            hold<64>(s);
            if (lane == 0) {
                barrier_arrive(empty(0, n));
                if (base + TILE_KEYS >= length) barrier_arrive(query_empty);
            }
            if (SOFT_CAP) {
#pragma unroll
                for (int i = 0; i < 64; i++) s[i] = soft_cap * tanhf(s[i] * scale / soft_cap);
            }
            if (base + TILE_KEYS > low + 1 || (window > 0 && base <= low + count - 1 - window)) {  // some row does not see all
#pragma unroll
                for (int i = 0; i < 64; i++) {
                    int key = base + i / 4 * 8 + 2 * t + (i & 1), at = position[i >> 1 & 1];
                    if (key > at || (window > 0 && key <= at - window)) s[i] = NEG_INF;
                }
            }
#pragma unroll
            for (int upper = 0; upper < 2; upper++) {
                float m = s[2 * upper], m1 = s[2 * upper + 1];
#pragma unroll
                for (int i = 1; i < 16; i++) m = fmaxf(m, s[4 * i + 2 * upper]), m1 = fmaxf(m1, s[4 * i + 2 * upper + 1]);
                m = fmaxf(m, m1);
                m = fmaxf(m, __shfl_xor_sync(FULL_MASK, m, 1));
                m = fmaxf(m, __shfl_xor_sync(FULL_MASK, m, 2));
                m = fmaxf(m, top[upper]);
                float safe = m == NEG_INF ? 0.f : m * factor, add = 0.f, add1 = 0.f;
                shrink[upper] = fast_exp2(top[upper] * factor - safe);
#pragma unroll
                for (int i = 0; i < 16; i++) {
                    add += s[4 * i + 2 * upper] = fast_exp2(fmaf(s[4 * i + 2 * upper], factor, -safe));
                    add1 += s[4 * i + 2 * upper + 1] = fast_exp2(fmaf(s[4 * i + 2 * upper + 1], factor, -safe));
                }
                top[upper] = m;
                sum[upper] = sum[upper] * shrink[upper] + (add + add1);
            }
        };
        auto pack = [&] {
#pragma unroll
            for (int i = 0; i < HEAD_DIM / 2; i++) o[i] *= shrink[i >> 1 & 1];
#pragma unroll
            for (int k = 0; k < 8; k++)
#pragma unroll
                for (int i = 0; i < 4; i++) p[k][i] = pack_weights(s[8 * k + 2 * i], s[8 * k + 2 * i + 1]);
        };

        wait_for(0, n);
        scores_begin();
        products_wait<0>();
        softmax(begin);
        if (begin + TILE_KEYS < length) wait_for(0, n + 1);
        pack();
        n++;
        for (int base = begin + TILE_KEYS; base < length; base += TILE_KEYS, n++) {
            wait_for(1, n - 1);
                scores_begin();
            values_begin(n - 1);
                products_wait<1>();
            softmax(base);
            // In between the next wait for keys: ptxas 13.0 moves a softmax behind a wait for products that follows it in the same block.
            if (base + TILE_KEYS < length) wait_for(0, n + 1);
            values_end(n - 1);
            pack();
        }
        wait_for(1, n - 1);
        values_begin(n - 1);
        values_end(n - 1);

#pragma unroll
        for (int upper = 0; upper < 2; upper++) {
            float total = sum[upper];
            total += __shfl_xor_sync(FULL_MASK, total, 1);
            total += __shfl_xor_sync(FULL_MASK, total, 2);
            int m = warp * 16 + g + 8 * upper;
            if (SINKS) total += sink_weight(sinks[kv_head * GROUP + m % GROUP], top[upper] * factor);
            float inverse = value_scale / total;
            u16 *to = out + ((u64)(first + m / GROUP) * kv_heads * GROUP + kv_head * GROUP + m % GROUP) * HEAD_DIM;
#pragma unroll
            for (int i = 0; i < HEAD_DIM / 32; i++) {
                // Four lanes hold a quarter each of 16 bytes, four times: they exchange, so that each has all of one.
                u32 v[4];
#pragma unroll
                for (int j = 0; j < 4; j++) v[j] = pack2(o[16 * i + 4 * j + 2 * upper] * inverse, o[16 * i + 4 * j + 2 * upper + 1] * inverse);
#pragma unroll
                for (int b = 1; b < 4; b += b)
#pragma unroll
                    for (int j = 0; j < 4; j++)
                        if (!(j & b)) {
                            u32 other = __shfl_xor_sync(FULL_MASK, t & b ? v[j] : v[j | b], b);
                            if (t & b) v[j] = other; else v[j | b] = other;
                        }
                if (position[upper] >= 0) *(uint4 *)(to + 32 * i + 8 * t) = make_uint4(v[0], v[1], v[2], v[3]);
            }
        }
    }
    }
}
#endif
