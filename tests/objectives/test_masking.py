import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mamebert.objectives._masking import choose_tokens, hide

VOCAB, MASK = 50, 4


def ordinary(ids):
    return ids >= 5


@given(st.lists(st.integers(3, 90), min_size=1, max_size=9), st.floats(0.05, 0.5), st.integers(0, 9))
def test_each_sequence_gets_its_share_and_no_special_token(lengths, rate, seed):
    rng = np.random.default_rng(seed)
    lengths = np.array(lengths)
    ids = rng.integers(0, VOCAB, lengths.sum())
    chosen = choose_tokens(lengths, ordinary(ids), rate, rng)
    assert ordinary(ids[chosen]).all()
    assert (np.diff(chosen) > 0).all()
    owner = np.repeat(np.arange(len(lengths)), lengths)
    found = np.bincount(owner[chosen], minlength=len(lengths))
    possible = np.bincount(owner, weights=ordinary(ids), minlength=len(lengths))
    assert (found == np.minimum(np.maximum(1, np.round(rate * lengths)), possible)).all()


def test_hidden_tokens_are_80_10_10():
    rng = np.random.default_rng(0)
    ids = np.full(100_000, 7)
    shown = hide(ids, np.arange(len(ids)), MASK, VOCAB, 0.8, rng)
    shares = [(shown == MASK).mean(), (shown == 7).mean()]
    # Of the random tenth, one in fifty is [MASK] and one in fifty the token itself.
    assert shares == pytest.approx([0.8 + 0.1 / VOCAB, 0.1 + 0.1 / VOCAB], abs=0.005)
    counts = np.bincount(shown[(shown != MASK) & (shown != 7)], minlength=VOCAB)
    expected = 100_000 * 0.1 / VOCAB
    chi_squared = sum((counts[i] - expected) ** 2 / expected for i in range(VOCAB) if i not in (MASK, 7))
    assert chi_squared < 84  # 47 degrees of freedom, p = 0.001


def test_what_is_not_chosen_is_not_touched():
    ids = np.arange(5, 45)
    shown = hide(ids, np.array([3, 9]), MASK, VOCAB, 0.8, np.random.default_rng(0))
    assert (np.delete(shown, [3, 9]) == np.delete(ids, [3, 9])).all()
