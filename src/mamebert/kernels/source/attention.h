// What attention over packed sequences is told, which keys a query sees, and rows of heads fetched and put back.
#pragma once
#include <cmath>
#include <cstdint>
#include <vector>
#include "vector.h"

constexpr int64_t QUERIES = 48;  // queries treated at a time: a multiple of TILE_ROWS

struct Shape {
    int64_t sequences, heads, width;  // width of a head
    const int64_t *query_starts, *key_starts;
    const int64_t* places;  // of each query within its sequence; null where queries are all its tokens
    int64_t behind, ahead;  // how far to the left and to the right keys are seen; below 0 all are
    const float* slopes;    // of each head, what a token of distance takes from a score; null where nothing does
    float scale;
    int threads;
};

// The keys of a sequence that some of neighbouring queries see: from a multiple of WIDTH on, filled up to vectors.
struct Seen {
    int64_t from, end, step;
};

static inline int64_t place(const Shape& shape, int64_t row, int64_t begin) {
    return shape.places ? shape.places[row] : row - begin;
}

static inline Seen seen_by(const Shape& shape, int64_t row, int64_t rows, int64_t begin, int64_t num_keys) {
    int64_t from = 0, end = num_keys;
    if (shape.behind >= 0) from = place(shape, row, begin) - shape.behind;
    if (shape.ahead >= 0) end = place(shape, row + rows - 1, begin) + shape.ahead + 1;
    from = from < 0 ? 0 : from / WIDTH * WIDTH;
    end = end < num_keys ? end : num_keys;
    return {from, end, (end - from + WIDTH - 1) / WIDTH * WIDTH};
}

// Scores of keys that are not there, or out of reach of the query, become so low that their share is 0.
static inline void hide(const Shape& shape, Seen seen, int64_t row, int64_t begin, float* scores) {
    for (int64_t j = seen.end - seen.from; j < seen.step; j++) scores[j] = -1e30f;
    if (shape.behind < 0 && shape.ahead < 0) return;
    int64_t at = place(shape, row, begin) - seen.from;
    if (shape.behind >= 0)
        for (int64_t j = 0; j < at - shape.behind; j++) scores[j] = -1e30f;
    if (shape.ahead >= 0)
        for (int64_t j = at + shape.ahead + 1; j < seen.step; j++) scores[j] = -1e30f;
}

// Scores of keys fall with their distance from the query (Press et al., 2022); `unit` is what a score of 1 is.
static inline void lean(const Shape& shape, Seen seen, int64_t row, int64_t begin, int64_t head, float unit,
                        float* scores) {
    if (!shape.slopes) return;
    float slope = shape.slopes[head] * unit, at = float(place(shape, row, begin) - seen.from);
    for (int64_t j = 0; j < seen.end - seen.from; j++) scores[j] -= slope * std::fabs(float(j) - at);
}

// Where rows lie: one head's part of row r begins at start + r * step.
template <class T>
struct Matrix {
    T* start;
    int64_t step;
    T* at(int64_t row, int64_t column) const { return start + row * step + column; }
};

static inline int64_t padded(int64_t count) { return (count + WIDTH - 1) / WIDTH * WIDTH; }

template <class T, class To>
static void gather(Matrix<const T> from, int64_t row, int64_t column, const float* bias, float scale, int64_t rows,
                   int64_t width, To* to) {
    for (int64_t i = 0; i < rows; i++)
        for (int64_t d = 0; d < width; d += WIDTH) {
            Floats value = load(from.at(row + i, column + d));
            if (bias) value += load(bias + column + d);
            store(to + i * width + d, value * scale);
        }
}

template <class T>
static void scatter(const float* from, int64_t rows, int64_t width, float scale, Matrix<T> to, int64_t row,
                    int64_t column, float* sums) {
    for (int64_t d = 0; d < width; d += WIDTH) {
        Floats total = all(0.0f);
        for (int64_t i = 0; i < rows; i++) {
            Floats value = load(from + i * width + d) * scale;
            total += value;
            store(to.at(row + i, column + d), value);
        }
        store(sums + column + d, load(sums + column + d) + total);
    }
}

// One head of one sequence: its columns, its keys, and the rows that ask.
struct Head {
    int64_t sequence, number, column, first_key, num_keys, begin, end, step;
};

// work(head, space) for all heads of all sequences; threads have a space of their own.
template <class Work>
static void for_each_head(const Shape& shape, Work work) {
#pragma omp parallel num_threads(shape.threads)
    {
        std::vector<float> space;
#pragma omp for schedule(dynamic, 1)
        for (int64_t item = 0; item < shape.sequences * shape.heads; item++) {
            int64_t sequence = item / shape.heads, number = item % shape.heads;
            int64_t first_key = shape.key_starts[sequence], num_keys = shape.key_starts[sequence + 1] - first_key;
            work(Head{sequence, number, number * shape.width, first_key, num_keys, shape.query_starts[sequence],
                      shape.query_starts[sequence + 1], padded(num_keys)},
                 space);
        }
    }
}

// What is learnt from: of the output, of queries, keys and values; sums [sequences][3][hidden] get those of the biases.
template <class T>
struct Gradients {
    Matrix<const T> upstream;
    Matrix<T> queries, keys, values;
    float* sums;
};
