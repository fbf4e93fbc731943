// x weight^T + bias, where no row of the result depends on another: each number is one chain of additions along the
// depth, in rising order, however many rows, columns or threads there are. A library's product has another order for
// another number of rows, so that what a model answers to one text would depend on the texts beside it.
#include <algorithm>
#include <vector>
#include "small_product.h"
#include "turn.h"
#include "vector.h"

constexpr int PANEL = TILE_VECTORS * WIDTH;  // columns of the result treated at a time
constexpr int64_t BLOCK_ROWS = 48;            // rows that stay in the cache while several panels are gone through
constexpr int64_t ROWS = 32 * BLOCK_ROWS;     // rows that a panel serves before it is made anew
constexpr int64_t CACHED = 128 * 1024;        // numbers of panels that stay in the cache

static inline float* aligned(float* from) {
    constexpr uintptr_t size = sizeof(Floats);
    return reinterpret_cast<float*>((reinterpret_cast<uintptr_t>(from) + size - 1) / size * size);
}

// panel[depth][PANEL] = the rows of `weight` from `first` on, turned over; 0 where there are none.
static void pack(const float* weight, int64_t first, int64_t width, int64_t depth, float* panel) {
    for (int64_t j = 0; j < PANEL; j += WIDTH)
        for (int64_t k = 0; k < depth; k += WIDTH) {
            int64_t count = std::min<int64_t>(WIDTH, depth - k);
            Floats block[WIDTH];
            for (int i = 0; i < WIDTH; i++) {
                const float* from = weight + (first + j + i) * depth + k;
                if (first + j + i >= width)
                    block[i] = all(0.0f);
                else
                    block[i] = count == WIDTH ? load(from) : load_some(from, count, 0.0f);
            }
            transpose(block);
            for (int64_t i = 0; i < count; i++) store(panel + (k + i) * PANEL + j, block[i]);
        }
}

// COUNT rows of x times one panel; only the first `count` of its columns are there.
template <int COUNT>
static void some_rows(const float* x, int64_t depth, const float* panel, const float* bias, float* y, int64_t stride,
                      int64_t count) {
    float result[COUNT * PANEL];
    tile<COUNT, TILE_VECTORS, false>(depth, x, depth, 1, panel, PANEL, result, PANEL);
    for (int i = 0; i < COUNT; i++)
        for (int64_t j = 0; j < count; j += WIDTH) {
            Floats value = load(result + i * PANEL + j);
            int64_t there = std::min<int64_t>(WIDTH, count - j);
            if (there == WIDTH)
                store(y + i * stride + j, bias ? value + load(bias + j) : value);
            else
                store_some(y + i * stride + j, bias ? value + load_some(bias + j, there, 0.0f) : value, there);
        }
}

static void rows_times_panel(int64_t rows, const float* x, int64_t depth, const float* panel, const float* bias,
                             float* y, int64_t stride, int64_t count) {
    int64_t m = 0;
    for (; m + TILE_ROWS <= rows; m += TILE_ROWS)
        some_rows<TILE_ROWS>(x + m * depth, depth, panel, bias, y + m * stride, stride, count);
    x += m * depth;
    y += m * stride;
    switch (rows - m) {
        case 1: return some_rows<1>(x, depth, panel, bias, y, stride, count);
        case 2: return some_rows<2>(x, depth, panel, bias, y, stride, count);
        case 3: return some_rows<3>(x, depth, panel, bias, y, stride, count);
        case 4: return some_rows<4>(x, depth, panel, bias, y, stride, count);
        case 5: return some_rows<5>(x, depth, panel, bias, y, stride, count);
    }
}

static int64_t num_panels(int64_t width) { return (width + PANEL - 1) / PANEL; }

// All panels of a weight [width][depth], for products that are made with it again and again.
extern "C" void pack_float32(const float* weight, float* panels, int64_t depth, int64_t width, int threads) {
#pragma omp parallel for num_threads(threads)
    for (int64_t p = 0; p < num_panels(width); p++) pack(weight, p * PANEL, width, depth, panels + p * depth * PANEL);
}

// y [rows][stride], of which `width` columns are written, = x [rows][depth] weight[width][depth]^T + bias [width],
// which may be null. With `packed`, `weight` is what pack_float32 has made of one.
extern "C" void linear_float32(const float* x, const float* weight, const float* bias, float* y, int64_t rows,
                               int64_t depth, int64_t width, int64_t stride, int64_t packed, int threads) {
    int64_t panels = num_panels(width);
    int64_t together = std::max<int64_t>(1, std::min(panels, CACHED / std::max<int64_t>(1, depth * PANEL)));
    if (packed && rows <= BLOCK_ROWS)  // a text or two: some panels for each thread
        together = std::min(together, (panels + threads - 1) / threads);
    int64_t groups = (panels + together - 1) / together;
    // With few rows, or many threads, smaller parts, so that there is work for each.
    int64_t at_a_time = std::min(ROWS, std::max(BLOCK_ROWS, rows / threads / BLOCK_ROWS * BLOCK_ROWS));
    int64_t parts = (rows + at_a_time - 1) / at_a_time;
#pragma omp parallel num_threads(threads)
    {
        std::vector<float> space(packed ? 0 : together * depth * PANEL + WIDTH);
        float* made = aligned(space.data());
#pragma omp for schedule(dynamic, 1)
        for (int64_t item = 0; item < parts * groups; item++) {
            int64_t first_row = item / groups * at_a_time, end = std::min(rows, first_row + at_a_time);
            int64_t first = item % groups * together, last = std::min(panels, first + together);
            for (int64_t p = first; p < last && !packed; p++)
                pack(weight, p * PANEL, width, depth, made + (p - first) * depth * PANEL);
            const float* ready = packed ? weight + first * depth * PANEL : made;
            for (int64_t row = first_row; row < end; row += BLOCK_ROWS)
                for (int64_t p = first; p < last; p++) {
                    int64_t column = p * PANEL;
                    rows_times_panel(std::min(BLOCK_ROWS, end - row), x + row * depth, depth,
                                     ready + (p - first) * depth * PANEL, bias ? bias + column : nullptr,
                                     y + row * stride + column, stride, std::min<int64_t>(PANEL, width - column));
                }
        }
    }
}
