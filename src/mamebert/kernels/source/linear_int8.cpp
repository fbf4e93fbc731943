// x weight^T + bias over whole numbers of 8 bits: each row of x is rounded by its own step, each row of the weight by
// its own, and sums are exact in 32 bits. So a row of the result depends on its own row of x alone, and is the same on
// every processor but for the last rounding.
#include <algorithm>
#include <vector>
#include "int8_product.h"

constexpr int64_t ROWS_AT_A_TIME = 60;  // rounded together; they stay in the cache while all columns are gone through

struct Panel {
    const int8_t* bytes;
    const float *steps, *bias;  // the latter may be null
    const int32_t* offsets;
};

template <int COUNT>
static void some_rows(const uint8_t* x, const float* steps, int64_t quads, const Panel& panel, float* y, int64_t stride,
                      int64_t count) {
    int32_t sums[COUNT * COLUMNS];
    tile_int8<COUNT>(x, quads, panel.bytes, sums);
    for (int i = 0; i < COUNT; i++)
        for (int64_t j = 0; j < count; j++) {
            float value = float(sums[i * COLUMNS + j] - panel.offsets[j]) * (steps[i] * panel.steps[j]);
            y[i * stride + j] = panel.bias ? value + panel.bias[j] : value;
        }
}

// Rows up to MOST at a time, and what is left over by smaller tiles.
template <int MOST>
static void all_rows(int64_t rows, const uint8_t* x, const float* steps, int64_t quads, const Panel& panel, float* y,
                     int64_t stride, int64_t count) {
    int64_t i = 0;
    for (; i + MOST <= rows; i += MOST)
        some_rows<MOST>(x + i * quads * DEEP, steps + i, quads, panel, y + i * stride, stride, count);
    if constexpr (MOST > 1)
        all_rows<MOST / 2>(rows - i, x + i * quads * DEEP, steps + i, quads, panel, y + i * stride, stride, count);
}

// The largest whole number that a weight may be rounded to.
extern "C" void int8_largest_weight(int64_t* largest, int) { *largest = LARGEST_WEIGHT; }

// y [rows][stride], of which `width` columns are written, = x [rows][depth] times a weight of `width` rows, whose
// panels lie as tile_int8() reads them, with a step for each of its rows, and 128 times its sum; bias [width] may be null.
extern "C" void linear_int8(const float* x, const int8_t* weight, const float* column_steps, const int32_t* offsets,
                            const float* bias, float* y, int64_t rows, int64_t depth, int64_t width, int64_t stride,
                            int threads) {
    int64_t quads = (depth + DEEP - 1) / DEEP, panels = (width + COLUMNS - 1) / COLUMNS;
    int64_t parts = (rows + ROWS_AT_A_TIME - 1) / ROWS_AT_A_TIME;
    // Few rows: threads share the columns, and each rounds the rows for itself.
    int64_t groups = parts < threads ? std::min<int64_t>(threads, panels) : 1;
#pragma omp parallel num_threads(threads)
    {
        std::vector<uint8_t> whole(ROWS_AT_A_TIME * quads * DEEP);
        std::vector<float> steps(ROWS_AT_A_TIME);
#pragma omp for schedule(dynamic, 1)
        for (int64_t item = 0; item < parts * groups; item++) {
            int64_t first = item / groups * ROWS_AT_A_TIME, number = std::min(ROWS_AT_A_TIME, rows - first);
            for (int64_t i = 0; i < number; i++)
                steps[i] = rounded(x + (first + i) * depth, depth, quads, whole.data() + i * quads * DEEP);
            for (int64_t p = item % groups * panels / groups; p < (item % groups + 1) * panels / groups; p++) {
                int64_t column = p * COLUMNS, count = std::min<int64_t>(COLUMNS, width - column);
                Panel panel{weight + p * quads * DEEP * COLUMNS, column_steps + column, bias ? bias + column : nullptr,
                            offsets + column};
                all_rows<INT8_ROWS>(number, whole.data(), steps.data(), quads, panel, y + first * stride + column,
                                    stride, count);
            }
        }
    }
}
