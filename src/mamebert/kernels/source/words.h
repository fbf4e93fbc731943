// Rows as a product reads them on its right: turned over, or side by side; words hold two bfloat16 along the depth.
#pragma once
#include "turn.h"
#include "vector.h"

// Up to WIDTH rows of `words` numbers, `between` apart, become columns of to [words][step]; what is not there is 0.
static inline void rows_to_columns(const float* from, int64_t between, int64_t there, int64_t words, float* to,
                                   int64_t step) {
    for (int64_t d = 0; d < words; d += WIDTH) {
        Floats block[WIDTH];
        for (int j = 0; j < WIDTH; j++) block[j] = j < there ? load(from + j * between + d) : all(0.0f);
        transpose(block);
        for (int i = 0; i < WIDTH; i++) store(to + (d + i) * step, block[i]);
    }
}

// Words of two numbers that are bfloat16 already, and so in the upper halves of theirs.
static inline Floats as_pairs(Floats first, Floats second) { return (Floats)((Words)first >> 16 | (Words)second); }

static inline Floats rounded_to_bfloat16(Floats value) {
    bfloat16 rounded[WIDTH];
    store(rounded, value);
    return load(rounded);
}

// rows of values; HALVED, words of those of two neighbouring keys, 0 for one that is not there.
template <bool HALVED, class T>
static inline void read_values(const T* values, int64_t stride, int64_t count, int64_t width, float* to) {
    for (int64_t j = 0; j < count; j += HALVED ? 2 : 1)
        for (int64_t d = 0; d < width; d += WIDTH) {
            Floats first = load(values + j * stride + d);
            if constexpr (HALVED) {
                Floats second = j + 1 < count ? load(values + (j + 1) * stride + d) : all(0.0f);
                store(to + j / 2 * width + d, as_pairs(first, second));
            } else {
                store(to + j * width + d, first);
            }
        }
}
