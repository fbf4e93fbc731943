// Word + position + segment, LayerNorm, dropout: the first layer's input (Devlin et al., 2019), and its gradient.
#include <vector>
#include "dropout.h"
#include "rows.h"
#include "vector.h"

struct Places {
    const int64_t *words, *positions, *segments;
};

// normal [rows][columns] (float32) and deviation [rows] are kept for backward.
template <class T, class W>
static void forward(Places places, const W* words, const float* positions, const float* segments,
                    const float* weight, const float* shift, float* normal, float* deviation, T* y, int64_t rows,
                    int64_t columns, float eps, Dropout dropout, int threads) {
#pragma omp parallel for num_threads(threads)
    for (int64_t i = 0; i < rows; i++) {
        const W* word = words + places.words[i] * columns;
        const float *position = positions + places.positions[i] * columns,
                    *segment = segments + places.segments[i] * columns;
        float* z = normal + i * columns;
        Floats total = all(0.0f);
        for (int64_t j = 0; j < columns; j += WIDTH) {
            Floats value = load(word + j) + (load(position + j) + load(segment + j));
            store(z + j, value);
            total += value;
        }
        deviation[i] = centre(z, total, columns, eps);
        for (int64_t j = 0; j < columns; j += WIDTH) {
            Floats value = load(z + j) * deviation[i];
            store(z + j, value);
            store(y + i * columns + j, dropout(value * load(weight + j) + load(shift + j), i * columns + j));
        }
    }
}

// `normal` becomes the gradient of the sum of the three; sums [2][columns] gets those of weight and shift.
template <class T>
static void backward(const T* upstream, float* normal, const float* deviation, const float* weight, float* sums,
                     int64_t rows, int64_t columns, Dropout dropout, int threads) {
    std::vector<float> partial(num_blocks(rows) * 2 * columns, 0.0f);
#pragma omp parallel for num_threads(threads)
    for (int64_t b = 0; b < num_blocks(rows); b++) {
        float *d_weight = partial.data() + b * 2 * columns, *d_shift = d_weight + columns;
        for (int64_t i = b * BLOCK; i < block_end(b, rows); i++) {
            int64_t at = i * columns;
            Floats first = all(0.0f), second = all(0.0f);
            for (int64_t j = 0; j < columns; j += WIDTH) {
                Floats g = dropout(load(upstream + at + j), at + j), n = load(normal + at + j);
                Floats weighted = g * load(weight + j);
                first += weighted;
                second += weighted * n;
                store(d_weight + j, load(d_weight + j) + g * n);
                store(d_shift + j, load(d_shift + j) + g);
            }
            float mean = sum(first) / columns, along = sum(second) / columns;
            for (int64_t j = 0; j < columns; j += WIDTH) {
                Floats weighted = dropout(load(upstream + at + j), at + j) * load(weight + j);
                Floats gradient = (weighted - mean - load(normal + at + j) * along) * deviation[i];
                store(normal + at + j, gradient);
            }
        }
    }
    add_blocks(partial.data(), num_blocks(rows), 2 * columns, sums);
}

#define FORWARD(TYPE, NAME, WORDS, STORED)                                                                            \
    extern "C" void embeddings_forward_##NAME##_from_##STORED(                                                        \
        const int64_t* word_ids, const int64_t* position_ids, const int64_t* segment_ids, const WORDS* words,         \
        const float* positions, const float* segments, const float* weight, const float* shift, float* normal,        \
        float* deviation, TYPE* y, int64_t rows, int64_t columns, float eps, float rate, uint64_t seed, int threads) { \
        forward<TYPE>({word_ids, position_ids, segment_ids}, words, positions, segments, weight, shift, normal,       \
                      deviation, y, rows, columns, eps, Dropout(rate, seed), threads);                                \
    }

FORWARD(float, float32, float, float32)
FORWARD(float, float32, bfloat16, bfloat16)
FORWARD(bfloat16, bfloat16, float, float32)
FORWARD(bfloat16, bfloat16, bfloat16, bfloat16)

#define BACKWARD(TYPE, NAME)                                                                                    \
    extern "C" void embeddings_backward_##NAME(const TYPE* upstream, float* normal, const float* deviation,     \
                                               const float* weight, float* sums, int64_t rows, int64_t columns, \
                                               float rate, uint64_t seed, int threads) {                        \
        backward<TYPE>(upstream, normal, deviation, weight, sums, rows, columns, Dropout(rate, seed), threads); \
    }

BACKWARD(float, float32)
BACKWARD(bfloat16, bfloat16)

// table[ids[i]] += rows[i]. A thread has columns of its own, so that the order of adding never changes.
extern "C" void add_to_rows_float32(const float* rows, const int64_t* ids, float* table, int64_t num_rows,
                                    int64_t columns, int threads) {
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t part = 0; part < threads; part++) {
        int64_t vectors = columns / WIDTH;
        int64_t from = vectors * part / threads * WIDTH, to = vectors * (part + 1) / threads * WIDTH;
        for (int64_t i = 0; i < num_rows; i++)
            for (int64_t j = from; j < to; j += WIDTH) {
                float* at = table + ids[i] * columns + j;
                store(at, load(at) + load(rows + i * columns + j));
            }
    }
}
