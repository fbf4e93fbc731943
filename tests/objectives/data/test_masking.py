import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mamebert.objectives.data.masking import (
    LONGEST_SPAN,
    begin_collocations,
    begin_ngrams,
    begin_spans,
    choose_tokens,
    choose_units,
    hide,
)

VOCAB, MASK = 50, 4
ORDINARY = np.array([1, *range(5, VOCAB)])


@given(st.integers(1, 300), st.data())
def test_exactly_the_number_asked_for_is_chosen_in_order(num_tokens, data):
    number = data.draw(st.integers(0, num_tokens))
    chosen = choose_tokens(num_tokens, number, np.random.default_rng(num_tokens))
    assert len(chosen) == number
    assert (np.diff(chosen) > 0).all()
    assert all(0 <= place < num_tokens for place in chosen)


@pytest.mark.parametrize("number", [2, 4])
def test_every_set_of_tokens_is_equally_likely(number):
    rng = np.random.default_rng(0)
    sets, counts = np.unique([choose_tokens(6, number, rng) for _ in range(6000)], axis=0, return_counts=True)
    assert len(sets) == 15
    assert ((counts - 400) ** 2 / 400).sum() < 36  # 14 degrees of freedom, p = 0.001


@given(st.lists(st.integers(1, 6), min_size=1, max_size=60), st.floats(0.05, 0.9))
def test_units_are_chosen_whole_and_fill_the_number_as_far_as_any_fits(sizes, rate):
    begins = np.concatenate([np.arange(size) == 0 for size in sizes])
    number = round(rate * len(begins))
    chosen = choose_units(begins, number, np.random.default_rng(len(sizes)))
    unit = np.cumsum(begins) - 1
    taken = np.bincount(unit[chosen], minlength=len(sizes))
    assert all(count in (0, size) for count, size in zip(taken, sizes, strict=True))
    assert len(chosen) <= number
    assert (np.diff(chosen) > 0).all()
    room = number - len(chosen)
    assert all(size > room for count, size in zip(taken, sizes, strict=True) if not count)


def test_long_and_short_units_are_chosen_alike():
    rng = np.random.default_rng(0)
    begins = np.tile([True, False, False, True], 1000)
    chosen = np.concatenate([choose_units(begins, 1000, rng) for _ in range(200)])
    # Filling the remainder prefers single tokens by one or two in a thousand.
    assert (chosen % 4 == 3).sum() / 200 == pytest.approx(250, abs=3)
    assert (chosen % 4 == 0).sum() / 200 == pytest.approx(250, abs=3)


def test_spans_are_one_to_ten_words_of_about_geometric_length():
    rng = np.random.default_rng(0)
    words = rng.random(200_000) < 0.7
    breaks = np.arange(0, 200_000, 1000)
    begins = begin_spans(words, breaks, rng)
    assert begins[breaks].all()
    starts_word = words.copy()
    starts_word[breaks] = True
    assert starts_word[begins].all()
    length = np.add.reduceat(words, np.flatnonzero(begins))
    assert length.max() <= LONGEST_SPAN + 1  # a break inside a word adds the rest of it
    # Mean of a geometric length that is cut off at 10, at rate 0.2.
    assert length.mean() == pytest.approx((1 - 0.8**10) / 0.2, abs=0.15)
    assert (length == 1).mean() == pytest.approx(0.2, abs=0.03)


def test_hidden_tokens_are_80_10_10_and_none_becomes_a_special_token():
    rng = np.random.default_rng(0)
    ids = np.full(100_000, 7)
    shown = hide(ids, np.arange(len(ids)), MASK, ORDINARY, 0.8, rng)
    shares = [(shown == MASK).mean(), (shown == 7).mean()]
    assert shares == pytest.approx([0.8, 0.1 + 0.1 / len(ORDINARY)], abs=0.005)
    counts = np.bincount(shown[(shown != MASK) & (shown != 7)], minlength=VOCAB)
    others = np.setdiff1d(ORDINARY, [7])
    assert counts.sum() == counts[others].sum()
    expected = 100_000 * 0.1 / len(ORDINARY)
    assert ((counts[others] - expected) ** 2 / expected).sum() < 80  # 44 degrees of freedom, p = 0.001


def test_what_is_not_chosen_is_not_touched():
    ids = np.arange(5, 45)
    shown = hide(ids, np.array([3, 9]), MASK, ORDINARY, 0.8, np.random.default_rng(0))
    assert (np.delete(shown, [3, 9]) == np.delete(ids, [3, 9])).all()


def test_ngrams_are_one_to_three_words_each_as_often_as_one_in_its_length():
    rng = np.random.default_rng(0)
    words = rng.random(300_000) < 0.7
    breaks = np.arange(0, 300_000, 3000)
    words[breaks] = True
    begins = begin_ngrams(words, breaks, rng)
    assert begins[breaks].all()
    assert words[begins].all()
    length = np.add.reduceat(words, np.flatnonzero(begins))
    assert length.max() == 3
    shares = np.bincount(length)[1:] / len(length)
    assert shares == pytest.approx([6 / 11, 3 / 11, 2 / 11], abs=0.01)


def test_collocations_are_units_and_of_two_that_overlap_one_is():
    words = np.array([1, 1, 0, 1, 1, 1, 1, 0, 1], bool)  # seven words
    starts, sizes = np.array([0, 1, 1, 4, 5]), np.array([2, 3, 2, 2, 2])  # [1, 2] lies in [1, 2, 3]
    found = {
        tuple(np.flatnonzero(begin_collocations(words, starts, sizes, np.random.default_rng(s)))) for s in range(40)
    }
    firsts = [(0, 3, 4), (0, 1)]  # words 0 and 1 are one, or 1 to 3
    seconds = [(5, 8), (5, 6)]
    assert found == {(*a, *b) for a in firsts for b in seconds}


def test_one_draw_serves_all_tokens_of_a_unit():
    rng = np.random.default_rng(0)
    units = np.repeat(np.arange(20_000), 5)
    shown = hide(np.full(100_000, 7), np.arange(100_000), MASK, ORDINARY, 0.8, rng, units=units)
    masked = (shown == MASK).reshape(-1, 5)
    assert (masked.all(axis=1) | ~masked.any(axis=1)).all()
    assert masked[:, 0].mean() == pytest.approx(0.8, abs=0.01)
