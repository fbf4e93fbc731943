from time import process_time, sleep

import pytest

from mamebert.evaluation.cost.latency import (
    Speed,
    in_turn,
    latencies,
    middle,
    seconds_of,
    speed,
    spread_out,
    throughput,
    warm_up,
)


def spin(seconds):
    ends = process_time() + seconds  # as measured: other work on the machine makes no difference
    while process_time() < ends:
        pass


@pytest.mark.parametrize("number", [1, 2, 3, 8, 10, 31, 32, 100])
def test_the_order_has_every_text_once_and_every_beginning_has_short_and_long_ones(number):
    order = spread_out(number)
    assert sorted(order) == list(range(number))
    if number >= 10:
        first = order[: number // 3]
        assert abs(sum(first) / len(first) - (number - 1) / 2) < number / 6


def test_waiting_is_not_counted_for_one_thread_and_is_for_several():
    assert seconds_of(lambda: sleep(0.05), threads=1) < 0.02
    assert seconds_of(lambda: sleep(0.05), threads=2) >= 0.05


def test_a_model_that_is_too_slow_is_still_asked_once():
    asked = []
    assert len(latencies(lambda texts: asked.append(list(texts)), 5, seconds=0.0)) == 1
    assert throughput(lambda texts: asked.append(list(texts)), 5, 0.0, [2, 4]).keys() == {2, 4}
    assert [len(texts) for texts in asked] == [1, 2, 4]


def test_percentiles_are_those_of_the_texts():
    slow = {9}
    found = speed(lambda texts: spin(0.02 if texts[0] in slow else 0.002), 10, seconds=0.6, batch_sizes=[])
    assert found.p50_ms == pytest.approx(2, rel=0.5)
    assert found.p95_ms == pytest.approx(20, rel=0.5)
    assert found.batch_size == 1


def test_the_best_batch_size_is_the_one_with_most_texts_a_second():
    found = speed(lambda texts: spin(0.002 + (0.05 if len(texts) == 8 else 0)), 8, 0.2, batch_sizes=[4, 8])
    assert found.batch_size == 4
    assert found.texts_per_second == pytest.approx(2000, rel=0.5)


def test_no_batch_is_larger_than_there_are_texts():
    asked = []
    throughput(asked.append, 3, 0.0, [8, 32])
    assert [list(texts) for texts in asked] == [[0, 1, 2]]


def test_warming_up_reads_the_longest_text_too():
    asked = []
    warm_up(asked.extend, 10)
    assert 9 in asked


def test_measures_alternate_and_every_second_round_goes_backwards():
    told = []
    found = in_turn({name: lambda name=name: told.append(name) or len(told) for name in "ab"}, rounds=3)
    assert told == ["a", "b", "b", "a", "a", "b"]
    assert found == {"a": [1, 4, 5], "b": [2, 3, 6]}


def test_one_disturbed_round_does_not_count():
    calm, disturbed = Speed(1.0, 2.0, 900.0, 8), Speed(9.0, 90.0, 100.0, 1)
    assert middle([calm, disturbed, calm]) == calm
