// Products of small matrices that lie in the cache: a tile of the result stays in registers.
#pragma once
#include "vector.h"

constexpr int TILE_ROWS = 6;
#if defined(__AVX512F__) || defined(__aarch64__)
constexpr int TILE_VECTORS = 4;  // 32 registers
#else
constexpr int TILE_VECTORS = 2;  // 16 registers
#endif

// C[ROWS, VECTORS * WIDTH] (+)= A B, with A[m, k] at a[m * row_step + k * column_step].
template <int ROWS, int VECTORS, bool ADD>
static inline void tile(int64_t depth, const float* a, int64_t row_step, int64_t column_step, const float* b,
                        int64_t ldb, float* c, int64_t ldc) {
    Floats result[ROWS][VECTORS];
    for (int i = 0; i < ROWS; i++)
        for (int j = 0; j < VECTORS; j++) result[i][j] = ADD ? load(c + i * ldc + j * WIDTH) : all(0.0f);
    for (int64_t k = 0; k < depth; k++) {
        Floats right[VECTORS];
#pragma GCC unroll 4
        for (int j = 0; j < VECTORS; j++) right[j] = load(b + k * ldb + j * WIDTH);
#pragma GCC unroll 6
        for (int i = 0; i < ROWS; i++) {
            float left = a[i * row_step + k * column_step];
#pragma GCC unroll 4
            for (int j = 0; j < VECTORS; j++) result[i][j] += left * right[j];
        }
    }
    for (int i = 0; i < ROWS; i++)
        for (int j = 0; j < VECTORS; j++) store(c + i * ldc + j * WIDTH, result[i][j]);
}

template <int VECTORS, bool ADD>
static inline void columns(int64_t rows, int64_t depth, const float* a, int64_t row_step, int64_t column_step,
                           const float* b, int64_t ldb, float* c, int64_t ldc) {
    int64_t m = 0;
    for (; m + TILE_ROWS <= rows; m += TILE_ROWS)
        tile<TILE_ROWS, VECTORS, ADD>(depth, a + m * row_step, row_step, column_step, b, ldb, c + m * ldc, ldc);
    for (; m + 2 <= rows; m += 2)
        tile<2, VECTORS, ADD>(depth, a + m * row_step, row_step, column_step, b, ldb, c + m * ldc, ldc);
    if (m < rows) tile<1, VECTORS, ADD>(depth, a + m * row_step, row_step, column_step, b, ldb, c + m * ldc, ldc);
}

// C[rows, width] (+)= A[rows, depth] B[depth, width]; width is a multiple of WIDTH.
template <bool ADD>
static void product(int64_t rows, int64_t width, int64_t depth, const float* a, int64_t row_step, int64_t column_step,
                    const float* b, int64_t ldb, float* c, int64_t ldc) {
    int64_t n = 0;
    for (; n + TILE_VECTORS * WIDTH <= width; n += TILE_VECTORS * WIDTH)
        columns<TILE_VECTORS, ADD>(rows, depth, a, row_step, column_step, b + n, ldb, c + n, ldc);
    for (; n < width; n += WIDTH) columns<1, ADD>(rows, depth, a, row_step, column_step, b + n, ldb, c + n, ldc);
}
