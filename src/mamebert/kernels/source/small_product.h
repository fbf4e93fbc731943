// Products of small matrices that lie in the cache: a tile of the result stays in registers.
#pragma once
#include <type_traits>
#include "vector.h"

constexpr int TILE_ROWS = 6;
#if defined(__AVX512F__) || defined(__aarch64__)
constexpr int TILE_VECTORS = 4;  // 32 registers
#else
constexpr int TILE_VECTORS = 2;  // 16 registers
#endif

// Sums of products of a number of A with a vector of B; HALVED, of words of two bfloat16 along the depth.
template <bool HALVED>
static inline Floats add_products(Floats sums, const float* left, Floats right) {
#if defined(__AVX512BF16__)
    if constexpr (HALVED) {
        int32_t word;
        std::memcpy(&word, left, sizeof word);
        return (Floats)_mm512_dpbf16_ps((__m512)sums, (__m512bh)_mm512_set1_epi32(word), (__m512bh)right);
    }
#endif
    static_assert(!HALVED || HAS_BFLOAT16, "asked for where there are no such products");
    return sums + *left * right;
}

// C[ROWS, VECTORS * WIDTH] (+)= A B, with A[m, k] at a[m * row_step + k * column_step].
template <int ROWS, int VECTORS, bool ADD, bool HALVED = false>
static inline void tile(int64_t depth, const float* a, int64_t row_step, int64_t column_step, const float* b,
                        int64_t ldb, float* c, int64_t ldc) {
    Floats result[ROWS][VECTORS];
    for (int i = 0; i < ROWS; i++)
        for (int j = 0; j < VECTORS; j++) result[i][j] = ADD ? load(c + i * ldc + j * WIDTH) : all(0.0f);
    for (int64_t k = 0; k < depth; k++) {
        Floats right[VECTORS];
#pragma GCC unroll 4
        for (int j = 0; j < VECTORS; j++) right[j] = load(b + k * ldb + j * WIDTH);
#pragma GCC unroll 12
        for (int i = 0; i < ROWS; i++) {
            const float* left = a + i * row_step + k * column_step;
#pragma GCC unroll 4
            for (int j = 0; j < VECTORS; j++) result[i][j] = add_products<HALVED>(result[i][j], left, right[j]);
        }
    }
    for (int i = 0; i < ROWS; i++)
        for (int j = 0; j < VECTORS; j++) store(c + i * ldc + j * WIDTH, result[i][j]);
}

template <int VECTORS, bool ADD, bool HALVED>
static inline void columns(int64_t rows, int64_t depth, const float* a, int64_t row_step, int64_t column_step,
                           const float* b, int64_t ldb, float* c, int64_t ldc) {
    constexpr int MOST = 2 * VECTORS <= TILE_VECTORS ? 2 * TILE_ROWS : TILE_ROWS;  // as many registers either way
    int64_t m = 0;
    auto some = [&](auto count) {
        for (; m + count() <= rows; m += count())
            tile<count(), VECTORS, ADD, HALVED>(depth, a + m * row_step, row_step, column_step, b, ldb, c + m * ldc, ldc);
    };
    some(std::integral_constant<int, MOST>{});
    if constexpr (MOST > TILE_ROWS) some(std::integral_constant<int, TILE_ROWS>{});
    some(std::integral_constant<int, 2>{});
    some(std::integral_constant<int, 1>{});
}

// C[rows, width] (+)= A[rows, depth] B[depth, width]; width is a multiple of WIDTH. HALVED, A and B hold words of two
// bfloat16 along the depth, of which `depth` and the steps are counted.
template <bool ADD, bool HALVED = false>
static void product(int64_t rows, int64_t width, int64_t depth, const float* a, int64_t row_step, int64_t column_step,
                    const float* b, int64_t ldb, float* c, int64_t ldc) {
    int64_t n = 0;
    for (; n + TILE_VECTORS * WIDTH <= width; n += TILE_VECTORS * WIDTH)
        columns<TILE_VECTORS, ADD, HALVED>(rows, depth, a, row_step, column_step, b + n, ldb, c + n, ldc);
    for (; TILE_VECTORS > 2 && n + 2 * WIDTH <= width; n += 2 * WIDTH)
        columns<2, ADD, HALVED>(rows, depth, a, row_step, column_step, b + n, ldb, c + n, ldc);
    for (; n < width; n += WIDTH)
        columns<1, ADD, HALVED>(rows, depth, a, row_step, column_step, b + n, ldb, c + n, ldc);
}
