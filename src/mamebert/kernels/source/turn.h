// Blocks of numbers turned over: rows become columns.
#pragma once
#include "vector.h"

// Changes places of the blocks of S x S numbers beside the diagonal, in every block of 2S x 2S.
template <int S, int... LANE>
static inline void swap_blocks(Floats* rows, std::integer_sequence<int, LANE...>) {
#pragma GCC unroll 16
    for (int i = 0; i < WIDTH; i++) {
        if (i & S) continue;
        Floats above = rows[i], below = rows[i + S];
        rows[i] = SHUFFLE(above, below, (LANE & S ? WIDTH + LANE - S : LANE)...);
        rows[i + S] = SHUFFLE(above, below, (LANE & S ? WIDTH + LANE : LANE + S)...);
    }
}

static inline void transpose(Floats* rows) {
    swap_blocks<1>(rows, LANES);
    swap_blocks<2>(rows, LANES);
#if defined(__AVX__)
    swap_blocks<4>(rows, LANES);
#endif
#if defined(__AVX512F__)
    swap_blocks<8>(rows, LANES);
#endif
}
