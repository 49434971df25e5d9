// For the choice of products whose rows do not depend on how many there are.
#include "common.cuh"

// Counts words of y [rows, stride] that differ from those of reference [period, stride] at row % period, over the first `words` of a row.
// Grid (rows, any). Adds to *different.
extern "C" __global__ void compare_rows(const u32 *y, const u32 *reference, int words, int stride, int period, u32 *different) {
    after_previous();
    const u32 *row = y + (u64)blockIdx.x * stride, *wanted = reference + (u64)(blockIdx.x % period) * stride;
    u32 found = 0;
    for (int i = blockIdx.y * blockDim.x + threadIdx.x; i < words; i += gridDim.y * blockDim.x) found += row[i] != wanted[i];
    if (found) atomicAdd(different, found);
}
