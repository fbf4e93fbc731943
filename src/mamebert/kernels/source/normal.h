// What GELU is made of (Hendrycks and Gimpel, 2016), exactly and nearly; and tanh.
#pragma once
#include "vector.h"

// The normal distribution and its density at x. erf by Abramowitz and Stegun 7.1.26 (error 1.5e-7).
static inline void normal(Floats x, Floats& distribution, Floats& density) {
    Floats size = x * 0.70710678f;
    size = size < 0.0f ? -size : size;
    Floats bell = exponential(-(size * size));
    Floats t = 1.0f / (size * 0.3275911f + 1.0f);
    Floats p = all(1.061405429f);
    p = p * t + -1.453152027f;
    p = p * t + 1.421413741f;
    p = p * t + -0.284496736f;
    p = p * t + 0.254829592f;
    Floats tail = p * t * bell * 0.5f;
    distribution = x < 0.0f ? tail : 1.0f - tail;
    density = bell * 0.39894228f;
}

static inline Floats gelu(Floats x) {
    Floats distribution, density;
    normal(x, distribution, density);
    return x * distribution;
}

// Its approximation by tanh, x (1 + tanh y) / 2 = x / (1 + e^-2y).
static inline Floats gelu_new(Floats x) {
    Floats inner = (x + x * x * x * 0.044715f) * 1.5957691f;  // 2 sqrt(2 / pi)
    return x / (exponential(-inner) + 1.0f);
}

// GELU to 8e-5, for what is rounded to 8 bits or bfloat16 afterwards: an odd polynomial for erf(x / sqrt 2) up to 4.2,
// fitted for the least largest error of GELU.
static inline Floats nearly_gelu(Floats x) {
    Floats bounded = larger(x, all(-4.2f));
    bounded = bounded > 4.2f ? all(4.2f) : bounded;
    Floats square = bounded * bounded, p = all(-1.80351281e-9f);
    p = p * square + 1.58827216e-7f;
    p = p * square + -6.07587467e-6f;
    p = p * square + 1.3378155e-4f;
    p = p * square + -1.90131618e-3f;
    p = p * square + 1.85964631e-2f;
    p = p * square + -0.131056412f;
    p = p * square + 0.79693175f;
    Floats half = x * 0.5f;
    return half + half * (p * bounded);
}

// The slope of GELU to 1.5e-4, for gradients that are rounded to bfloat16: 1 / 2 and an odd polynomial up to 4.2, fitted
// for the least largest error.
static inline Floats nearly_gelu_slope(Floats x) {
    Floats bounded = larger(x, all(-4.2f));
    bounded = bounded > 4.2f ? all(4.2f) : bounded;
    Floats square = bounded * bounded, p = all(6.35586617e-10f);
    p = p * square + -5.91153283e-8f;
    p = p * square + 2.39407038e-6f;
    p = p * square + -5.57569679e-5f;
    p = p * square + 8.31837012e-4f;
    p = p * square + -8.36795386e-3f;
    p = p * square + 5.76127393e-2f;
    p = p * square + -2.63922564e-1f;
    p = p * square + 7.97332165e-1f;
    return p * bounded + 0.5f;
}

// tanh to 1e-7 relative (Cephes): an odd polynomial below 0.625, and 1 - 2 / (e^2x + 1) above.
static inline Floats tangent(Floats x) {
    Floats size = x < 0.0f ? -x : x;
    Floats high = 1.0f - 2.0f / (exponential(size * 2.0f) + 1.0f);
    Floats square = x * x, p = all(-5.70498872745e-3f);
    p = p * square + 2.06390887954e-2f;
    p = p * square + -5.37397155531e-2f;
    p = p * square + 1.33314422036e-1f;
    p = p * square + -3.33332819422e-1f;
    Floats low = p * square * x + x;
    return size < 0.625f ? low : size == size ? (x < 0.0f ? -high : high) : x;
}
