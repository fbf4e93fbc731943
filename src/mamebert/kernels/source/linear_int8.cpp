// x weight^T + bias over whole numbers of 8 bits: each row of x is rounded by its own step, each row of the weight by
// its own, and sums are exact in 32 bits. So a row of the result depends on its own row of x alone, and is the same on
// every processor but for the last rounding.
//
// Numbers of 8 bits are held in 16, and multiplied and added in pairs (pmaddwd): the instruction for bytes that AVX2
// has overflows where both are large.
#include <algorithm>
#include <cmath>
#include <vector>
#include "vector.h"

#if defined(__AVX2__)
#include <immintrin.h>
#endif

constexpr int COLUMNS = 16;           // of the result, treated at a time
constexpr int ROWS_OF_TILE = 4;  // with more, AVX2 has too few registers
constexpr int64_t ROWS_AT_A_TIME = 60;  // rounded together; they stay in the cache while all columns are gone through
constexpr float LARGEST = 127.0f;

// sums[COUNT][COLUMNS] = COUNT rows of pairs times a panel [pairs][COLUMNS][2].
template <int COUNT>
static inline void tile(const int16_t* x, int64_t pairs, const int16_t* panel, int32_t* sums) {
#if defined(__AVX512BW__)
    __m512i result[COUNT];
    for (int i = 0; i < COUNT; i++) result[i] = _mm512_setzero_si512();
    for (int64_t k = 0; k < pairs; k++) {
        __m512i right = _mm512_loadu_si512(panel + k * 2 * COLUMNS);
#pragma GCC unroll 4
        for (int i = 0; i < COUNT; i++) {
            int32_t pair;
            std::memcpy(&pair, x + (i * pairs + k) * 2, sizeof pair);
            result[i] = _mm512_add_epi32(result[i], _mm512_madd_epi16(_mm512_set1_epi32(pair), right));
        }
    }
    for (int i = 0; i < COUNT; i++) _mm512_storeu_si512(sums + i * COLUMNS, result[i]);
#elif defined(__AVX2__)
    __m256i result[COUNT][2];
    for (int i = 0; i < COUNT; i++) result[i][0] = result[i][1] = _mm256_setzero_si256();
    for (int64_t k = 0; k < pairs; k++) {
        __m256i first = _mm256_loadu_si256((const __m256i*)(panel + k * 2 * COLUMNS));
        __m256i second = _mm256_loadu_si256((const __m256i*)(panel + k * 2 * COLUMNS + COLUMNS));
#pragma GCC unroll 4
        for (int i = 0; i < COUNT; i++) {
            int32_t pair;
            std::memcpy(&pair, x + (i * pairs + k) * 2, sizeof pair);
            __m256i left = _mm256_set1_epi32(pair);
            result[i][0] = _mm256_add_epi32(result[i][0], _mm256_madd_epi16(left, first));
            result[i][1] = _mm256_add_epi32(result[i][1], _mm256_madd_epi16(left, second));
        }
    }
    for (int i = 0; i < COUNT; i++)
        for (int j = 0; j < 2; j++) _mm256_storeu_si256((__m256i*)(sums + i * COLUMNS + j * 8), result[i][j]);
#else
    std::fill(sums, sums + COUNT * COLUMNS, 0);
    for (int64_t k = 0; k < pairs; k++)
        for (int i = 0; i < COUNT; i++)
            for (int j = 0; j < COLUMNS; j++)
                for (int half = 0; half < 2; half++)
                    sums[i * COLUMNS + j] += int32_t(x[(i * pairs + k) * 2 + half]) *
                                             panel[(k * COLUMNS + j) * 2 + half];
#endif
}

// Rounds a row to whole numbers from -127 to 127, and returns what one of them stands for: NaN for a row that is not
// finite.
static inline float rounded(const float* from, int64_t depth, int64_t pairs, int16_t* to) {
    const float magic = 12582912.0f;  // adding and taking away 1.5 * 2^23 rounds to the nearest whole number
    float most = 0.0f, nothing = 0.0f;
    for (int64_t k = 0; k < depth; k++) {
        most = std::max(most, std::fabs(from[k]));
        nothing += from[k] * 0.0f;  // NaN where one is not finite
    }
    if (nothing != 0.0f) {
        std::fill(to, to + 2 * pairs, 0);
        return nothing;
    }
    float inverse = most > 0.0f ? LARGEST / most : 0.0f;
    for (int64_t k = 0; k < depth; k++) {
        float shifted = from[k] * inverse + magic;
        to[k] = int16_t(int32_t(shifted - magic));
    }
    for (int64_t k = depth; k < 2 * pairs; k++) to[k] = 0;
    return most / LARGEST;
}

template <int COUNT>
static void some_rows(const int16_t* x, const float* steps, int64_t pairs, const int16_t* panel,
                      const float* column_steps, const float* bias, float* y, int64_t stride, int64_t count) {
    int32_t sums[COUNT * COLUMNS];
    tile<COUNT>(x, pairs, panel, sums);
    for (int i = 0; i < COUNT; i++)
        for (int64_t j = 0; j < count; j++) {
            float value = float(sums[i * COLUMNS + j]) * (steps[i] * column_steps[j]);
            y[i * stride + j] = bias ? value + bias[j] : value;
        }
}

// y [rows][stride], of which `width` columns are written, = x [rows][depth] times a weight of `width` rows, whose
// panels lie as tile() reads them, with a step for each of its rows; bias [width] may be null.
extern "C" void linear_int8(const float* x, const int16_t* weight, const float* column_steps, const float* bias,
                            float* y, int64_t rows, int64_t depth, int64_t width, int64_t stride, int threads) {
    int64_t pairs = (depth + 1) / 2, panels = (width + COLUMNS - 1) / COLUMNS;
    int64_t parts = (rows + ROWS_AT_A_TIME - 1) / ROWS_AT_A_TIME;
    // Few rows: threads share the columns, and each rounds the rows for itself.
    int64_t groups = parts < threads ? std::min<int64_t>(threads, panels) : 1;
#pragma omp parallel num_threads(threads)
    {
        std::vector<int16_t> whole(ROWS_AT_A_TIME * pairs * 2);
        std::vector<float> steps(ROWS_AT_A_TIME);
#pragma omp for schedule(dynamic, 1)
        for (int64_t item = 0; item < parts * groups; item++) {
            int64_t first = item / groups * ROWS_AT_A_TIME, number = std::min(ROWS_AT_A_TIME, rows - first);
            for (int64_t i = 0; i < number; i++)
                steps[i] = rounded(x + (first + i) * depth, depth, pairs, whole.data() + i * pairs * 2);
            for (int64_t p = item % groups * panels / groups; p < (item % groups + 1) * panels / groups; p++) {
                int64_t column = p * COLUMNS, count = std::min<int64_t>(COLUMNS, width - column);
                const int16_t* panel = weight + p * pairs * 2 * COLUMNS;
                const float* shift = bias ? bias + column : nullptr;
                int64_t i = 0;
#define SOME_ROWS(COUNT)                                                                                  \
    some_rows<COUNT>(whole.data() + i * pairs * 2, steps.data() + i, pairs, panel, column_steps + column, \
                     shift, y + (first + i) * stride + column, stride, count)
                for (; i + ROWS_OF_TILE <= number; i += ROWS_OF_TILE) SOME_ROWS(ROWS_OF_TILE);
                switch (number - i) {
                    case 1: SOME_ROWS(1); break;
                    case 2: SOME_ROWS(2); break;
                    case 3: SOME_ROWS(3); break;
                }
#undef SOME_ROWS
            }
        }
    }
}
