// Sampling as engines/api/sampling.py writes it down, one token per logit row, with parameters per slot.
//
// argmax_rows: every row is greedy and plain. sample_rows: anything else, one block per row, no sorting: top-k, top-p and typical keep
// the head of an order, and the last token of that head is found by a weighted radix selection. Weights are integers, so that the
// result does not depend on the order of the atomic additions: the same row gives the same token, whatever is in the batch.
#include "common.cuh"

struct SlotParams {  // 32 words, written by the host (engines/cuda/slots.py)
    float temperature;
    int top_k;
    float top_p, min_p, typical_p, repetition, presence, frequency;
    u32 seed_low, seed_high;
    int sample_index, logprobs, prompt_len, min_tokens, stop_count, bias_count;
    u16 *counts;        // [vocab]: bit 15, seen in prompt or output; the rest, times in the output; or null
    const int *lists;   // stop ids, then bias ids, then biases (float32); or null
    int reserved[12];
};

// Greater floats have greater keys; NaN is below everything.
__device__ __forceinline__ u32 order_key(float x) {
    u32 u = __float_as_uint(x);
    if ((u & 0x7fffffffu) > 0x7f800000u) return 0;
    return u & 0x80000000u ? ~u : u | 0x80000000u;
}

// Value first, then the lower id: greatest = most likely.
__device__ __forceinline__ u64 rank_key(float x, int id) { return ((u64)order_key(x) << 32) | (u32)~id; }

__device__ __forceinline__ u64 warp_max64(u64 x) {
#pragma unroll
    for (int i = 16; i; i >>= 1) {
        u64 y = __shfl_xor_sync(FULL_MASK, x, i);
        x = x > y ? x : y;
    }
    return x;
}

__device__ __forceinline__ u64 block_max64(u64 x, u64 *scratch) {  // 33 words; every thread gets the result
    int warp = threadIdx.x >> 5, lane = threadIdx.x & 31;
    x = warp_max64(x);
    __syncthreads();
    if (lane == 0) scratch[warp] = x;
    __syncthreads();
    if (warp == 0) {
        x = warp_max64(lane < (int)(blockDim.x >> 5) ? scratch[lane] : 0);
        if (lane == 0) scratch[32] = x;
    }
    __syncthreads();
    return scratch[32];
}

__device__ __forceinline__ void take_token(SlotParams *slots, int *last_token, int slot, int token) {
    last_token[slot] = token;
    u16 *counts = slots[slot].counts;
    if (counts) {
        u16 c = counts[token];
        counts[token] = (u16)(0x8000u | ((c & 0x7fffu) < 0x7fffu ? (c & 0x7fffu) + 1 : 0x7fffu));
    }
}

// logits float32 [L, stride]. best [rows] and arrived [rows]: zero between launches. tokens int32 [L].
// Grid (parts, padded logit rows): the parts of a row share its columns, the last one to arrive writes.
extern "C" __global__ void __launch_bounds__(512) argmax_rows(const float *logits, const int *plan, SlotParams *slots, int *last_token,
                                                              int *tokens, u64 *best, u32 *arrived, int vocab, u64 stride) {
    after_previous();
    __shared__ u64 scratch[33];
    int row = blockIdx.y;
    if (row >= plan[PLAN_LOGITS]) return;
    const float *x = logits + row * stride;
    int part = ((vocab + gridDim.x - 1) / gridDim.x + 3) & ~3, begin = blockIdx.x * part, end = min(begin + part, vocab);
    u64 top = 0;
    int i = begin + threadIdx.x * 4;
    for (; i + 3 < end; i += blockDim.x * 4) {
        float4 v = *(const float4 *)(x + i);
        u64 a = rank_key(v.x, i), b = rank_key(v.y, i + 1), c = rank_key(v.z, i + 2), d = rank_key(v.w, i + 3);
        a = a > b ? a : b, c = c > d ? c : d;
        a = a > c ? a : c, top = top > a ? top : a;
    }
    for (; i < end; i++) {
        u64 a = rank_key(x[i], i);
        top = top > a ? top : a;
    }
    top = block_max64(top, scratch);
    if (threadIdx.x) return;
    atomicMax(best + row, top);
    __threadfence();
    if (atomicAdd(arrived + row, 1u) != gridDim.x - 1) return;
    __threadfence();
    int token = (int)~(u32)atomicExch(best + row, 0ull);
    arrived[row] = 0;
    tokens[row] = token;
    take_token(slots, last_token, section(plan, AT_SLOTS)[section(plan, AT_LOGIT_ROW)[row]], token);
}

// --- randomness (engines/api/random.py) ------------------------------------------------------------------------------------

__device__ uint4 philox(u32 x, u32 y, u32 z, u32 k0, u32 k1) {
    u32 w = 0;
#pragma unroll
    for (int i = 0; i < 10; i++) {
        u32 low0 = 0xD2511F53u * x, high0 = __umulhi(0xD2511F53u, x), low1 = 0xCD9E8D57u * z, high1 = __umulhi(0xCD9E8D57u, z);
        x = high1 ^ y ^ k0, y = low1, z = high0 ^ w ^ k1, w = low0;
        k0 += 0x9E3779B9u, k1 += 0xBB67AE85u;
    }
    return make_uint4(x, y, z, w);
}

__device__ __forceinline__ float gumbel(u32 word) {
    float u = ((float)(word >> 9) + 0.5f) * 1.1920928955078125e-7f;
    return -logf(-logf(u));
}

// --- one row ---------------------------------------------------------------------------------------------------------------

#define BLOCK 1024
#define LINEAR 2048  // bins of the first pass: 1/64 wide, from the greatest value down

// Candidates are values y[i] of ids i < vocab; `keep` and `hardly` say which are left.
struct Row {
    const float *x;     // adjusted logits
    int vocab;
    float temperature, peak;   // peak: greatest tempered value
    u64 threshold;      // kept: rank_key(y, id) >= threshold ...
    float min_ratio;    // ... and exp(y - peak) >= min_ratio
    float log_sum, entropy;    // of the candidates left before typical
    u64 typical;        // ... and rank_key(-surprise distance, id) >= typical

    __device__ float y(int i) const { return x[i] / temperature; }
    __device__ bool kept(float v, int i) const {
        return v > NEG_INF && rank_key(v, i) >= threshold && (min_ratio <= 0.f || expf(v - peak) >= min_ratio);
    }
    __device__ float nearness(float v) const { return -fabsf(log_sum - (v - peak) - entropy); }
    __device__ bool left(float v, int i) const { return kept(v, i) && (typical == 0 || rank_key(nearness(v), i) >= typical); }
};

// 28 bits relative to the most likely token.
__device__ __forceinline__ u32 mass_of(float v, float peak) { return __float2uint_rn(expf(v - peak) * 268435456.f); }

struct Histogram {
    u32 low[LINEAR], high[LINEAR], count[LINEAR];
    u64 scan[33];
    u64 border_before;
    u32 border;
    u64 total;
};

__device__ __forceinline__ void add_weight(Histogram &h, int bin, u32 weight) {
    atomicAdd(&h.low[bin], weight & 0x3fffu);
    if (weight >> 14) atomicAdd(&h.high[bin], weight >> 14);
    atomicAdd(&h.count[bin], 1u);
}

// Over bins in order: the first whose running weight reaches `target`, and the weight before it. target 0: the total only.
__device__ __noinline__ void find_border(Histogram &h, u64 target) {
    __syncthreads();
    u64 a = h.low[2 * threadIdx.x] + ((u64)h.high[2 * threadIdx.x] << 14);
    u64 b = h.low[2 * threadIdx.x + 1] + ((u64)h.high[2 * threadIdx.x + 1] << 14), sum = a + b;
    int warp = threadIdx.x >> 5, lane = threadIdx.x & 31;
#pragma unroll
    for (int i = 1; i < 32; i <<= 1) {
        u64 y = __shfl_up_sync(FULL_MASK, sum, i);
        if (lane >= i) sum += y;
    }
    if (lane == 31) h.scan[warp] = sum;
    if (threadIdx.x == 0) h.border = LINEAR;
    __syncthreads();
    if (warp == 0) {
        u64 w = h.scan[lane], s = w;
#pragma unroll
        for (int i = 1; i < 32; i <<= 1) {
            u64 y = __shfl_up_sync(FULL_MASK, s, i);
            if (lane >= i) s += y;
        }
        h.scan[lane] = s - w;
        if (lane == 31) h.total = s;
    }
    __syncthreads();
    u64 before = h.scan[warp] + sum - a - b;
    if (target && before < target && before + a >= target) {
        h.border = 2 * threadIdx.x;
        h.border_before = before;
    } else if (target && before + a < target && before + a + b >= target) {
        h.border = 2 * threadIdx.x + 1;
        h.border_before = before + a;
    }
    __syncthreads();
}

__device__ __noinline__ void clear(Histogram &h) {
    __syncthreads();
    for (int i = threadIdx.x; i < LINEAR; i += BLOCK) h.low[i] = h.high[i] = h.count[i] = 0;
    __syncthreads();
}

// The rank_key of the last candidate that the head of the order needs to weigh at least the target; 0 if all together weigh less.
// value(i, v): false for an id that is no candidate, else v, greatest first, `peak` the greatest. weight(i). The target is `count`, or
// `share` of the whole weight if count is 0.
template <class Value, class Weight>
__device__ u64 select(Histogram &h, int vocab, float peak, u64 count, double share, Value value, Weight weight) {
    clear(h);
    for (int i = threadIdx.x; i < vocab; i += BLOCK) {
        float v;
        if (value(i, v)) add_weight(h, (int)fminf((peak - v) * 64.f, LINEAR - 1.f), weight(i));
    }
    u64 target = count;
    if (count == 0) {
        find_border(h, 0);
        target = (u64)ceil(share * (double)h.total);
        if (target == 0) target = 1;
    }
    find_border(h, target);
    if (h.border == LINEAR) return 0;
    int bin = (int)h.border;
    u64 prefix = 0, before = h.border_before;
    // Within that bin, eight bits of the key at a time, greatest first, until one candidate is left.
#pragma unroll 1
    for (int shift = 56; shift >= 0; shift -= 8) {
        clear(h);
        for (int i = threadIdx.x; i < vocab; i += BLOCK) {
            float v;
            if (!value(i, v) || (int)fminf((peak - v) * 64.f, LINEAR - 1.f) != bin) continue;
            u64 key = rank_key(v, i);
            if (shift < 56 && (key >> (shift + 8)) != prefix) continue;
            add_weight(h, 255 - (int)((key >> shift) & 255), weight(i));
        }
        find_border(h, target - before);
        before += h.border_before;
        prefix = (prefix << 8) | (255 - h.border);
        bool single = h.count[h.border] == 1;
        __syncthreads();
        if (!single) continue;
        for (int i = threadIdx.x; i < vocab; i += BLOCK) {
            float v;
            if (!value(i, v) || (int)fminf((peak - v) * 64.f, LINEAR - 1.f) != bin) continue;
            u64 key = rank_key(v, i);
            if ((key >> shift) == prefix) h.total = key;
        }
        __syncthreads();
        return h.total;
    }
    return prefix;
}

// Steps 1 to 4 into `out`; returns whether any token is left. `too_short`: stop ids are masked.
__device__ __noinline__ bool adjust(const float *raw, float *out, int vocab, const SlotParams &p, const u32 *mask, bool too_short) {
    for (int i = threadIdx.x; i < vocab; i += BLOCK) {
        float x = raw[i];
        if (p.counts) {
            u16 c = p.counts[i];
            if (c & 0x8000u && p.repetition != 1.f) x = x > 0.f ? x / p.repetition : x * p.repetition;
            int times = c & 0x7fff;
            if (times) x -= p.presence + p.frequency * times;
        }
        out[i] = x;
    }
    __syncthreads();
    const int *bias_ids = p.lists + p.stop_count;
    if (threadIdx.x == 0)  // one thread: an id may be named twice
        for (int i = 0; i < p.bias_count; i++) out[bias_ids[i]] += __int_as_float(bias_ids[p.bias_count + i]);
    __syncthreads();
    if (too_short)
        for (int i = threadIdx.x; i < p.stop_count; i += BLOCK) out[p.lists[i]] = NEG_INF;
    __syncthreads();
    bool any = false;
    if (mask)
        for (int i = threadIdx.x; i < vocab; i += BLOCK) {
            if (!(mask[i >> 5] >> (i & 31) & 1)) out[i] = NEG_INF;
            any |= out[i] > NEG_INF;
        }
    return __syncthreads_or(any) || !mask;
}

// logits float32 [L, stride]; adjusted float32 [L, stride], scratch; mask_index int32 [L]: index into mask_bits [., mask_words] or -1, or
// null. tokens int32 [L], logprobs float32 [L], top_ids int32 [L, top_stride], top_logprobs float32 [L, top_stride].
// Grid (padded logit rows), block 1024.
extern "C" __global__ void __launch_bounds__(BLOCK) sample_rows(
    const float *logits, float *adjusted, const int *plan, SlotParams *slots, int *last_token, const int *mask_index,
    const u32 *mask_bits, int *tokens, float *logprobs, int *top_ids, float *top_logprobs, int vocab, u64 stride, int mask_words,
    int top_stride) {
    after_previous();
    __shared__ Histogram h;
    __shared__ u64 scratch[33];
    __shared__ float sums[33];
    int l = blockIdx.x;
    if (l >= plan[PLAN_LOGITS]) return;
    int row = section(plan, AT_LOGIT_ROW)[l], slot = section(plan, AT_SLOTS)[row], position = section(plan, AT_KV_LEN)[row];
    SlotParams p = slots[slot];
    const float *raw = logits + l * stride;
    const u32 *mask = mask_index && mask_index[l] >= 0 ? mask_bits + (u64)mask_index[l] * mask_words : 0;
    bool too_short = p.stop_count > 0 && position - p.prompt_len < p.min_tokens;

    Row r = {raw, vocab, 1.f, 0.f, 0, 0.f, 0.f, 0.f, 0};
    if (p.counts || p.bias_count || too_short || mask) {
        float *out = adjusted + l * stride;
        // Where min_tokens and the grammar together leave nothing, the grammar wins.
        if (!adjust(raw, out, vocab, p, mask, too_short)) adjust(raw, out, vocab, p, mask, false);
        r.x = out;
    }
    u64 best = 0;
    if (p.temperature == 0.f) {
        for (int i = threadIdx.x; i < vocab; i += BLOCK) {
            u64 key = rank_key(r.x[i], i);
            best = best > key ? best : key;
        }
        best = block_max64(best, scratch);
    } else {
        r.temperature = p.temperature;
        for (int i = threadIdx.x; i < vocab; i += BLOCK) {
            u64 key = rank_key(r.y(i), i);
            best = best > key ? best : key;
        }
        best = block_max64(best, scratch);
        r.peak = r.y((int)~(u32)best);
        auto candidate = [&](int i, float &v) { v = r.y(i); return r.kept(v, i); };
        auto mass = [&](int i) { return mass_of(r.y(i), r.peak); };
        auto one = [](int) { return 1u; };
        if (r.peak > NEG_INF) {
            if (p.top_k > 0 && p.top_k < vocab) r.threshold = select(h, vocab, r.peak, (u64)p.top_k, 0., candidate, one);
            if (p.top_p < 1.f) {
                u64 found = select(h, vocab, r.peak, 0, (double)p.top_p, candidate, mass);
                r.threshold = found > r.threshold ? found : r.threshold;
            }
            r.min_ratio = p.min_p;
            if (p.typical_p < 1.f) {
                float sum = 0.f, weighted = 0.f;
                for (int i = threadIdx.x; i < vocab; i += BLOCK) {
                    float v = r.y(i);
                    if (!r.kept(v, i)) continue;
                    float e = expf(v - r.peak);
                    sum += e;
                    weighted += e * (v - r.peak);
                }
                sum = block_sum(sum, sums);
                weighted = block_sum(weighted, sums);
                r.log_sum = logf(sum);
                r.entropy = r.log_sum - weighted / sum;
                auto near = [&](int i, float &v) { float y = r.y(i); v = r.nearness(y); return r.kept(y, i); };
                r.typical = select(h, vocab, 0.f, 0, (double)p.typical_p, near, mass);
            }
            best = 0;
            for (int four = threadIdx.x; four * 4 < vocab; four += BLOCK) {
                bool left[4], any = false;
                float v[4];
#pragma unroll
                for (int j = 0; j < 4; j++) {
                    int i = four * 4 + j;
                    v[j] = i < vocab ? r.y(i) : NEG_INF;
                    left[j] = i < vocab && r.left(v[j], i);
                    any |= left[j];
                }
                if (!any) continue;
                uint4 words = philox(four, position, p.sample_index, p.seed_low, p.seed_high);
                const u32 word[4] = {words.x, words.y, words.z, words.w};
#pragma unroll
                for (int j = 0; j < 4; j++)
                    if (left[j]) {
                        u64 key = rank_key(v[j] + gumbel(word[j]), four * 4 + j);
                        best = best > key ? best : key;
                    }
            }
            best = block_max64(best, scratch);
        } else {
            best = (u32)~0;  // nothing is left of a diverged model's logits: id 0
        }
    }
    int token = (int)~(u32)best;
    if (threadIdx.x == 0) {
        tokens[l] = token;
        take_token(slots, last_token, slot, token);
    }
    if (p.logprobs < 0) {
        if (threadIdx.x == 0) logprobs[l] = __int_as_float(0x7fc00000);
        for (int k = threadIdx.x; k < top_stride; k += BLOCK) {
            top_ids[(u64)l * top_stride + k] = -1;
            top_logprobs[(u64)l * top_stride + k] = __int_as_float(0x7fc00000);
        }
        return;
    }
    // log_softmax of the model's own logits, and the most likely of them, one after the other.
    u64 limit = ~0ull;
    float norm = 0.f;
    for (int k = -1; k < top_stride; k++) {
        if (k >= p.logprobs || k >= vocab) {
            if (threadIdx.x == 0) {
                top_ids[(u64)l * top_stride + k] = -1;
                top_logprobs[(u64)l * top_stride + k] = __int_as_float(0x7fc00000);
            }
            continue;
        }
        u64 top = 0;
        for (int i = threadIdx.x; i < vocab; i += BLOCK) {
            u64 key = rank_key(raw[i], i);
            if (key < limit) top = top > key ? top : key;
        }
        top = block_max64(top, scratch);
        int id = (int)~(u32)top;
        if (k < 0) {
            float peak = raw[id], sum = 0.f;
            for (int i = threadIdx.x; i < vocab; i += BLOCK) sum += expf(raw[i] - peak);
            norm = peak + logf(block_sum(sum, sums));
            if (threadIdx.x == 0) logprobs[l] = raw[token] - norm;
            continue;
        }
        if (threadIdx.x == 0) {
            top_ids[(u64)l * top_stride + k] = id;
            top_logprobs[(u64)l * top_stride + k] = raw[id] - norm;
        }
        limit = top;
    }
}
