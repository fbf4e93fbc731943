// gelu(x + bias) with the exact GELU, x Phi(x), and its gradient (Hendrycks and Gimpel, 2016).
#include <vector>
#include "rows.h"
#include "vector.h"

// The normal distribution and its density at x. erf by Abramowitz and Stegun 7.1.26 (error 1.5e-7).
static inline void normal(Floats x, Floats& distribution, Floats& density) {
    Floats size = x * 0.70710678f;
    size = size < 0.0f ? -size : size;
    Floats bell = exponential(-(size * size));
    Floats t = 1.0f / (size * 0.3275911f + 1.0f);
    Floats p = all(1.061405429f);
    p = p * t + -1.453152027f;
    p = p * t + 1.421413741f;
    p = p * t + -0.284496736f;
    p = p * t + 0.254829592f;
    Floats tail = p * t * bell * 0.5f;
    distribution = x < 0.0f ? tail : 1.0f - tail;
    density = bell * 0.39894228f;
}

template <class T>
static void forward(const T* x, const float* bias, T* y, int64_t rows, int64_t columns, int threads) {
#pragma omp parallel for num_threads(threads)
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < columns; j += WIDTH) {
            Floats value = load(x + i * columns + j) + load(bias + j), distribution, density;
            normal(value, distribution, density);
            store(y + i * columns + j, value * distribution);
        }
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
                Floats value = load(x + i * columns + j) + load(bias + j), distribution, density;
                normal(value, distribution, density);
                Floats gradient = load(upstream + i * columns + j) * (value * density + distribution);
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
