// Rows of whole numbers of 8 bits, and their products with panels of a weight: sums are exact in 32 bits.
//
// Rows are held as unsigned bytes, 128 above what they stand for, as processors multiply them with signed ones; what 128
// times a weight adds up to is taken away afterwards. VNNI adds four products up in 32 bits. Without it x86 adds two up
// in 16, which hold 2 * 255 * 64: there weights are whole numbers up to 64 (7 bits).
#pragma once
#include <algorithm>
#include <cmath>
#include "vector.h"

#if defined(__AVX2__)
#include <immintrin.h>
#endif

constexpr int COLUMNS = 16;  // of the result, treated at a time
constexpr int DEEP = 4;      // bytes along the depth that are multiplied and added at once
constexpr float LARGEST = 127.0f;
#if defined(__AVX2__) && !(defined(__AVX512VNNI__) && defined(__AVX512BW__))
constexpr int LARGEST_WEIGHT = 64;
#else
constexpr int LARGEST_WEIGHT = 127;
#endif
#if defined(__AVX512BW__)
constexpr int INT8_ROWS = 12;
#else
constexpr int INT8_ROWS = 6;  // 12 sums, a panel's two vectors, a row's bytes and a product: 16 registers
#endif

// sums[COUNT][COLUMNS] = COUNT rows [quads][DEEP] times a panel [quads][COLUMNS][DEEP].
template <int COUNT>
static inline void tile_int8(const uint8_t* x, int64_t quads, const int8_t* panel, int32_t* sums) {
#if defined(__AVX512BW__)
    __m512i result[COUNT];
    for (int i = 0; i < COUNT; i++) result[i] = _mm512_setzero_si512();
    for (int64_t k = 0; k < quads; k++) {
        __m512i right = _mm512_loadu_si512(panel + k * DEEP * COLUMNS);
#pragma GCC unroll 12
        for (int i = 0; i < COUNT; i++) {
            int32_t quad;
            std::memcpy(&quad, x + (i * quads + k) * DEEP, sizeof quad);
            __m512i left = _mm512_set1_epi32(quad);
#if defined(__AVX512VNNI__)
            result[i] = _mm512_dpbusd_epi32(result[i], left, right);
#else
            __m512i pairs = _mm512_maddubs_epi16(left, right);
            result[i] = _mm512_add_epi32(result[i], _mm512_madd_epi16(pairs, _mm512_set1_epi16(1)));
#endif
        }
    }
    for (int i = 0; i < COUNT; i++) _mm512_storeu_si512(sums + i * COLUMNS, result[i]);
#elif defined(__AVX2__)
    const __m256i ones = _mm256_set1_epi16(1);
    __m256i result[COUNT][2];
    for (int i = 0; i < COUNT; i++) result[i][0] = result[i][1] = _mm256_setzero_si256();
    for (int64_t k = 0; k < quads; k++) {
        const __m256i* right = (const __m256i*)(panel + k * DEEP * COLUMNS);
        __m256i first = _mm256_loadu_si256(right), second = _mm256_loadu_si256(right + 1);
#pragma GCC unroll 6
        for (int i = 0; i < COUNT; i++) {
            int32_t quad;
            std::memcpy(&quad, x + (i * quads + k) * DEEP, sizeof quad);
            __m256i left = _mm256_set1_epi32(quad);
            result[i][0] = _mm256_add_epi32(result[i][0], _mm256_madd_epi16(_mm256_maddubs_epi16(left, first), ones));
            result[i][1] = _mm256_add_epi32(result[i][1], _mm256_madd_epi16(_mm256_maddubs_epi16(left, second), ones));
        }
    }
    for (int i = 0; i < COUNT; i++)
        for (int j = 0; j < 2; j++) _mm256_storeu_si256((__m256i*)(sums + i * COLUMNS + j * 8), result[i][j]);
#else
    std::fill(sums, sums + COUNT * COLUMNS, 0);
    for (int64_t k = 0; k < quads; k++)
        for (int i = 0; i < COUNT; i++)
            for (int j = 0; j < COLUMNS; j++)
                for (int part = 0; part < DEEP; part++)
                    sums[i * COLUMNS + j] += int32_t(x[(i * quads + k) * DEEP + part]) *
                                             panel[(k * COLUMNS + j) * DEEP + part];
#endif
}

typedef uint8_t Bytes __attribute__((vector_size(WIDTH)));

static inline Floats size_of(Floats value) { return (Floats)((Words)value & 0x7fffffffu); }

// Rounds a row to whole numbers from -127 to 127, writes them 128 higher, and returns what one of them stands for: NaN
// for a row that is not finite.
static inline float rounded(const float* from, int64_t depth, int64_t quads, uint8_t* to) {
    const float magic = 12582912.0f;  // adding and taking away 1.5 * 2^23 rounds to the nearest whole number
    int64_t whole = depth / WIDTH * WIDTH;
    Floats last = whole < depth ? load_some(from + whole, depth - whole, 0.0f) : all(0.0f);
    Floats tops = size_of(last), nothings = last * 0.0f;  // NaN where one is not finite
    for (int64_t k = 0; k < whole; k += WIDTH) {
        Floats value = load(from + k);
        tops = larger(size_of(value), tops);
        nothings += value * 0.0f;
    }
    float most = largest(tops), nothing = sum(nothings);
    if (nothing != 0.0f) {
        std::fill(to, to + DEEP * quads, 128);
        return nothing;
    }
    float inverse = most > 0.0f ? LARGEST / most : 0.0f;
    auto bytes = [&](Floats value) {
        Ints number = __builtin_convertvector((value * inverse + magic) - magic, Ints) + 128;
        return __builtin_convertvector(number, Bytes);
    };
    for (int64_t k = 0; k < whole; k += WIDTH) {
        Bytes made = bytes(load(from + k));
        std::memcpy(to + k, &made, sizeof made);
    }
    Bytes made = bytes(last);
    std::memcpy(to + whole, &made, DEEP * quads - whole);
    return most / LARGEST;
}
