import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mamebert.errors import UserError
from mamebert.evaluation.split import require_learnable, stratified_split

LIVEDOOR = [870, 870, 864, 511, 870, 842, 870, 900, 770]
LIVEDOOR_TRAIN = [87, 87, 86, 51, 87, 84, 87, 90, 77]


def labels_of(counts):
    return [f"class {number}" for number, count in enumerate(counts) for _ in range(count)]


def counts_in(rows, labels):
    return [sum(labels[row] == name for row in rows) for name in dict.fromkeys(labels)]


def test_livedoor_is_split_as_in_the_paper():
    labels = labels_of(LIVEDOOR)
    split = stratified_split(labels)

    assert counts_in(split.train, labels) == counts_in(split.valid, labels) == LIVEDOOR_TRAIN
    assert [len(part) for part in split] == [736, 736, 7367 - 2 * 736]


@given(st.lists(st.integers(10, 40), min_size=2, max_size=5), st.integers(0, 99))
def test_every_row_is_in_one_part_and_classes_keep_their_share(counts, seed):
    labels = labels_of(counts)
    split = stratified_split(labels, (0.2, 0.3, 0.5), seed)

    assert sorted(np.concatenate(split).tolist()) == list(range(len(labels)))
    for count, found in zip(counts, counts_in(split.train, labels), strict=True):
        assert abs(found - 0.2 * count) <= 0.5


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
        stratified_split(labels_of([50, 4]))
    with pytest.raises(UserError, match="class 'ga', so it cannot be learnt"):
        require_learnable(["en", "ja"], ["en", "ja", "ga"])


def test_parts_that_are_no_whole_are_refused():
    with pytest.raises(UserError, match="do not sum to 1"):
        stratified_split(labels_of([5, 5]), (0.5, 0.5, 0.5))
