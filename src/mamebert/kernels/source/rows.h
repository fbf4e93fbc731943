// Rows shared out between threads. Sums over rows are made in fixed blocks and added in order, so that the result
// does not depend on the number of threads.
#pragma once
#include <cmath>
#include <cstdint>
#include "vector.h"

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

// Takes the mean out of a row whose sum is `total` and returns 1 / its standard deviation.
static inline float centre(float* row, Floats total, int64_t columns, float eps) {
    float mean = sum(total) / columns;
    Floats squares = all(0.0f);
    for (int64_t j = 0; j < columns; j += WIDTH) {
        Floats value = load(row + j) - mean;
        store(row + j, value);
        squares += value * value;
    }
    return 1.0f / std::sqrt(sum(squares) / columns + eps);
}
