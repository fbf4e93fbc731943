import numpy as np

from mamebert.labelled.lengths import EDGES, count_lengths
from mamebert.tasks.data.features import Features


def row(*lengths, cut=0):
    return Features([np.zeros(length, np.int64) for length in lengths], [], num_truncated=cut)


def test_rows_are_counted_between_fixed_edges_with_what_is_cut():
    found = count_lengths({"train": [row(3), row(4), row(5), row(16), row(16, cut=1)], "test": [row(9)]}, 16)
    assert found["edges"] == [0, 4, 8, 16, 24]
    assert found["max_length"] == 16
    assert found["parts"]["train"] == {"counts": [2, 1, 1, 1], "median": 5.0, "longest": 17, "cut": 1}
    assert found["parts"]["test"]["counts"] == [0, 0, 1, 0]


def test_every_length_lies_in_the_place_that_its_edges_say():
    for length in range(1, 300):
        found = count_lengths({"test": [row(length)]}, 128)
        (place,) = [i for i, number in enumerate(found["parts"]["test"]["counts"]) if number]
        assert EDGES[place] < length <= EDGES[place + 1]


def test_rows_of_several_sequences_have_no_single_length_where_they_are_cut():
    assert count_lengths({"test": [row(8, 9)], "valid": []}, 16)["max_length"] is None


def test_the_longest_rows_of_all_are_counted_in_the_last_place():
    found = count_lengths({"test": [row(8, cut=10**6)]}, 16)
    assert found["edges"] == list(EDGES)
    assert found["parts"]["test"]["counts"][-1] == 1
