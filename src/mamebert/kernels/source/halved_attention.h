// Attention in products of bfloat16, for processors that have them: what is multiplied is rounded to it, probabilities
// and their gradients too, and sums are float32 (as FlashAttention does; Dao et al., 2022). Half the time of float32.
#pragma once
#include <cmath>
#include <vector>
#include "attention.h"
#include "small_product.h"
#include "words.h"

constexpr int64_t HALVED_WIDTHS = 2 * WIDTH;  // a head's width has to be a multiple, so that its words fill vectors
constexpr float LOG2_E = 1.44269504f;         // scores are logarithms to the base 2

// to [width / 2][step] = words of rows [count][width] turned over; what is not there is 0.
static inline void turn_words(const bfloat16* rows, int64_t count, int64_t width, int64_t step, float* to) {
    for (int64_t i = 0; i < step; i += WIDTH)
        rows_to_columns((const float*)(rows + i * width), width / 2, count - i < WIDTH ? count - i : WIDTH, width / 2,
                        to + i, step);
}

template <class T>
static void halved_forward(Matrix<const T> queries, Matrix<const T> keys, Matrix<const T> values, const float* biases,
                           T* out, float* log_sums, Shape shape) {
    int64_t D = shape.width, hidden = shape.heads * D;
    for_each_head(shape, [&](const Head& head, std::vector<float>& space) {
        int64_t num_keys = head.num_keys, step = head.step, column = head.column;
        space.resize(step * D * 3 / 2 + QUERIES * (D / 2 + D + step + step / 2));
        float *rounded = space.data(), *turned = rounded + step * D / 2, *pairs = turned + step * D / 2,
              *q = pairs + step * D / 2, *o = q + QUERIES * D / 2, *s = o + QUERIES * D, *shares = s + QUERIES * step;
        bfloat16* rows_of = (bfloat16*)rounded;
        gather(keys, head.first_key, column, biases + hidden, 1.0f, num_keys, D, rows_of);
        turn_words(rows_of, num_keys, D, step, turned);
        gather(values, head.first_key, column, biases + 2 * hidden, 1.0f, num_keys, D, rows_of);
        read_values<true>(rows_of, D, num_keys, D, pairs);
        for (int64_t row = head.begin; row < head.end; row += QUERIES) {
            int64_t rows = head.end - row < QUERIES ? head.end - row : QUERIES;
            Seen seen = seen_by(shape, row, rows, head.begin, num_keys);
            gather(queries, row, column, biases, shape.scale * LOG2_E, rows, D, (bfloat16*)q);
            product<false, true>(rows, seen.step, D / 2, q, D / 2, 1, turned + seen.from, step, s, step);
            float inverse[QUERIES];
            for (int64_t i = 0; i < rows; i++) {
                float* scores = s + i * step;
                bfloat16* share = (bfloat16*)(shares + i * step / 2);
                lean(shape, seen, row + i, head.begin, head.number, LOG2_E, scores);
                hide(shape, seen, row + i, head.begin, scores);
                Floats top = load(scores), total = all(0.0f);
                for (int64_t j = WIDTH; j < seen.step; j += WIDTH) top = larger(top, load(scores + j));
                float highest = largest(top);
                for (int64_t j = 0; j < seen.step; j += WIDTH) {
                    Floats e = nearly_power_of_two(load(scores + j) - highest);
                    total += e;
                    store(share + j, e);
                }
                float mass = sum(total);
                inverse[i] = 1.0f / mass;
                log_sums[(row + i) * shape.heads + head.number] = highest + std::log2(mass);
            }
            product<false, true>(rows, D, (seen.end - seen.from + 1) / 2, shares, step / 2, 1,
                                 pairs + seen.from / 2 * D, D, o, D);
            for (int64_t i = 0; i < rows; i++)
                for (int64_t d = 0; d < D; d += WIDTH)
                    store(out + (row + i) * hidden + column + d, load(o + i * D + d) * inverse[i]);
        }
    });
}

// What backward keeps of some queries.
struct HalvedQueries {
    float *scores, *changes;       // [queries][step]
    float *shares, *pairs;         // words of two neighbouring queries, [queries / 2][step]
    float* along;                  // words of two neighbouring keys, [queries][step / 2]
};

// Scores [rows][step] become probabilities, and `changes`, the gradients of these, the gradients of the scores.
static inline void halved_softmax_backward(const HalvedQueries& at, const float* log_sums, int64_t heads, int64_t rows,
                                           int64_t seen, int64_t step) {
    for (int64_t i = 0; i < rows; i += 2) {
        bool both = i + 1 < rows;
        float mean[2] = {0, 0}, log_sum[2] = {log_sums[i * heads], both ? log_sums[(i + 1) * heads] : 0.0f};
        Floats along[2] = {all(0.0f), all(0.0f)};
        float *scores = at.scores + i * step, *changes = at.changes + i * step;
        for (int64_t j = 0; j < seen; j += WIDTH) {
            Floats share[2] = {all(0.0f), all(0.0f)};
            for (int k = 0; k < 1 + both; k++) {
                share[k] = nearly_power_of_two(load(scores + k * step + j) - log_sum[k]);
                along[k] += share[k] * load(changes + k * step + j);
                store(scores + k * step + j, share[k]);
            }
            store(at.shares + i / 2 * step + j, as_pairs(rounded_to_bfloat16(share[0]), rounded_to_bfloat16(share[1])));
        }
        for (int k = 0; k < 1 + both; k++) mean[k] = sum(along[k]);
        for (int64_t j = 0; j < seen; j += WIDTH) {
            Floats change[2] = {all(0.0f), all(0.0f)};
            for (int k = 0; k < 1 + both; k++) {
                bfloat16* to = (bfloat16*)(at.along + (i + k) * step / 2) + j;
                store(to, load(scores + k * step + j) * (load(changes + k * step + j) - mean[k]));
                change[k] = load(to);
            }
            store(at.pairs + i / 2 * step + j, as_pairs(change[0], change[1]));
        }
    }
}

template <class T>
static void halved_backward(Matrix<const T> queries, Matrix<const T> keys, Matrix<const T> values, const float* biases,
                            const float* log_sums, Gradients<T> gradients, Shape shape) {
    int64_t D = shape.width, hidden = shape.heads * D;
    for_each_head(shape, [&](const Head& head, std::vector<float>& space) {
        int64_t num_keys = head.num_keys, step = head.step, column = head.column, half = step * D / 2;
        float* sums = gradients.sums + head.sequence * 3 * hidden;
        space.resize(4 * half + 4 * half + QUERIES * (2 * D + D + 3 * step + step / 2));
        float *rounded = space.data(), *turned = rounded + half, *pairs = turned + half, *turned_values = pairs + half,
              *dk = turned_values + half, *dv = dk + step * D, *q = dv + step * D, *q_pairs = q + QUERIES * D / 2,
              *g = q_pairs + QUERIES * D / 2, *g_pairs = g + QUERIES * D / 2, *dq = g_pairs + QUERIES * D / 2;
        HalvedQueries at{};
        at.scores = dq + QUERIES * D;
        at.changes = at.scores + QUERIES * step;
        at.shares = at.changes + QUERIES * step;
        at.pairs = at.shares + QUERIES * step / 2;
        at.along = at.pairs + QUERIES * step / 2;
        bfloat16* rows_of = (bfloat16*)rounded;
        gather(values, head.first_key, column, biases + 2 * hidden, 1.0f, num_keys, D, rows_of);
        turn_words(rows_of, num_keys, D, step, turned_values);
        gather(keys, head.first_key, column, biases + hidden, 1.0f, num_keys, D, rows_of);
        turn_words(rows_of, num_keys, D, step, turned);
        read_values<true>(rows_of, D, num_keys, D, pairs);
        for (int64_t i = 0; i < num_keys * D; i++) dk[i] = dv[i] = 0;
        for (int64_t row = head.begin; row < head.end; row += QUERIES) {
            int64_t rows = head.end - row < QUERIES ? head.end - row : QUERIES, two = (rows + 1) / 2;
            Seen seen = seen_by(shape, row, rows, head.begin, num_keys);
            int64_t from = seen.from * D, count = seen.end - seen.from;
            gather(queries, row, column, biases, shape.scale * LOG2_E, rows, D, (bfloat16*)q);
            read_values<true>((const bfloat16*)q, D, rows, D, q_pairs);
            gather(gradients.upstream, row, column, nullptr, 1.0f, rows, D, (bfloat16*)g);
            read_values<true>((const bfloat16*)g, D, rows, D, g_pairs);
            product<false, true>(rows, seen.step, D / 2, q, D / 2, 1, turned + seen.from, step, at.scores, step);
            product<false, true>(rows, seen.step, D / 2, g, D / 2, 1, turned_values + seen.from, step, at.changes, step);
            for (int64_t i = 0; i < rows; i++) {
                lean(shape, seen, row + i, head.begin, head.number, LOG2_E, at.scores + i * step);
                hide(shape, seen, row + i, head.begin, at.scores + i * step);
            }
            halved_softmax_backward(at, log_sums + row * shape.heads + head.number, shape.heads, rows, seen.step, step);
            product<true, true>(count, D, two, at.shares, 1, step, g_pairs, D, dv + from, D);
            product<true, true>(count, D, two, at.pairs, 1, step, q_pairs, D, dk + from, D);
            product<false, true>(rows, D, (count + 1) / 2, at.along, step / 2, 1, pairs + from / 2, D, dq, D);
            scatter(dq, rows, D, shape.scale, gradients.queries, row, column, sums);
        }
        // Queries hold the scale already, and the base of the logarithm too.
        scatter(dk, num_keys, D, 1.0f / LOG2_E, gradients.keys, head.first_key, column, sums + hidden);
        scatter(dv, num_keys, D, 1.0f, gradients.values, head.first_key, column, sums + 2 * hidden);
    });
}
