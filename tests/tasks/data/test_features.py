"""Which examples share a batch."""

import numpy as np

from mamebert.tasks.data.features import Features, batches_of_like_length


def features_of(lengths) -> list[Features]:
    return [Features([np.arange(length)], [np.zeros(1, np.int64)]) for length in lengths]


def padded_share(features, found) -> float:
    real = sum(len(each.sequences[0]) for each in features)
    return sum(len(rows) * max(len(features[row].sequences[0]) for row in rows) for rows in found) / real


def test_batches_of_like_length_hold_every_example_once_and_hardly_any_padding():
    lengths = np.random.default_rng(0).geometric(0.04, 3000).clip(3, 128)
    features = features_of(lengths)
    found = batches_of_like_length(features, 1024, np.random.default_rng(1))
    assert sorted(row for rows in found for row in rows) == list(range(3000))
    assert all(sum(lengths[row] for row in rows) <= 1024 for rows in found)
    assert padded_share(features, found) < 1.15


def test_batches_of_like_length_differ_from_seed_to_seed_and_come_in_no_order_of_length():
    features = features_of(np.random.default_rng(0).integers(3, 60, 500))
    one, other, again = (batches_of_like_length(features, 256, np.random.default_rng(seed)) for seed in (1, 2, 1))
    assert one == again
    assert {tuple(sorted(rows)) for rows in one} != {tuple(sorted(rows)) for rows in other}
    longest = [max(len(features[row].sequences[0]) for row in rows) for rows in one]
    assert abs(np.corrcoef(np.arange(len(longest)), longest)[0, 1]) < 0.4
