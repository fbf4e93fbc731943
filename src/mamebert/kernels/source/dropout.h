// Which values a dropout keeps: a function of (seed, place) alone, so that backward asks again instead of storing it.
#pragma once
#include "vector.h"

struct Dropout {
    uint32_t low, high;   // the seed
    uint32_t threshold;   // a value is dropped when its random word lies below
    float scale;          // 1 / (1 - rate)

    Dropout(float rate, uint64_t seed)
        : low(uint32_t(seed)), high(uint32_t(seed >> 32)), threshold(uint32_t(double(rate) * 4294967295.0)),
          scale(1.0f / (1.0f - rate)) {}

    bool drops() const { return threshold != 0; }

    // Two rounds of multiply and shift (constants of Wellons' lowbias32), the seed mixed in before each.
    Words random(uint64_t place) const {
        Words word{};
        for (int i = 0; i < WIDTH; i++) word[i] = uint32_t(i);
        word = (word + uint32_t(place)) ^ low;
        word ^= word >> 16;
        word *= 0x7feb352du;
        word ^= word >> 15;
        word = (word ^ high) + uint32_t(place >> 32);
        word *= 0x846ca68bu;
        return word ^ (word >> 16);
    }

    Floats operator()(Floats value, uint64_t place) const {
        if (!drops()) return value;
        Words kept = (Words)(random(place) >= threshold);
        return (Floats)((Words)(value * scale) & kept);
    }
};
