"""Times of the halves of a layer."""

import time

import pytest
import torch

from mamebert.compression.pruning.latency_table import (
    Stopwatch,
    answering,
    falling,
    latency_table,
    one_by_one,
    read_rows,
)

QUICK = Stopwatch(threads=1, seconds=0.05, device=torch.device("cpu"))


def test_times_never_rise_as_parts_go():
    assert falling({0: 0.0, 16: 3.0, 32: 2.0, 48: 4.0, 64: 3.5}) == {64: 3.5, 48: 3.5, 32: 2.0, 16: 2.0, 0: 0.0}


def test_the_longer_of_two_calls_takes_longer():
    matrix = torch.randn(200, 200)
    found = QUICK.compare({"once": lambda: matrix @ matrix, "often": lambda: [matrix @ matrix for _ in range(9)]})
    assert found["often"] > 2 * found["once"] > 0


def test_with_one_thread_waiting_costs_nothing():
    waits = {"waits": lambda: time.sleep(0.005)}
    assert QUICK.compare(waits)["waits"] < 0.004
    assert Stopwatch(2, 0.05, torch.device("cpu")).compare(waits)["waits"] >= 0.005


def test_a_ratio_is_of_the_first_to_the_second():
    matrix = torch.randn(200, 200)
    assert QUICK.ratio(lambda: [matrix @ matrix for _ in range(9)], lambda: matrix @ matrix) > 2


def test_threads_are_as_before_afterwards():
    before = torch.get_num_threads()
    seen = []
    Stopwatch(before + 1, 0.01, torch.device("cpu")).compare({"any": lambda: seen.append(torch.get_num_threads())})
    assert set(seen) == {before + 1}
    assert torch.get_num_threads() == before


def test_every_part_has_its_time_and_more_neurons_take_longer(classifier, rows_bench):
    classifier.network.eval()
    table = latency_table(classifier.network, rows_bench.batches(1), {0, 2, 4}, {0, 16, 512}, QUICK)
    for half_times in (table.inner, table.last):
        assert set(half_times.heads) == {0, 2, 4}
        assert set(half_times.neurons) == {0, 16, 512}
        assert half_times.heads[0] == half_times.neurons[0] == 0
    assert table.inner.neurons[512] > table.inner.neurons[16]
    assert table.inner.heads[4] > 0


def test_the_last_layer_is_timed_for_the_rows_that_are_read(classifier, rows_bench):
    (batch,) = rows_bench.batches(1)
    rows = read_rows(classifier.network, batch)
    assert rows.places.tolist() == batch.packed.firsts.tolist()
    table = latency_table(classifier.network.eval(), [batch], {4}, {512}, QUICK)
    assert table.last.neurons[512] < 0.7 * table.inner.neurons[512]


@pytest.mark.parametrize(("subject", "bench"), [("classifier", "rows_bench"), ("encoder", "text_bench")])
def test_texts_one_by_one_are_those_of_the_batch(subject, bench, request):
    subject, bench = request.getfixturevalue(subject), request.getfixturevalue(bench)
    (batch,) = bench.batches(1, 256)
    alone = one_by_one(batch)
    assert all(len(each.packed.lengths) == 1 for each in alone)
    assert sorted(n for each in alone for n in each.packed.lengths) == sorted(batch.packed.lengths)
    subject.network.eval()
    with torch.no_grad():
        answering(subject.network, alone)()
