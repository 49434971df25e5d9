// What a kernel of engines/cuda/kernels sees of CUDA, on the host: a block's threads are fibers of one host thread, run in turn.
//
// Included in front of a translated kernel (see emulate.py). Fragments, roundings and the order of operands are those of the PTX ISA
// 8.x (sections "Warp-level matrix instructions", "ldmatrix", "movmatrix", "cp.async", "cvt"). What is made harsh on purpose: shared
// memory begins each block as NaN; a cp.async lands only when it is waited for; threads and blocks run in the order asked for; every
// buffer ends at a page that cannot be touched; a barrier that not every thread reaches is an error.
#pragma once
#include <cmath>
#include <csetjmp>
#include <csignal>
#include <cstdarg>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <sys/mman.h>
#include <ucontext.h>
#include <vector>

#define __global__
#define __device__
#define __forceinline__ inline
#define __noinline__
#define __launch_bounds__(...)
#define __constant__ static const
#define __align__(n) __attribute__((aligned(n)))
#define __shared__ static __attribute__((section("emu_shared"), used))

namespace {

struct alignas(4) ushort2 { unsigned short x, y; };
struct alignas(8) uint2 { unsigned x, y; };
struct alignas(16) uint4 { unsigned x, y, z, w; };
struct alignas(8) int2 { int x, y; };
struct alignas(16) int4 { int x, y, z, w; };
struct alignas(8) float2 { float x, y; };
struct alignas(16) float4 { float x, y, z, w; };
struct dim3 { unsigned x, y, z; };
uint2 make_uint2(unsigned x, unsigned y) { return {x, y}; }
uint4 make_uint4(unsigned x, unsigned y, unsigned z, unsigned w) { return {x, y, z, w}; }
int2 make_int2(int x, int y) { return {x, y}; }
int4 make_int4(int x, int y, int z, int w) { return {x, y, z, w}; }
float2 make_float2(float x, float y) { return {x, y}; }
float4 make_float4(float x, float y, float z, float w) { return {x, y, z, w}; }

dim3 threadIdx, blockIdx, blockDim, gridDim;

namespace emu {

typedef uint32_t u32;
enum State { READY, AT_WARP, AT_BLOCK, AT_WAIT, AT_NAMED, AT_PHASE, DONE };
constexpr int MOST = 1024, SLOTS = 12;
constexpr size_t STACK = 256 << 10;

struct Copy { char *to; const char *from; int size, bytes; };
// A thread's part of a product of a warpgroup (wgmma) that is not waited for: `a` holds its two rows of 16, or lies where `at` says.
struct Product {
    std::vector<float *> d;
    float a[2][16];
    u32 row;
    uint64_t at, b;
    bool in_registers, add, a_turned, b_turned;
    float (*of)(u32);
};
struct Fiber {
    ucontext_t start;
    jmp_buf at;
    bool begun, waited;                    // for the kernels in front
    State state;
    std::vector<Copy> open;                // cp.async not committed
    std::vector<std::vector<Copy>> groups; // committed, not waited for
    std::vector<Product> products;         // not committed
    std::vector<std::vector<Product>> product_groups;
    int registers, named;                  // asked for by setmaxnreg; the barrier it is at
};
struct Warp { u32 arrived, alive; int kind, generation; u32 slot[2][32][SLOTS]; };

Fiber fibers[MOST];
Warp warps[MOST / 32];
int threads, current, at_block, living;
jmp_buf main_at;
sigjmp_buf failed_at;
char message[400];
void (*body)(const uint64_t *);
const uint64_t *arguments;
char *stacks;
__attribute__((section("emu_shared"), used, aligned(1024))) char dynamic[232448];
size_t dynamic_size;

[[noreturn]] void fail(const char *format, ...) {
    va_list list;
    va_start(list, format);
    int n = vsnprintf(message, sizeof message, format, list);
    va_end(list);
    snprintf(message + n, sizeof message - n, " (block %u,%u,%u thread %d)", blockIdx.x, blockIdx.y, blockIdx.z, current);
    siglongjmp(failed_at, 1);
}

int votes[2], block_generation, at_named[16];
void release_block() {
    for (int i = 0; i < threads; i++) if (fibers[i].state == AT_BLOCK) fibers[i].state = READY;
    at_block = 0;
    votes[++block_generation & 1] = 0;
}

void yield();

// Where kernels overlap: what the ones in front may still write or read. It cannot be touched until every thread of the block has
// waited for them, which each must before it ends.
const uint64_t *guarded;  // (address, size) of whole pages
int guards, at_wait;
void guard(bool closed) {
    for (int i = 0; i < guards; i++) mprotect((void *)guarded[2 * i], guarded[2 * i + 1], closed ? PROT_NONE : PROT_READ | PROT_WRITE);
}
void wait_for_previous() {
    Fiber &f = fibers[current];
    if (f.waited || !guards) return;
    f.waited = true;
    if (++at_wait < threads) {
        f.state = AT_WAIT;
        yield();
        return;
    }
    guard(false);
    for (int i = 0; i < threads; i++) if (fibers[i].state == AT_WAIT) fibers[i].state = READY;
}

void yield() {
    if (!_setjmp(fibers[current].at)) _longjmp(main_at, 1);
}

void trampoline() {
    for (;;) {
        body(arguments);
        if (!fibers[current].products.empty() || !fibers[current].product_groups.empty()) fail("a thread ends before its products");
        if (guards && !fibers[current].waited) fail("a thread ends that has not waited for the kernels in front");
        fibers[current].state = DONE;
        int w = current >> 5;
        warps[w].alive &= ~(1u << (current & 31));
        living--;
        if (warps[w].arrived) fail("a lane has ended where others wait for it");
        if (living && at_block == living) release_block();
        yield();
    }
}

void resume(int i) {
    current = i;
    threadIdx.x = i;
    Fiber &f = fibers[i];
    if (_setjmp(main_at)) return;
    if (f.begun) _longjmp(f.at, 1);
    f.begun = true;
    getcontext(&f.start);
    f.start.uc_stack.ss_sp = stacks + i * STACK;
    f.start.uc_stack.ss_size = STACK;
    f.start.uc_link = nullptr;
    makecontext(&f.start, trampoline, 0);
    setcontext(&f.start);
}

// All lanes of a warp meet here, each with `n` words. Returns every lane's words.
u32 (*meet(int kind, u32 mask, const u32 *words, int n))[SLOTS] {
    int me = current;
    Warp &w = warps[me >> 5];
    u32 all = w.alive | (threads - (me & ~31) < 32 ? 0u : ~0u);
    if ((mask & all) != all) fail("a warp operation of only some lanes (mask %08x) is not emulated", mask);
    if (w.alive != all) fail("a warp operation after a lane of the warp has ended");
    int lane = me & 31, side = w.generation & 1;
    if (w.arrived && w.kind != kind) fail("lanes of one warp meet at different operations (%d and %d)", w.kind, kind);
    w.kind = kind;
    memcpy(w.slot[side][lane], words, n * 4);
    w.arrived |= 1u << lane;
    if (w.arrived == w.alive) {
        w.arrived = 0;
        w.generation++;
        for (int i = 0, first = me & ~31; i < 32 && first + i < threads; i++)
            if (fibers[first + i].state == AT_WARP) fibers[first + i].state = READY;
    } else {
        fibers[me].state = AT_WARP;
        yield();
    }
    return w.slot[side];
}

void run_block(int order) {
    extern char __start_emu_shared[] asm("__start_emu_shared"), __stop_emu_shared[] asm("__stop_emu_shared");
    memset(__start_emu_shared, 0xff, __stop_emu_shared - __start_emu_shared);
    memset(warps, 0, sizeof warps);
    at_wait = 0, guard(true);
    memset(at_named, 0, sizeof at_named);
    at_block = 0, living = threads, votes[0] = votes[1] = block_generation = 0;
    for (int i = 0; i < threads; i++) {
        fibers[i].state = READY;
        fibers[i].waited = false;
        fibers[i].open.clear();
        fibers[i].groups.clear();
        fibers[i].products.clear();
        fibers[i].product_groups.clear();
        fibers[i].registers = 0;
        warps[i >> 5].alive |= 1u << (i & 31);
    }
    while (living) {
        bool moved = false;
        for (int i = 0; i < threads; i++) {
            // ascending, descending, or warps and lanes interleaved
            int t = order == 0 ? i : order == 1 ? threads - 1 - i : (int)((i * 37u) % threads);
            if (order > 1 && threads % 37 == 0) t = i;
            if (fibers[t].state == READY) resume(t), moved = true;
        }
        if (!moved) fail("not every thread of the block reaches a barrier");
    }
    // What setmaxnreg may ask for in all is what the block was launched with: a warp would wait for more without end.
    int each = 65536 / threads / 8 * 8 < 255 ? 65536 / threads / 8 * 8 : 255, asked = 0;
    for (int i = 0; i < threads; i++) asked += fibers[i].registers ? fibers[i].registers : each;
    if (asked > each * threads) fail("setmaxnreg asks for %d registers of %d", asked, each * threads);
    for (size_t i = dynamic_size; i < sizeof dynamic; i++)
        if (dynamic[i] != (char)0xff) fail("dynamic shared memory is written at byte %zu of %zu", i, dynamic_size);
}

void on_signal(int number, siginfo_t *info, void *) {
    snprintf(message, sizeof message, "%s at %p (block %u,%u,%u thread %d)",
             number == SIGILL ? "an index or address is out of bounds or misaligned" : "memory outside of a buffer is touched",
             number == SIGILL ? nullptr : info->si_addr, blockIdx.x, blockIdx.y, blockIdx.z, current);
    siglongjmp(failed_at, 1);
}

// Returns null, or what went wrong.
const char *launch(void (*kernel)(const uint64_t *), const uint64_t *cells, const u32 *grid, int block, size_t shared, int order) {
    static char signal_stack[64 << 10];
    if (!stacks) stacks = (char *)mmap(nullptr, MOST * STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (block < 1 || block > MOST || shared > sizeof dynamic) return "a block of too many threads or too much shared memory";
    if (order > 1 && block % 37 == 0) order = 0;
    threads = block, body = kernel, arguments = cells, dynamic_size = shared;
    gridDim = {grid[0], grid[1], grid[2]}, blockDim = {(unsigned)block, 1, 1};
    stack_t old_stack, stack = {};
    stack.ss_sp = signal_stack, stack.ss_size = sizeof signal_stack;
    sigaltstack(&stack, &old_stack);
    struct sigaction action = {}, old[3];
    action.sa_sigaction = on_signal, action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER;
    const int signals[3] = {SIGSEGV, SIGBUS, SIGILL};
    for (int i = 0; i < 3; i++) sigaction(signals[i], &action, &old[i]);
    const char *volatile result = nullptr;
    if (sigsetjmp(failed_at, 1)) {
        for (Fiber &f : fibers) f.begun = false;
        result = message;
    } else {
        u32 count = grid[0] * grid[1] * grid[2];
        for (u32 i = 0; i < count; i++) {
            u32 b = order & 1 ? count - 1 - i : i;
            blockIdx = {b % grid[0], b / grid[0] % grid[1], b / grid[0] / grid[1]};
            run_block(order);
        }
    }
    guard(false);
    for (int i = 0; i < 3; i++) sigaction(signals[i], &old[i], nullptr);
    sigaltstack(&old_stack, nullptr);
    return result;
}

template <class T> T cell(uint64_t bits) {
    T value;
    memcpy(&value, &bits, sizeof value);
    return value;
}
template <class... A, size_t... I> void spread(void (*f)(A...), const uint64_t *cells, std::index_sequence<I...>) { f(cell<A>(cells[I])...); }
template <class... A> void call(void (*f)(A...), const uint64_t *cells) { spread(f, cells, std::index_sequence_for<A...>{}); }
template <class... A> constexpr int count(void (*)(A...)) { return sizeof...(A); }

template <class T> T *dynamic_shared() { return (T *)dynamic; }

// --- numbers -----------------------------------------------------------------------------------------------------------------

float f32(u32 bits) { return cell<float>(bits); }
u32 bits_of(float x) { u32 b; memcpy(&b, &x, 4); return b; }
float of_bf16(u32 bits) { return f32(bits << 16); }
float of_f16(u32 bits) { _Float16 h; unsigned short b = bits; memcpy(&h, &b, 2); return (float)h; }
u32 to_f16(float x) { _Float16 h = (_Float16)x; unsigned short b; memcpy(&b, &h, 2); return b; }
u32 to_bf16(float x) {
    u32 u = bits_of(x);
    return x != x ? 0x7fff : (u + 0x7fff + (u >> 16 & 1)) >> 16;
}
float of_e4m3(u32 code) {
    u32 e = code >> 3 & 15, m = code & 7;
    float size = e == 15 && m == 7 ? NAN : e ? ldexpf(8 + m, (int)e - 10) : ldexpf(m, -9);
    return code & 0x80 ? -size : size;
}
u32 to_e4m3(float x) {
    if (x != x) return 0x7f;
    float size = fminf(fabsf(x), 448.f);
    int e = size < 0.015625f ? -6 : ilogbf(size);
    float quantum = ldexpf(1.f, e - 3), rounded = nearbyintf(size / quantum) * quantum;  // ties to even
    u32 code = 0;
    while (of_e4m3(code) < rounded) code++;
    return code | (bits_of(x) >> 31 << 7);
}

// --- warp-level products (PTX ISA: lane = 4 g + t) ----------------------------------------------------------------------------

// d [16 x 8] = a [16 x 16] b [16 x 8] + c, 16-bit operands: a0 (g, 2t..), a1 (g + 8, 2t..), a2 (g, 2t + 8..), a3 (g + 8, 2t + 8..);
// b0 (2t.., g), b1 (2t + 8.., g); c0, c1 (g, 2t..), c2, c3 (g + 8, 2t..). With DEEP = 8 a has two registers and b one.
template <int DEEP, class Of> void mma16(int kind, Of of, float *d, const u32 *ab, const float *c) {
    constexpr int A = DEEP / 4, B = DEEP / 8;
    u32(*s)[SLOTS] = meet(kind, ~0u, ab, A + B);
    int lane = current & 31, g = lane >> 2, t = lane & 3;
    for (int i = 0; i < 4; i++) {
        int row = g + 8 * (i >> 1), column = 2 * t + (i & 1);
        double sum = c[i];
        for (int k = 0; k < DEEP; k++) {
            u32 a = s[4 * (row & 7) + (k & 7) / 2][(row >> 3) + 2 * (k >> 3)], b = s[4 * column + (k & 7) / 2][A + (k >> 3)];
            sum += (double)of(k & 1 ? a >> 16 : a & 0xffff) * of(k & 1 ? b >> 16 : b & 0xffff);
        }
        d[i] = (float)sum;
    }
}
// The same with a [16 x 32] of bytes: a0 (g, 4t..), a1 (g + 8, 4t..), a2 (g, 4t + 16..), a3; b0 (4t.., g), b1 (4t + 16.., g).
template <class T, class Of> void mma8(int kind, Of of, T *d, const u32 *ab, const T *c) {
    u32(*s)[SLOTS] = meet(kind, ~0u, ab, 6);
    int lane = current & 31, g = lane >> 2, t = lane & 3;
    for (int i = 0; i < 4; i++) {
        int row = g + 8 * (i >> 1), column = 2 * t + (i & 1);
        double sum = (double)c[i];
        for (int k = 0; k < 32; k++) {
            u32 a = s[4 * (row & 7) + (k & 15) / 4][(row >> 3) + 2 * (k >> 4)], b = s[4 * column + (k & 15) / 4][4 + (k >> 4)];
            sum += (double)of(a >> 8 * (k & 3) & 255) * of(b >> 8 * (k & 3) & 255);
        }
        d[i] = (T)sum;
    }
}

char *shared_at(u32 address, u32 align = 16) {
    extern char __start_emu_shared[] asm("__start_emu_shared"), __stop_emu_shared[] asm("__stop_emu_shared");
    char *p = __start_emu_shared + address;
    if (p + align > __stop_emu_shared || address % align) fail("shared address %u is out of bounds or misaligned", address);
    return p;
}

void ldmatrix(u32 address, bool transposed, u32 **r) {
    const char *row = shared_at(address);
    u32 words[4];
    memcpy(words, row, 16);
    u32(*s)[SLOTS] = meet(transposed ? 41 : 40, ~0u, words, 4);
    int g = (current & 31) >> 2, t = current & 3;
    auto element = [&](int matrix, int i, int j) { return s[8 * matrix + i][j >> 1] >> 16 * (j & 1) & 0xffff; };
    for (int m = 0; m < 4; m++)
        *r[m] = transposed ? element(m, 2 * t, g) | element(m, 2 * t + 1, g) << 16 : s[8 * m + g][t];
}

void stmatrix(u32 address, const u32 *r) {
    u32 words[5] = {r[0], r[1], r[2], r[3], address};
    u32(*s)[SLOTS] = meet(43, ~0u, words, 5);
    int lane = current & 31, matrix = lane >> 3, row = lane & 7;  // this lane writes the row whose address it gave
    u32 made[4] = {s[4 * row][matrix], s[4 * row + 1][matrix], s[4 * row + 2][matrix], s[4 * row + 3][matrix]};
    memcpy(shared_at(address), made, 16);
}

// --- warpgroup-level products (PTX ISA, "Asynchronous warpgroup level matrix instructions") --------------------------------------

// The element of a matrix in shared memory with 128-byte swizzle: rows of the summed dimension (`turned`: of the other) of 64
// elements, 8 of which lie in 1,024 bytes; the next 64 of a turned one `leading` bytes on. The 16-byte chunks of a row are exchanged by
// its number's low three bits, which are those of the address.
u32 element_at(uint64_t descriptor, bool turned, u32 i, u32 k) {
    u32 start = (descriptor & 0x3fff) << 4, leading = (descriptor >> 16 & 0x3fff) << 4, stride = (descriptor >> 32 & 0x3fff) << 4;
    if (descriptor >> 62 != 1) fail("a matrix that has no 128-byte swizzle is not emulated");
    u32 line = turned ? k : i, place = turned ? i : k;
    u32 address = start + line / 8 * stride + line % 8 * 128 + place % 64 * 2 + (turned ? place / 64 * leading : 0);
    if (!turned && place >= 64) fail("more than 64 elements of a row");
    unsigned short bits;
    memcpy(&bits, shared_at(address ^ (address >> 7 & 7) << 4, 2), 2);
    return bits;
}

// What is in registers is as it is now; what is in shared memory as late as it may be.
void product(Product made, int n, const u32 *a) {
    int lane = current & 31, warp = current >> 5 & 3, g = lane >> 2;
    u32 none[4] = {};
    u32(*s)[SLOTS] = meet(44, ~0u, a ? a : none, 4);
    made.in_registers = a, made.row = 16 * warp + g;
    if ((int)made.d.size() != n / 2) fail("a product of %d columns with %zu registers", n, made.d.size());
    for (int h = 0; h < 2; h++)
        for (int k = 0; k < 16 && a; k++) {
            u32 pair = s[4 * g + (k & 7) / 2][h + 2 * (k >> 3)];
            made.a[h][k] = made.of(k & 1 ? pair >> 16 : pair & 0xffff);
        }
    fibers[current].products.push_back(made);
}

void finish(const Product &p) {
    int t = current & 3;
    for (int i = 0; i < (int)p.d.size(); i++) {
        int h = i >> 1 & 1, column = i / 4 * 8 + 2 * t + (i & 1);
        double sum = p.add ? *p.d[i] : 0;
        for (int k = 0; k < 16; k++) {
            float a = p.in_registers ? p.a[h][k] : p.of(element_at(p.at, p.a_turned, p.row + 8 * h, k));
            sum += (double)a * p.of(element_at(p.b, p.b_turned, column, k));
        }
        *p.d[i] = (float)sum;
    }
}

// A barrier in shared memory: arrivals of its phase, those still to come, and phases that have ended.
struct Phases { unsigned short count, left; u32 ended; };

void arrive(u32 at) {
    Phases *b = (Phases *)shared_at(at, 8);
    if (!b->left || b->left > b->count) fail("more arrive at a barrier than it was made for, or it was not made");
    if (--b->left) return;
    b->left = b->count, b->ended++;
    for (int i = 0; i < threads; i++) if (fibers[i].state == AT_PHASE) fibers[i].state = READY;
}

void land(std::vector<Copy> &copies) {
    for (const Copy &copy : copies) {
        memset(copy.to, 0, copy.size);
        memcpy(copy.to, copy.from, copy.bytes);
    }
    copies.clear();
}

template <class F> u32 halves(u32 a, u32 b, u32 c, F f) { return f(a & 0xffff, b & 0xffff, c & 0xffff) | f(a >> 16, b >> 16, c >> 16) << 16; }

}  // namespace emu

// --- instructions: operands in the order of the instruction --------------------------------------------------------------------

typedef unsigned emu_u;
typedef unsigned short emu_h;
void ptx_cvt_f32_f16(float &d, emu_h a) { d = emu::of_f16(a); }
void ptx_cvt_rn_f16_f32(emu_h &d, float a) { d = emu::to_f16(a); }
void ptx_cvt_rn_bf16_f32(emu_h &d, float a) { d = emu::to_bf16(a); }
void ptx_cvt_rn_f16x2_f32(emu_u &d, float hi, float lo) { d = emu::to_f16(lo) | emu::to_f16(hi) << 16; }
void ptx_cvt_rn_bf16x2_f32(emu_u &d, float hi, float lo) { d = emu::to_bf16(lo) | emu::to_bf16(hi) << 16; }
void ptx_cvt_rn_satfinite_e4m3x2_f32(emu_h &d, float hi, float lo) { d = emu::to_e4m3(lo) | emu::to_e4m3(hi) << 8; }
void ptx_cvt_rn_f16x2_e4m3x2(emu_u &d, emu_h a) { d = emu::to_f16(emu::of_e4m3(a & 255)) | emu::to_f16(emu::of_e4m3(a >> 8)) << 16; }
void ptx_mul_f16x2(emu_u &d, emu_u a, emu_u b) {
    d = emu::halves(a, b, 0, [](emu_u x, emu_u y, emu_u) { return emu::to_f16(emu::of_f16(x) * emu::of_f16(y)); });
}
void ptx_add_f16x2(emu_u &d, emu_u a, emu_u b) {
    d = emu::halves(a, b, 0, [](emu_u x, emu_u y, emu_u) { return emu::to_f16(emu::of_f16(x) + emu::of_f16(y)); });
}
void ptx_fma_rn_f16x2(emu_u &d, emu_u a, emu_u b, emu_u c) {
    d = emu::halves(a, b, c, [](emu_u x, emu_u y, emu_u z) { return emu::to_f16((float)((double)emu::of_f16(x) * emu::of_f16(y) + emu::of_f16(z))); });
}
void ptx_fma_rn_bf16x2(emu_u &d, emu_u a, emu_u b, emu_u c) {
    d = emu::halves(a, b, c, [](emu_u x, emu_u y, emu_u z) { return emu::to_bf16((float)((double)emu::of_bf16(x) * emu::of_bf16(y) + emu::of_bf16(z))); });
}
void ptx_lop3_b32(emu_u &d, emu_u a, emu_u b, emu_u c, emu_u table) {
    emu_u r = 0;
    for (int i = 0; i < 8; i++)
        if (table >> i & 1) r |= (i & 4 ? a : ~a) & (i & 2 ? b : ~b) & (i & 1 ? c : ~c);
    d = r;
}
void ptx_ex2_approx_ftz_f32(float &d, float a) { d = exp2f(a); }

#define EMU_MMA(NAME, DEEP, KIND, OF)                                                                                                \
    void NAME(float &d0, float &d1, float &d2, float &d3, emu_u a0, emu_u a1, emu_u a2, emu_u a3, emu_u b0, emu_u b1, float c0, float c1, \
              float c2, float c3) {                                                                                                   \
        emu_u ab[6] = {a0, a1, a2, a3, b0, b1};                                                                                        \
        float c[4] = {c0, c1, c2, c3}, d[4];                                                                                          \
        emu::mma16<DEEP>(KIND, OF, d, ab, c);                                                                                         \
        d0 = d[0], d1 = d[1], d2 = d[2], d3 = d[3];                                                                                   \
    }
EMU_MMA(ptx_mma_sync_aligned_m16n8k16_row_col_f32_f16_f16_f32, 16, 10, emu::of_f16)
EMU_MMA(ptx_mma_sync_aligned_m16n8k16_row_col_f32_bf16_bf16_f32, 16, 11, emu::of_bf16)
void ptx_mma_sync_aligned_m16n8k8_row_col_f32_f16_f16_f32(float &d0, float &d1, float &d2, float &d3, emu_u a0, emu_u a1, emu_u b0, float c0,
                                                          float c1, float c2, float c3) {
    emu_u ab[3] = {a0, a1, b0};
    float c[4] = {c0, c1, c2, c3}, d[4];
    emu::mma16<8>(12, emu::of_f16, d, ab, c);
    d0 = d[0], d1 = d[1], d2 = d[2], d3 = d[3];
}
void ptx_mma_sync_aligned_m16n8k32_row_col_f32_e4m3_e4m3_f32(float &d0, float &d1, float &d2, float &d3, emu_u a0, emu_u a1, emu_u a2, emu_u a3,
                                                             emu_u b0, emu_u b1, float c0, float c1, float c2, float c3) {
    emu_u ab[6] = {a0, a1, a2, a3, b0, b1};
    float c[4] = {c0, c1, c2, c3}, d[4];
    emu::mma8(13, emu::of_e4m3, d, ab, c);
    d0 = d[0], d1 = d[1], d2 = d[2], d3 = d[3];
}
void ptx_mma_sync_aligned_m16n8k32_row_col_s32_s8_s8_s32(int &d0, int &d1, int &d2, int &d3, emu_u a0, emu_u a1, emu_u a2, emu_u a3, emu_u b0,
                                                         emu_u b1, int c0, int c1, int c2, int c3) {
    emu_u ab[6] = {a0, a1, a2, a3, b0, b1};
    int c[4] = {c0, c1, c2, c3}, d[4];
    emu::mma8(14, [](emu_u x) { return (float)(signed char)x; }, d, ab, c);
    d0 = d[0], d1 = d[1], d2 = d[2], d3 = d[3];
}
// d [8 x 8] = a [8 x 16] b [16 x 8] + c of bytes: a (g, 4t..), b (4t.., g), c (g, 2t..).
void ptx_mma_sync_aligned_m8n8k16_row_col_s32_s8_s8_s32(int &d0, int &d1, emu_u a, emu_u b, int c0, int c1) {
    emu_u ab[2] = {a, b};
    emu_u(*s)[emu::SLOTS] = emu::meet(15, ~0u, ab, 2);
    int lane = emu::current & 31, g = lane >> 2, t = lane & 3, sum[2] = {c0, c1};
    for (int i = 0; i < 2; i++)
        for (int k = 0; k < 16; k++)
            sum[i] += (signed char)(s[4 * g + k / 4][0] >> 8 * (k & 3)) * (signed char)(s[4 * (2 * t + i) + k / 4][1] >> 8 * (k & 3));
    d0 = sum[0], d1 = sum[1];
}
void ptx_ldmatrix_sync_aligned_m8n8_x4_shared_b16(emu_u &a, emu_u &b, emu_u &c, emu_u &d, emu_u address) {
    emu_u *r[4] = {&a, &b, &c, &d};
    emu::ldmatrix(address, false, r);
}
void ptx_ldmatrix_sync_aligned_m8n8_x4_trans_shared_b16(emu_u &a, emu_u &b, emu_u &c, emu_u &d, emu_u address) {
    emu_u *r[4] = {&a, &b, &c, &d};
    emu::ldmatrix(address, true, r);
}
void ptx_movmatrix_sync_aligned_m8n8_trans_b16(emu_u &d, emu_u a) {
    emu_u(*s)[emu::SLOTS] = emu::meet(42, ~0u, &a, 1);
    int g = (emu::current & 31) >> 2, t = emu::current & 3;
    auto element = [&](int i, int j) { return s[4 * i + (j >> 1)][0] >> 16 * (j & 1) & 0xffff; };
    d = element(2 * t, g) | element(2 * t + 1, g) << 16;
}
void ptx_cp_async_cg_shared_global(emu_u to, const void *from, int size, int bytes) {
    if ((uintptr_t)from % 16 && bytes) emu::fail("cp.async from a misaligned address");
    if (bytes) (void)*(const volatile char *)from;  // it may read from here on
    emu::fibers[emu::current].open.push_back({emu::shared_at(to), (const char *)from, size, bytes});
}
void ptx_cp_async_ca_shared_global(emu_u to, const void *from, int size) {
    if ((uintptr_t)from % size) emu::fail("cp.async from a misaligned address");
    (void)*(const volatile char *)from;
    emu::fibers[emu::current].open.push_back({emu::shared_at(to, size), (const char *)from, size, size});
}
void ptx_griddepcontrol_launch_dependents() {}
void ptx_griddepcontrol_wait() { emu::wait_for_previous(); }
void ptx_prefetch_global_L2(const void *p) { (void)*(const volatile char *)p; }
void ptx_cp_async_commit_group() {
    emu::Fiber &f = emu::fibers[emu::current];
    f.groups.push_back(std::move(f.open));
    f.open.clear();
}
void ptx_cp_async_wait_group(int pending) {
    emu::Fiber &f = emu::fibers[emu::current];
    while ((int)f.groups.size() > pending) {
        emu::land(f.groups.front());
        f.groups.erase(f.groups.begin());
    }
}
void ptx_cp_async_mbarrier_arrive_noinc_shared_b64(emu_u at) {
    emu::Fiber &f = emu::fibers[emu::current];
    for (auto &group : f.groups) emu::land(group);
    emu::land(f.open);
    emu::arrive(at);
}
void ptx_mbarrier_init_shared_b64(emu_u at, int count) { *(emu::Phases *)emu::shared_at(at, 8) = {(unsigned short)count, (unsigned short)count, 0}; }
void ptx_mbarrier_arrive_shared_b64(uint64_t &, emu_u at) { emu::arrive(at); }
void ptx_mbarrier_try_wait_parity_shared_b64(bool &done, emu_u at, emu_u parity) {
    const emu::Phases *b = (emu::Phases *)emu::shared_at(at, 8);
    while ((b->ended & 1) == parity) {
        emu::fibers[emu::current].state = emu::AT_PHASE;
        emu::yield();
    }
    done = true;
}
void ptx_fence_mbarrier_init_release_cluster() {}
void ptx_fence_proxy_async_shared__cta() {}
void ptx_setmaxnreg_dec_sync_aligned_u32(int count) { emu::fibers[emu::current].registers = count; }
void ptx_setmaxnreg_inc_sync_aligned_u32(int count) { emu::fibers[emu::current].registers = count; }
void ptx_bar_sync(int which, int count) {
    using namespace emu;
    if (warps[current >> 5].arrived) fail("a lane is at a barrier where others of its warp wait for it");
    if (++at_named[which] < count) {
        fibers[current].state = AT_NAMED, fibers[current].named = which;
        yield();
        return;
    }
    at_named[which] = 0;
    for (int i = 0; i < threads; i++) if (fibers[i].state == AT_NAMED && fibers[i].named == which) fibers[i].state = READY;
}
void ptx_wgmma_fence_sync_aligned() {}
void ptx_wgmma_commit_group_sync_aligned() {
    emu::Fiber &f = emu::fibers[emu::current];
    f.product_groups.push_back(std::move(f.products));
    f.products.clear();
}
void ptx_wgmma_wait_group_sync_aligned(int pending) {
    emu::Fiber &f = emu::fibers[emu::current];
    while ((int)f.product_groups.size() > pending) {
        for (const emu::Product &p : f.product_groups.front()) emu::finish(p);
        f.product_groups.erase(f.product_groups.begin());
    }
    emu::meet(45, ~0u, nullptr, 0);  // a warp goes on as one
}
// d..., a0 .. a3 or a's descriptor, b's descriptor, whether d is added to, signs (1), for matrices in shared memory whether they are turned.
template <int N, class... T> void emu_wgmma(float (*of)(emu_u), T &&...given) {
    constexpr int D = N / 2, REST = sizeof...(T) - D;
    emu::Product made;
    uint64_t rest[REST];
    int at = 0;
    auto take = [&](auto &&value) {
        if constexpr (std::is_same_v<std::remove_reference_t<decltype(value)>, float>) made.d.push_back(&value);
        else rest[at++] = (uint64_t)value;
    };
    (take(given), ...);
    made.of = of, made.a_turned = false;
    if constexpr (REST == 9) {
        emu_u a[4] = {(emu_u)rest[0], (emu_u)rest[1], (emu_u)rest[2], (emu_u)rest[3]};
        made.b = rest[4], made.add = rest[5], made.b_turned = rest[8];
        emu::product(made, N, a);
    } else {
        static_assert(REST == 7);
        made.at = rest[0], made.b = rest[1], made.add = rest[2], made.a_turned = rest[5], made.b_turned = rest[6];
        emu::product(made, N, nullptr);
    }
}
#define EMU_WGMMA(N)                                                                                                                 \
    template <class... T> void ptx_wgmma_mma_async_sync_aligned_m64n##N##k16_f32_bf16_bf16(T &&...x) { emu_wgmma<N>(emu::of_bf16, x...); } \
    template <class... T> void ptx_wgmma_mma_async_sync_aligned_m64n##N##k16_f32_f16_f16(T &&...x) { emu_wgmma<N>(emu::of_f16, x...); }
EMU_WGMMA(16)
EMU_WGMMA(32)
EMU_WGMMA(64)
EMU_WGMMA(128)
void ptx_stmatrix_sync_aligned_m8n8_x4_shared_b16(emu_u address, emu_u a, emu_u b, emu_u c, emu_u d) {
    emu_u r[4] = {a, b, c, d};
    emu::stmatrix(address, r);
}
void ptx_ld_shared_v2_u32(emu_u &a, emu_u &b, emu_u from) {
    emu_u words[2];
    memcpy(words, emu::shared_at(from, 8), 8);
    a = words[0], b = words[1];
}
void ptx_ld_shared_v4_u32(emu_u &a, emu_u &b, emu_u &c, emu_u &d, emu_u from) {
    emu_u words[4];
    memcpy(words, emu::shared_at(from), 16);
    a = words[0], b = words[1], c = words[2], d = words[3];
}
void ptx_ld_shared_u32(emu_u &d, emu_u from) { memcpy(&d, emu::shared_at(from, 4), 4); }
void ptx_st_shared_u32(emu_u to, emu_u a) { memcpy(emu::shared_at(to, 4), &a, 4); }
void ptx_st_shared_v4_u32(emu_u to, emu_u a, emu_u b, emu_u c, emu_u d) {
    emu_u words[4] = {a, b, c, d};
    memcpy(emu::shared_at(to), words, 16);
}
void ptx_ld_global_nc_L1__no_allocate_v4_u32(emu_u &a, emu_u &b, emu_u &c, emu_u &d, const void *from) {
    uint4 v = *(const uint4 *)from;
    a = v.x, b = v.y, c = v.z, d = v.w;
}
void ptx_ld_global_L1__no_allocate_v4_u32(emu_u &a, emu_u &b, emu_u &c, emu_u &d, const void *from) {
    ptx_ld_global_nc_L1__no_allocate_v4_u32(a, b, c, d, from);
}

// --- functions of the language -------------------------------------------------------------------------------------------------

int __syncthreads_or(int x) {
    using namespace emu;
    int side = block_generation & 1;
    votes[side] |= x;
    if (warps[current >> 5].arrived) fail("a lane is at a barrier of the block where others of its warp wait for it");
    if (++at_block == living) {
        release_block();
    } else {
        fibers[current].state = AT_BLOCK;
        yield();
    }
    return votes[side];
}
void __syncthreads() { __syncthreads_or(0); }
void __syncwarp(unsigned mask = ~0u) { emu::meet(1, mask, nullptr, 0); }
void __threadfence() {}
void __threadfence_block() {}

template <class T> T emu_shuffle(int kind, unsigned mask, T value, int from) {
    emu_u words[2] = {};
    memcpy(words, &value, sizeof value);
    emu_u(*s)[emu::SLOTS] = emu::meet(kind, mask, words, 2);
    T result;
    memcpy(&result, s[from & 31], sizeof result);
    return result;
}
template <class T> T __shfl_xor_sync(unsigned mask, T x, int other) { return emu_shuffle(2, mask, x, (emu::current & 31) ^ other); }
template <class T> T __shfl_sync(unsigned mask, T x, int from) { return emu_shuffle(3, mask, x, from); }
template <class T> T __shfl_up_sync(unsigned mask, T x, int by) { int l = emu::current & 31; return emu_shuffle(4, mask, x, l < by ? l : l - by); }
template <class T> T __shfl_down_sync(unsigned mask, T x, int by) { int l = emu::current & 31; return emu_shuffle(5, mask, x, l + by > 31 ? l : l + by); }
unsigned __ballot_sync(unsigned mask, int x) {
    emu_u word = x != 0, r = 0;
    emu_u(*s)[emu::SLOTS] = emu::meet(6, mask, &word, 1);
    for (int i = 0; i < 32; i++) r |= s[i][0] << i;
    return r;
}
int __any_sync(unsigned mask, int x) { return __ballot_sync(mask, x) != 0; }
int __all_sync(unsigned mask, int x) { return __ballot_sync(mask, x) == ~0u; }
template <class F> emu_u emu_reduce(unsigned mask, emu_u x, F f) {
    emu_u(*s)[emu::SLOTS] = emu::meet(7, mask, &x, 1);
    emu_u r = s[0][0];
    for (int i = 1; i < 32; i++) r = f(r, s[i][0]);
    return r;
}
unsigned __reduce_add_sync(unsigned mask, unsigned x) { return emu_reduce(mask, x, [](emu_u a, emu_u b) { return a + b; }); }
unsigned __reduce_max_sync(unsigned mask, unsigned x) { return emu_reduce(mask, x, [](emu_u a, emu_u b) { return a > b ? a : b; }); }
unsigned __reduce_min_sync(unsigned mask, unsigned x) { return emu_reduce(mask, x, [](emu_u a, emu_u b) { return a < b ? a : b; }); }
unsigned __reduce_or_sync(unsigned mask, unsigned x) { return emu_reduce(mask, x, [](emu_u a, emu_u b) { return a | b; }); }

float __int_as_float(unsigned x) { return emu::f32(x); }
float __uint_as_float(unsigned x) { return emu::f32(x); }
unsigned __float_as_uint(float x) { return emu::bits_of(x); }
int __float_as_int(float x) { return (int)emu::bits_of(x); }
int __float2int_rn(float x) { return (int)nearbyintf(x); }
unsigned __float2uint_rn(float x) { return (unsigned)nearbyintf(x); }
float __int2float_rn(int x) { return (float)x; }
float __uint2float_rn(unsigned x) { return (float)x; }
unsigned __byte_perm(unsigned a, unsigned b, unsigned selector) {
    uint64_t both = (uint64_t)b << 32 | a;
    unsigned r = 0;
    for (int i = 0; i < 4; i++) {
        unsigned pick = selector >> 4 * i & 15, byte = both >> 8 * (pick & 7) & 255;
        r |= (pick & 8 ? (byte & 0x80 ? 255u : 0u) : byte) << 8 * i;
    }
    return r;
}
unsigned __umulhi(unsigned a, unsigned b) { return (uint64_t)a * b >> 32; }
int __popc(unsigned x) { return __builtin_popcount(x); }
int __clz(unsigned x) { return x ? __builtin_clz(x) : 32; }
int __ffs(unsigned x) { return __builtin_ffs((int)x); }
unsigned __brev(unsigned x) { unsigned r = 0; for (int i = 0; i < 32; i++) r |= (x >> i & 1) << (31 - i); return r; }
size_t __cvta_generic_to_shared(const void *p) {
    extern char __start_emu_shared[] asm("__start_emu_shared");
    return (const char *)p - __start_emu_shared;
}
template <class T> T __ldg(const T *p) { return *p; }
template <class T> T __ldcg(const T *p) { return *p; }
template <class T> T __ldcs(const T *p) { return *p; }
float rsqrtf(float x) { return 1.f / sqrtf(x); }
float __expf(float x) { return expf(x); }
float __logf(float x) { return logf(x); }
float __fdividef(float a, float b) { return a / b; }
float __frcp_rn(float x) { return 1.f / x; }
template <class T> T max(T a, T b) { return a > b ? a : b; }
template <class T> T min(T a, T b) { return a < b ? a : b; }
unsigned min(unsigned a, int b) { return min(a, (unsigned)b); }
unsigned min(int a, unsigned b) { return min((unsigned)a, b); }
unsigned max(unsigned a, int b) { return max(a, (unsigned)b); }
unsigned max(int a, unsigned b) { return max((unsigned)a, b); }
template <class T, class U> T emu_swap(T *p, U made) { T old = *p; *p = (T)made; return old; }
template <class T, class U> T atomicAdd(T *p, U x) { return emu_swap(p, *p + (T)x); }
template <class T, class U> T atomicMax(T *p, U x) { return emu_swap(p, *p > (T)x ? *p : (T)x); }
template <class T, class U> T atomicMin(T *p, U x) { return emu_swap(p, *p < (T)x ? *p : (T)x); }
template <class T, class U> T atomicOr(T *p, U x) { return emu_swap(p, *p | (T)x); }
template <class T, class U> T atomicExch(T *p, U x) { return emu_swap(p, (T)x); }
template <class T, class U> T atomicCAS(T *p, U wanted, U x) { return emu_swap(p, *p == (T)wanted ? (T)x : *p); }

}  // namespace
