// An encoder over packed sequences from ids to the last hidden states, or to what a head makes of them, for answers: no
// gradients, no padding, one call. Layers are BERT's, or of its kin: norms before or afterwards, gates, rotary positions,
// slopes, windows. Heads are dense layers over each token that is asked, or over rows that were made of them elsewhere.
//
// A few sequences go through all layers while they lie in the cache of one thread; other threads take others, and wait
// for nobody. Where there are fewer of them than threads, all threads go through one together. Each number is made by
// the same operations in the same order either way, so that an answer depends on neither batch-mates nor threads.
//
// Where few tokens are asked, [CLS] of each text say, those of all parts together go through what follows the last
// attention: one or two rows at a time would read its weights as often as ninety do.
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
constexpr int64_t FEW = 4;                 // one token in so many is asked: few

// Absent where `weight` is null.
struct Norm {
    const float *weight, *shift;
};

enum Activation : int64_t { GELU, GELU_NEW, RELU, TANH, NONE };
enum Kinds : int64_t { FLOAT32, INT8, BFLOAT16 };

// As kernels/packed_encoder.py writes it: a line of numbers of 64 bits.
struct Layer {
    Dense query, key, value, context, inner, gate, outer;  // a gate of width 0 is none
    Norm before_attention, after_attention, before_inner, after_outer;
    View view;
    int64_t heads;
    Activation activation;
};

// Of words, places and segments; as kernels/packed_encoder.py writes it. Tables but for that of words may be null.
struct Embeddings {
    const float *words, *positions, *segments;
    Norm norm;
    int64_t width, num_words, num_positions, num_segments;  // where there is one segment all tokens are of that
    Dense widened;  // in float32; of width 0 where embeddings are as wide as hidden states
};

// A dense layer of a head, as kernels/packed_encoder.py writes it.
struct Step {
    Dense dense;
    Norm norm;
    Kinds kind;  // float32, or that of the layers
    Activation activation;
};

struct Batch {
    const int64_t *ids, *kinds;  // [tokens]: of words and segments
    const int64_t* starts;   // [sequences + 1]
    const int64_t* places;   // of the tokens whose last states are wanted, rising; null where all are
    const int64_t* wanted;   // [sequences + 1]: where those of each sequence begin
    float* out;              // [wanted][columns, or the width of the head's last step]
    int64_t columns, head_width;
    Embeddings embeddings;
    const Layer* layers;
    int64_t num_layers;
    const Step* steps;
    int64_t num_steps;
    float eps;
    const int64_t* kept;  // [layers]: where what goes into a layer is kept among `states`, -1 where it is not; may be null
    float* states;        // [kept][num_wanted][columns]
    int64_t num_wanted;

    const Layer& last() const { return layers[num_layers - 1]; }
    int64_t out_width() const { return num_steps ? steps[num_steps - 1].dense.width : columns; }
};

// What some sequences need on their way; threads of a team share one.
template <class Kind>
struct Space {
    Room<float> hidden, normal;
    Room<Between<Kind>> queries, others, context, inner;
    Left<Kind> left;

    void make(const Batch& batch, int64_t rows) {
        int64_t widest = batch.columns, deepest = batch.columns, states = batch.columns;
        for (int64_t n = 0; n + 1 < batch.num_steps; n++) states = std::max(states, batch.steps[n].dense.width);
        deepest = states;
        for (int64_t n = 0; n < batch.num_layers; n++) {
            widest = std::max(widest, batch.layers[n].query.width);
            deepest = std::max(deepest, batch.layers[n].inner.width);
        }
        hidden.make(rows * states);
        normal.make(rows * std::max(states, batch.embeddings.width));
        queries.make(rows * widest);
        others.make(rows * 2 * widest);
        context.make(rows * widest);
        inner.make(rows * deepest);
        left.make(rows, std::max(deepest, widest));
    }
};

// What is left of the tokens that are asked, where they are few, behind the last attention.
template <class Kind>
struct Asked {
    Room<float> hidden;
    Room<Between<Kind>> context;

    void make(const Batch& batch, int64_t rows) {
        hidden.make(rows * batch.columns);
        context.make(rows * batch.last().query.width);
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

static inline void bend(float* row, int64_t columns, Activation activation) {
    for (int64_t j = 0; j < columns; j += WIDTH) {
        Floats x = load(row + j);
        switch (activation) {
            case GELU: x = gelu(x); break;
            case GELU_NEW: x = gelu_new(x); break;
            case RELU: x = x < 0.0f ? all(0.0f) : x; break;
            case TANH: x = tangent(x); break;
            case NONE: break;
        }
        store(row + j, x);
    }
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
    template <class Left, class Each>
    void multiply(const Left& left, int64_t rows, int64_t depth, const Dense& dense, Each each) {
        auto with_bias = [&](int64_t column) {
            return [bias = load(dense.bias + column), next = each(column)](int64_t row, Floats value) {
                next(row, value + bias);
            };
        };
        ::multiply(team, floats, left, rows, depth, dense, with_bias);
        team.wait();
    }
    template <class Each>
    void multiply(int64_t rows, int64_t depth, const Dense& dense, Each each) {
        multiply(space.left, rows, depth, dense, each);
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
            default:
                return bend(rows, layer, [](Floats x) { return x < 0.0f ? all(0.0f) : x; });
        }
    }

    // Hidden states of the sequences from `from` to `to`, before the norm that is returned.
    Norm embed(int64_t from, int64_t to) {
        const Embeddings& table = batch.embeddings;
        int64_t first = batch.starts[from], tokens = batch.starts[to] - first, width = table.width, s = from;
        float *hidden = space.hidden.get(), *sums = table.widened.width ? space.normal.get() : hidden;
        for (int64_t i = first + team.begin(tokens); i < first + team.end(tokens); i++) {
            while (batch.starts[s + 1] <= i) s++;
            const float* word = table.words + batch.ids[i] * width;
            const float* position = table.positions ? table.positions + (i - batch.starts[s]) * width : nullptr;
            const float* segment = table.segments;
            if (segment && table.num_segments > 1) segment += batch.kinds[i] * width;
            for (int64_t j = 0; j < width; j += WIDTH) {
                Floats place = position ? load(position + j) : all(0.0f), kind = segment ? load(segment + j) : all(0.0f);
                store(sums + (i - first) * width + j, load(word + j) + (place + kind));
            }
        }
        team.wait();
        if (!table.widened.width) return table.norm;
        for (int64_t i = team.begin(tokens); i < team.end(tokens); i++)
            normalise(sums + i * width, width, table.norm, batch.eps, sums + i * width);
        team.wait();
        floats = sums;
        multiply(Left<Exact>{}, tokens, width, table.widened, [=, columns = batch.columns](int64_t column) {
            return [at = hidden + column, columns](int64_t row, Floats value) { store(at + row * columns, value); };
        });
        return {};
    }

    // What follows attention in a layer; the context is taken already.
    void feed(int64_t rows, const Layer& layer) {
        add(rows, layer.query.width, layer.context);
        take_hidden(rows, layer.after_attention, layer.before_inner);
        widen(rows, layer);
        take(space.inner.get(), rows, layer.inner.width);
        add(rows, layer.inner.width, layer.outer);
    }

    // What goes into a layer is kept, of the tokens that are asked.
    void keep(int64_t from, int64_t to, int64_t layer) {
        if (!batch.kept || batch.kept[layer] < 0) return;
        int64_t first = batch.starts[from], wanted = batch.wanted[from], rows = batch.wanted[to] - wanted;
        int64_t columns = batch.columns;
        float* kept = batch.states + (batch.kept[layer] * batch.num_wanted + wanted) * columns;
        for (int64_t i = team.begin(rows); i < team.end(rows); i++) {
            const float* row = space.hidden.get() + (batch.places ? batch.places[wanted + i] - first : i) * columns;
            std::copy(row, row + columns, kept + i * columns);
        }
    }

    // What follows the last layer, and the norm that ends it.
    void end(int64_t rows, float* out, const Norm& after) {
        float *states = space.hidden.get(), *other = space.normal.get();
        int64_t depth = batch.columns;
        if (!batch.num_steps) {
            for (int64_t i = team.begin(rows); i < team.end(rows); i++) {
                const float* row = states + i * depth;
                if (after.weight)
                    normalise(row, depth, after, batch.eps, out + i * depth);
                else
                    std::copy(row, row + depth, out + i * depth);
            }
            return team.wait();
        }
        take_hidden(rows, after, {});
        for (int64_t n = 0; n < batch.num_steps; n++) {
            const Step& step = batch.steps[n];
            int64_t width = step.dense.width;
            bool last = n + 1 == batch.num_steps;
            float* to = last ? out : other;
            auto written = [=](int64_t column) {
                return [=, at = to + column, there = std::min<int64_t>(WIDTH, width - column)](int64_t row, Floats value) {
                    if (there == WIDTH)
                        store(at + row * width, value);
                    else
                        store_some(at + row * width, value, there);
                };
            };
            if (step.kind == FLOAT32)
                multiply(Left<Exact>{}, rows, depth, step.dense, written);
            else
                multiply(rows, depth, step.dense, written);
            for (int64_t i = team.begin(rows); i < team.end(rows); i++) {
                float* row = to + i * width;
                if (step.activation != NONE) ::bend(row, width, step.activation);
                if (step.norm.weight) normalise(row, width, step.norm, batch.eps, row);
                if (!last && batch.steps[n + 1].kind != FLOAT32) space.left.take(to, i, width);
            }
            team.wait();
            floats = to;
            std::swap(states, other);
            depth = width;
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

// All layers for the sequences from `from` to `to`; the last one up to its attention where few tokens are asked.
template <class Kind>
static void encode(const Batch& batch, int64_t from, int64_t to, Team team, Space<Kind>& space, Asked<Kind>* few,
                   std::vector<float>& heads) {
    int64_t columns = batch.columns, first = batch.starts[from], tokens = batch.starts[to] - first, rows = tokens;
    int64_t wanted = batch.wanted[from], asked = batch.wanted[to] - wanted;
    float* hidden = space.hidden.get();
    Walk<Kind> walk{batch, team, space};
    Norm after = walk.embed(from, to);  // of what was before
    for (int64_t n = 0; n < batch.num_layers; n++) {
        const Layer& layer = batch.layers[n];
        bool some = n == batch.num_layers - 1 && batch.places;
        int64_t width = layer.query.width;
        walk.take_hidden(tokens, after, layer.before_attention);
        walk.keep(from, to, n);
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
        if (some && few) {
            if (team.me == 0) {
                std::copy(hidden, hidden + rows * columns, few->hidden.get() + wanted * columns);
                std::copy(space.context.get(), space.context.get() + rows * width, few->context.get() + wanted * width);
            }
            return team.wait();
        }
        walk.take(space.context.get(), rows, width);
        walk.feed(rows, layer);
        after = layer.after_outer;
    }
    walk.end(rows, batch.out + (batch.places ? wanted : first) * batch.out_width(), after);
}

// What follows the last attention, for some of the tokens that are asked.
template <class Kind>
static void finish(const Batch& batch, int64_t first, int64_t rows, Team team, Space<Kind>& space, Asked<Kind>& few) {
    int64_t columns = batch.columns, width = batch.last().query.width;
    Walk<Kind> walk{batch, team, space};
    const float* hidden = few.hidden.get() + first * columns;
    for (int64_t i = team.begin(rows); i < team.end(rows); i++)
        std::copy(hidden + i * columns, hidden + (i + 1) * columns, space.hidden.get() + i * columns);
    walk.take(few.context.get() + first * width, rows, width);
    walk.feed(rows, batch.last());
    walk.end(rows, batch.out + first * batch.out_width(), batch.last().after_outer);
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
    int64_t count = int64_t(parts.size()) - 1, most = 0, asked = batch.wanted[sequences];
    for (int64_t p = 0; p < count; p++) most = std::max(most, batch.starts[parts[p + 1]] - batch.starts[parts[p]]);
    Asked<Kind> left, *few = batch.places && asked * FEW <= batch.starts[sequences] ? &left : nullptr;
    if (few) few->make(batch, asked);
#if defined(_OPENMP)
    if (count < threads && most >= WORTH_SHARING) {
        Space<Kind> space;
        space.make(batch, std::max(most, few ? asked : 0));
#pragma omp parallel num_threads(threads)
        {
            Team team{omp_get_thread_num(), omp_get_num_threads()};
            std::vector<float> heads;
            for (int64_t p = 0; p < count; p++) encode<Kind>(batch, parts[p], parts[p + 1], team, space, few, heads);
            if (few) finish<Kind>(batch, 0, asked, team, space, *few);
        }
        return;
    }
#endif
    threads = int(std::min<int64_t>(threads, count));
    // Of the tokens that are asked, full tiles for each thread.
    int64_t share = (asked + threads - 1) / threads, tiles = (share + ROUNDED_ROWS - 1) / ROUNDED_ROWS;
    int64_t together = std::min(TOKENS_AT_A_TIME, std::max<int64_t>(1, tiles) * ROUNDED_ROWS);
#pragma omp parallel num_threads(threads) if (threads > 1)
    {
        Space<Kind> space;
        space.make(batch, std::max(most, few ? together : 0));
        std::vector<float> heads;
#pragma omp for schedule(dynamic, 1)
        for (int64_t p = 0; p < count; p++) encode<Kind>(batch, parts[p], parts[p + 1], Team{0, 1}, space, few, heads);
#pragma omp for schedule(dynamic, 1)
        for (int64_t first = 0; first < (few ? asked : 0); first += together)
            finish<Kind>(batch, first, std::min(together, asked - first), Team{0, 1}, space, *few);
    }
}

static bool outside(const Batch& batch, int64_t sequences) {
    const Embeddings& table = batch.embeddings;
    for (int64_t i = 0; i < batch.starts[sequences]; i++) {
        if (uint64_t(batch.ids[i]) >= uint64_t(table.num_words)) return true;
        if (table.num_segments > 1 && uint64_t(batch.kinds[i]) >= uint64_t(table.num_segments)) return true;
    }
    for (int64_t s = 0; s < sequences; s++)
        if (batch.starts[s + 1] - batch.starts[s] > table.num_positions) return true;
    return false;
}

// `kind` is how the weights of layers lie: bfloat16 only where has_bfloat16 says so. `embeddings`, `layers` and `steps` are
// lines of numbers and addresses. What goes into layers is written too where `kept` says so. Returns 1, and computes
// nothing, where an id or a place is beyond its table.
extern "C" int encode_packed(const int64_t* ids, const int64_t* kinds, const int64_t* starts, int64_t sequences,
                              const int64_t* places, const int64_t* wanted, float* out, const int64_t* kept,
                              float* states, int64_t columns, int64_t head_width, const int64_t* embeddings,
                              const int64_t* layers, int64_t num_layers, const int64_t* steps, int64_t num_steps,
                              float eps, int64_t kind, int threads) {
    static_assert(sizeof(Embeddings) == 14 * sizeof(int64_t), "kernels/packed_encoder.py writes 14 numbers for them");
    static_assert(sizeof(Layer) == 50 * sizeof(int64_t), "kernels/packed_encoder.py writes 50 numbers for a layer");
    static_assert(sizeof(Step) == 9 * sizeof(int64_t), "kernels/packed_encoder.py writes 9 numbers for a step");
    Batch batch{ids, kinds, starts, places, wanted, out, columns, head_width, *(const Embeddings*)embeddings,
                (const Layer*)layers, num_layers, (const Step*)steps, num_steps, eps, kept, states, wanted[sequences]};
    if (outside(batch, sequences)) return 1;
    if (kind == INT8) encode_all<Bytes>(batch, sequences, threads);
    if (kind == FLOAT32) encode_all<Exact>(batch, sequences, threads);
    if constexpr (HAS_BFLOAT16)
        if (kind == BFLOAT16) encode_all<Halved>(batch, sequences, threads);
    return 0;
}

// out [count][width of the last step] = what a head in float32 makes of rows [count][columns] that are no last hidden
// states: means of them, say, or those of several layers side by side.
extern "C" void steps_of_rows(const float* rows, int64_t count, int64_t columns, float* out, const int64_t* steps,
                              int64_t num_steps, float eps, int threads) {
    Batch batch{};
    batch.columns = columns, batch.steps = (const Step*)steps, batch.num_steps = num_steps, batch.eps = eps;
    int64_t share = (count + threads - 1) / threads, together = std::min(TOKENS_AT_A_TIME, share);
#pragma omp parallel num_threads(threads) if (count > together)
    {
        Space<Exact> space;
        space.make(batch, together);
        Walk<Exact> walk{batch, Team{0, 1}, space};
#pragma omp for schedule(dynamic, 1)
        for (int64_t first = 0; first < count; first += together) {
            int64_t some = std::min(together, count - first);
            std::copy(rows + first * columns, rows + (first + some) * columns, space.hidden.get());
            walk.end(some, out + first * batch.out_width(), {});
        }
    }
}
