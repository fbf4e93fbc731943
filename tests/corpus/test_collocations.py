"""Collocations against their definition, spelt out on a small corpus."""

from collections import Counter
from itertools import combinations, pairwise
from math import log

import numpy as np
import pytest

from mamebert.corpus import collocations
from mamebert.corpus.collocations import Collocations, find_collocations, word_hashes
from mamebert.corpus.token_shards import TokenShards, shard_path, write_manifest, write_token_shard

LEAST = 3


@pytest.fixture(scope="module")
def sentences():
    """Words of one or two pieces, some of which like to stand together."""
    rng = np.random.default_rng(0)
    phrases = [(3, 4), (5, 6, 7), (8, 9, 10, 11), (12, 13, 14, 15, 16), (3, 9)]
    made = []
    for _ in range(60):
        words = []
        while len(words) < 8:
            words += phrases[rng.integers(len(phrases))] if rng.random() < 0.4 else (int(rng.integers(3, 25)),)
        made.append(words)
    return made


@pytest.fixture(scope="module")
def shards(sentences, tmp_path_factory):
    folder = tmp_path_factory.mktemp("collocations")
    for number, some in enumerate((sentences[:25], sentences[25:])):
        documents = [[pieces(words)] for words in some]
        write_token_shard(shard_path(folder, "train", number), documents, 100)
    write_manifest(folder, 100)
    return TokenShards.open(folder)


def pieces(words):
    """Words above 20 are two pieces."""
    ids, begins = [], []
    for word in words:
        ids += [word, 50 + word % 3] if word > 20 else [word]
        begins += [True, False] if word > 20 else [True]
    return ids, begins


def pmi(run, counts, total):
    """The least, over all cuts, of log(p² / product of the parts' p)."""
    n = len(run)
    worst = []
    for number in range(1, n):
        for cuts in combinations(range(1, n), number):
            edges = [0, *cuts, n]
            parts = [run[a:b] for a, b in pairwise(edges)]
            worst.append(2 * log(counts[run] / total) - sum(log(counts[part] / total) for part in parts))
    return min(worst)


def by_brute_force(sentences, rate):
    counts = Counter(
        tuple(words[a : a + n]) for words in sentences for n in range(1, 6) for a in range(len(words) - n + 1)
    )
    total = sum(map(len, sentences))
    frequent = [run for run, number in counts.items() if len(run) > 1 and number >= LEAST]
    found = {}
    for n, share in collocations.SHARES.items():
        ranked = sorted(((pmi(run, counts, total), run) for run in frequent if len(run) == n), reverse=True)
        found[n] = ranked, round(rate * share * len(frequent))
    return found


def hash_of(run):
    ids, begins = pieces(run)
    words, _ = word_hashes(np.array(ids), np.array(begins))
    return int(collocations._run_hashes(words[None])[0])


@pytest.mark.parametrize("rate", [0.2, 0.6, 1.0])
def test_they_are_those_of_the_definition(sentences, shards, rate):
    found = find_collocations(shards, LEAST, rate)
    for n, (ranked, most) in by_brute_force(sentences, rate).items():
        assert len(found.hashes[n]) == min(most, len(ranked))
        if most:
            last = ranked[min(most, len(ranked)) - 1][0]
            sure = {hash_of(run) for value, run in ranked if value > last + 1e-9}
            possible = {hash_of(run) for value, run in ranked if value >= last - 1e-9}
            assert sure <= set(found.hashes[n].tolist()) <= possible
    assert any(map(len, found.hashes.values()))


def test_none_has_a_mark(sentences, shards):
    parted = []
    for words in sentences:
        edges = [-1, *(place for place, word in enumerate(words) if word == 9), len(words)]
        parted += [words[a + 1 : b] for a, b in pairwise(edges)] + [[9]] * (len(edges) - 2)
    found = find_collocations(shards, LEAST, 1.0, marks=(9,))
    for n, (ranked, most) in by_brute_force(parted, 1.0).items():
        assert len(found.hashes[n]) == min(most, len(ranked))
        assert set(found.hashes[n].tolist()) <= {hash_of(run) for _, run in ranked}
    assert hash_of((8, 9)) not in found.hashes[2].tolist()
    assert hash_of((8, 9)) in find_collocations(shards, LEAST, 1.0).hashes[2].tolist()


def test_passes_and_pieces_of_the_corpus_change_nothing(shards, monkeypatch):
    whole = find_collocations(shards, LEAST, 0.5)
    monkeypatch.setattr(collocations, "HASHES_AT_ONCE", 500)
    monkeypatch.setattr(collocations, "TOKENS_AT_ONCE", 70)
    in_pieces = find_collocations(shards, LEAST, 0.5)
    assert all(np.array_equal(whole.hashes[n], in_pieces.hashes[n]) for n in whole.hashes)


def test_a_text_is_searched_for_them_but_not_across_breaks():
    known = Collocations({2: np.sort(np.array([hash_of((3, 4)), hash_of((21, 5))], np.uint64))})
    ids, begins = pieces([3, 4, 21, 5, 3, 4])
    first_of_last = len(ids) - 1
    starts, sizes = known.matches(np.array(ids), np.array(begins), np.array([0, first_of_last]))
    assert starts.tolist() == [0, 2]
    assert sizes.tolist() == [2, 2]


def test_nothing_is_found_in_nothing(shards):
    nothing = Collocations({})
    assert [len(each) for each in nothing.matches(np.empty(0, int), np.empty(0, bool), np.empty(0, int))] == [0, 0]
    assert not any(map(len, find_collocations(shards, 10_000, 0.5).hashes.values()))
