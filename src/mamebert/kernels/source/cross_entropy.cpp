// Softmax cross entropy of some rows of logits, turned in place into their own gradient.
#include <cmath>
#include <type_traits>
#include <vector>
#include "rows.h"
#include "vector.h"

// Whether exponentials are kept beside a row until their sum is known: there is no room for them in bfloat16.
template <class T>
constexpr bool KEEPS = std::is_same<T, bfloat16>::value;

// losses [rows] in nats; logits [rows][columns], without their bias, become scale * d loss / d logit.
template <class T>
static void in_place(T* logits, const float* bias, const int64_t* targets, float* losses, int64_t rows,
                     int64_t columns, float scale, int threads) {
    int64_t whole = columns / WIDTH * WIDTH, rest = columns - whole;
#pragma omp parallel num_threads(threads)
    {
        std::vector<float> kept(KEEPS<T> ? columns + WIDTH : 0);
#pragma omp for
        for (int64_t i = 0; i < rows; i++) {
            T* row = logits + i * columns;
            Floats top = all(-INFINITY);
            auto each = [&](auto&& work) {
                for (int64_t j = 0; j < whole; j += WIDTH) work(load(row + j), j, int64_t(WIDTH));
                if (rest) work(load_some(row + whole, rest, -INFINITY), whole, rest);
            };
            auto biased = [&](Floats value, int64_t j, int64_t count) {
                return value + (count == WIDTH ? load(bias + j) : load_some(bias + j, count, 0.0f));
            };
            each([&](Floats value, int64_t j, int64_t count) { top = larger(biased(value, j, count), top); });
            float highest = largest(top);
            float at_target = biased(load_some(row + targets[i], 1, 0.0f), targets[i], 1)[0];
            Floats total = all(0.0f);
            each([&](Floats value, int64_t j, int64_t count) {
                Floats e = exponential(biased(value, j, count) - highest);
                total += e;
                if (KEEPS<T>) store(kept.data() + j, e);
            });
            float log_sum = std::log(sum(total)) + highest, share = scale / sum(total);
            losses[i] = log_sum - at_target;
            each([&](Floats value, int64_t j, int64_t count) {
                Floats gradient = KEEPS<T> ? load(kept.data() + j) * share
                                           : exponential(biased(value, j, count) - log_sum) * scale;
                if (count == WIDTH)
                    store(row + j, gradient);
                else
                    store_some(row + j, gradient, count);
            });
            store_some(row + targets[i], (exponential(all(at_target - log_sum)) - 1.0f) * scale, 1);
        }
    }
}

// sums [columns] += the sum of the rows; a thread has columns of its own, so their order of adding never changes.
template <class T>
static void add_rows(const T* array, float* sums, int64_t rows, int64_t columns, int threads) {
    constexpr int64_t STRIPE = 64 * WIDTH;
#pragma omp parallel for num_threads(threads)
    for (int64_t from = 0; from < columns; from += STRIPE) {
        int64_t to = from + STRIPE < columns ? from + STRIPE : columns;
        for (int64_t i = 0; i < rows; i++) {
            const T* row = array + i * columns;
            int64_t j = from;
            for (; j + WIDTH <= to; j += WIDTH) store(sums + j, load(sums + j) + load(row + j));
            if (j < to) store_some(sums + j, load_some(sums + j, to - j, 0.0f) + load_some(row + j, to - j, 0.0f), to - j);
        }
    }
}

#define CROSS_ENTROPY(TYPE, NAME)                                                                                  \
    extern "C" void cross_entropy_##NAME(TYPE* logits, const float* bias, const int64_t* targets, float* losses,   \
                                         float* d_bias, int64_t rows, int64_t columns, float scale, int threads) { \
        in_place(logits, bias, targets, losses, rows, columns, scale, threads);                                    \
        add_rows(logits, d_bias, rows, columns, threads);                                                          \
    }

CROSS_ENTROPY(float, float32)
CROSS_ENTROPY(bfloat16, bfloat16)
