// Rows shared out between threads. Sums over rows are made in fixed blocks and added in order, so that the result
// does not depend on the number of threads.
#pragma once
#include <cstdint>

constexpr int64_t BLOCK = 128;  // rows

static inline int64_t num_blocks(int64_t rows) { return (rows + BLOCK - 1) / BLOCK; }
static inline int64_t block_end(int64_t block, int64_t rows) {
    int64_t end = (block + 1) * BLOCK;
    return end < rows ? end : rows;
}

// total[columns] = the sum of partial[blocks][columns]
static inline void add_blocks(const float* partial, int64_t blocks, int64_t columns, float* total) {
    for (int64_t j = 0; j < columns; j++) total[j] = 0;
    for (int64_t b = 0; b < blocks; b++)
        for (int64_t j = 0; j < columns; j++) total[j] += partial[b * columns + j];
}
