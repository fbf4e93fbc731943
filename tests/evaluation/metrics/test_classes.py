import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, f1_score, matthews_corrcoef

from mamebert.evaluation.metrics.classes import accuracy, binary_f1, macro_f1, mcc

ANSWERS = st.lists(st.tuples(st.sampled_from("abcd"), st.sampled_from("abcd")), min_size=1, max_size=40)


@pytest.mark.filterwarnings("ignore:A single label")
@settings(max_examples=40, deadline=None)
@given(ANSWERS)
def test_measures_are_those_of_scikit_learn(pairs):
    expected, predicted = map(list, zip(*pairs, strict=True))

    assert accuracy(expected, predicted).score == pytest.approx(accuracy_score(expected, predicted))
    assert mcc(expected, predicted).score == pytest.approx(matthews_corrcoef(expected, predicted))
    macro = f1_score(expected, predicted, average="macro", zero_division=0)
    assert macro_f1(expected, predicted).score == pytest.approx(macro)
    one = f1_score([e == "a" for e in expected], [p == "a" for p in predicted], zero_division=0)
    assert binary_f1(expected, predicted, "a").score == pytest.approx(one)


def test_classes_may_be_numbers():
    assert macro_f1([0, 1], [0, 1]).score == mcc([0, 1], [0, 1]).score == binary_f1([0, 1], [0, 1], 1).score == 1


@pytest.mark.parametrize("measure", [accuracy, macro_f1, mcc])
def test_every_row_needs_both_classes(measure):
    with pytest.raises(ValueError, match=r"longer|needs one"):
        measure(["a"], ["a", "b"])
