// Embedding, norms, activations, sums: one pass over their data, 16 bytes per access. Every width is a multiple of 8.
#include "common.cuh"

// out[t] = table[ids[t]]. Grid (tokens). `width8`: columns / 8.
extern "C" __global__ void embedding(const int *ids, const uint4 *table, uint4 *out, int width8) {
    after_previous();
    const uint4 *row = table + (u64)ids[blockIdx.x] * width8;
    uint4 *to = out + (u64)blockIdx.x * width8;
    for (int i = threadIdx.x; i < width8; i += blockDim.x) to[i] = row[i];
}

// The rows whose logits are wanted; rows beyond the plan's repeat row 0. Grid (padded logit rows).
extern "C" __global__ void gather_logits(const int *plan, const uint4 *x, uint4 *out, int width8) {
    after_previous();
    int l = blockIdx.x, from = l < plan[PLAN_LOGITS] ? section(plan, AT_LOGIT_TOKEN)[l] : 0;
    const uint4 *row = x + (u64)from * width8;
    uint4 *to = out + (u64)l * width8;
    for (int i = threadIdx.x; i < width8; i += blockDim.x) to[i] = row[i];
}

// 16-byte vectors of a row that a thread keeps in registers: columns <= threads * NORM_VECTORS * 8.
#ifndef NORM_VECTORS
#define NORM_VECTORS 4
#endif
// A row is latency; several in a multiprocessor hide it, so registers are kept few.
#define ROW_BOUNDS __launch_bounds__(512, NORM_VECTORS < 8 ? 3 : 1)

// How a product of codes lies in memory: element * rows[row] * columns[column] is its value. columns null: the value itself.
struct Scales {
    const float *rows, *columns;
    __device__ __forceinline__ bool any() const { return columns != 0; }
    __device__ __forceinline__ void apply(float *x, u64 row, int column) const {
        float r = rows ? rows[row] : 1.f;
        const float4 *c = (const float4 *)(columns + column);
        float4 a = __ldg(c), b = __ldg(c + 1);
        x[0] *= r * a.x, x[1] *= r * a.y, x[2] *= r * a.z, x[3] *= r * a.w;
        x[4] *= r * b.x, x[5] *= r * b.y, x[6] *= r * b.z, x[7] *= r * b.w;
    }
};

// CODE_INT8: the codes below are INT8, -127 .. 127, else E4M3, as their names say.
#ifndef CODE_INT8
#define CODE_INT8 0
#endif
#if CODE_INT8
#define CODE_MAX 127.f
#define PACK_CODES pack8_int8
#else
#define CODE_MAX 448.f
#define PACK_CODES pack8_e4m3
#endif

// Where a row goes as codes: its greatest size is CODE_MAX and its scale goes to scales[row], or the scale is `fixed` if that is
// not 0 (greater values saturate). codes null: it does not.
struct Codes {
    uint2 *codes;
    float *scales, fixed;
};

// A row of elements in registers as codes: vector threadIdx.x + j * blockDim.x is v[j].
__device__ __forceinline__ void write_codes(const Codes &to, const uint4 *v, int width8, float *scratch) {
    float scale = to.fixed, x[8];
    if (scale == 0.f) {
        float top = 0.f;
#pragma unroll
        for (int j = 0; j < NORM_VECTORS; j++) {
            if (threadIdx.x + j * blockDim.x >= width8) break;
            unpack8(v[j], x);
#pragma unroll
            for (int k = 0; k < 8; k++) top = fmaxf(top, fabsf(x[k]));
        }
        top = block_max(top, scratch);
        scale = fmaxf(top / CODE_MAX, 1e-12f);
        if (threadIdx.x == 0) to.scales[blockIdx.x] = scale;
    }
    float inverse = 1.f / scale;
#pragma unroll
    for (int j = 0; j < NORM_VECTORS; j++) {
        int i = threadIdx.x + j * blockDim.x;
        if (i >= width8) break;
        unpack8(v[j], x);
#pragma unroll
        for (int k = 0; k < 8; k++) x[k] *= inverse;
        to.codes[(u64)blockIdx.x * width8 + i] = PACK_CODES(x);
    }
}

// MODE 0: out = rms_norm(x) * weight. MODE 1: sum = x + residual (rounded), out = rms_norm(sum) * weight. MODE 2: layer_norm(x).
template <int MODE>
__device__ void norm(const uint4 *x, Scales scales, const uint4 *residual, const uint4 *weight, const uint4 *bias, uint4 *sum,
                     uint4 *out, Codes codes, int width8, float eps) {
    __shared__ float scratch[33];
    u64 base = (u64)blockIdx.x * width8;
    uint4 row[NORM_VECTORS];
    float v[8], total = 0.f;
#pragma unroll
    for (int j = 0; j < NORM_VECTORS; j++) {
        int i = threadIdx.x + j * blockDim.x;
        if (i >= width8) break;
        row[j] = x[base + i];
        if (MODE == 1) {
            float r[8];
            unpack8(row[j], v);
            unpack8(residual[base + i], r);
            if (scales.any()) scales.apply(v, blockIdx.x, i * 8);
#pragma unroll
            for (int k = 0; k < 8; k++) v[k] += r[k];
            row[j] = pack8(v);
            sum[base + i] = row[j];
        }
        unpack8(row[j], v);
#pragma unroll
        for (int k = 0; k < 8; k++) total += MODE == 2 ? v[k] : v[k] * v[k];
    }
    total = block_sum(total, scratch);
    float mean = 0.f;
    if (MODE == 2) {
        mean = total / (8 * width8);
        total = 0.f;
#pragma unroll
        for (int j = 0; j < NORM_VECTORS; j++) {
            if (threadIdx.x + j * blockDim.x >= width8) break;
            unpack8(row[j], v);
#pragma unroll
            for (int k = 0; k < 8; k++) total += (v[k] - mean) * (v[k] - mean);
        }
        total = block_sum(total, scratch);
    }
    float inverse = rsqrtf(total / (8 * width8) + eps);
#pragma unroll
    for (int j = 0; j < NORM_VECTORS; j++) {
        int i = threadIdx.x + j * blockDim.x;
        if (i >= width8) break;
        float w[8], b[8];
        unpack8(row[j], v);
        unpack8(weight[i], w);
        if (MODE == 2 && bias) unpack8(bias[i], b);
#pragma unroll
        for (int k = 0; k < 8; k++) {
            v[k] = (v[k] - mean) * inverse * w[k];
            if (MODE == 2 && bias) v[k] += b[k];
        }
        row[j] = pack8(v);
        if (!codes.codes) out[base + i] = row[j];
    }
    if (codes.codes) write_codes(codes, row, width8, scratch);
}

// Grid (rows), block a multiple of 32 with block * NORM_VECTORS >= width8. `out` may be `x`; `sum` may be `residual`.
extern "C" __global__ void ROW_BOUNDS rms_norm(const uint4 *x, const uint4 *weight, uint4 *out, int width8, float eps) {
    after_previous();
    norm<0>(x, {}, 0, weight, 0, 0, out, {}, width8, eps);
}

extern "C" __global__ void ROW_BOUNDS add_rms_norm(const uint4 *x, const uint4 *residual, const uint4 *weight,
                                                                uint4 *sum, uint4 *out, int width8, float eps) {
    after_previous();
    norm<1>(x, {}, residual, weight, 0, sum, out, {}, width8, eps);
}

extern "C" __global__ void ROW_BOUNDS layer_norm(const uint4 *x, const uint4 *weight, const uint4 *bias, uint4 *out,
                                                              int width8, float eps) {
    after_previous();
    norm<2>(x, {}, 0, weight, bias, 0, out, {}, width8, eps);
}

// The same into codes, or from a product of codes (x_columns not null), or both. `out` where `codes` is null.
extern "C" __global__ void ROW_BOUNDS rms_norm_fp8(const uint4 *x, const uint4 *weight, uint2 *codes, float *code_scales,
                                                                float fixed, int width8, float eps) {
    after_previous();
    norm<0>(x, {}, 0, weight, 0, 0, 0, {codes, code_scales, fixed}, width8, eps);
}

extern "C" __global__ void ROW_BOUNDS add_rms_norm_fp8(
    const uint4 *x, const float *x_rows, const float *x_columns, const uint4 *residual, const uint4 *weight, uint4 *sum, uint4 *out,
    uint2 *codes, float *code_scales, float fixed, int width8, float eps) {
    after_previous();
    norm<1>(x, {x_rows, x_columns}, residual, weight, 0, sum, out, {codes, code_scales, fixed}, width8, eps);
}

extern "C" __global__ void ROW_BOUNDS layer_norm_fp8(const uint4 *x, const uint4 *weight, const uint4 *bias, uint2 *codes,
                                                                  float *code_scales, float fixed, int width8, float eps) {
    after_previous();
    norm<2>(x, {}, 0, weight, bias, 0, 0, {codes, code_scales, fixed}, width8, eps);
}

// A summand of a residual sum: a value, or a product of codes with its scales, plus a bias (or none).
struct Summand {
    const uint4 *x;
    Scales scales;
    const uint4 *bias;
    __device__ __forceinline__ void add(float *v, u64 row, int i, int width8) const {
        float a[8];
        unpack8(x[row * width8 + i], a);
        if (scales.any()) scales.apply(a, row, i * 8);
        if (bias) {
            float b[8];
            unpack8(bias[i], b);
#pragma unroll
            for (int k = 0; k < 8; k++) a[k] += b[k];
        }
#pragma unroll
        for (int k = 0; k < 8; k++) v[k] += a[k];
    }
};

// sum = residual + a + b (b.x null: without it), rounded; then layer_norm(sum) as elements (`out`), or as codes where that is not null.
extern "C" __global__ void ROW_BOUNDS add_layer_norm(
    const uint4 *residual, const uint4 *a, const float *a_rows, const float *a_columns, const uint4 *a_bias, const uint4 *b,
    const float *b_rows, const float *b_columns, const uint4 *b_bias, const uint4 *weight, const uint4 *bias, uint4 *sum, uint4 *out,
    uint2 *codes, float *code_scales, float fixed, int width8, float eps) {
    after_previous();
    __shared__ float scratch[33];
    Summand first = {a, {a_rows, a_columns}, a_bias}, second = {b, {b_rows, b_columns}, b_bias};
    u64 base = (u64)blockIdx.x * width8;
    uint4 row[NORM_VECTORS];
    float v[8], total = 0.f;
#pragma unroll
    for (int j = 0; j < NORM_VECTORS; j++) {
        int i = threadIdx.x + j * blockDim.x;
        if (i >= width8) break;
        unpack8(residual[base + i], v);
        first.add(v, blockIdx.x, i, width8);
        if (b) second.add(v, blockIdx.x, i, width8);
        row[j] = pack8(v);
        sum[base + i] = row[j];
        unpack8(row[j], v);
#pragma unroll
        for (int k = 0; k < 8; k++) total += v[k];
    }
    float mean = block_sum(total, scratch) / (8 * width8);
    total = 0.f;
#pragma unroll
    for (int j = 0; j < NORM_VECTORS; j++) {
        if (threadIdx.x + j * blockDim.x >= width8) break;
        unpack8(row[j], v);
#pragma unroll
        for (int k = 0; k < 8; k++) total += (v[k] - mean) * (v[k] - mean);
    }
    float inverse = rsqrtf(block_sum(total, scratch) / (8 * width8) + eps);
#pragma unroll
    for (int j = 0; j < NORM_VECTORS; j++) {
        int i = threadIdx.x + j * blockDim.x;
        if (i >= width8) break;
        float w[8], c[8];
        unpack8(row[j], v);
        unpack8(weight[i], w);
#pragma unroll
        for (int k = 0; k < 8; k++) v[k] = (v[k] - mean) * inverse * w[k];
        if (bias) {
            unpack8(bias[i], c);
#pragma unroll
            for (int k = 0; k < 8; k++) v[k] += c[k];
        }
        row[j] = pack8(v);
        if (!codes) out[base + i] = row[j];
    }
    if (codes) write_codes({codes, code_scales, fixed}, row, width8, scratch);
}

// Elements to codes. Grid and block as above.
extern "C" __global__ void ROW_BOUNDS quantize_fp8(const uint4 *x, uint2 *codes, float *code_scales, float fixed, int width8) {
    after_previous();
    __shared__ float scratch[33];
    uint4 row[NORM_VECTORS];
#pragma unroll
    for (int j = 0; j < NORM_VECTORS; j++) {
        int i = threadIdx.x + j * blockDim.x;
        if (i >= width8) break;
        row[j] = x[(u64)blockIdx.x * width8 + i];
    }
    write_codes({codes, code_scales, fixed}, row, width8, scratch);
}

// A product of codes to values, in place: x * rows[row] * columns[column] + bias (or none). Grid (ceil(count8 / block)).
extern "C" __global__ void rescale(uint4 *x, const float *rows, const float *columns, const uint4 *bias, int count8, int width8) {
    after_previous();
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= count8) return;
    int row = i / width8, column = i - row * width8;
    float v[8];
    unpack8(x[i], v);
    Scales{rows, columns}.apply(v, row, column * 8);
    if (bias) {
        float b[8];
        unpack8(bias[column], b);
#pragma unroll
        for (int k = 0; k < 8; k++) v[k] += b[k];
    }
    x[i] = pack8(v);
}

// Sums of INT8 codes to elements, rounded: their scales are the reader's. Grid (ceil(count4 / block)).
extern "C" __global__ void narrow(const int4 *x, uint2 *y, int count4) {
    after_previous();
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= count4) return;
    int4 v = x[i];
    y[i] = make_uint2(pack2((float)v.x, (float)v.y), pack2((float)v.z, (float)v.w));
}

// --- elementwise -----------------------------------------------------------------------------------------------------------

enum { ACT_SILU, ACT_GELU, ACT_GELU_TANH, ACT_RELU };

__device__ __forceinline__ float activate(float x, int kind) {
    if (kind == ACT_SILU) return __fdividef(x, 1.f + __expf(-x));
    if (kind == ACT_GELU) return 0.5f * x * (1.f + erff(x * 0.70710678118654752f));
    // (1 + tanh(u)) / 2 = 1 / (1 + exp(-2 u))
    if (kind == ACT_GELU_TANH) return __fdividef(x, 1.f + __expf(-1.5957691216057307f * (x + 0.044715f * x * x * x)));
    return fmaxf(x, 0.f);
}

// gate_up [T, 2 n] -> activate(gate) * up [T, n]. Grid (ceil(T n / 8 / block)). `count8` = T n / 8, `width8` = n / 8.
extern "C" __global__ void gated_activation(const uint4 *gate_up, uint4 *out, int count8, int width8, int kind) {
    after_previous();
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= count8) return;
    int row = i / width8, column = i - row * width8;
    const uint4 *gate = gate_up + (u64)row * 2 * width8 + column;
    float g[8], u[8];
    unpack8(gate[0], g);
    unpack8(gate[width8], u);
#pragma unroll
    for (int k = 0; k < 8; k++) g[k] = activate(g[k], kind) * u[k];
    out[i] = pack8(g);
}

// The same for a product of codes (columns not null), into codes (not null) or elements. Grid (rows), block as a norm's over n.
extern "C" __global__ void __launch_bounds__(512, NORM_VECTORS < 8 ? 2 : 1) gated_activation_fp8(
    const uint4 *gate_up, const float *rows, const float *columns, uint4 *out, uint2 *codes, float *code_scales, float fixed, int width8,
    int kind) {
    after_previous();
    __shared__ float scratch[33];
    Scales scales = {rows, columns};
    const uint4 *from = gate_up + (u64)blockIdx.x * 2 * width8;
    uint4 row[NORM_VECTORS];
#pragma unroll
    for (int j = 0; j < NORM_VECTORS; j++) {
        int i = threadIdx.x + j * blockDim.x;
        if (i >= width8) break;
        float v[8], u[8];
        unpack8(from[i], v);
        unpack8(from[width8 + i], u);
        if (scales.any()) {
            scales.apply(v, blockIdx.x, i * 8);
            scales.apply(u, blockIdx.x, (width8 + i) * 8);
        }
#pragma unroll
        for (int k = 0; k < 8; k++) v[k] = activate(v[k], kind) * u[k];
        row[j] = pack8(v);
        if (!codes) out[(u64)blockIdx.x * width8 + i] = row[j];
    }
    if (codes) write_codes({codes, code_scales, fixed}, row, width8, scratch);
}

// An activation of a product of codes (columns not null) plus a bias (or none), into codes (not null) or elements. Grid and block as above.
extern "C" __global__ void __launch_bounds__(512, NORM_VECTORS < 8 ? 2 : 1) activation_fp8(
    const uint4 *x, const float *rows, const float *columns, const uint4 *bias, uint4 *out, uint2 *codes, float *code_scales, float fixed,
    int width8, int kind) {
    after_previous();
    __shared__ float scratch[33];
    Summand from = {x, {rows, columns}, bias};
    uint4 row[NORM_VECTORS];
#pragma unroll
    for (int j = 0; j < NORM_VECTORS; j++) {
        int i = threadIdx.x + j * blockDim.x;
        if (i >= width8) break;
        float v[8] = {0.f, 0.f, 0.f, 0.f, 0.f, 0.f, 0.f, 0.f};
        from.add(v, blockIdx.x, i, width8);
#pragma unroll
        for (int k = 0; k < 8; k++) v[k] = activate(v[k], kind);
        row[j] = pack8(v);
        if (!codes) out[(u64)blockIdx.x * width8 + i] = row[j];
    }
    if (codes) write_codes({codes, code_scales, fixed}, row, width8, scratch);
}

enum { UNARY_ACTIVATION, UNARY_SCALE, UNARY_SOFT_CAP };

// y = f(x), f chosen by `what`: activation `kind`, x * factor, or factor * tanh(x / factor).
extern "C" __global__ void unary(const uint4 *x, uint4 *y, int count8, int what, int kind, float factor) {
    after_previous();
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= count8) return;
    float v[8];
    unpack8(x[i], v);
#pragma unroll
    for (int k = 0; k < 8; k++)
        v[k] = what == UNARY_ACTIVATION ? activate(v[k], kind) : what == UNARY_SCALE ? v[k] * factor : factor * tanhf(v[k] / factor);
    y[i] = pack8(v);
}

// y = a + b, or a * b.
extern "C" __global__ void binary(const uint4 *a, const uint4 *b, uint4 *y, int count8, int multiply) {
    after_previous();
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= count8) return;
    float u[8], v[8];
    unpack8(a[i], u);
    unpack8(b[i], v);
#pragma unroll
    for (int k = 0; k < 8; k++) u[k] = multiply ? u[k] * v[k] : u[k] + v[k];
    y[i] = pack8(u);
}

// The same on the float32 logits: x * factor, or factor * tanh(x / factor), in place.
extern "C" __global__ void unary_float(float *x, u64 count, int what, float factor) {
    after_previous();
    for (u64 i = (u64)blockIdx.x * blockDim.x + threadIdx.x; i < count; i += (u64)gridDim.x * blockDim.x)
        x[i] = what == UNARY_SCALE ? x[i] * factor : factor * tanhf(x[i] / factor);
}

// logits [rows, stride] += bias [n]. Grid (ceil(n / 256), rows), block 256.
extern "C" __global__ void bias_float(float *x, const u16 *bias, int n, int stride) {
    after_previous();
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) x[(u64)blockIdx.y * stride + i] += to_float(bias[i]);
}

// q [T, 8 q8], k and v [T, 8 kv8] side by side: out [T, 8 (q8 + 2 kv8)]. Grid (tokens).
extern "C" __global__ void pack_qkv(const uint4 *q, const uint4 *k, const uint4 *v, uint4 *out, int q8, int kv8) {
    after_previous();
    u64 row = blockIdx.x;
    int all = q8 + 2 * kv8;
    for (int i = threadIdx.x; i < all; i += blockDim.x)
        out[row * all + i] = i < q8 ? q[row * q8 + i] : i < q8 + kv8 ? k[row * kv8 + i - q8] : v[row * kv8 + i - q8 - kv8];
}
