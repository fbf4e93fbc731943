import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from mamebert.tasks.data.trees import maximum_spanning_tree

SCORES = st.integers(1, 6).flatmap(
    lambda n: arrays(np.float64, (n + 1, n + 1), elements=st.integers(-20, 20).map(float))
)


def best_total(scores):
    """The highest total of a tree whose root has one child, trying each word as that child."""
    num_words, best = len(scores) - 1, -np.inf
    for child in range(1, num_words + 1):
        graph = nx.DiGraph()
        graph.add_edge(0, child, weight=scores[child, 0])
        for word in range(1, num_words + 1):
            for head in set(range(1, num_words + 1)) - {word}:
                graph.add_edge(head, word, weight=scores[word, head])
        tree = nx.maximum_spanning_arborescence(graph)
        best = max(best, sum(scores[word, head] for head, word in tree.edges))
    return best


def total(scores, heads):
    return scores[np.arange(1, len(scores)), heads].sum()


def is_tree(heads):
    graph = nx.DiGraph([(head, word) for word, head in enumerate(heads.tolist(), start=1)])
    return nx.is_arborescence(graph) and (heads == 0).sum() == 1


@settings(max_examples=40, deadline=None)
@given(SCORES)
def test_no_tree_with_one_root_scores_higher(scores):
    heads = maximum_spanning_tree(scores)
    assert is_tree(heads)
    assert total(scores, heads) == best_total(scores)


@pytest.mark.parametrize("size", [10, 30])
@pytest.mark.parametrize("seed", range(3))
def test_long_sentences_get_a_tree_not_below_any_random_one(size, seed):
    rng = np.random.default_rng(seed)
    scores = rng.normal(size=(size + 1, size + 1))
    heads = maximum_spanning_tree(scores)
    assert is_tree(heads)
    graph = nx.DiGraph()
    root = int(np.flatnonzero(heads == 0)[0]) + 1
    graph.add_weighted_edges_from(
        (h, w, scores[w, h]) for w in range(1, size + 1) for h in range(size + 1) if h != w and (h or w == root)
    )
    best = nx.maximum_spanning_arborescence(graph)
    assert total(scores, heads) == pytest.approx(sum(scores[w, h] for h, w in best.edges))


def test_a_cycle_of_best_heads_is_opened_where_that_costs_least():
    scores = np.array([[0, 0, 0, 0], [5, 0, 30, 11], [10, 20, 0, 0], [9, 3, 30, 0]], float)
    assert maximum_spanning_tree(scores).tolist() == [2, 0, 2]


def test_cycles_within_cycles_are_opened():
    scores = np.full((5, 5), -9.0)
    scores[1, 2], scores[2, 1], scores[2, 3], scores[3, 1], scores[3, 4], scores[4, 3] = 10, 10, 8, 9, 7, 9
    scores[4, 0] = -1
    heads = maximum_spanning_tree(scores)
    assert heads.tolist() == [2, 3, 4, 0]


def test_two_words_that_both_want_the_root_share_it_not():
    scores = np.array([[0, 0, 0], [100, 0, 1], [90, -50, 0]], float)
    assert maximum_spanning_tree(scores).tolist() == [2, 0]


def test_short_sentences_are_trees_too():
    assert maximum_spanning_tree(np.zeros((1, 1))).tolist() == []
    assert maximum_spanning_tree(np.zeros((2, 2))).tolist() == [0]


def test_the_given_scores_stay_as_they_are():
    scores = np.random.default_rng(0).normal(size=(6, 6)).astype(np.float32)
    before = scores.copy()
    maximum_spanning_tree(scores)
    assert (scores == before).all()


def test_scores_that_are_no_numbers_are_refused():
    with pytest.raises(ValueError, match="finite"):
        maximum_spanning_tree(np.full((3, 3), np.nan))
