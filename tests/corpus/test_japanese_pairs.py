import random
from collections import Counter

import numpy as np
import pytest

from mamebert.corpus.japanese_pairs import PHENOMENA, made_pairs
from mamebert.corpus.readers import Reader
from mamebert.probes.scoring.ngrams import NGrams


@pytest.fixture(scope="module")
def pairs():
    return list(made_pairs(200, 0))


def test_there_are_five_thousand_different_pairs_of_six_phenomena(pairs):
    assert len({(pair.good, pair.bad) for pair in pairs}) == len(pairs) >= 5000
    assert set(Counter(pair.paradigm for pair in pairs).values()) == {200}
    assert len(PHENOMENA) == 6
    assert all(pair.good != pair.bad and pair.good.endswith("。") for pair in pairs)


def test_no_sentence_is_good_in_one_pair_and_bad_in_another(pairs):
    assert not {pair.good for pair in pairs} & {pair.bad for pair in pairs}


def test_both_sentences_of_a_pair_are_made_of_about_as_many_letters(pairs):
    longer = [len(pair.bad) - len(pair.good) for pair in pairs]
    assert np.mean(longer) == pytest.approx(0, abs=1e-9), "what is longer in one twin is shorter in the other"


def test_ngrams_of_letters_get_exactly_one_of_two_twins():
    pairs = list(made_pairs(20, 0))
    letters = {letter: number for number, letter in enumerate(sorted(set("".join(p.good + p.bad for p in pairs))))}
    spelt = [np.array([letters[letter] for letter in text]) for pair in pairs for text in (pair.good, pair.bad)]
    ngrams = NGrams(len(letters), spelt, np.array([letters["。"]]))
    # Pieces of other sentences in any order: whatever n-grams learn from a text, they get half.
    rng = random.Random(0)
    texts = [pair.good if rng.random() < 0.5 else pair.bad for pair in made_pairs(40, 1)]
    parts = [text[at : at + 4] for text in texts for at in range(0, len(text), 4)]
    rng.shuffle(parts)
    ngrams.count([np.array([letters[letter] for letter in part if letter in letters], np.int64) for part in parts])
    scores = ngrams.log_likelihoods()
    right = (scores[:, ::2] > scores[:, 1::2]).reshape(3, -1, 2).sum(-1)
    names = [pair.paradigm for pair in pairs[::2]]
    wrong = {name for row in right for name, number in zip(names, row, strict=True) if number != 1}
    assert not wrong


def test_another_seed_draws_others_and_the_same_seed_the_same():
    one, again, other = (list(made_pairs(10, seed)) for seed in (3, 3, 4))
    assert one == again != other


def test_the_reader_gives_them_to_the_probe():
    reader = Reader.from_text("japanese_pairs")
    rows = list(Reader.find(reader["kind"])(pairs_per_paradigm=2).rows())
    assert set(rows[0]) == {"sentence_good", "sentence_bad", "UID", "linguistics_term"}
    assert len(rows) == 2 * sum(map(len, PHENOMENA.values()))
