// What GELU is made of (Hendrycks and Gimpel, 2016).
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
