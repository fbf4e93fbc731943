// A vector of floats as wide as the target's registers, in the compiler's own vector type: the same source
// serves AVX-512, AVX2, NEON and plain SSE. Arrays are float32 or bfloat16; arithmetic is always float32.
#pragma once
#include <cstdint>
#include <cstring>
#include <utility>

// Whether there are products of bfloat16, by which it is faster than float32.
#if defined(__AVX512BF16__) && defined(__AVX512BW__) && defined(__AVX512VL__)
#include <immintrin.h>
constexpr bool HAS_BFLOAT16 = true;
#else
constexpr bool HAS_BFLOAT16 = false;
#endif

#if defined(__AVX512F__)
constexpr int WIDTH = 16;
#elif defined(__AVX__)
constexpr int WIDTH = 8;
#else
constexpr int WIDTH = 4;
#endif

typedef float Floats __attribute__((vector_size(4 * WIDTH)));
typedef int32_t Ints __attribute__((vector_size(4 * WIDTH)));
typedef uint32_t Words __attribute__((vector_size(4 * WIDTH)));
typedef uint16_t Halves __attribute__((vector_size(2 * WIDTH)));

struct bfloat16 {
    uint16_t bits;
};

static inline Floats all(float value) { return Floats{} + value; }

static inline Floats load(const float* from) {
    Floats result;
    std::memcpy(&result, from, sizeof result);
    return result;
}

static inline Floats load(const bfloat16* from) {
    Halves half;
    std::memcpy(&half, from, sizeof half);
    return (Floats)(__builtin_convertvector(half, Words) << 16);
}

static inline void store(float* to, Floats value) { std::memcpy(to, &value, sizeof value); }

static inline void store(bfloat16* to, Floats value) {
#if defined(__AVX512BF16__) && defined(__AVX512VL__)
    __m256bh rounded = _mm512_cvtneps_pbh((__m512)value);
    std::memcpy(to, &rounded, sizeof rounded);
#else
    Words bits = (Words)value;
    Words rounded = (bits + 0x7fff + ((bits >> 16) & 1)) >> 16;  // to nearest, ties to even
    Words nan = (bits & 0x7fffffff) > 0x7f800000u;
    rounded = nan ? ((bits >> 16) | 0x40) : rounded;
    Halves half = __builtin_convertvector(rounded, Halves);
    std::memcpy(to, &half, sizeof half);
#endif
}

constexpr auto LANES = std::make_integer_sequence<int, WIDTH>{};

// A vector with `rest` behind its first `count` lanes.
template <int... LANE>
static inline Floats only(Floats value, int count, float rest, std::integer_sequence<int, LANE...>) {
    return Ints{LANE...} < count ? value : all(rest);
}

// The first `count` numbers of a vector, for the end of a row.
template <class T>
static inline Floats load_some(const T* from, int64_t count, float rest) {
    T buffer[WIDTH];
    std::memcpy(buffer, from, count * sizeof(T));
    Floats result = load(buffer);
    for (int64_t i = count; i < WIDTH; i++) result[i] = rest;
    return result;
}

template <class T>
static inline void store_some(T* to, Floats value, int64_t count) {
    T buffer[WIDTH];
    store(buffer, value);
    std::memcpy(to, buffer, count * sizeof(T));
}

#if defined(__clang__)
#define SHUFFLE(a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
#else
#define SHUFFLE(a, b, ...) __builtin_shuffle(a, b, Ints{__VA_ARGS__})
#endif

// Each lane gets what both(lane, the lane SPAN away) is, and so on with half of the span, until all hold the same.
template <int SPAN = WIDTH / 2, class Both, int... LANE>
static inline float across(Floats value, Both both, std::integer_sequence<int, LANE...> lanes) {
    value = both(value, SHUFFLE(value, value, (LANE ^ SPAN)...));
    if constexpr (SPAN > 1)
        return across<SPAN / 2>(value, both, lanes);
    else
        return value[0];
}

static inline float sum(Floats value) {
    return across(value, [](Floats a, Floats b) { return a + b; }, LANES);
}

static inline Floats larger(Floats a, Floats b) { return a > b ? a : b; }

static inline float largest(Floats value) { return across(value, larger, LANES); }

// e^x to about 1e-7 relative, 0 below -87.3, NaN of NaN: x = n ln 2 + r, a polynomial for e^r (Cephes), and n put
// into the exponent.
static inline Floats exponential(Floats x) {
    const float magic = 12582912.0f;  // adding and taking away 1.5 * 2^23 rounds to the nearest whole number
    Floats bounded = x < -87.3f ? all(-87.3f) : x;
    bounded = bounded > 88.7f ? all(88.7f) : bounded;
    Floats shifted = bounded * 1.44269504f + magic;
    Floats n = shifted - magic;
    Floats r = bounded - n * 0.693359375f;
    r = r - n * -2.12194440e-4f;
    Floats p = all(1.9875691500e-4f);
    p = p * r + 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 0.5f;
    p = p * (r * r) + (r + 1.0f);
    Words exponent = ((Words)shifted - 0x4b400000u) << 23;
    Floats result = (Floats)((Words)p + exponent);
    result = x < -87.3f ? all(0.0f) : result;
    return x == x ? result : x;
}

// 2^x to 1e-4 relative, 0 below -126, for what is rounded to bfloat16 afterwards; NaN of NaN.
static inline Floats nearly_power_of_two(Floats x) {
    const float magic = 12582912.0f;  // as above
    Floats bounded = larger(all(-126.0f), x);
    Floats shifted = bounded + magic;
    Floats r = bounded - (shifted - magic);
    Floats p = all(5.5171660e-2f);
    p = p * r + 2.4261112e-1f;
    p = p * r + 6.9326099e-1f;
    p = p * r + 9.9992807e-1f;
    Floats result = (Floats)((Words)p + ((Words)shifted << 23));
    result = x < -126.0f ? all(0.0f) : result;
    return x == x ? result : x;  // what is added to the exponent changes NaN's last bits, and a carry might end it
}
