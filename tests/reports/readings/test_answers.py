import random

import pytest

from mamebert.reports.readings.answers import (
    NUM_BINS,
    LabelAnswer,
    calibration,
    confusions,
    expected_calibration_error,
)


def answered(gold, label, probability=0.5):
    return LabelAnswer(gold, label, probability, "0", "")


def invented(number=500, labels="abcd"):
    draw = random.Random(1)
    return [answered(draw.choice(labels), draw.choice(labels), draw.random()) for _ in range(number)]


def test_confusions_are_counted_as_by_hand():
    answers = invented()
    found = confusions(answers, ["d", "c", "b", "a"], most=12)
    assert found.labels == ["d", "c", "b", "a"]
    for i, gold in enumerate(found.labels):
        for j, label in enumerate(found.labels):
            number = sum(each.gold == gold and each.label == label for each in answers)
            assert found.counts[i][j] == number
            assert found.share(i, j) == number / sum(each.gold == gold for each in answers)


def test_of_too_many_labels_the_rarest_are_summed_up_and_no_row_is_lost():
    answers = [answered(label, label) for label in "aaabbbccd"] + [answered("c", "d"), answered("d", "a")]
    found = confusions(answers, "abcd", most=3)
    assert found.labels == ["a", "b", "2 others"]
    assert found.num_others == 2
    assert found.counts == [[3, 0, 0], [0, 3, 0], [1, 0, 4]]
    assert sum(map(sum, found.counts)) == len(answers)


def test_labels_that_the_run_does_not_name_are_counted_too():
    found = confusions([answered("new", "a"), answered("a", "a")], ["a", "never seen"], most=12)
    assert found.labels == ["a", "new"]
    assert found.counts == [[1, 0], [1, 0]]
    assert found.share(0, 1) == 0


def test_the_calibration_error_is_that_of_the_formula():
    answers = invented()
    error = 0.0
    for number in range(NUM_BINS):
        some = [a for a in answers if number / NUM_BINS < a.probability <= (number + 1) / NUM_BINS]
        if some:
            accuracy = sum(a.gold == a.label for a in some) / len(some)
            error += len(some) / len(answers) * abs(accuracy - sum(a.probability for a in some) / len(some))
    assert expected_calibration_error(calibration(answers)) == pytest.approx(error, abs=1e-12)


def test_bins_hold_their_upper_bounds_and_answers_without_a_probability_are_in_none():
    bins = calibration([answered("a", "a", p) for p in (0.0, 0.2, 0.21, 1.0)] + [answered("a", "a", None)], num_bins=5)
    assert [(each.low, each.high, each.num_rows) for each in bins] == [(0.0, 0.2, 2), (0.2, 0.4, 1), (0.8, 1.0, 1)]
    assert calibration([answered("a", "a", None)]) == []


def test_a_model_that_is_as_right_as_it_claims_has_no_error():
    answers = [answered("a", "a" if n < 3 else "b", 0.75) for n in range(4)]
    assert expected_calibration_error(calibration(answers)) == pytest.approx(0)
