// gelu(x + bias) with the exact GELU, x Phi(x), and its gradient (Hendrycks and Gimpel, 2016); in bfloat16 as nearly as
// that can tell.
#include <type_traits>
#include <vector>
#include "normal.h"
#include "rows.h"
#include "vector.h"

template <class T>
static inline Floats value_of(Floats x) {
    return std::is_same<T, bfloat16>::value ? nearly_gelu(x) : gelu(x);
}

template <class T>
static inline Floats slope_of(Floats x) {
    if (std::is_same<T, bfloat16>::value) return nearly_gelu_slope(x);
    Floats distribution, density;
    normal(x, distribution, density);
    return x * density + distribution;
}

template <class T>
static void forward(const T* x, const float* bias, T* y, int64_t rows, int64_t columns, int threads) {
#pragma omp parallel for num_threads(threads)
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < columns; j += WIDTH)
            store(y + i * columns + j, value_of<T>(load(x + i * columns + j) + load(bias + j)));
}

// The gradient of x takes the place of x; d_bias [columns] is its sum over the rows.
template <class T>
static void backward(const T* upstream, T* x, const float* bias, float* d_bias, int64_t rows, int64_t columns,
                     int threads) {
    std::vector<float> partial(num_blocks(rows) * columns, 0.0f);
#pragma omp parallel for num_threads(threads)
    for (int64_t b = 0; b < num_blocks(rows); b++) {
        float* sums = partial.data() + b * columns;
        for (int64_t i = b * BLOCK; i < block_end(b, rows); i++)
            for (int64_t j = 0; j < columns; j += WIDTH) {
                Floats slope = slope_of<T>(load(x + i * columns + j) + load(bias + j));
                Floats gradient = load(upstream + i * columns + j) * slope;
                store(x + i * columns + j, gradient);
                store(sums + j, load(sums + j) + gradient);
            }
    }
    add_blocks(partial.data(), num_blocks(rows), columns, d_bias);
}

extern "C" void gelu_forward_float32(const float* x, const float* bias, float* y, int64_t rows, int64_t columns,
                                     int threads) {
    forward(x, bias, y, rows, columns, threads);
}
extern "C" void gelu_forward_bfloat16(const bfloat16* x, const float* bias, bfloat16* y, int64_t rows, int64_t columns,
                                      int threads) {
    forward(x, bias, y, rows, columns, threads);
}
extern "C" void gelu_backward_float32(const float* upstream, float* x, const float* bias, float* d_bias, int64_t rows,
                                      int64_t columns, int threads) {
    backward(upstream, x, bias, d_bias, rows, columns, threads);
}
extern "C" void gelu_backward_bfloat16(const bfloat16* upstream, bfloat16* x, const float* bias, float* d_bias,
                                       int64_t rows, int64_t columns, int threads) {
    backward(upstream, x, bias, d_bias, rows, columns, threads);
}
