// All layers of an encoder over packed sequences, for answers: no gradients, no padding, one call. Layers are BERT's, or
// of its kin: norms before or afterwards, gates, rotary positions, slopes, windows.
//
// A few sequences go through all layers while they lie in the cache of one thread; other threads take others, and wait
// for nobody. Where there are fewer of them than threads, all threads go through one together. Each number is made by
// the same operations in the same order either way, so that an answer depends on neither batch-mates nor threads.
#include <algorithm>
#include <vector>
#include "dense.h"
#include "normal.h"
#include "rows.h"
#include "seen_by_head.h"
#include "vector.h"

#if defined(_OPENMP)
#include <omp.h>
#endif

constexpr int64_t TOKENS_AT_A_TIME = 96;   // of some sequences, so that weights are read often enough from a cache
constexpr int64_t WORTH_SHARING = 48;      // tokens from which on threads share the work of one sequence

// Absent where `weight` is null.
struct Norm {
    const float *weight, *shift;
};

enum Activation : int64_t { GELU, GELU_NEW, RELU };

// As kernels/packed_encoder.py writes it: a line of numbers of 64 bits.
struct Layer {
    Dense query, key, value, context, inner, gate, outer;  // a gate of width 0 is none
    Norm before_attention, after_attention, before_inner, after_outer;
    View view;
    int64_t heads;
    Activation activation;
};

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
template <class Kind>
struct Space {
    Room<float> hidden, normal;
    Room<Between<Kind>> queries, others, context, inner;
    Left<Kind> left;

    void make(const Batch& batch, int64_t rows) {
        int64_t widest = batch.columns, deepest = batch.columns;
        for (int64_t n = 0; n < batch.num_layers; n++) {
            widest = std::max(widest, batch.layers[n].query.width);
            deepest = std::max(deepest, batch.layers[n].inner.width);
        }
        hidden.make(rows * batch.columns);
        normal.make(rows * batch.columns);
        queries.make(rows * widest);
        others.make(rows * 2 * widest);
        context.make(rows * widest);
        inner.make(rows * deepest);
        left.make(rows, std::max(deepest, widest));
    }
};

// to = a row normalised (Ba et al., 2016).
static inline void normalise(const float* row, int64_t columns, const Norm& norm, float eps, float* to) {
    Floats total = all(0.0f);
    for (int64_t j = 0; j < columns; j += WIDTH) {
        Floats value = load(row + j);
        total += value;
        store(to + j, value);
    }
    float scale = centre(to, total, columns, eps);
    for (int64_t j = 0; j < columns; j += WIDTH)
        store(to + j, load(to + j) * scale * load(norm.weight + j) + load(norm.shift + j));
}

// Matrices go through products; each thread of a team makes its share.
template <class Kind>
struct Walk {
    using Other = Between<Kind>;
    const Batch& batch;
    Team team;
    Space<Kind>& space;
    const float* floats = nullptr;  // the left side of the products that follow, where they are exact

    // Rows become the left side of products.
    template <class T>
    void take(const T* rows, int64_t count, int64_t depth) {
        if constexpr (std::is_same<Kind, Exact>::value) floats = rows;
        for (int64_t i = team.begin(count); i < team.end(count); i++) space.left.take(rows, i, depth);
        team.wait();
    }

    // Hidden states do, after they are normalised in place by what ends a block, and beside it by what begins the next.
    void take_hidden(int64_t count, const Norm& after, const Norm& before) {
        float *hidden = space.hidden.get(), *normal = before.weight ? space.normal.get() : hidden;
        int64_t columns = batch.columns;
        floats = normal;
        for (int64_t i = team.begin(count); i < team.end(count); i++) {
            float* row = hidden + i * columns;
            if (after.weight) normalise(row, columns, after, batch.eps, row);
            if (before.weight) normalise(row, columns, before, batch.eps, normal + i * columns);
            space.left.take(normal, i, columns);
        }
        team.wait();
    }

    // `each` gives for a column what is done with rows' values there.
    template <class Each>
    void multiply(int64_t rows, int64_t depth, const Dense& dense, Each each) {
        auto with_bias = [&](int64_t column) {
            return [bias = load(dense.bias + column), next = each(column)](int64_t row, Floats value) {
                next(row, value + bias);
            };
        };
        ::multiply(team, floats, space.left, rows, depth, dense, with_bias);
        team.wait();
    }

    // To columns from `offset` on of a matrix.
    void write(int64_t rows, int64_t depth, const Dense& dense, Other* to, int64_t stride, int64_t offset = 0) {
        multiply(rows, depth, dense, [=](int64_t column) {
            return [at = to + offset + column, stride](int64_t row, Floats value) { store(at + row * stride, value); };
        });
    }

    void add(int64_t rows, int64_t depth, const Dense& dense) {
        multiply(rows, depth, dense, [hidden = space.hidden.get(), columns = batch.columns](int64_t column) {
            return [at = hidden + column, columns](int64_t row, Floats value) {
                store(at + row * columns, value + load(at + row * columns));
            };
        });
    }

    // What is widened becomes activation(value), times what the gate has let through before.
    template <class Bend>
    void bend(int64_t rows, const Layer& layer, Bend bent) {
        Other* inner = space.inner.get();
        int64_t width = layer.inner.width;
        if (!layer.gate.width)
            return multiply(rows, batch.columns, layer.inner, [=](int64_t column) {
                return [=, at = inner + column](int64_t row, Floats value) { store(at + row * width, bent(value)); };
            });
        write(rows, batch.columns, layer.gate, inner, width);
        multiply(rows, batch.columns, layer.inner, [=](int64_t column) {
            return [=, at = inner + column](int64_t row, Floats value) {
                store(at + row * width, bent(value) * load(at + row * width));
            };
        });
    }

    void widen(int64_t rows, const Layer& layer) {
        constexpr bool NEARLY = !std::is_same<Kind, Exact>::value;
        switch (layer.activation) {
            case GELU:
                return bend(rows, layer, [](Floats x) { return NEARLY ? nearly_gelu(x) : gelu(x); });
            case GELU_NEW:
                return bend(rows, layer, gelu_new);
            case RELU:
                return bend(rows, layer, [](Floats x) { return x < 0.0f ? all(0.0f) : x; });
        }
    }

    template <bool HALVED>
    void attend(int64_t from, int64_t to, const Layer& layer, bool some, std::vector<float>& heads) {
        int64_t parts = (to - from) * layer.heads, first = batch.starts[from], wanted = batch.wanted[from];
        for (int64_t part = team.begin(parts); part < team.end(parts); part++) {
            int64_t s = from + part / layer.heads, begin = batch.starts[s], key = begin - first;
            int64_t keys = batch.starts[s + 1] - begin;
            Sequence sequence{key, keys, key, keys, nullptr, begin};
            if (some) {
                sequence.first_query = batch.wanted[s] - wanted;
                sequence.num_queries = batch.wanted[s + 1] - batch.wanted[s];
                sequence.places = batch.places + batch.wanted[s];
            }
            ::attend<HALVED>(sequence, layer.view, part % layer.heads, space.queries.get(), space.others.get(),
                             layer.query.width, batch.head_width, space.context.get(), heads);
        }
        team.wait();
    }
};

// All layers for the sequences from `from` to `to`.
template <class Kind>
static void encode(const Batch& batch, int64_t from, int64_t to, Team team, Space<Kind>& space,
                   std::vector<float>& heads) {
    int64_t columns = batch.columns, first = batch.starts[from], tokens = batch.starts[to] - first, rows = tokens;
    int64_t wanted = batch.wanted[from], asked = batch.wanted[to] - wanted;
    float* hidden = space.hidden.get();
    Walk<Kind> walk{batch, team, space};
    if (team.me == 0) std::copy(batch.hidden + first * columns, batch.hidden + (first + tokens) * columns, hidden);
    team.wait();
    Norm after{};  // of the layer before
    for (int64_t n = 0; n < batch.num_layers; n++) {
        const Layer& layer = batch.layers[n];
        bool some = n == batch.num_layers - 1 && batch.places;
        int64_t width = layer.query.width;
        walk.take_hidden(tokens, after, layer.before_attention);
        walk.write(tokens, columns, layer.key, space.others.get(), 2 * width);
        walk.write(tokens, columns, layer.value, space.others.get(), 2 * width, width);
        if (some) {  // the others were asked above, and give no more
            if (team.me == 0)
                for (int64_t i = 0; i < asked; i++) {
                    const float* row = hidden + (batch.places[wanted + i] - first) * columns;
                    std::copy(row, row + columns, hidden + i * columns);
                }
            rows = asked;
            team.wait();
            walk.take_hidden(rows, {}, layer.before_attention);
        }
        walk.write(rows, columns, layer.query, space.queries.get(), width);
        if (std::is_same<Between<Kind>, bfloat16>::value && batch.head_width % 32 == 0)
            walk.template attend<std::is_same<Between<Kind>, bfloat16>::value>(from, to, layer, some, heads);
        else
            walk.template attend<false>(from, to, layer, some, heads);
        walk.take(space.context.get(), rows, width);
        walk.add(rows, width, layer.context);
        walk.take_hidden(rows, layer.after_attention, layer.before_inner);
        walk.widen(rows, layer);
        walk.take(space.inner.get(), rows, layer.inner.width);
        walk.add(rows, layer.inner.width, layer.outer);
        after = layer.after_outer;
    }
    float* out = batch.out + (batch.places ? wanted : first) * columns;
    for (int64_t i = team.begin(rows); i < team.end(rows); i++) {
        const float* row = hidden + i * columns;
        if (after.weight)
            normalise(row, columns, after, batch.eps, out + i * columns);
        else
            std::copy(row, row + columns, out + i * columns);
    }
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

template <class Kind>
static void encode_all(const Batch& batch, int64_t sequences, int threads) {
    std::vector<int64_t> parts = parts_of(batch.starts, sequences);
    int64_t count = int64_t(parts.size()) - 1, most = 0;
    for (int64_t p = 0; p < count; p++) most = std::max(most, batch.starts[parts[p + 1]] - batch.starts[parts[p]]);
#if defined(_OPENMP)
    if (count < threads && most >= WORTH_SHARING) {
        Space<Kind> space;
        space.make(batch, most);
#pragma omp parallel num_threads(threads)
        {
            Team team{omp_get_thread_num(), omp_get_num_threads()};
            std::vector<float> heads;
            for (int64_t p = 0; p < count; p++) encode<Kind>(batch, parts[p], parts[p + 1], team, space, heads);
        }
        return;
    }
#endif
    threads = int(std::min<int64_t>(threads, count));
#pragma omp parallel num_threads(threads) if (threads > 1)
    {
        Space<Kind> space;
        space.make(batch, most);
        std::vector<float> heads;
#pragma omp for schedule(dynamic, 1)
        for (int64_t p = 0; p < count; p++) encode<Kind>(batch, parts[p], parts[p + 1], Team{0, 1}, space, heads);
    }
}

enum Kinds : int64_t { FLOAT32, INT8, BFLOAT16 };

// `kind` is how weights lie: bfloat16 only where has_bfloat16 says so.
extern "C" void encode_packed(const float* hidden, const int64_t* starts, int64_t sequences, const int64_t* places,
                              const int64_t* wanted, float* out, int64_t columns, int64_t head_width,
                              const int64_t* layers, int64_t num_layers, float eps, int64_t kind, int threads) {
    static_assert(sizeof(Layer) == 50 * sizeof(int64_t), "kernels/packed_encoder.py writes 50 numbers for a layer");
    Batch batch{hidden, starts, places, wanted, out, columns, head_width, (const Layer*)layers, num_layers, eps};
    if (kind == INT8) return encode_all<Bytes>(batch, sequences, threads);
    if (kind == FLOAT32) return encode_all<Exact>(batch, sequences, threads);
    if constexpr (HAS_BFLOAT16) encode_all<Halved>(batch, sequences, threads);
}
