import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from mamebert.encoder.packing import Packed


@given(st.lists(st.integers(1, 70), min_size=1, max_size=12))
def test_groups_cover_every_token_once(lengths):
    batch = Packed.of([np.full(n, n) for n in lengths])
    assert sum(group.num_tokens for group in batch.groups) == len(batch.ids) == sum(lengths)
    start = 0
    for group in batch.groups:
        if group.rows is not None:
            padded = batch.ids[start : start + group.num_tokens][group.rows]
            assert torch.equal(padded.flatten()[group.places], batch.ids[start : start + group.num_tokens])
            assert torch.equal(group.visible.flatten().nonzero().squeeze(1), group.places)
        start += group.num_tokens


def test_positions_start_anew_in_every_sequence():
    batch = Packed.of([np.arange(3), np.arange(2)])
    assert batch.positions.tolist() == [0, 1, 2, 0, 1]
    assert batch.firsts.tolist() == [0, 3]
