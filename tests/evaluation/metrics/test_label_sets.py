import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.metrics import f1_score
from sklearn.preprocessing import MultiLabelBinarizer

from mamebert.evaluation.metrics.label_sets import best_threshold, macro_f1, micro_f1

ROWS = st.lists(st.tuples(st.sets(st.sampled_from("abcd")), st.sets(st.sampled_from("abcd"))), min_size=1, max_size=20)
CHANCES = arrays(np.float32, st.tuples(st.integers(1, 6), st.integers(1, 4)), elements=st.sampled_from(
    [0, 0.1, 0.25, np.nextafter(np.float32(0.25), np.float32(1)), 0.5, 0.9, 1.0]
))  # fmt: skip


@settings(max_examples=40, deadline=None)
@given(ROWS)
def test_measures_are_those_of_scikit_learn(rows):
    expected, predicted = zip(*rows, strict=True)
    found = micro_f1(expected, predicted).score, macro_f1(expected, predicted).score
    if not set().union(*expected, *predicted):
        assert found == (0, 0)
        return
    binary = MultiLabelBinarizer(classes=list("abcd")).fit([])
    wanted, predicted = binary.transform(expected), binary.transform(predicted)
    present = np.flatnonzero((wanted | predicted).any(axis=0))
    averages = [
        f1_score(wanted, predicted, labels=present, average=each, zero_division=0) for each in ("micro", "macro")
    ]
    assert found == pytest.approx(averages)


def micro_f1_at(threshold, chances, gold):
    return micro_f1(gold, [np.flatnonzero(row >= threshold).tolist() for row in chances]).score


@given(CHANCES, st.randoms(use_true_random=False))
def test_no_threshold_is_better_than_the_best(chances, rng):
    gold = [{label for label in range(chances.shape[1] + 1) if rng.random() < 0.4} for _ in chances]
    tried = [0.0, *np.unique(chances).tolist(), 1.1]
    found = best_threshold(chances, gold)
    assert micro_f1_at(found, chances, gold) == pytest.approx(max(micro_f1_at(t, chances, gold) for t in tried))
    assert 0 <= found <= 1


def test_of_equal_thresholds_the_middle_of_the_gap_near_one_half_is_taken():
    assert best_threshold(np.array([[0.9, 0.1]]), [{0}]) == pytest.approx(0.5)
