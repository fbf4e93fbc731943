"""BM25 against its formula, spelt out; and its shards against one."""

from collections import Counter
from math import log

import numpy as np
import pytest

from mamebert.corpus.bm25 import K1, B, Queries, count_passages, find_best, nothing_found, terms_of

WORDS = [f"w{number}" for number in range(60)]


def texts(number, seed, longest):
    rng = np.random.default_rng(seed)
    likely = 1 / np.arange(1, len(WORDS) + 1)
    return [" ".join(rng.choice(WORDS, rng.integers(1, longest), p=likely / likely.sum())) for _ in range(number)]


@pytest.fixture(scope="module")
def passages():
    return texts(100, seed=0, longest=40)


@pytest.fixture(scope="module")
def queries():
    return [*texts(7, seed=1, longest=12), "w3 w3 w3 never", "never"]


def written_out(passages, query):
    """The formula of Lucene's BM25 (Kamphuis et al., 2020), one passage and one term after the other."""
    split = [passage.split() for passage in passages]
    mean = sum(map(len, split)) / len(split)
    scores = []
    for words in split:
        score = 0.0
        for term in query.split():
            having = sum(term in other for other in split)
            often = Counter(words)[term]
            idf = log(1 + (len(split) - having + 0.5) / (having + 0.5))
            score += idf * often / (often + K1 * (1 - B + B * len(words) / mean))
        scores.append(score)
    return scores


def found(passages, texts, most, shards=1, most_terms=0):
    queries = Queries(texts)
    parts = np.array_split(np.array(passages, object), shards)
    counts = [count_passages(part, queries.vocabulary) for part in parts]
    known = counts[0]
    for each in counts[1:]:
        known = known + each
    weights, best, first = queries.weights(known, most_terms), nothing_found(len(queries), most), 0
    for part in parts:
        best = best.merged(find_best(list(part), first, queries.vocabulary, weights, known.mean_length, most))
        first += len(part)
    return best


def test_scores_and_order_are_those_of_the_formula(passages, queries):
    best = found(passages, queries, most=10)
    for row, query in enumerate(queries):
        scores = written_out(passages, query)
        order = sorted((number for number, score in enumerate(scores) if score > 0), key=lambda n: -scores[n])[:10]
        assert best.scores[row, : len(order)] == pytest.approx([scores[n] for n in order], rel=1e-5)
        clear = {round(scores[n], 4) for n in order if sum(abs(scores[n] - s) < 1e-4 for s in scores) == 1}
        assert [n for n in best.passages[row, : len(order)] if round(scores[n], 4) in clear] == [
            n for n in order if round(scores[n], 4) in clear
        ]


@pytest.mark.parametrize("shards", [2, 7, 100])
def test_shards_change_nothing(passages, queries, shards):
    whole, sharded = found(passages, queries, 10), found(passages, queries, 10, shards)
    assert np.array_equal(whole.passages, sharded.passages)
    assert np.array_equal(whole.scores, sharded.scores)


def test_of_equal_passages_the_first_is_taken_and_of_none_nothing(passages):
    best = found(["a b", "b a", "c", "a b"], ["a", "x"], most=2)
    assert best.passages.tolist() == [[0, 1], [-1, -1]]
    assert best.scores[1].tolist() == [0, 0]
    assert best.ranks() == {0: 0, 1: 1}


def test_a_passage_found_by_several_has_its_best_rank():
    best = found(["a a a", "a b", "b", "c"], ["a", "b"], most=3)
    assert best.ranks() == {0: 0, 1: 1, 2: 0}


def test_of_a_long_query_the_rarest_terms_are_asked(passages):
    rare = "w59 w58"
    assert any("w59" in each for each in passages)
    asked = found(passages, [f"w0 w1 w2 {rare}"], most=5, most_terms=2)
    assert np.array_equal(asked.passages, found(passages, [rare], most=5).passages)


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("The cat's 2 Ears", ["the", "cat", "s", "2", "ears"]),
        ("東京都のBERT研究", ["東京", "京都", "都の", "bert", "研究"]),
        ("猫", ["猫"]),
        ("", []),
    ],
)
def test_terms_are_words_and_neighbours_where_no_spaces_part_them(text, terms):
    assert terms_of(text) == terms
