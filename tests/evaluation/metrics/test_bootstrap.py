import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import kstest

from mamebert.evaluation.metrics import bootstrap as module
from mamebert.evaluation.metrics.bootstrap import Measure, compare_measures, found_among, mean_f1, mean_of, ratio
from mamebert.evaluation.metrics.classes import macro_f1, mcc
from mamebert.evaluation.metrics.regression import pearson

SETS = st.lists(st.sets(st.integers(0, 5)), min_size=1, max_size=8)


def test_a_ratio_weighs_rows_by_their_wholes():
    assert ratio("share", [1, 3], [1, 9]).score == pytest.approx(0.4)
    assert ratio("share", [0.0], [0.0]).score == 0
    assert mean_of("mean", [1, 0, 0, 1]).score == 0.5


@given(SETS, st.randoms())
def test_things_found_are_counted_over_all_rows(expected, rng):
    predicted = rng.sample(expected, len(expected))
    right = sum(len(a & b) for a, b in zip(expected, predicted, strict=True))
    wanted = sum(map(len, expected))
    assert found_among("f1", expected, predicted).score == pytest.approx(right / wanted if wanted else 0)


def test_a_drawn_sample_has_the_measure_of_its_rows():
    rng = np.random.default_rng(0)
    expected, predicted = rng.integers(0, 3, 40), rng.integers(0, 3, 40)
    rows = np.repeat(np.arange(40), rng.multinomial(40, np.full(40, 1 / 40)))
    whole = macro_f1(expected.tolist(), predicted.tolist())
    drawn = macro_f1(expected[rows].tolist(), predicted[rows].tolist())
    assert whole.value(whole.counts[rows].sum(axis=0)) == pytest.approx(drawn.score)


def test_sparse_counts_are_drawn_as_dense_ones():
    rng = np.random.default_rng(1)
    expected, *found = rng.integers(0, 7, (3, 60)).tolist()
    sparse = [macro_f1(expected, each) for each in found]
    dense = [Measure("macro_f1", each.counts.toarray(), mean_f1) for each in sparse]
    assert compare_measures(*sparse, draws=500) == compare_measures(*dense, draws=500)


@pytest.mark.parametrize("measure", [macro_f1, mcc])
def test_thousands_of_classes_take_little_memory(measure):
    rng = np.random.default_rng(0)
    expected, *found = rng.integers(0, 5000, (3, 10_000)).tolist()
    tracemalloc.start()
    first, second = (measure(expected, each) for each in found)
    assert first.score == pytest.approx(second.score, abs=0.01)
    compare_measures(first, second, draws=200)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 300e6  # an array of [rows, classes] alone has 400 MB


def test_bootstrap_interval_is_as_wide_as_theory_says():
    first, second = np.zeros(1000), np.zeros(1000)
    first[:500], second[100:640] = 1, 1
    found = compare_measures(mean_of("accuracy", first), mean_of("accuracy", second))
    deviation = np.sqrt((0.24 - 0.04**2) / 1000)  # 140 rows won, 100 lost

    assert found.difference == pytest.approx(0.04)
    assert found.interval == pytest.approx((0.04 - 1.96 * deviation, 0.04 + 1.96 * deviation), abs=0.002)
    assert 0.005 < found.p_value < 0.015


def test_rows_of_one_kind_may_be_drawn_together(monkeypatch):
    rng = np.random.default_rng(0)
    values = np.round(rng.random((2, 300)), 1)  # at most 121 kinds
    first, second = (mean_of("mean", each) for each in values)
    rare, common = [], []
    for cheaper, found in ((1.0, common), (1e9, rare)):
        monkeypatch.setattr(module, "CHEAPER", cheaper)
        found.append(compare_measures(first, second, draws=20_000))
    assert rare[0].interval == pytest.approx(common[0].interval, abs=0.004)
    assert rare[0].p_value == pytest.approx(common[0].p_value, abs=0.02)


def test_blocks_are_only_a_matter_of_memory(monkeypatch):
    rng = np.random.default_rng(0)
    first, second = (mean_of("mean", rng.random(50)) for _ in range(2))
    whole = compare_measures(first, second, draws=999)
    monkeypatch.setattr(module, "BLOCK", 1)
    assert compare_measures(first, second, draws=999).interval == pytest.approx(whole.interval, abs=0.03)


def test_p_values_of_equally_good_models_are_uniform():
    rng = np.random.default_rng(0)
    found = []
    for _ in range(300):
        truth = rng.normal(size=120)
        first, second = (pearson(truth, truth + rng.normal(size=120)) for _ in range(2))
        found.append(compare_measures(first, second, draws=500).p_value)
    assert kstest(found, "uniform").pvalue > 0.01
    assert 0.01 < np.mean(np.array(found) < 0.05) < 0.10


def test_clear_differences_have_a_small_p():
    rng = np.random.default_rng(0)
    truth = rng.normal(size=200)
    first, second = (pearson(truth, truth + size * rng.normal(size=200)) for size in (2, 1))
    found = compare_measures(first, second)
    assert found.difference > 0.1
    assert found.interval.low > 0
    assert found.p_value < 0.001
    assert compare_measures(second, first).difference == -found.difference


def test_a_model_does_not_differ_from_itself():
    truth = np.random.default_rng(0).normal(size=(2, 50))
    measure = pearson(*truth)
    assert compare_measures(measure, measure) == (0.0, (0.0, 0.0), 1.0)


@pytest.mark.parametrize(
    "other", [mean_of("accuracy", [1.0]), mean_of("mean", [1.0, 0.0]), Measure("accuracy", np.zeros((0, 2)), np.sum)]
)
def test_only_the_same_measure_of_the_same_rows_is_compared(other):
    with pytest.raises(ValueError, match="same rows"):
        compare_measures(mean_of("accuracy", [1.0, 0.0]) if len(other.counts) else other, other)
