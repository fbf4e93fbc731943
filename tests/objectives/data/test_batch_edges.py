import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mamebert.objectives.data.batch_edges import cut_pairs, cut_runs, edges_of_pairs, edges_of_runs, level
from mamebert.objectives.data.examples import Examples

LEAST = 8


def read_runs(sizes, edges, number):
    starts = 1000 * np.arange(len(sizes))
    first, last = edges.rows[number : number + 2]
    begun, cut = edges.offsets[number : number + 2]
    rows = slice(first, last + (cut > 0))
    runs = Examples(starts[rows, None].copy(), sizes[rows, None].copy(), np.zeros(len(sizes), int)[rows])
    return cut_runs(runs, begun, cut, edges.tokens[number])


@given(
    st.lists(st.integers(1, 60), min_size=1, max_size=80),
    st.lists(st.integers(40, 62), min_size=4, max_size=4),
    st.integers(16, 300),
)
def test_batches_of_runs_are_exact_and_lose_no_token(sizes, long, batch_tokens):
    sizes = np.array([each for i, size in enumerate(sizes) for each in ([long[i % 4]] if i % 5 == 0 else []) + [size]])
    edges = edges_of_runs(np.cumsum(sizes + 2), lambda _: batch_tokens, LEAST)
    seen, whole = [], set()
    for number in range(len(edges.tokens)):
        read = read_runs(sizes, edges, number)
        is_last = number == len(edges.tokens) - 1
        long_enough = read.sizes.max() >= 20  # what fills the gap needs a run to cut
        if not is_last and long_enough:
            assert read.lengths.sum() == batch_tokens
        assert read.lengths.sum() <= batch_tokens
        for [start], [size] in zip(read.starts, read.sizes, strict=True):
            row, offset = divmod(start, 1000)
            assert size > 0
            assert offset + size <= sizes[row]
            seen.append(np.arange(start, start + size))
            if size == sizes[row]:
                whole.add(row)
    assert set(np.concatenate(seen)) == {1000 * row + i for row, size in enumerate(sizes) for i in range(size)}


def test_a_run_across_the_edge_goes_on_in_the_next_batch():
    sizes = np.array([30, 30, 30])
    edges = edges_of_runs(np.cumsum(sizes + 2), lambda _: 50, LEAST)
    assert edges.tokens.tolist() == [50, 48]
    first, second = (read_runs(sizes, edges, number) for number in range(2))
    assert (first.starts.ravel().tolist(), first.sizes.ravel().tolist()) == ([0, 1000], [30, 16])
    assert (second.starts.ravel().tolist(), second.sizes.ravel().tolist()) == ([1016, 2000], [14, 30])


@pytest.mark.parametrize("gap", range(1, 12))
def test_no_cut_leaves_a_crumb(gap):
    # The second run begins where only `gap` tokens are left.
    sizes = np.array([60, 60, 60])
    edges = edges_of_runs(np.cumsum(sizes + 2), lambda _: 62 + gap, LEAST)
    for number in range(len(edges.tokens)):
        read = read_runs(sizes, edges, number)
        assert read.lengths.min() >= LEAST
        if number < len(edges.tokens) - 1:
            assert read.lengths.sum() == 62 + gap


def test_batches_of_tiny_documents_miss_a_few_tokens_at_most():
    sizes = np.random.default_rng(0).integers(1, 4, 400)
    edges = edges_of_runs(np.cumsum(sizes + 2), lambda _: 100, LEAST)
    lengths = [read_runs(sizes, edges, n).lengths.sum() for n in range(len(edges.tokens) - 1)]
    assert min(lengths) >= 95
    assert max(lengths) <= 100


def test_sizes_may_change_as_the_epoch_goes_on():
    sizes = np.full(100, 62)
    edges = edges_of_runs(np.cumsum(sizes + 2), lambda read: 128 if read < 1000 else 640, LEAST)
    assert edges.tokens[:8].tolist() == [128] * 8
    assert set(edges.tokens[8:-1].tolist()) == {640}


@given(st.lists(st.integers(1, 130), min_size=1, max_size=40), st.data())
def test_levelling_takes_from_the_longest(lengths, data):
    total = data.draw(st.integers(0, sum(lengths) - 1))
    found = level(np.array(lengths), total)
    assert found.sum() == total
    cut = found < lengths
    assert cut.any()
    assert found.max() - found[cut].min() <= 1


@given(st.lists(st.tuples(st.integers(1, 60), st.integers(1, 60)), min_size=2, max_size=60), st.integers(100, 900))
def test_batches_of_pairs_are_exact_and_hold_every_pair_once(sizes, batch_tokens):
    sizes = np.array(sizes)
    starts = np.stack([1000 * np.arange(len(sizes)), 1000 * np.arange(len(sizes)) + 500], axis=1)
    pairs = Examples(starts, sizes, np.arange(len(sizes)))
    edges = edges_of_pairs(np.cumsum(pairs.lengths), lambda _: batch_tokens)
    seen = []
    for number in range(len(edges.tokens)):
        first, last = edges.rows[number : number + 2]
        read = cut_pairs(pairs.of(np.arange(first, last)), edges.tokens[number], np.random.default_rng(0))
        assert read.lengths.sum() == edges.tokens[number]
        assert read.sizes.min() >= 1
        assert (read.starts >= starts[read.labels]).all()
        assert (read.starts + read.sizes <= (starts + sizes)[read.labels]).all()
        seen += read.labels.tolist()
    assert seen == list(range(len(sizes)))
    assert (edges.tokens[:-1] == batch_tokens).all()


def test_a_pair_that_would_leave_nothing_of_tiny_ones_is_given_up():
    pairs = Examples(np.tile([0, 50], (9, 1)), np.array([[1, 1]] * 8 + [[50, 50]]), np.zeros(9, int))
    read = cut_pairs(pairs, 41, np.random.default_rng(0))
    assert read.sizes.tolist() == [[1, 1]] * 8
