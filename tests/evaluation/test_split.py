from time import process_time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mamebert.errors import UserError
from mamebert.evaluation.split import part_sizes, require_learnable, stratified_split

LIVEDOOR = [870, 870, 864, 511, 870, 842, 870, 900, 770]
LIVEDOOR_TRAIN = [87, 87, 86, 51, 87, 84, 87, 90, 77]


def labels_of(counts):
    return [f"class {number}" for number, count in enumerate(counts) for _ in range(count)]


def counts_in(rows, labels):
    return [sum(labels[row] == name for row in rows) for name in dict.fromkeys(labels)]


def test_livedoor_is_split_as_in_the_paper():
    labels = labels_of(LIVEDOOR)
    split = stratified_split(labels, (0.1, 0.1, 0.8))

    assert counts_in(split.train, labels) == counts_in(split.valid, labels) == LIVEDOOR_TRAIN
    assert [len(part) for part in split] == [736, 736, 7367 - 2 * 736]


@given(st.lists(st.integers(10, 40), min_size=2, max_size=5), st.integers(0, 99))
def test_every_row_is_in_one_part_and_classes_keep_their_share(counts, seed):
    labels = labels_of(counts)
    split = stratified_split(labels, (0.2, 0.3, 0.5), seed)

    assert sorted(np.concatenate(split).tolist()) == list(range(len(labels)))
    for count, found in zip(counts, counts_in(split.train, labels), strict=True):
        assert abs(found - 0.2 * count) <= 0.5


@given(
    st.lists(st.integers(1, 70), min_size=2, max_size=5),
    st.sampled_from([(0.9, 0.1, 0.0), (0.8, 0.1, 0.1), (0.5, 0.5, 0.0), (0.95, 0.05, 0.0), (0.34, 0.33, 0.33)]),
)
def test_no_row_is_lost_whatever_the_sizes_of_the_classes(counts, rates):
    labels = labels_of(counts)
    sizes = [part_sizes(count, rates) for count in counts]
    assert [sum(each) for each in sizes] == counts
    assert min(map(min, sizes)) >= 0
    if all(train for train, _, _ in sizes):
        split = stratified_split(labels, rates)
        assert sorted(np.concatenate(split).tolist()) == list(range(len(labels)))
        assert len(split.test) == 0 or rates[2] > 0


@pytest.mark.parametrize("count", [5, 25, 45, 65, 85])
def test_classes_whose_tenth_is_a_half_keep_all_their_rows(count):
    assert [sum(map(len, stratified_split(labels_of([count] * 3), (0.9, 0.1, 0.0))))] == [3 * count]


def test_thousands_of_classes_take_no_longer_than_their_rows():
    labels = labels_of([10] * 5_000)
    started = process_time()
    split = stratified_split(labels)
    assert process_time() - started < 5
    assert sum(map(len, split)) == len(labels)


def test_the_seed_decides_and_nothing_else():
    labels = labels_of([30, 40])
    first, again, other = (stratified_split(labels, seed=seed) for seed in (1, 1, 2))

    assert all((a == b).all() for a, b in zip(first, again, strict=True))
    assert first.train.tolist() != other.train.tolist()


def test_no_part_for_validation_is_possible():
    split = stratified_split(labels_of([5, 5]), (0.6, 0.0, 0.4))
    assert [len(part) for part in split] == [6, 0, 4]


def test_one_class_only_is_a_sentence():
    with pytest.raises(UserError, match="needs two classes, and all rows are 'class 0'"):
        stratified_split(labels_of([50]))
    with pytest.raises(UserError, match="there are no rows"):
        stratified_split([])


def test_a_class_too_small_for_training_is_named():
    with pytest.raises(UserError, match="No training row belongs to the class 'class 1'"):
        stratified_split(labels_of([50, 4]), (0.1, 0.1, 0.8))
    with pytest.raises(UserError, match="class 'ga', so it cannot be learnt"):
        require_learnable(["en", "ja"], ["en", "ja", "ga"])


def test_parts_that_are_no_whole_are_refused():
    with pytest.raises(UserError, match="do not sum to 1"):
        stratified_split(labels_of([5, 5]), (0.5, 0.5, 0.5))
