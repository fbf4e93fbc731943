// Scaled dot-product attention (Vaswani et al., 2017) over packed sequences of any lengths: no padding, no mask.
// Probabilities are never stored: backward computes them again from the logarithm of their sum (Dao et al., 2022).
#include <cmath>
#include <vector>
#include "attention.h"
#include "halved_attention.h"
#include "rows.h"
#include "small_product.h"
#include "vector.h"

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
    for_each_head(shape, [&](const Head& head, std::vector<float>& space) {
        int64_t column = head.column, first_key = head.first_key, num_keys = head.num_keys, begin = head.begin;
        int64_t end = head.end, step = head.step;
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
                lean(shape, seen, row + i, begin, head.number, 1.0f, scores);
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
                log_sums[(row + i) * shape.heads + head.number] = highest + std::log(mass);
            }
            product<false>(rows, D, seen.end - seen.from, s, step, 1, v + seen.from * D, D, o, D);
            for (int64_t i = 0; i < rows; i++)
                for (int64_t d = 0; d < D; d += WIDTH)
                    store(out + (row + i) * hidden + column + d, load(o + i * D + d) * inverse[i]);
        }
    });
}

template <class T>
static void backward(Matrix<const T> queries, Matrix<const T> keys, Matrix<const T> values, const float* biases,
                     const float* log_sums, Gradients<T> gradients, Shape shape) {
    int64_t D = shape.width, hidden = shape.heads * D;
    const float *query_bias = biases, *key_bias = biases + hidden, *value_bias = biases + 2 * hidden;
    for_each_head(shape, [&](const Head& head, std::vector<float>& space) {
        int64_t column = head.column, first_key = head.first_key, num_keys = head.num_keys, begin = head.begin;
        int64_t end = head.end, step = head.step;
        float* sums = gradients.sums + head.sequence * 3 * hidden;
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
            gather(gradients.upstream, row, column, nullptr, 1.0f, rows, D, g);
            product<false>(rows, seen.step, D, q, D, 1, kt + seen.from, step, p, step);
            product<false>(rows, seen.step, D, g, D, 1, vt + seen.from, step, dp, step);
            for (int64_t i = 0; i < rows; i++) {
                float *probabilities = p + i * step, *changes = dp + i * step;
                float log_sum = log_sums[(row + i) * shape.heads + head.number];
                lean(shape, seen, row + i, begin, head.number, 1.0f, probabilities);
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
            scatter(dq, rows, D, shape.scale, gradients.queries, row, column, sums);
        }
        scatter(dk, num_keys, D, 1.0f, gradients.keys, first_key, column, sums + hidden);
        scatter(dv, num_keys, D, 1.0f, gradients.values, first_key, column, sums + 2 * hidden);
    });
}

// Where there are products of bfloat16 they are taken for what is given in it.
template <class T>
constexpr bool IN_BFLOAT16 = HAS_BFLOAT16 && std::is_same<T, bfloat16>::value;

template <class T>
static void attend(Matrix<const T> queries, Matrix<const T> keys, Matrix<const T> values, const float* biases, T* out,
                   float* log_sums, Shape shape) {
    if constexpr (IN_BFLOAT16<T>)
        if (shape.width % HALVED_WIDTHS == 0)
            return halved_forward(queries, keys, values, biases, out, log_sums, shape);
    forward(queries, keys, values, biases, out, log_sums, shape);
}

template <class T>
// d_biases [3][hidden] gets the sums of d_queries, d_keys and d_values over the rows.
static void learn(const T* upstream, Matrix<const T> queries, Matrix<const T> keys, Matrix<const T> values,
                  const float* biases, const float* log_sums, Matrix<T> d_queries, Matrix<T> d_keys,
                  Matrix<T> d_values, float* d_biases, Shape shape) {
    int64_t hidden = shape.heads * shape.width;
    std::vector<float> partial(shape.sequences * 3 * hidden, 0.0f);
    Gradients<T> gradients{{upstream, hidden}, d_queries, d_keys, d_values, partial.data()};
    bool is_made = false;
    if constexpr (IN_BFLOAT16<T>)
        if ((is_made = shape.width % HALVED_WIDTHS == 0))
            halved_backward(queries, keys, values, biases, log_sums, gradients, shape);
    if (!is_made) backward(queries, keys, values, biases, log_sums, gradients, shape);
    add_blocks(partial.data(), shape.sequences, 3 * hidden, d_biases);
}

// queries, keys and values begin at their own pointers; a row of queries is query_step long, of keys and values
// key_step. log_sums [queries][heads]. places, behind, ahead and slopes as in Shape.
#define ATTENTION(TYPE, NAME)                                                                                       \
    extern "C" void attention_forward_##NAME(                                                                       \
        const TYPE* queries, const TYPE* keys, const TYPE* values, const float* biases, TYPE* out, float* log_sums, \
        const int64_t* query_starts, const int64_t* key_starts, const int64_t* places, int64_t behind,              \
        int64_t ahead, const float* slopes, int64_t query_step, int64_t key_step, int64_t sequences, int64_t heads, \
        int64_t width, float scale, int threads) {                                                                  \
        attend<TYPE>({queries, query_step}, {keys, key_step}, {values, key_step}, biases, out, log_sums,           \
                      {sequences, heads, width, query_starts, key_starts, places, behind, ahead, slopes, scale,     \
                       threads});                                                                                   \
    }                                                                                                               \
    extern "C" void attention_backward_##NAME(                                                                      \
        const TYPE* upstream, const TYPE* queries, const TYPE* keys, const TYPE* values, const float* biases,       \
        const float* log_sums, TYPE* d_queries, TYPE* d_keys, TYPE* d_values, float* d_biases,                      \
        const int64_t* query_starts, const int64_t* key_starts, const int64_t* places, int64_t behind,              \
        int64_t ahead, const float* slopes, int64_t query_step, int64_t key_step, int64_t sequences, int64_t heads, \
        int64_t width, float scale, int threads) {                                                                  \
        learn<TYPE>(upstream, {queries, query_step}, {keys, key_step}, {values, key_step}, biases, log_sums,     \
                       {d_queries, query_step}, {d_keys, key_step}, {d_values, key_step}, d_biases,                 \
                       {sequences, heads, width, query_starts, key_starts, places, behind, ahead, slopes, scale,    \
                        threads});                                                                                  \
    }

ATTENTION(float, float32)
ATTENTION(bfloat16, bfloat16)
