// LayerNorm(before + dropout(x + bias)) in one pass over memory, and its gradient (Ba et al., 2016).
#include <vector>
#include "dropout.h"
#include "rows.h"
#include "vector.h"

// x becomes the normalised values, which backward needs; `deviation` [rows] gets 1 / standard deviation.
template <class T>
static void forward(T* x, const float* bias, const T* before, const float* weight, const float* shift, T* y,
                    float* deviation, int64_t rows, int64_t columns, float eps, Dropout dropout, int threads) {
#pragma omp parallel num_threads(threads)
    {
        std::vector<float> row(columns);
        float* z = row.data();
#pragma omp for
        for (int64_t i = 0; i < rows; i++) {
            int64_t at = i * columns;
            Floats total = all(0.0f);
            for (int64_t j = 0; j < columns; j += WIDTH) {
                Floats value = dropout(load(x + at + j) + load(bias + j), at + j);
                if (before) value += load(before + at + j);
                store(z + j, value);
                total += value;
            }
            float scale = deviation[i] = centre(z, total, columns, eps);
            for (int64_t j = 0; j < columns; j += WIDTH) {
                Floats value = load(z + j) * scale;
                store(x + at + j, value);
                store(y + at + j, value * load(weight + j) + load(shift + j));
            }
        }
    }
}

// `normal` holds the normalised values and gets the gradient of x; d_before may be null. sums [3][columns] gets the
// gradients of weight, shift and bias.
template <class T>
static void backward(const T* upstream, T* normal, const float* deviation, const float* weight, T* d_before,
                     float* sums, int64_t rows, int64_t columns, Dropout dropout, int threads) {
    std::vector<float> partial(num_blocks(rows) * 3 * columns, 0.0f);
#pragma omp parallel for num_threads(threads)
    for (int64_t b = 0; b < num_blocks(rows); b++) {
        float* d_weight = partial.data() + b * 3 * columns;
        float *d_shift = d_weight + columns, *d_bias = d_shift + columns;
        for (int64_t i = b * BLOCK; i < block_end(b, rows); i++) {
            int64_t at = i * columns;
            Floats first = all(0.0f), second = all(0.0f);
            for (int64_t j = 0; j < columns; j += WIDTH) {
                Floats g = load(upstream + at + j), n = load(normal + at + j), weighted = g * load(weight + j);
                first += weighted;
                second += weighted * n;
                store(d_weight + j, load(d_weight + j) + g * n);
                store(d_shift + j, load(d_shift + j) + g);
            }
            float mean = sum(first) / columns, along = sum(second) / columns, scale = deviation[i];
            for (int64_t j = 0; j < columns; j += WIDTH) {
                Floats weighted = load(upstream + at + j) * load(weight + j);
                Floats gradient = (weighted - mean - load(normal + at + j) * along) * scale;
                if (d_before) store(d_before + at + j, gradient);
                gradient = dropout(gradient, at + j);
                store(normal + at + j, gradient);
                store(d_bias + j, load(d_bias + j) + gradient);
            }
        }
    }
    add_blocks(partial.data(), num_blocks(rows), 3 * columns, sums);
}

extern "C" void add_and_norm_forward_float32(float* x, const float* bias, const float* before, const float* weight,
                                             const float* shift, float* y, float* deviation, int64_t rows,
                                             int64_t columns, float eps, float rate, uint64_t seed, int threads) {
    forward(x, bias, before, weight, shift, y, deviation, rows, columns, eps, Dropout(rate, seed), threads);
}
extern "C" void add_and_norm_forward_bfloat16(bfloat16* x, const float* bias, const bfloat16* before,
                                              const float* weight, const float* shift, bfloat16* y, float* deviation,
                                              int64_t rows, int64_t columns, float eps, float rate, uint64_t seed,
                                              int threads) {
    forward(x, bias, before, weight, shift, y, deviation, rows, columns, eps, Dropout(rate, seed), threads);
}
extern "C" void add_and_norm_backward_float32(const float* upstream, float* normal, const float* deviation,
                                              const float* weight, float* d_before, float* sums, int64_t rows,
                                              int64_t columns, float rate, uint64_t seed, int threads) {
    backward(upstream, normal, deviation, weight, d_before, sums, rows, columns, Dropout(rate, seed), threads);
}
extern "C" void add_and_norm_backward_bfloat16(const bfloat16* upstream, bfloat16* normal, const float* deviation,
                                               const float* weight, bfloat16* d_before, float* sums, int64_t rows,
                                               int64_t columns, float rate, uint64_t seed, int threads) {
    backward(upstream, normal, deviation, weight, d_before, sums, rows, columns, Dropout(rate, seed), threads);
}
