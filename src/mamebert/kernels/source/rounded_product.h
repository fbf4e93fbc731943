// Products of rows that are rounded to 8 bits or to bfloat16 with panels of a weight. Both are made of words of 32 bits,
// four bytes or two bfloat16 along the depth, which processors multiply and add up at once; a panel is [words][COLUMNS].
//
// Bytes: rows are held as unsigned ones, as processors multiply them with signed ones. Each row is rounded by a step and
// around a zero of its own, so that no byte is lost on one side of 0 where nothing lies (behind GELU it is half of all);
// what the zero times a weight adds up to is taken away afterwards. Sums are exact in 32 bits. VNNI adds four products up in
// 32 bits. Without it x86 adds two up in 16, which hold 2 * 255 * 64: there weights are whole numbers up to 64 (7 bits).
#pragma once
#include <algorithm>
#include <cmath>
#include "vector.h"

#if defined(__AVX2__)
#include <immintrin.h>
#endif

constexpr int COLUMNS = 16;  // of a panel
constexpr float LEVELS = 253.0f;  // between the lowest number of a row and the highest: 255 less what rounding may add
#if defined(__AVX2__) && !(defined(__AVX512VNNI__) && defined(__AVX512BW__))
constexpr int LARGEST_WEIGHT = 64;
#else
constexpr int LARGEST_WEIGHT = 127;
#endif
#if defined(__AVX512BW__)
constexpr int ROUNDED_ROWS = 12, ROUNDED_PANELS = 2;  // treated at a time: 24 sums
#else
constexpr int ROUNDED_ROWS = 6, ROUNDED_PANELS = 1;  // 12 sums, a panel's two vectors, a row's word and a product
#endif

struct Bytes {
    static constexpr int DEEP = 4;
    typedef uint8_t Number;
    typedef int32_t Sum;
};

struct Halved {
    static constexpr int DEEP = 2;
    typedef bfloat16 Number;
    typedef float Sum;
};

static inline int64_t words_of(int64_t depth, int64_t deep) { return (depth + deep - 1) / deep; }

#if defined(__AVX512BW__)
// 16 sums of bytes or of bfloat16, to which the products of a word of a row with one of each column are added.
static inline __m512i with_products(Bytes, __m512i sums, __m512i left, __m512i right) {
#if defined(__AVX512VNNI__)
    return _mm512_dpbusd_epi32(sums, left, right);
#else
    return _mm512_add_epi32(sums, _mm512_madd_epi16(_mm512_maddubs_epi16(left, right), _mm512_set1_epi16(1)));
#endif
}

#if defined(__AVX512BF16__)
static inline __m512i with_products(Halved, __m512i sums, __m512i left, __m512i right) {
    return (__m512i)_mm512_dpbf16_ps((__m512)sums, (__m512bh)left, (__m512bh)right);
}
#endif
#endif

// sums[COUNT][PANELS * COLUMNS] = COUNT rows [words] times neighbouring panels [words][COLUMNS]. What lies `ahead` words
// behind them is fetched meanwhile: with few rows, weights come from memory more slowly than they are multiplied.
template <class Kind, int COUNT, int PANELS>
static __attribute__((noinline)) void rounded_tile(const void* rows, int64_t words, const void* panels, void* sums,
                                                   int64_t ahead) {
#if defined(__AVX512BW__)
    const int32_t *first = (const int32_t*)rows, *right = (const int32_t*)panels;
    const int32_t* threes[4] = {first, first + 3 * words, first + 6 * words, first + 9 * words};  // few addresses
    __m512i result[COUNT][PANELS];
#pragma GCC unroll 12
    for (int i = 0; i < COUNT; i++)
        for (int p = 0; p < PANELS; p++) result[i][p] = _mm512_setzero_si512();
    for (int64_t k = 0; k < words; k++) {
        __m512i column[PANELS];
        for (int p = 0; p < PANELS; p++) {
            const int32_t* from = right + (p * words + k) * COLUMNS;
            column[p] = _mm512_loadu_si512(from);
            __builtin_prefetch(from + ahead, 0, 2);
        }
#pragma GCC unroll 12
        for (int i = 0; i < COUNT; i++) {
            __m512i left = _mm512_set1_epi32(threes[i / 3][i % 3 * words + k]);
#pragma GCC unroll 2
            for (int p = 0; p < PANELS; p++) result[i][p] = with_products(Kind{}, result[i][p], left, column[p]);
        }
    }
#pragma GCC unroll 12
    for (int i = 0; i < COUNT; i++)
        for (int p = 0; p < PANELS; p++)
            _mm512_storeu_si512((int32_t*)sums + (i * PANELS + p) * COLUMNS, result[i][p]);
#elif defined(__AVX2__)
    const uint8_t* x = (const uint8_t*)rows;
    const __m256i ones = _mm256_set1_epi16(1);
    __m256i result[COUNT][2];
    for (int i = 0; i < COUNT; i++) result[i][0] = result[i][1] = _mm256_setzero_si256();
    for (int64_t k = 0; k < words; k++) {
        const __m256i* right = (const __m256i*)((const int32_t*)panels + k * COLUMNS);
        __m256i first = _mm256_loadu_si256(right), second = _mm256_loadu_si256(right + 1);
#pragma GCC unroll 6
        for (int i = 0; i < COUNT; i++) {
            int32_t word;
            std::memcpy(&word, x + (i * words + k) * 4, sizeof word);
            __m256i left = _mm256_set1_epi32(word);
            result[i][0] = _mm256_add_epi32(result[i][0], _mm256_madd_epi16(_mm256_maddubs_epi16(left, first), ones));
            result[i][1] = _mm256_add_epi32(result[i][1], _mm256_madd_epi16(_mm256_maddubs_epi16(left, second), ones));
        }
    }
    for (int i = 0; i < COUNT; i++)
        for (int j = 0; j < 2; j++)
            _mm256_storeu_si256((__m256i*)((int32_t*)sums + i * COLUMNS + j * 8), result[i][j]);
#else
    const uint8_t* x = (const uint8_t*)rows;
    const int8_t* right = (const int8_t*)panels;
    int32_t* result = (int32_t*)sums;
    std::fill(result, result + COUNT * COLUMNS, 0);
    for (int64_t k = 0; k < words; k++)
        for (int i = 0; i < COUNT; i++)
            for (int j = 0; j < COLUMNS; j++)
                for (int part = 0; part < 4; part++)
                    result[i * COLUMNS + j] += int32_t(x[(i * words + k) * 4 + part]) * right[(k * COLUMNS + j) * 4 + part];
#endif
}

template <class Kind, int PANELS, int COUNT = ROUNDED_ROWS>
static inline void some_rounded_rows(int64_t count, const void* rows, int64_t words, const void* panels, void* sums,
                                     int64_t ahead) {
    if (count == COUNT)
        rounded_tile<Kind, COUNT, PANELS>(rows, words, panels, sums, ahead);
    else if constexpr (COUNT > 1)
        some_rounded_rows<Kind, PANELS, COUNT - 1>(count, rows, words, panels, sums, ahead);
}

// sums[count][panels * COLUMNS] for up to ROUNDED_ROWS rows and ROUNDED_PANELS panels; `ahead` as for a tile.
template <class Kind>
static inline void rounded_product(int64_t count, int panels, const void* rows, int64_t words, const void* weights,
                                   void* sums, int64_t ahead) {
    if (ROUNDED_PANELS == 1 || panels == 1)
        some_rounded_rows<Kind, 1>(count, rows, words, weights, sums, ahead);
    else
        some_rounded_rows<Kind, ROUNDED_PANELS>(count, rows, words, weights, sums, ahead);
}

typedef uint8_t ByteLanes __attribute__((vector_size(WIDTH)));

static inline Ints larger(Ints a, Ints b) { return a > b ? a : b; }
static inline Words larger(Words a, Words b) { return a > b ? a : b; }

// The lowest byte of each word.
static inline ByteLanes lowest_bytes(Words words) {
#if defined(__AVX512F__)
    return (ByteLanes)_mm512_cvtepi32_epi8((__m512i)words);  // which gcc does not find in a loop
#else
    return __builtin_convertvector(__builtin_convertvector(words, Halves), ByteLanes);
#endif
}

// What the numbers of a rounded row stand for: (number - zero) * step.
struct Meant {
    float step;
    int32_t zero;
};

// The lowest and the highest of a row's numbers and 0. As whole numbers, floats above 0 are in their order and those
// below 0 in the order of their sizes; NaN is beyond all others.
struct Range {
    Words low = Words{} + 0x80000000u;
    Ints high = Ints{};

    void take(Floats value) {
        low = larger((Words)value, low);
        high = larger((Ints)value, high);
    }
    float lowest() const {
        return across((Floats)low, [](Floats a, Floats b) { return (Floats)larger((Words)a, (Words)b); }, LANES);
    }
    float highest() const {
        return across((Floats)high, [](Floats a, Floats b) { return (Floats)larger((Ints)a, (Ints)b); }, LANES);
    }
};

// Rounds a row to bytes; the step is NaN for a row that is not finite.
template <class T>
static inline Meant rounded(const T* from, int64_t depth, uint8_t* to) {
    constexpr float magic = 12582912.0f;  // added to a number, its last bits are the nearest whole number
    int64_t whole = depth / WIDTH * WIDTH, room = 4 * words_of(depth, 4);
    Floats last = whole < depth ? load_some(from + whole, depth - whole, 0.0f) : all(0.0f);
    Range range;
    range.take(last);
    for (int64_t k = 0; k < whole; k += WIDTH) range.take(load(from + k));
    float low = range.lowest(), high = range.highest();
    if (!(low > -INFINITY && high < INFINITY)) {
        std::fill(to, to + room, 0);
        return {NAN, 0};
    }
    float step = high * (1.0f / LEVELS) - low * (1.0f / LEVELS), inverse = step > 1e-36f ? 1.0f / step : 0.0f;
    float zero = std::nearbyint(-low * inverse) + 1.0f;
    auto bytes = [&](Floats value) { return lowest_bytes((Words)(value * inverse + (magic + zero))); };
    for (int64_t k = 0; k < whole; k += WIDTH) {
        ByteLanes made = bytes(load(from + k));
        std::memcpy(to + k, &made, sizeof made);
    }
    if (whole < depth) {
        ByteLanes made = bytes(last);
        std::memcpy(to + whole, &made, room - whole);
    }
    return {step, int32_t(zero)};
}

// Rounds a row to bfloat16; nothing more has to be known of it.
template <class T>
static inline Meant rounded(const T* from, int64_t depth, bfloat16* to) {
    int64_t whole = depth / WIDTH * WIDTH, room = 2 * words_of(depth, 2);
    for (int64_t k = 0; k < whole; k += WIDTH) store(to + k, load(from + k));
    if (whole < depth) store_some(to + whole, load_some(from + whole, depth - whole, 0.0f), room - whole);
    return {1.0f, 0};
}
