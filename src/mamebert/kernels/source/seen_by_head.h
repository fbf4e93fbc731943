// What one head of one sequence sees, for answers: scaled dot products (Vaswani et al., 2017) without gradients; with
// rotary positions (Su et al., 2021), slopes (Press et al., 2022) and windows where a layer has them.
#pragma once
#include <algorithm>
#include <cmath>
#include <vector>
#include "small_product.h"
#include "vector.h"
#include "words.h"

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
template <class T>
static inline void read_head(const View& view, const T* from, int64_t place, int64_t width, float scale, float* to) {
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

// The same as one side of a product: HALVED, words of two bfloat16.
template <bool HALVED, class T>
static inline void as_words(const View& view, const T* from, int64_t place, int64_t width, float scale, float* whole,
                            float* to) {
    read_head(view, from, place, width, scale, HALVED ? whole : to);
    if (HALVED)
        for (int64_t d = 0; d < width; d += WIDTH) store((bfloat16*)to + d, load(whole + d));
}

// turned [words][step] = the keys of a head, a column each; columns beyond them are 0.
template <bool HALVED, class T>
static inline void turn_keys(const View& view, const T* keys, int64_t stride, int64_t count, int64_t width,
                             int64_t step, float* turned, float* rows) {
    bool as_they_are = HALVED && !view.cosines;
    int64_t words = HALVED ? width / 2 : width;
    for (int64_t first = 0; first < step; first += WIDTH) {
        int64_t there = std::min<int64_t>(WIDTH, count - first);
        for (int64_t j = 0; j < there && !as_they_are; j++)
            as_words<HALVED>(view, keys + (first + j) * stride, first + j, width, 1.0f, rows + WIDTH * words,
                             rows + j * words);
        const float* from = as_they_are ? (const float*)(keys + first * stride) : rows;
        int64_t between = as_they_are ? stride / 2 : words;
        rows_to_columns(from, between, there, words, turned + first, step);
    }
}

// Scores become shares, before they are divided by their sum, whose inverse is returned; behind `count` there are none.
// HALVED, scores are logarithms to the base 2.
template <bool HALVED>
static inline float shares(float* scores, int64_t count) {
    int64_t last = (count - 1) / WIDTH * WIDTH;
    Floats end = only(load(scores + last), int(count - last), -1e30f, LANES), top = end, total = all(0.0f);
    store(scores + last, end);
    for (int64_t j = 0; j < last; j += WIDTH) top = larger(top, load(scores + j));
    float highest = largest(top);
    for (int64_t j = 0; j <= last; j += WIDTH) {
        Floats value = load(scores + j) - highest;
        if constexpr (HALVED) {
            Floats e = nearly_power_of_two(value);
            total += e;
            store((bfloat16*)scores + j, e);  // behind what is read
        } else {
            Floats e = exponential(value);
            total += e;
            store(scores + j, e);
        }
    }
    return 1.0f / sum(total);
}

// Scores of the keys from `from` to `end`: what is out of reach gets no share. `unit` is what a score of 1 is.
static inline void bend_scores(const View& view, int64_t head, int64_t place, int64_t from, int64_t end, float unit,
                               float* scores) {
    int64_t count = end - from, at = place - from;
    if (view.slopes)
        for (int64_t j = 0; j < count; j++) scores[j] -= view.slopes[head] * unit * std::fabs(float(j - at));
    if (view.behind >= 0) std::fill(scores, scores + std::max<int64_t>(0, std::min(count, at - view.behind)), -1e30f);
    if (view.ahead >= 0)
        std::fill(scores + std::min(count, std::max<int64_t>(0, at + view.ahead + 1)), scores + count, -1e30f);
}

// out [queries][width] = what one head sees; q and out have rows of `width`, keys and values of 2 * width. HALVED, it is
// made in bfloat16, and head_width is a multiple of 32.
template <bool HALVED, class T>
static void attend(const Sequence& sequence, const View& view, int64_t head, const T* queries, const T* others,
                   int64_t width, int64_t head_width, T* out, std::vector<float>& space) {
    int64_t D = head_width, column = head * D, num_keys = sequence.num_keys;
    int64_t step = (num_keys + WIDTH - 1) / WIDTH * WIDTH, words = HALVED ? D / 2 : D;
    size_t needed = D * step + step * D + QUERIES_AT_A_TIME * (2 * D + step) + (WIDTH + 1) * D;
    if (space.size() < needed) space.resize(needed);
    float *turned = space.data(), *values = turned + D * step, *q = values + step * D, *o = q + QUERIES_AT_A_TIME * D,
          *scores = o + QUERIES_AT_A_TIME * D, *rows = scores + QUERIES_AT_A_TIME * step;
    float unit = HALVED ? 1.44269504f : 1.0f, scale = unit / std::sqrt(float(D));
    const T* keys = others + sequence.first_key * 2 * width + column;
    turn_keys<HALVED>(view, keys, 2 * width, num_keys, D, step, turned, rows);
    read_values<HALVED>(keys + width, 2 * width, num_keys, D, values);
    for (int64_t first = 0; first < sequence.num_queries; first += QUERIES_AT_A_TIME) {
        int64_t count = std::min(QUERIES_AT_A_TIME, sequence.num_queries - first);
        int64_t row = sequence.first_query + first, from = 0, end = num_keys;
        if (view.behind >= 0) from = std::max<int64_t>(0, sequence.place(first) - view.behind) / WIDTH * WIDTH;
        if (view.ahead >= 0) end = std::min(num_keys, sequence.place(first + count - 1) + view.ahead + 1);
        int64_t seen = (end - from + WIDTH - 1) / WIDTH * WIDTH, pairs = HALVED ? 2 : 1;
        for (int64_t i = 0; i < count; i++)
            as_words<HALVED>(view, queries + (row + i) * width + column, sequence.place(first + i), D, scale, rows,
                             q + i * words);
        product<false, HALVED>(count, seen, words, q, words, 1, turned + from, step, scores, step);
        float inverse[QUERIES_AT_A_TIME];
        for (int64_t i = 0; i < count; i++) {
            bend_scores(view, head, sequence.place(first + i), from, end, unit, scores + i * step);
            inverse[i] = shares<HALVED>(scores + i * step, end - from);
        }
        product<false, HALVED>(count, D, (end - from + pairs - 1) / pairs, scores, step, 1,
                               values + from / pairs * D, D, o, D);
        for (int64_t i = 0; i < count; i++)
            for (int64_t d = 0; d < D; d += WIDTH)
                store(out + (row + i) * width + column + d, load(o + i * D + d) * inverse[i]);
    }
}
