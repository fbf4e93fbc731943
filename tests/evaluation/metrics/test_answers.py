import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mamebert.evaluation.metrics.answers import (
    answer_f1,
    answer_f1_of_rows,
    answer_units,
    best_null_threshold,
    exact_match,
)

ROWS = st.lists(st.tuples(st.integers(-5, 5), st.sampled_from([0.0, 0.25, 0.5, 1.0]), st.booleans()), min_size=1)


def test_answers_are_normalised_as_in_squad():
    assert answer_units("The  U.S. Army's a man", "word") == ("us", "armys", "man")
    assert exact_match([["the Beatles."]], ["Beatles"], "word").score == 1
    assert exact_match([["Beatles"]], ["A Beatle"], "word").score == 0


def test_unspaced_answers_are_compared_by_characters():
    assert answer_units("「東京 タワー」、Ｔ。", "character") == tuple("東京タワーｔ")
    assert answer_f1([["東京タワー"]], ["東京"], "character").score == pytest.approx(2 * 2 / 7)
    assert exact_match([["1958年"]], ["1958年。"], "character").score == 1
    assert answer_units("กรุงเทพ", "character") == tuple("กรุงเทพ")


def test_the_best_of_several_answers_counts():
    gold = [["tall old tower", "tower"], ["x"]]
    assert answer_f1_of_rows(gold, ["the tower", "y"], "word") == [1, 0]
    assert exact_match(gold, ["tower", "y"], "word").score == 0.5


def test_words_said_twice_count_twice_only_where_both_say_so():
    assert answer_f1_of_rows([["new york new york"]], ["new york"], "word") == [pytest.approx(4 / 6)]
    assert answer_f1_of_rows([["new york"]], ["new new"], "word") == [0.5]


@pytest.mark.parametrize("gold", [[], [""], ["the"]])
def test_no_answer_is_right_where_there_is_none(gold):
    assert answer_f1_of_rows([gold] * 2, ["", "word"], "word") == [1, 0]
    assert exact_match([gold] * 2, ["", "word"], "word").score == 0.5
    assert answer_f1_of_rows([["word"]], [""], "word") == [0]


def test_one_text_is_not_taken_for_its_letters():
    with pytest.raises(ValueError, match="list"):
        answer_f1(["tower"], ["tower"], "word")


def f1_at(threshold, rows):
    return sum(f1 if difference <= threshold else not has for difference, f1, has in rows)


@given(ROWS)
def test_no_null_threshold_is_better_than_the_best(rows):
    rows = [(difference, f1 if has else float(f1 == 1), has) for difference, f1, has in rows]
    tried = [-10, *(difference for difference, _, _ in rows)]
    assert f1_at(best_null_threshold(*zip(*rows, strict=True)), rows) == max(f1_at(each, rows) for each in tried)


def test_the_null_threshold_is_the_one_of_the_official_script():
    # Sorted by difference the F1 over leaving all grows by 1, 0.5, -1, 0.25, -1: best after the second.
    differences, rates = np.array([3.0, -2.0, 1.0, -4.0, 2.0]), [0, 0.5, 0, 1, 0.25]
    assert best_null_threshold(differences, rates, [False, True, False, True, True]) == -2.0
    assert best_null_threshold(differences, np.zeros(5), [False] * 5) < -4
