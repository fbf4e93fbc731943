// A dense layer whose rows do not depend on each other, for answers: in float32, bytes or bfloat16, by one thread or by
// several that share it. What becomes of a result is said by whoever asks for it, so that nothing is written twice.
#pragma once
#include <algorithm>
#include <memory>
#include "rounded_product.h"
#include "small_product.h"
#include "vector.h"

constexpr int FLOAT_COLUMNS = TILE_VECTORS * WIDTH;

struct Exact {};  // float32, beside Bytes and Halved

// What lies between products that are rounded anyway: bfloat16 where there are products of it.
template <class Kind>
using Between = std::conditional_t<HAS_BFLOAT16 && !std::is_same<Kind, Exact>::value, bfloat16, float>;

struct Dense {
    const void* panels;      // as pack_float32, Int8Weight or BFloat16Weight lay them
    const float* steps;      // of the rows of the weight, in 8 bits; filled up to panels
    const int32_t* totals;   // and their sums
    const float* bias;
    int64_t width;
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

// Memory that is not filled with zeros first.
template <class T>
struct Room {
    std::unique_ptr<T[]> start;

    void make(int64_t count) { start.reset(new T[count]); }
    T* get() const { return start.get(); }
};

// Rows of the left side of a product, [words] each: what floats are rounded to; the floats themselves are read where they
// are exact.
template <class Kind>
struct Left {
    Room<typename Kind::Number> numbers;
    Room<Meant> meant;

    static int64_t words(int64_t depth) { return words_of(depth, Kind::DEEP); }
    void make(int64_t rows, int64_t depth) {
        numbers.make(rows * words(depth) * Kind::DEEP);
        meant.make(rows);
    }
    template <class T>
    void take(const T* from, int64_t row, int64_t depth) {
        meant.get()[row] = rounded(from + row * depth, depth, numbers.get() + row * words(depth) * Kind::DEEP);
    }
};

template <>
struct Left<Exact> {
    void make(int64_t, int64_t) {}
    void take(const float*, int64_t, int64_t) {}
};

template <int COUNT, class Each>
static inline void exact_rows(const float* x, int64_t depth, const float* panel, int64_t row, int64_t column,
                              int64_t width, Each each) {
    float result[COUNT * FLOAT_COLUMNS];
    tile<COUNT, TILE_VECTORS, false>(depth, x + row * depth, depth, 1, panel, FLOAT_COLUMNS, result, FLOAT_COLUMNS);
    for (int64_t j = 0; j < FLOAT_COLUMNS && column + j < width; j += WIDTH) {
        auto write = each(column + j);
        for (int i = 0; i < COUNT; i++) write(row + i, load(result + i * FLOAT_COLUMNS + j));
    }
}

template <int COUNT, class Each>
static inline void left_over_rows(int64_t count, const float* x, int64_t depth, const float* panel, int64_t row,
                                  int64_t column, int64_t width, Each each) {
    if (count == COUNT)
        exact_rows<COUNT>(x, depth, panel, row, column, width, each);
    else if constexpr (COUNT > 1)
        left_over_rows<COUNT - 1>(count, x, depth, panel, row, column, width, each);
}

// each(column)(row, values) for all vectors of rows weight^T; the last one of a row may be wider than what is there.
template <class Each>
static void multiply(Team team, const float* floats, const Left<Exact>&, int64_t rows, int64_t depth,
                     const Dense& dense, Each each) {
    int64_t panels = (dense.width + FLOAT_COLUMNS - 1) / FLOAT_COLUMNS;
    for (int64_t p = team.begin(panels); p < team.end(panels); p++) {
        const float* panel = (const float*)dense.panels + p * depth * FLOAT_COLUMNS;
        int64_t row = 0, column = p * FLOAT_COLUMNS;
        for (; row + TILE_ROWS <= rows; row += TILE_ROWS)
            exact_rows<TILE_ROWS>(floats, depth, panel, row, column, dense.width, each);
        left_over_rows<TILE_ROWS - 1>(rows - row, floats, depth, panel, row, column, dense.width, each);
    }
}

// What sums of a row and columns from `column` on stand for.
struct Meaning {
    Floats steps;
    Ints totals;

    Meaning(Bytes, const Dense& dense, int64_t column) : steps(load(dense.steps + column)) {
        std::memcpy(&totals, dense.totals + column, sizeof totals);
    }
    Floats of(const int32_t* sums, Meant row) const {
        Ints whole;
        std::memcpy(&whole, sums, sizeof whole);
        return __builtin_convertvector(whole - totals * row.zero, Floats) * (steps * row.step);
    }
};

struct NoMeaning {
    NoMeaning(Halved, const Dense&, int64_t) {}
    Floats of(const float* sums, Meant) const { return load(sums); }
};

template <class Kind, class Each>
static void multiply(Team team, const float*, const Left<Kind>& left, int64_t rows, int64_t depth, const Dense& dense,
                     Each each) {
    using Means = std::conditional_t<std::is_same<Kind, Bytes>::value, Meaning, NoMeaning>;
    constexpr int WIDE = ROUNDED_PANELS * COLUMNS;
    int64_t words = left.words(depth), groups = (dense.width + WIDE - 1) / WIDE;
    const Meant* meant = left.meant.get();
    for (int64_t group = team.begin(groups); group < team.end(groups); group++) {
        int64_t column = group * WIDE, there = std::min<int64_t>(WIDE, dense.width - column);
        int panels = int((there + COLUMNS - 1) / COLUMNS);
        const int32_t* panel = (const int32_t*)dense.panels + column * words;
        for (int64_t row = 0; row < rows; row += ROUNDED_ROWS) {
            typename Kind::Sum sums[ROUNDED_ROWS * WIDE];
            int64_t count = std::min<int64_t>(ROUNDED_ROWS, rows - row);
            const auto* numbers = left.numbers.get() + row * words * Kind::DEEP;
            int64_t ahead = row == 0 && group + 1 < groups ? panels * words * COLUMNS : 0;
            rounded_product<Kind>(count, panels, numbers, words, panel, sums, ahead);
            for (int64_t j = 0; j < there; j += WIDTH) {
                Means means(Kind{}, dense, column + j);
                auto write = each(column + j);
                for (int64_t i = 0; i < count; i++)
                    write(row + i, means.of(sums + i * panels * COLUMNS + j, meant[row + i]));
            }
        }
    }
}
