// x weight^T + bias over rows rounded to 8 bits, each by its own step and zero, or to bfloat16. A row of the result
// depends on its own row of x alone. Bytes are added up exactly: but for the last rounding they are the same on every processor.
#include <algorithm>
#include "dense.h"

constexpr int64_t ROWS_AT_A_TIME = 60;  // rounded together; they stay in the cache while all columns are gone through

template <class Kind>
static void linear(const float* x, Dense dense, float* y, int64_t rows, int64_t depth, int64_t stride, int threads) {
    constexpr int WIDE = ROUNDED_PANELS * COLUMNS;
    int64_t parts = (rows + ROWS_AT_A_TIME - 1) / ROWS_AT_A_TIME, panels = (dense.width + WIDE - 1) / WIDE;
    // Few rows: threads share the columns, and each rounds the rows for itself.
    int64_t groups = parts < threads ? std::min<int64_t>(threads, panels) : 1;
#pragma omp parallel num_threads(threads)
    {
        Left<Kind> left;
        left.make(std::min(rows, ROWS_AT_A_TIME), depth);
#pragma omp for schedule(dynamic, 1)
        for (int64_t item = 0; item < parts * groups; item++) {
            int64_t first = item / groups * ROWS_AT_A_TIME, number = std::min(ROWS_AT_A_TIME, rows - first);
            for (int64_t i = 0; i < number; i++) left.take(x + first * depth, i, depth);
            Team alone{int(item % groups), int(groups)};
            multiply(alone, x, left, number, depth, dense, [&](int64_t column) {
                int64_t there = std::min<int64_t>(WIDTH, dense.width - column);
                Floats bias = dense.bias ? load_some(dense.bias + column, there, 0.0f) : all(0.0f);
                return [=](int64_t row, Floats value) {
                    float* to = y + (first + row) * stride + column;
                    if (there == WIDTH)
                        store(to, value + bias);
                    else
                        store_some(to, value + bias, there);
                };
            });
        }
    }
}

// The largest whole number that a weight may be rounded to.
extern "C" void int8_largest_weight(int64_t* largest, int) { *largest = LARGEST_WEIGHT; }

// Whether there are products of bfloat16, which make it faster than float32.
extern "C" void has_bfloat16(int64_t* has, int) { *has = HAS_BFLOAT16; }

// y [rows][stride], of which `width` columns are written, = x [rows][depth] times a weight of `width` rows, whose
// panels lie as rounded_product.h reads them. `steps` and `totals` are those of its rows in 8 bits; without them it
// is bfloat16. bias [width] may be null.
extern "C" void linear_rounded(const float* x, const void* weight, const float* steps, const int32_t* totals,
                               const float* bias, float* y, int64_t rows, int64_t depth, int64_t width, int64_t stride,
                               int threads) {
    Dense dense{weight, steps, totals, bias, width};
    if (steps) return linear<Bytes>(x, dense, y, rows, depth, stride, threads);
    if constexpr (HAS_BFLOAT16) linear<Halved>(x, dense, y, rows, depth, stride, threads);
}
