"""The time of an answer: alone, as a user waits for it, and in batches, as many texts pass through.

Whatever answers is a function of the numbers of the texts that it is to answer together. With one thread the time of
a call is the processor's, so that other work on the machine, which would only make it wait, hardly changes it; with
more it is the clock's. The two are the same on a machine that does nothing else.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from math import gcd
from time import perf_counter, process_time
from typing import NamedTuple, TypeVar

import numpy as np

T = TypeVar("T")
Answer = Callable[[Sequence[int]], object]
"""Answers the texts of these numbers in one batch; what comes back is thrown away."""
WARM_CALLS = 3  # the first call fills caches and lets libraries choose their kernels
GOLDEN = 0.618034


class Speed(NamedTuple):
    """What one round of measuring found."""

    p50_ms: float
    """Milliseconds within which half of the texts were answered, one at a time."""
    p95_ms: float
    """Milliseconds within which 95 of 100 were."""
    texts_per_second: float
    """At the batch size where it was highest."""
    batch_size: int
    """That size."""


def warm_up(answer: Answer, num_texts: int) -> None:
    """Answer some texts of which no time is taken, the last one (as a rule the longest) among them."""
    for number in [num_texts - 1, *range(min(WARM_CALLS, num_texts))]:
        answer([number])


def speed(
    answer: Answer, num_texts: int, seconds: float, batch_sizes: Sequence[int] = (8, 32), threads: int = 1
) -> Speed:
    """Measure for about `seconds`, half of them one text at a time, and at least one call of every kind.

    Neighbouring numbers share a batch: give texts of like length neighbouring numbers.
    """
    alone = latencies(answer, num_texts, seconds / 2, threads)
    rates = throughput(answer, num_texts, seconds / 2, batch_sizes, threads) if batch_sizes else {}
    rates[1] = len(alone) / sum(alone)
    best = max(rates, key=lambda size: rates[size])
    p50, p95 = np.percentile(alone, [50, 95]) * 1000
    return Speed(float(p50), float(p95), rates[best], best)


def latencies(answer: Answer, num_texts: int, seconds: float, threads: int = 1) -> list[float]:
    """Return the seconds of calls with one text each, as many as fit into `seconds` of the clock (one at least)."""
    order, found, ends = spread_out(num_texts), list[float](), perf_counter() + seconds
    while not found or perf_counter() < ends:
        text = order[len(found) % num_texts]
        found.append(seconds_of(partial(answer, [text]), threads))
    return found


def throughput(
    answer: Answer, num_texts: int, seconds: float, batch_sizes: Sequence[int], threads: int = 1
) -> dict[int, float]:
    """Return texts a second for each size of batch that there are texts for; each gets its share of `seconds`."""
    found = {}
    for size in dict.fromkeys(min(size, num_texts) for size in batch_sizes):
        batches = [range(start, start + size) for start in range(0, num_texts - size + 1, size)]
        order, took, ends = spread_out(len(batches)), list[float](), perf_counter() + seconds / len(batch_sizes)
        while not took or perf_counter() < ends:
            batch = batches[order[len(took) % len(batches)]]
            took.append(seconds_of(partial(answer, batch), threads))
        found[size] = size * len(took) / sum(took)
    return found


def seconds_of(call: Callable[[], object], threads: int = 1) -> float:
    """Return the seconds of one call: of the processor where one thread does everything, else of the clock."""
    clock, processor = perf_counter(), process_time()
    call()
    clock, processor = perf_counter() - clock, process_time() - processor
    return min(clock, processor) if threads == 1 else clock


def spread_out(number: int) -> list[int]:
    """Return 0 ... number - 1 in an order of which every beginning has small and large ones alike.

    Texts are sorted by length, and a slow model gets through a part of them only. (Steps of the golden ratio.)
    """
    step = max(1, round(number * GOLDEN))
    while gcd(step, number) != 1:
        step += 1
    return [place * step % number for place in range(number)]


def in_turn(measures: Mapping[str, Callable[[], T]], rounds: int) -> dict[str, list[T]]:
    """Take each measure once a round, backwards in every second: what gets slower with time then does so for all."""
    found: dict[str, list[T]] = {name: [] for name in measures}
    for number in range(rounds):
        for name in list(measures)[:: -1 if number % 2 else 1]:
            found[name].append(measures[name]())
    return found


def middle(rounds: Sequence[Speed]) -> Speed:
    """Return the median of each number over rounds; the batch size is that of the fastest round."""
    p50, p95, rate, _ = np.median(np.array(rounds, np.float64), axis=0)
    fastest = max(rounds, key=lambda each: each.texts_per_second)
    return Speed(float(p50), float(p95), float(rate), fastest.batch_size)
