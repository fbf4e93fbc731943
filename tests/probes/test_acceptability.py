import numpy as np
import pytest

from mamebert.errors import UserError
from mamebert.probes.acceptability import auc, by_length, plus_minus


def test_the_area_is_the_share_of_pairs_in_order_and_ties_count_half():
    scores, labels = np.array([3.0, 1.0, 2.0, 2.0]), np.array([True, True, False, False])
    assert auc(scores, labels) == pytest.approx((2 + 0) / 4)
    assert auc(np.zeros(4), labels) == 0.5
    assert auc(-scores, labels) == pytest.approx(1 - auc(scores, labels))
    assert 0 < plus_minus(0.7, np.arange(1000) < 500) < 0.05


def test_sentences_of_one_length_stand_in_one_band():
    lengths = np.repeat([3.0, 4.0, 5.0, 9.0], [7, 9, 3, 1])
    table = by_length(np.arange(20.0), lengths, np.arange(20) % 2 == 0)
    assert [row.name for row in table.rows] == ["3 to 3 pieces", "4 to 4 pieces", "5 to 9 pieces"]
    assert [row.figures["sentences"] for row in table.rows] == [7, 9, 4]


def test_sentences_in_disorder_are_told_apart(ask_about, rows_file, asked):
    good = ["The old boat holds the rope .", "The wet bean meets the leaf .", "The small pot leaves the oven ."]
    rows = [{"sentence": text, "label": 1} for text in good]
    rows += [{"sentence": " ".join(text.split()[::-1]), "label": 0} for text in good]
    found = ask_about("acceptability", sentences=rows_file(*rows))
    assert found.figures["auc"] >= 0.5
    assert found.figures["auc_of_length_alone"] == 0.5


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        ([{"sentence": "a", "label": 1}] * 2, "one label"),
        ([{"sentence": "a", "label": "yes"}], "label of 0 or 1"),
        ([{"text": "a"}], "needs a sentence"),
    ],
)
def test_bad_input_is_one_sentence(ask_about, rows_file, rows, told):
    with pytest.raises(UserError, match=told):
        ask_about("acceptability", sentences=rows_file(*rows))
