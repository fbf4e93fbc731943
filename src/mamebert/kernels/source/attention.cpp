// Scaled dot-product attention (Vaswani et al., 2017) over packed sequences of any lengths: no padding, no mask.
// Probabilities are never stored: backward computes them again from the logarithm of their sum (Dao et al., 2022).
#include <cmath>
#include <vector>
#include "small_product.h"
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

// Scores of keys fall with their distance from the query (Press et al., 2022).
static inline void lean(const Shape& shape, Seen seen, int64_t row, int64_t begin, int64_t head, float* scores) {
    if (!shape.slopes) return;
    float slope = shape.slopes[head], at = float(place(shape, row, begin) - seen.from);
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

template <class T>
static void gather(Matrix<const T> from, int64_t row, int64_t column, const float* bias, float scale, int64_t rows,
                   int64_t width, float* to) {
    for (int64_t i = 0; i < rows; i++)
        for (int64_t d = 0; d < width; d += WIDTH) {
            Floats value = load(from.at(row + i, column + d));
            if (bias) value += load(bias + column + d);
            store(to + i * width + d, value * scale);
        }
}

// to[width][step] = from[rows][width] turned over; columns from `rows` to `step` become 0.
static void turn(const float* from, int64_t rows, int64_t width, float* to, int64_t step) {
    for (int64_t d = 0; d < width; d++)
        for (int64_t i = rows; i < step; i++) to[d * step + i] = 0;
    for (int64_t i0 = 0; i0 < rows; i0 += 16)
        for (int64_t i = i0; i < rows && i < i0 + 16; i++)
            for (int64_t d = 0; d < width; d++) to[d * step + i] = from[i * width + d];
}

template <class T>
static void forward(Matrix<const T> queries, Matrix<const T> keys, Matrix<const T> values, const float* biases, T* out,
                    float* log_sums, Shape shape) {
    int64_t D = shape.width, hidden = shape.heads * D;
    const float *query_bias = biases, *key_bias = biases + hidden, *value_bias = biases + 2 * hidden;
#pragma omp parallel num_threads(shape.threads)
    {
        std::vector<float> space;
#pragma omp for schedule(dynamic, 1)
        for (int64_t item = 0; item < shape.sequences * shape.heads; item++) {
            int64_t sequence = item / shape.heads, column = item % shape.heads * D;
            int64_t first_key = shape.key_starts[sequence], num_keys = shape.key_starts[sequence + 1] - first_key;
            int64_t begin = shape.query_starts[sequence], end = shape.query_starts[sequence + 1];
            int64_t step = padded(num_keys);
            space.resize(2 * step * D + D * step + QUERIES * (2 * D + step));
            float *k = space.data(), *v = k + step * D, *kt = v + step * D, *q = kt + D * step, *o = q + QUERIES * D,
                  *s = o + QUERIES * D;
            gather(keys, first_key, column, key_bias, 1.0f, num_keys, D, k);
            gather(values, first_key, column, value_bias, 1.0f, num_keys, D, v);
            turn(k, num_keys, D, kt, step);
            for (int64_t row = begin; row < end; row += QUERIES) {
                int64_t rows = end - row < QUERIES ? end - row : QUERIES;
                Seen seen = seen_by(shape, row, rows, begin, num_keys);
                gather(queries, row, column, query_bias, shape.scale, rows, D, q);
                product<false>(rows, seen.step, D, q, D, 1, kt + seen.from, step, s, step);
                float inverse[QUERIES];
                for (int64_t i = 0; i < rows; i++) {
                    float* scores = s + i * step;
                    lean(shape, seen, row + i, begin, item % shape.heads, scores);
                    hide(shape, seen, row + i, begin, scores);
                    Floats top = load(scores), total = all(0.0f);
                    for (int64_t j = WIDTH; j < seen.step; j += WIDTH) top = larger(top, load(scores + j));
                    float highest = largest(top);
                    for (int64_t j = 0; j < seen.step; j += WIDTH) {
                        Floats e = exponential(load(scores + j) - highest);
                        total += e;
                        store(scores + j, e);
                    }
                    float mass = sum(total);
                    inverse[i] = 1.0f / mass;
                    log_sums[(row + i) * shape.heads + item % shape.heads] = highest + std::log(mass);
                }
                product<false>(rows, D, seen.end - seen.from, s, step, 1, v + seen.from * D, D, o, D);
                for (int64_t i = 0; i < rows; i++)
                    for (int64_t d = 0; d < D; d += WIDTH)
                        store(out + (row + i) * hidden + column + d, load(o + i * D + d) * inverse[i]);
            }
        }
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

// d_biases [3][hidden] gets the sums of d_queries, d_keys and d_values over the rows.
template <class T>
static void backward(const T* upstream, Matrix<const T> queries, Matrix<const T> keys, Matrix<const T> values,
                     const float* biases, const float* log_sums, Matrix<T> d_queries, Matrix<T> d_keys,
                     Matrix<T> d_values, float* d_biases, Shape shape) {
    int64_t D = shape.width, hidden = shape.heads * D;
    const float *query_bias = biases, *key_bias = biases + hidden, *value_bias = biases + 2 * hidden;
    Matrix<const T> gradients{upstream, hidden};
    std::vector<float> partial(shape.sequences * 3 * hidden, 0.0f);
#pragma omp parallel num_threads(shape.threads)
    {
        std::vector<float> space;
#pragma omp for schedule(dynamic, 1)
        for (int64_t item = 0; item < shape.sequences * shape.heads; item++) {
            int64_t sequence = item / shape.heads, head = item % shape.heads, column = head * D;
            int64_t first_key = shape.key_starts[sequence], num_keys = shape.key_starts[sequence + 1] - first_key;
            int64_t begin = shape.query_starts[sequence], end = shape.query_starts[sequence + 1];
            int64_t step = padded(num_keys);
            float* sums = partial.data() + sequence * 3 * hidden;
            space.resize(6 * step * D + QUERIES * (3 * D + 2 * step));
            float *k = space.data(), *v = k + step * D, *kt = v + step * D, *vt = kt + step * D, *dk = vt + step * D,
                  *dv = dk + step * D, *q = dv + step * D, *g = q + QUERIES * D, *dq = g + QUERIES * D,
                  *p = dq + QUERIES * D, *dp = p + QUERIES * step;
            gather(keys, first_key, column, key_bias, 1.0f, num_keys, D, k);
            gather(values, first_key, column, value_bias, 1.0f, num_keys, D, v);
            turn(k, num_keys, D, kt, step);
            turn(v, num_keys, D, vt, step);
            for (int64_t i = 0; i < num_keys * D; i++) dk[i] = dv[i] = 0;
            for (int64_t row = begin; row < end; row += QUERIES) {
                int64_t rows = end - row < QUERIES ? end - row : QUERIES;
                Seen seen = seen_by(shape, row, rows, begin, num_keys);
                int64_t from = seen.from * D, count = seen.end - seen.from;
                gather(queries, row, column, query_bias, shape.scale, rows, D, q);
                gather(gradients, row, column, nullptr, 1.0f, rows, D, g);
                product<false>(rows, seen.step, D, q, D, 1, kt + seen.from, step, p, step);
                product<false>(rows, seen.step, D, g, D, 1, vt + seen.from, step, dp, step);
                for (int64_t i = 0; i < rows; i++) {
                    float *probabilities = p + i * step, *changes = dp + i * step;
                    float log_sum = log_sums[(row + i) * shape.heads + head];
                    lean(shape, seen, row + i, begin, head, probabilities);
                    hide(shape, seen, row + i, begin, probabilities);
                    Floats along = all(0.0f);
                    for (int64_t j = 0; j < seen.step; j += WIDTH) {
                        Floats e = exponential(load(probabilities + j) - log_sum);
                        along += e * load(changes + j);
                        store(probabilities + j, e);
                    }
                    float mean = sum(along);
                    for (int64_t j = 0; j < seen.step; j += WIDTH)
                        store(changes + j, load(probabilities + j) * (load(changes + j) - mean));
                }
                product<true>(count, D, rows, p, 1, step, g, D, dv + from, D);
                product<true>(count, D, rows, dp, 1, step, q, D, dk + from, D);  // q holds the scale already
                product<false>(rows, D, count, dp, step, 1, k + from, D, dq, D);
                scatter(dq, rows, D, shape.scale, d_queries, row, column, sums);
            }
            scatter(dk, num_keys, D, 1.0f, d_keys, first_key, column, sums + hidden);
            scatter(dv, num_keys, D, 1.0f, d_values, first_key, column, sums + 2 * hidden);
        }
    }
    for (int64_t j = 0; j < 3 * hidden; j++) d_biases[j] = 0;
    for (int64_t s = 0; s < shape.sequences; s++)
        for (int64_t j = 0; j < 3 * hidden; j++) d_biases[j] += partial[s * 3 * hidden + j];
}

// queries, keys and values begin at their own pointers; a row of queries is query_step long, of keys and values
// key_step. log_sums [queries][heads]. places, behind, ahead and slopes as in Shape.
#define ATTENTION(TYPE, NAME)                                                                                       \
    extern "C" void attention_forward_##NAME(                                                                       \
        const TYPE* queries, const TYPE* keys, const TYPE* values, const float* biases, TYPE* out, float* log_sums, \
        const int64_t* query_starts, const int64_t* key_starts, const int64_t* places, int64_t behind,              \
        int64_t ahead, const float* slopes, int64_t query_step, int64_t key_step, int64_t sequences, int64_t heads, \
        int64_t width, float scale, int threads) {                                                                  \
        forward<TYPE>({queries, query_step}, {keys, key_step}, {values, key_step}, biases, out, log_sums,           \
                      {sequences, heads, width, query_starts, key_starts, places, behind, ahead, slopes, scale,     \
                       threads});                                                                                   \
    }                                                                                                               \
    extern "C" void attention_backward_##NAME(                                                                      \
        const TYPE* upstream, const TYPE* queries, const TYPE* keys, const TYPE* values, const float* biases,       \
        const float* log_sums, TYPE* d_queries, TYPE* d_keys, TYPE* d_values, float* d_biases,                      \
        const int64_t* query_starts, const int64_t* key_starts, const int64_t* places, int64_t behind,              \
        int64_t ahead, const float* slopes, int64_t query_step, int64_t key_step, int64_t sequences, int64_t heads, \
        int64_t width, float scale, int threads) {                                                                  \
        backward<TYPE>(upstream, {queries, query_step}, {keys, key_step}, {values, key_step}, biases, log_sums,     \
                       {d_queries, query_step}, {d_keys, key_step}, {d_values, key_step}, d_biases,                 \
                       {sequences, heads, width, query_starts, key_starts, places, behind, ahead, slopes, scale,    \
                        threads});                                                                                  \
    }

ATTENTION(float, float32)
ATTENTION(bfloat16, bfloat16)
