// What one head of one sequence sees, for answers: scaled dot products (Vaswani et al., 2017) without gradients; with
// rotary positions (Su et al., 2021), slopes (Press et al., 2022) and windows where a layer has them.
#pragma once
#include <algorithm>
#include <cmath>
#include <vector>
#include "small_product.h"
#include "turn.h"
#include "vector.h"

constexpr int64_t QUERIES_AT_A_TIME = 48;  // a multiple of TILE_ROWS

// What a layer shows its heads.
struct View {
    int64_t behind, ahead;          // how far to the left and to the right keys are seen; below 0 all are
    const float* slopes;            // of each head, what a token of distance takes from a score; or null
    const float *cosines, *sines;   // [positions][head width / 2] of the angles by which queries and keys turn; or null
};

// Rows of a sequence that ask, and its tokens, which are asked.
struct Sequence {
    int64_t first_query, num_queries, first_key, num_keys;
    const int64_t* places;  // of the rows that ask, counted as `begin` is; null where all tokens ask
    int64_t begin;

    int64_t place(int64_t query) const { return places ? places[query] - begin : query; }
};

// to [width] = one head's part of a row, turned by the angles of its place, times a scale.
static inline void read_head(const View& view, const float* from, int64_t place, int64_t width, float scale, float* to) {
    if (!view.cosines) {
        for (int64_t d = 0; d < width; d += WIDTH) store(to + d, load(from + d) * scale);
        return;
    }
    int64_t half = width / 2;
    for (int64_t d = 0; d < half; d += WIDTH) {
        Floats cosine = load(view.cosines + place * half + d), sine = load(view.sines + place * half + d);
        Floats first = load(from + d), second = load(from + half + d);
        store(to + d, (first * cosine - second * sine) * scale);
        store(to + half + d, (second * cosine + first * sine) * scale);
    }
}

// Words of two bfloat16.
static inline void halve(const float* from, int64_t words, float* to) {
    for (int64_t d = 0; d < 2 * words; d += WIDTH) store((bfloat16*)to + d, load(from + d));
}

// turned [words][step] = the keys of a head, a column each; columns beyond them are 0.
template <bool HALVED>
static inline void turn_keys(const View& view, const float* keys, int64_t stride, int64_t count, int64_t width,
                             int64_t step, float* turned, float* rows) {
    int64_t words = HALVED ? width / 2 : width;
    for (int64_t first = 0; first < step; first += WIDTH) {
        for (int64_t j = 0; j < WIDTH; j++)
            if (first + j < count) {
                float* row = rows + (HALVED ? WIDTH * words : j * words);
                read_head(view, keys + (first + j) * stride, first + j, width, 1.0f, row);
                if (HALVED) halve(row, words, rows + j * words);
            } else {
                std::fill(rows + j * words, rows + (j + 1) * words, 0.0f);
            }
        for (int64_t d = 0; d < words; d += WIDTH) {
            Floats block[WIDTH];
            for (int j = 0; j < WIDTH; j++) block[j] = load(rows + j * words + d);
            transpose(block);
            for (int i = 0; i < WIDTH; i++) store(turned + (d + i) * step + first, block[i]);
        }
    }
}

// rows of values; HALVED, words of those of two neighbouring keys, 0 for one that is not there.
template <bool HALVED>
static inline void read_values(const float* values, int64_t stride, int64_t count, int64_t width, float* to) {
#if defined(__AVX512BF16__)
    if constexpr (HALVED) {
        for (int64_t j = 0; j < count; j += 2)
            for (int64_t d = 0; d < width; d += WIDTH) {
                Floats first = load(values + j * stride + d);
                Floats second = j + 1 < count ? load(values + (j + 1) * stride + d) : all(0.0f);
                Words low = __builtin_convertvector((Halves)_mm512_cvtneps_pbh((__m512)first), Words);
                Words high = __builtin_convertvector((Halves)_mm512_cvtneps_pbh((__m512)second), Words);
                store(to + j / 2 * width + d, (Floats)(low | high << 16));
            }
        return;
    }
#endif
    for (int64_t j = 0; j < count; j++) std::copy(values + j * stride, values + j * stride + width, to + j * width);
}

// Scores become shares, before they are divided by their sum, whose inverse is returned.
template <bool HALVED>
static inline float shares(float* scores, int64_t step) {
    Floats top = load(scores), total = all(0.0f);
    for (int64_t j = WIDTH; j < step; j += WIDTH) top = larger(top, load(scores + j));
    float highest = largest(top);
    for (int64_t j = 0; j < step; j += WIDTH) {
        Floats e = exponential(load(scores + j) - highest);
        total += e;
        if (HALVED)
            store((bfloat16*)scores + j, e);  // behind what is read
        else
            store(scores + j, e);
    }
    return 1.0f / sum(total);
}

// Scores of the keys from `from` to `end`, filled up to `step`: what is out of reach, or not there, gets no share.
static inline void bend_scores(const View& view, int64_t head, int64_t place, int64_t from, int64_t end, int64_t step,
                               float* scores) {
    int64_t count = end - from, at = place - from;
    if (view.slopes)
        for (int64_t j = 0; j < count; j++) scores[j] -= view.slopes[head] * std::fabs(float(j - at));
    std::fill(scores + count, scores + step, -1e30f);
    if (view.behind >= 0) std::fill(scores, scores + std::max<int64_t>(0, std::min(count, at - view.behind)), -1e30f);
    if (view.ahead >= 0)
        std::fill(scores + std::min(count, std::max<int64_t>(0, at + view.ahead + 1)), scores + count, -1e30f);
}

// out [queries][width] = what one head sees; q and out have rows of `width`, keys and values of 2 * width. HALVED, it is
// made in bfloat16, and head_width is a multiple of 32.
template <bool HALVED>
static void attend(const Sequence& sequence, const View& view, int64_t head, const float* queries, const float* others,
                   int64_t width, int64_t head_width, float* out, std::vector<float>& space) {
    int64_t D = head_width, column = head * D, num_keys = sequence.num_keys;
    int64_t step = (num_keys + WIDTH - 1) / WIDTH * WIDTH, words = HALVED ? D / 2 : D;
    size_t needed = D * step + step * D + QUERIES_AT_A_TIME * (2 * D + step) + (WIDTH + 1) * D;
    if (space.size() < needed) space.resize(needed);
    float *turned = space.data(), *values = turned + D * step, *q = values + step * D, *o = q + QUERIES_AT_A_TIME * D,
          *scores = o + QUERIES_AT_A_TIME * D, *rows = scores + QUERIES_AT_A_TIME * step;
    float scale = 1.0f / std::sqrt(float(D));
    const float* keys = others + sequence.first_key * 2 * width + column;
    turn_keys<HALVED>(view, keys, 2 * width, num_keys, D, step, turned, rows);
    read_values<HALVED>(keys + width, 2 * width, num_keys, D, values);
    for (int64_t first = 0; first < sequence.num_queries; first += QUERIES_AT_A_TIME) {
        int64_t count = std::min(QUERIES_AT_A_TIME, sequence.num_queries - first);
        int64_t row = sequence.first_query + first, from = 0, end = num_keys;
        if (view.behind >= 0) from = std::max<int64_t>(0, sequence.place(first) - view.behind) / WIDTH * WIDTH;
        if (view.ahead >= 0) end = std::min(num_keys, sequence.place(first + count - 1) + view.ahead + 1);
        int64_t seen = (end - from + WIDTH - 1) / WIDTH * WIDTH, pairs = HALVED ? 2 : 1;
        for (int64_t i = 0; i < count; i++) {
            float* whole = HALVED ? rows : q + i * D;
            read_head(view, queries + (row + i) * width + column, sequence.place(first + i), D, scale, whole);
            if constexpr (HALVED) halve(whole, words, q + i * words);
        }
        product<false, HALVED>(count, seen, words, q, words, 1, turned + from, step, scores, step);
        float inverse[QUERIES_AT_A_TIME];
        for (int64_t i = 0; i < count; i++) {
            bend_scores(view, head, sequence.place(first + i), from, end, seen, scores + i * step);
            inverse[i] = shares<HALVED>(scores + i * step, seen);
        }
        product<false, HALVED>(count, D, (end - from + pairs - 1) / pairs, scores, step, 1,
                               values + from / pairs * D, D, o, D);
        for (int64_t i = 0; i < count; i++)
            for (int64_t d = 0; d < D; d += WIDTH)
                store(out + (row + i) * width + column + d, load(o + i * D + d) * inverse[i]);
    }
}
