// All layers of a BERT (post-norm, GELU) over packed sequences, for answers: no gradients, no padding, one call.
//
// A few sequences go through all layers while they lie in the cache of one thread; other threads take others, and wait
// for nobody. Where there are fewer of them than threads, all threads go through one together. Each number is made by
// the same operations in the same order either way, so that an answer depends on neither batch-mates nor threads.
#include <algorithm>
#include <vector>
#include "int8_product.h"
#include "normal.h"
#include "rows.h"
#include "seen_by_head.h"
#include "small_product.h"
#include "vector.h"

#if defined(_OPENMP)
#include <omp.h>
#endif

constexpr int64_t TOKENS_AT_A_TIME = 96;   // of some sequences, so that weights are read often enough from a cache
constexpr int64_t WORTH_SHARING = 48;      // tokens from which on threads share the work of one sequence
constexpr int PANEL_COLUMNS = TILE_VECTORS * WIDTH;

struct Dense {
    const void* panels;  // as pack_float32 or Int8Weight lay them
    const float* steps;      // of the rows of the weight, in 8 bits
    const int32_t* offsets;  // and 128 times their sums
    const float* bias;
    int64_t width;
};

struct Norm {
    const float *weight, *shift;
};

// As kernels/packed_encoder.py writes it: a line of numbers of 64 bits.
struct Layer {
    Dense query, key, value, context, inner, outer;
    Norm first, second;
    int64_t heads;
};

struct Team {
    int me, of;

    void wait() const {
        if (of > 1) {
#pragma omp barrier
        }
    }
    int64_t begin(int64_t count) const { return count * me / of; }
    int64_t end(int64_t count) const { return count * (me + 1) / of; }
};

// Rows of the left side of a product: floats, and in 8 bits what they are rounded to.
struct Left {
    std::vector<uint8_t> whole;
    std::vector<float> steps;
};

template <bool INT8>
static void make_left(Team team, const float* rows, int64_t count, int64_t depth, Left& left) {
    if (!INT8) return;
    int64_t quads = (depth + DEEP - 1) / DEEP;
    for (int64_t i = team.begin(count); i < team.end(count); i++)
        left.steps[i] = rounded(rows + i * depth, depth, quads, left.whole.data() + i * quads * DEEP);
    team.wait();
}

template <int COUNT, class Each>
static inline void float_rows(const float* x, int64_t depth, const float* panel, int64_t row, int64_t column,
                              int64_t width, Each each) {
    float result[COUNT * PANEL_COLUMNS];
    tile<COUNT, TILE_VECTORS, false>(depth, x + row * depth, depth, 1, panel, PANEL_COLUMNS, result, PANEL_COLUMNS);
    for (int i = 0; i < COUNT; i++)
        for (int64_t j = 0; j < PANEL_COLUMNS && column + j < width; j += WIDTH)
            each(row + i, column + j, load(result + i * PANEL_COLUMNS + j));
}

template <int COUNT, class Each>
static inline void int8_rows(const Left& left, int64_t quads, const int8_t* panel, const Dense& dense, int64_t row,
                             int64_t column, Each each) {
    int32_t sums[COUNT * COLUMNS];
    tile_int8<COUNT>(left.whole.data() + row * quads * DEEP, quads, panel, sums);
    for (int i = 0; i < COUNT; i++)
        for (int64_t j = 0; j < COLUMNS && column + j < dense.width; j += WIDTH) {
            Ints whole, offset;
            std::memcpy(&whole, sums + i * COLUMNS + j, sizeof whole);
            std::memcpy(&offset, dense.offsets + column + j, sizeof offset);
            Floats value = __builtin_convertvector(whole - offset, Floats);
            each(row + i, column + j, value * (load(dense.steps + column + j) * left.steps[row + i]));
        }
}

// Rows up to MOST at a time, and what is left over by a smaller tile.
template <int MOST, class Some>
static inline void by_tiles(int64_t row, int64_t rows, Some some) {
    for (; row + MOST <= rows; row += MOST) some(std::integral_constant<int, MOST>{}, row);
    if constexpr (MOST > 1)
        if (row < rows) by_tiles<MOST / 2>(row, rows, some);
}

// each(row, column, values) for all vectors of rows weight^T + bias; each width is a multiple of a vector's.
template <bool INT8, class Each>
static void multiply(Team team, const float* x, const Left& left, int64_t rows, int64_t depth, const Dense& dense,
                     Each each) {
    constexpr int64_t size = INT8 ? COLUMNS : PANEL_COLUMNS;
    int64_t panels = (dense.width + size - 1) / size;
    auto with_bias = [&](int64_t row, int64_t column, Floats value) {
        each(row, column, value + load(dense.bias + column));
    };
    for (int64_t p = team.begin(panels); p < team.end(panels); p++) {
        int64_t column = p * size;
        if constexpr (INT8) {
            int64_t quads = (depth + DEEP - 1) / DEEP;
            const int8_t* panel = (const int8_t*)dense.panels + p * quads * DEEP * COLUMNS;
            by_tiles<INT8_ROWS>(0, rows, [&](auto count, int64_t row) {
                int8_rows<count()>(left, quads, panel, dense, row, column, with_bias);
            });
        } else {
            const float* panel = (const float*)dense.panels + p * depth * PANEL_COLUMNS;
            by_tiles<TILE_ROWS>(0, rows, [&](auto count, int64_t row) {
                float_rows<count()>(x, depth, panel, row, column, dense.width, with_bias);
            });
        }
    }
    team.wait();
}

static void normalise(Team team, float* rows, int64_t count, int64_t columns, const Norm& norm, float eps) {
    for (int64_t i = team.begin(count); i < team.end(count); i++) {
        float* row = rows + i * columns;
        Floats total = all(0.0f);
        for (int64_t j = 0; j < columns; j += WIDTH) total += load(row + j);
        float scale = centre(row, total, columns, eps);
        for (int64_t j = 0; j < columns; j += WIDTH)
            store(row + j, load(row + j) * scale * load(norm.weight + j) + load(norm.shift + j));
    }
    team.wait();
}

struct Batch {
    const float* hidden;     // [tokens][columns]
    const int64_t* starts;   // [sequences + 1]
    const int64_t* places;   // of the tokens whose last states are wanted, rising; null where all are
    const int64_t* wanted;   // [sequences + 1]: where those of each sequence begin
    float* out;              // [wanted][columns]
    int64_t columns, head_width;
    const Layer* layers;
    int64_t num_layers;
    float eps;
};

// What some sequences need on their way; threads of a team share one.
struct Space {
    std::vector<float> hidden, queries, others, context, inner;
    Left left;

    template <bool INT8>
    void make_room(const Batch& batch, int64_t rows) {
        int64_t widest = 0, deepest = batch.columns;
        for (int64_t n = 0; n < batch.num_layers; n++) {
            widest = std::max(widest, batch.layers[n].query.width);
            deepest = std::max(deepest, batch.layers[n].inner.width);
        }
        hidden.resize(rows * batch.columns);
        queries.resize(rows * widest);
        others.resize(rows * 2 * widest);
        context.resize(rows * std::max(widest, batch.columns));
        inner.resize(rows * deepest);
        if (INT8) left.whole.resize(rows * DEEP * ((std::max(deepest, widest) + DEEP - 1) / DEEP));
        left.steps.resize(rows);
    }
};

// All layers for the sequences from `from` to `to`.
template <bool INT8>
static void encode(const Batch& batch, int64_t from, int64_t to, Team team, Space& space, std::vector<float>& heads) {
    int64_t columns = batch.columns, first = batch.starts[from], tokens = batch.starts[to] - first, rows = tokens;
    int64_t wanted = batch.wanted[from], asked = batch.wanted[to] - wanted;
    float* hidden = space.hidden.data();
    if (team.me == 0) std::copy(batch.hidden + first * columns, batch.hidden + (first + tokens) * columns, hidden);
    team.wait();
    for (int64_t n = 0; n < batch.num_layers; n++) {
        const Layer& layer = batch.layers[n];
        bool some = n == batch.num_layers - 1 && batch.places;
        int64_t width = layer.query.width;
        float *queries = space.queries.data(), *others = space.others.data(), *context = space.context.data();
        auto to_rows_of = [](float* matrix, int64_t stride, int64_t offset) {
            return [=](int64_t row, int64_t column, Floats v) { store(matrix + row * stride + offset + column, v); };
        };
        make_left<INT8>(team, hidden, tokens, columns, space.left);
        multiply<INT8>(team, hidden, space.left, tokens, columns, layer.key, to_rows_of(others, 2 * width, 0));
        multiply<INT8>(team, hidden, space.left, tokens, columns, layer.value, to_rows_of(others, 2 * width, width));
        if (some) {  // the others were asked above, and give no more
            if (team.me == 0)
                for (int64_t i = 0; i < asked; i++) {
                    const float* row = hidden + (batch.places[wanted + i] - first) * columns;
                    std::copy(row, row + columns, hidden + i * columns);
                }
            rows = asked;
            team.wait();
            make_left<INT8>(team, hidden, rows, columns, space.left);
        }
        multiply<INT8>(team, hidden, space.left, rows, columns, layer.query, to_rows_of(queries, width, 0));
        int64_t parts = (to - from) * layer.heads;
        for (int64_t part = team.begin(parts); part < team.end(parts); part++) {
            int64_t s = from + part / layer.heads, key = batch.starts[s] - first, keys = batch.starts[s + 1] - first - key;
            Sequence sequence{key, keys, key, keys};
            if (some) sequence = {batch.wanted[s] - wanted, batch.wanted[s + 1] - batch.wanted[s], key, keys};
            attend(sequence, queries, others, width, part % layer.heads * batch.head_width, batch.head_width, context,
                   heads);
        }
        team.wait();
        auto to_hidden = [=](int64_t row, int64_t column, Floats value) {
            float* at = hidden + row * columns + column;
            store(at, value + load(at));
        };
        make_left<INT8>(team, context, rows, width, space.left);
        multiply<INT8>(team, context, space.left, rows, width, layer.context, to_hidden);
        normalise(team, hidden, rows, columns, layer.first, batch.eps);
        int64_t depth = layer.inner.width;
        float* inner = space.inner.data();
        make_left<INT8>(team, hidden, rows, columns, space.left);
        multiply<INT8>(team, hidden, space.left, rows, columns, layer.inner,
                       [=](int64_t row, int64_t column, Floats value) {
                           Floats distribution, density;
                           normal(value, distribution, density);
                           store(inner + row * depth + column, value * distribution);
                       });
        make_left<INT8>(team, inner, rows, depth, space.left);
        multiply<INT8>(team, inner, space.left, rows, depth, layer.outer, to_hidden);
        normalise(team, hidden, rows, columns, layer.second, batch.eps);
    }
    if (team.me == 0) std::copy(hidden, hidden + rows * columns, batch.out + (batch.places ? wanted : first) * columns);
    team.wait();
}

// Parts of neighbouring sequences, of TOKENS_AT_A_TIME or of one sequence that is longer.
static std::vector<int64_t> parts_of(const int64_t* starts, int64_t sequences) {
    std::vector<int64_t> parts{0};
    for (int64_t s = 0; s < sequences; s++)
        if (s > parts.back() && starts[s + 1] - starts[parts.back()] > TOKENS_AT_A_TIME) parts.push_back(s);
    parts.push_back(sequences);
    return parts;
}

template <bool INT8>
static void encode_all(const Batch& batch, int64_t sequences, int threads) {
    std::vector<int64_t> parts = parts_of(batch.starts, sequences);
    int64_t count = int64_t(parts.size()) - 1, most = 0;
    for (int64_t p = 0; p < count; p++) most = std::max(most, batch.starts[parts[p + 1]] - batch.starts[parts[p]]);
#if defined(_OPENMP)
    if (count < threads && most >= WORTH_SHARING) {
        Space space;
        space.make_room<INT8>(batch, most);
#pragma omp parallel num_threads(threads)
        {
            Team team{omp_get_thread_num(), omp_get_num_threads()};
            std::vector<float> heads;
            for (int64_t p = 0; p < count; p++) encode<INT8>(batch, parts[p], parts[p + 1], team, space, heads);
        }
        return;
    }
#endif
    threads = int(std::min<int64_t>(threads, count));
#pragma omp parallel num_threads(threads) if (threads > 1)
    {
        Space space;
        space.make_room<INT8>(batch, most);
        std::vector<float> heads;
#pragma omp for schedule(dynamic, 1)
        for (int64_t p = 0; p < count; p++) encode<INT8>(batch, parts[p], parts[p + 1], Team{0, 1}, space, heads);
    }
}

extern "C" void encode_packed(const float* hidden, const int64_t* starts, int64_t sequences, const int64_t* places,
                              const int64_t* wanted, float* out, int64_t columns, int64_t head_width,
                              const int64_t* layers, int64_t num_layers, float eps, int64_t int8, int threads) {
    static_assert(sizeof(Layer) == 35 * sizeof(int64_t), "kernels/packed_encoder.py writes 35 numbers for a layer");
    Batch batch{hidden, starts, places, wanted, out, columns, head_width, (const Layer*)layers, num_layers, eps};
    if (int8)
        encode_all<true>(batch, sequences, threads);
    else
        encode_all<false>(batch, sequences, threads);
}
