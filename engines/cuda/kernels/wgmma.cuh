// What kernels for Hopper share (sm_90a): barriers in shared memory, and the asynchronous tensor cores' products (wgmma).
//
// Sums of D registers a thread: 64 rows a warpgroup, in the order of m16n8k16: element 4 i + 2 u + c is row g + 8 u of a warp's 16,
// column 8 i + 2 t + c.
#pragma once
#include "common.cuh"

#if ARCH == 900 && (defined(__CUDA_ARCH_FEAT_SM90_ALL) || !defined(__CUDA_ARCH__))
#define HOPPER 1
#else
#define HOPPER 0  // a kernel's file has nothing in it then
#endif

#if HOPPER

// --- barriers in shared memory: a phase ends when `count` arrivals were made ------------------------------------------------------

__device__ __forceinline__ void barrier_init(u32 at, int count) {
    asm volatile("mbarrier.init.shared.b64 [%0], %1;" ::"r"(at), "r"(count) : "memory");
}
__device__ __forceinline__ void barrier_arrive(u32 at) {
    asm volatile("{ .reg .b64 state; mbarrier.arrive.shared.b64 state, [%0]; }" ::"r"(at) : "memory");
}
// When what this thread copied so far has come.
__device__ __forceinline__ void barrier_arrive_copied(u32 at) {
    asm volatile("cp.async.mbarrier.arrive.noinc.shared.b64 [%0];" ::"r"(at) : "memory");
}
// Until the phase of this parity has ended.
__device__ __forceinline__ void barrier_wait(u32 at, int parity) {
    asm volatile("{\n.reg .pred done;\nAGAIN:\nmbarrier.try_wait.parity.shared.b64 done, [%0], %1;\n@!done bra AGAIN;\n}" ::"r"(at), "r"(parity)
                 : "memory");
}
// What was written to shared memory becomes visible to products that are issued later.
__device__ __forceinline__ void products_see() { asm volatile("fence.proxy.async.shared::cta;" ::: "memory"); }

// --- wgmma -------------------------------------------------------------------------------------------------------------------------

// Products run on their own until `products_wait`: nothing that writes their operands, or touches d, may move across its borders. The
// compiler does not know that: registers that pass through an empty statement are as they are before it.
template <int N> __device__ __forceinline__ void hold(float *d) {
#pragma unroll
    for (int i = 0; i < N; i++) asm volatile("" : "+f"(d[i])::"memory");
}
template <int K> __device__ __forceinline__ void hold_operand(u32 (*a)[4]) {
#pragma unroll
    for (int k = 0; k < K; k++)
#pragma unroll
        for (int i = 0; i < 4; i++) asm volatile("" : "+r"(a[k][i])::"memory");
}
__device__ __forceinline__ void products_fence() { asm volatile("wgmma.fence.sync.aligned;" ::: "memory"); }
__device__ __forceinline__ void products_commit() { asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory"); }
template <int PENDING> __device__ __forceinline__ void products_wait() {
    asm volatile("wgmma.wait_group.sync.aligned %0;" ::"n"(PENDING) : "memory");
}

// A matrix in shared memory with 128-byte swizzle, as products know it. `leading`: bytes from one 64 of the contiguous dimension to the
// next where that is not the summed one; 1024 bytes from 8 rows to the next 8. Further on in it: bytes / 16 more.
__device__ __forceinline__ u64 descriptor(u32 address, u32 leading) {
    return (u64)(1u << 30 | 1024 >> 4) << 32 | (leading >> 4 << 16 | (address & 0x3ffff) >> 4);
}

#define R4(how, d, i) how(d[i]), how(d[i + 1]), how(d[i + 2]), how(d[i + 3])
#define R16(how, d, i) R4(how, d, i), R4(how, d, i + 4), R4(how, d, i + 8), R4(how, d, i + 12)
#define R64(how, d, i) R16(how, d, i), R16(how, d, i + 16), R16(how, d, i + 32), R16(how, d, i + 48)
#define D8 "{%0,%1,%2,%3,%4,%5,%6,%7}"
#define D16 "{%0,%1,%2,%3,%4,%5,%6,%7,%8,%9,%10,%11,%12,%13,%14,%15}"
#define D32 "{%0,%1,%2,%3,%4,%5,%6,%7,%8,%9,%10,%11,%12,%13,%14,%15,%16,%17,%18,%19,%20,%21,%22,%23,%24,%25,%26,%27,%28,%29,%30,%31}"
#define D64 \
    "{%0,%1,%2,%3,%4,%5,%6,%7,%8,%9,%10,%11,%12,%13,%14,%15,%16,%17,%18,%19,%20,%21,%22,%23,%24,%25,%26,%27,%28,%29,%30,%31," \
    "%32,%33,%34,%35,%36,%37,%38,%39,%40,%41,%42,%43,%44,%45,%46,%47,%48,%49,%50,%51,%52,%53,%54,%55,%56,%57,%58,%59,%60,%61,%62,%63}"
#define D128 \
    "{%0,%1,%2,%3,%4,%5,%6,%7,%8,%9,%10,%11,%12,%13,%14,%15,%16,%17,%18,%19,%20,%21,%22,%23,%24,%25,%26,%27,%28,%29,%30,%31," \
    "%32,%33,%34,%35,%36,%37,%38,%39,%40,%41,%42,%43,%44,%45,%46,%47,%48,%49,%50,%51,%52,%53,%54,%55,%56,%57,%58,%59,%60,%61,%62,%63," \
    "%64,%65,%66,%67,%68,%69,%70,%71,%72,%73,%74,%75,%76,%77,%78,%79,%80,%81,%82,%83,%84,%85,%86,%87,%88,%89,%90,%91,%92,%93,%94,%95," \
    "%96,%97,%98,%99,%100,%101,%102,%103,%104,%105,%106,%107,%108,%109,%110,%111,%112,%113,%114,%115,%116,%117,%118,%119,%120,%121,%122,%123,%124,%125,%126,%127}"

#endif
