// What one head of one sequence sees, for answers: scaled dot products (Vaswani et al., 2017) without gradients.
#pragma once
#include <algorithm>
#include <cmath>
#include <vector>
#include "small_product.h"
#include "vector.h"

constexpr int64_t QUERIES_AT_A_TIME = 48;  // a multiple of TILE_ROWS

// Rows of a sequence that ask, and its tokens, which are asked.
struct Sequence {
    int64_t first_query, num_queries, first_key, num_keys;
};

// out [queries][width] = what one head sees; q and out have rows of `width`, keys and values of 2 * width.
static void attend(const Sequence& sequence, const float* queries, const float* others, int64_t width, int64_t column,
                   int64_t head_width, float* out, std::vector<float>& space) {
    int64_t D = head_width, num_keys = sequence.num_keys, step = (num_keys + WIDTH - 1) / WIDTH * WIDTH;
    space.resize(D * step + step * D + QUERIES_AT_A_TIME * (2 * D + step));
    float *turned = space.data(), *values = turned + D * step, *q = values + step * D, *o = q + QUERIES_AT_A_TIME * D,
          *scores = o + QUERIES_AT_A_TIME * D;
    float scale = 1.0f / std::sqrt(float(D));
    for (int64_t d = 0; d < D; d++) std::fill(turned + d * step + num_keys, turned + (d + 1) * step, 0.0f);
    for (int64_t j = 0; j < num_keys; j++) {
        const float* key = others + (sequence.first_key + j) * 2 * width + column;
        for (int64_t d = 0; d < D; d++) turned[d * step + j] = key[d];
        std::copy(key + width, key + width + D, values + j * D);
    }
    for (int64_t first = 0; first < sequence.num_queries; first += QUERIES_AT_A_TIME) {
        int64_t count = std::min(QUERIES_AT_A_TIME, sequence.num_queries - first);
        int64_t row = sequence.first_query + first;
        for (int64_t i = 0; i < count; i++)
            for (int64_t d = 0; d < D; d += WIDTH)
                store(q + i * D + d, load(queries + (row + i) * width + column + d) * scale);
        product<false>(count, step, D, q, D, 1, turned, step, scores, step);
        float inverse[QUERIES_AT_A_TIME];
        for (int64_t i = 0; i < count; i++) {
            float* line = scores + i * step;
            std::fill(line + num_keys, line + step, -1e30f);
            Floats top = load(line), total = all(0.0f);
            for (int64_t j = WIDTH; j < step; j += WIDTH) top = larger(top, load(line + j));
            float highest = largest(top);
            for (int64_t j = 0; j < step; j += WIDTH) {
                Floats e = exponential(load(line + j) - highest);
                total += e;
                store(line + j, e);
            }
            inverse[i] = 1.0f / sum(total);
        }
        product<false>(count, D, num_keys, scores, step, 1, values, D, o, D);
        for (int64_t i = 0; i < count; i++)
            for (int64_t d = 0; d < D; d += WIDTH)
                store(out + (row + i) * width + column + d, load(o + i * D + d) * inverse[i]);
    }
}
