// Embedding, norms, activations, sums: one pass over their data, 16 bytes per access. Every width is a multiple of 8.
#include "common.cuh"

// out[t] = table[ids[t]]. Grid (tokens). `width8`: columns / 8.
extern "C" __global__ void embedding(const int *ids, const uint4 *table, uint4 *out, int width8) {
    const uint4 *row = table + (u64)ids[blockIdx.x] * width8;
    uint4 *to = out + (u64)blockIdx.x * width8;
    for (int i = threadIdx.x; i < width8; i += blockDim.x) to[i] = row[i];
}

// The rows whose logits are wanted; rows beyond the plan's repeat row 0. Grid (padded logit rows).
extern "C" __global__ void gather_logits(const int *plan, const uint4 *x, uint4 *out, int width8) {
    int l = blockIdx.x, from = l < plan[PLAN_LOGITS] ? section(plan, AT_LOGIT_TOKEN)[l] : 0;
    const uint4 *row = x + (u64)from * width8;
    uint4 *to = out + (u64)l * width8;
    for (int i = threadIdx.x; i < width8; i += blockDim.x) to[i] = row[i];
}

#define NORM_VECTORS 4  // 16-byte vectors a thread keeps in registers: columns <= 1024 * 4 * 8

// MODE 0: out = rms_norm(x) * weight. MODE 1: sum = x + residual (rounded), out = rms_norm(sum) * weight. MODE 2: layer_norm(x).
template <int MODE>
__device__ void norm(const uint4 *x, const uint4 *residual, const uint4 *weight, const uint4 *bias, uint4 *sum, uint4 *out,
                     int width8, float eps) {
    __shared__ float scratch[33];
    u64 base = (u64)blockIdx.x * width8;
    float v[NORM_VECTORS][8], total = 0.f;
#pragma unroll
    for (int j = 0; j < NORM_VECTORS; j++) {
        int i = threadIdx.x + j * blockDim.x;
        if (i >= width8) break;
        unpack8(x[base + i], v[j]);
        if (MODE == 1) {
            float r[8];
            unpack8(residual[base + i], r);
#pragma unroll
            for (int k = 0; k < 8; k++) v[j][k] += r[k];
            uint4 rounded = pack8(v[j]);
            sum[base + i] = rounded;
            unpack8(rounded, v[j]);
        }
#pragma unroll
        for (int k = 0; k < 8; k++) total += MODE == 2 ? v[j][k] : v[j][k] * v[j][k];
    }
    total = block_sum(total, scratch);
    float mean = 0.f;
    if (MODE == 2) {
        mean = total / (8 * width8);
        total = 0.f;
#pragma unroll
        for (int j = 0; j < NORM_VECTORS; j++) {
            if (threadIdx.x + j * blockDim.x >= width8) break;
#pragma unroll
            for (int k = 0; k < 8; k++) total += (v[j][k] - mean) * (v[j][k] - mean);
        }
        total = block_sum(total, scratch);
    }
    float inverse = rsqrtf(total / (8 * width8) + eps);
#pragma unroll
    for (int j = 0; j < NORM_VECTORS; j++) {
        int i = threadIdx.x + j * blockDim.x;
        if (i >= width8) break;
        float w[8], b[8];
        unpack8(weight[i], w);
        if (MODE == 2 && bias) unpack8(bias[i], b);
#pragma unroll
        for (int k = 0; k < 8; k++) {
            v[j][k] = (v[j][k] - mean) * inverse * w[k];
            if (MODE == 2 && bias) v[j][k] += b[k];
        }
        out[base + i] = pack8(v[j]);
    }
}

// Grid (rows), block a multiple of 32 with block * NORM_VECTORS >= width8. `out` may be `x`; `sum` may be `residual`.
extern "C" __global__ void __launch_bounds__(1024) rms_norm(const uint4 *x, const uint4 *weight, uint4 *out, int width8, float eps) {
    norm<0>(x, 0, weight, 0, 0, out, width8, eps);
}

extern "C" __global__ void __launch_bounds__(1024) add_rms_norm(const uint4 *x, const uint4 *residual, const uint4 *weight,
                                                                uint4 *sum, uint4 *out, int width8, float eps) {
    norm<1>(x, residual, weight, 0, sum, out, width8, eps);
}

extern "C" __global__ void __launch_bounds__(1024) layer_norm(const uint4 *x, const uint4 *weight, const uint4 *bias, uint4 *out,
                                                              int width8, float eps) {
    norm<2>(x, 0, weight, bias, 0, out, width8, eps);
}

// --- elementwise -----------------------------------------------------------------------------------------------------------

enum { ACT_SILU, ACT_GELU, ACT_GELU_TANH, ACT_RELU };

__device__ __forceinline__ float activate(float x, int kind) {
    if (kind == ACT_SILU) return x / (1.f + expf(-x));
    if (kind == ACT_GELU) return 0.5f * x * (1.f + erff(x * 0.70710678118654752f));
    if (kind == ACT_GELU_TANH) return 0.5f * x * (1.f + tanhf(0.79788456080286536f * (x + 0.044715f * x * x * x)));
    return fmaxf(x, 0.f);
}

// gate_up [T, 2 n] -> activate(gate) * up [T, n]. Grid (ceil(T n / 8 / block)). `count8` = T n / 8, `width8` = n / 8.
extern "C" __global__ void gated_activation(const uint4 *gate_up, uint4 *out, int count8, int width8, int kind) {
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

enum { UNARY_ACTIVATION, UNARY_SCALE, UNARY_SOFT_CAP };

// y = f(x), f chosen by `what`: activation `kind`, x * factor, or factor * tanh(x / factor).
extern "C" __global__ void unary(const uint4 *x, uint4 *y, int count8, int what, int kind, float factor) {
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
    for (u64 i = (u64)blockIdx.x * blockDim.x + threadIdx.x; i < count; i += (u64)gridDim.x * blockDim.x)
        x[i] = what == UNARY_SCALE ? x[i] * factor : factor * tanhf(x[i] / factor);
}

// logits [rows, stride] += bias [n]. Grid (ceil(n / 256), rows), block 256.
extern "C" __global__ void bias_float(float *x, const u16 *bias, int n, int stride) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) x[(u64)blockIdx.y * stride + i] += to_float(bias[i]);
}

// q [T, 8 q8], k and v [T, 8 kv8] side by side: out [T, 8 (q8 + 2 kv8)]. Grid (tokens).
extern "C" __global__ void pack_qkv(const uint4 *q, const uint4 *k, const uint4 *v, uint4 *out, int q8, int kv8) {
    u64 row = blockIdx.x;
    int all = q8 + 2 * kv8;
    for (int i = threadIdx.x; i < all; i += blockDim.x)
        out[row * all + i] = i < q8 ? q[row * q8 + i] : i < q8 + kv8 ? k[row * kv8 + i - q8] : v[row * kv8 + i - q8 - kv8];
}
