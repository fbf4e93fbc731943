import numpy as np
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer

from mamebert.tasks.bag import grams
from mamebert.tasks.bag.grams import Grams

TEXTS = ["a b a c", "b c", "c c c d", "a"]
IDS = [np.array([ord(each) for each in text.split()], np.int32) for text in TEXTS]


def of_scikit(ngrams):
    weigh = TfidfVectorizer(ngram_range=ngrams, sublinear_tf=True, token_pattern=r"\w")
    rows = weigh.fit_transform(TEXTS).T.toarray()
    return dict(zip(weigh.get_feature_names_out(), rows, strict=True))


@pytest.mark.parametrize("pairs", [False, True])
def test_weights_are_those_of_scikit_learn(pairs):
    learnt, wanted = Grams.learn(IDS, pairs), of_scikit((1, 2) if pairs else (1, 1))
    assert len(learnt.keys) == len(wanted)
    assert learnt.has_pairs == pairs
    for row, ids in enumerate(IDS):
        columns, values = learnt.weigh(ids)
        names = [_name(key) for key in learnt.keys[columns]]
        found = dict(zip(names, values.tolist(), strict=True))
        assert found == pytest.approx({name: each[row] for name, each in wanted.items() if each[row]}, abs=1e-6)


def _name(key):
    return chr(key >> 32) + (f" {chr((key & (2**32 - 1)) - 1)}" if key & (2**32 - 1) else "")


def test_pieces_that_no_training_text_has_are_passed_over():
    learnt = Grams.learn(IDS, pairs=True)
    assert learnt.weigh(np.array([ord("z")]))[0].size == 0
    with_unknown, without = (learnt.weigh(np.array([ord(each) for each in text])) for text in ("az", "a"))
    assert with_unknown.columns.tolist() == without.columns.tolist()


def test_the_pieces_of_most_texts_are_kept():
    assert Grams.learn(IDS, pairs=True, most=2).keys.tolist() == [ord("a") << 32, ord("c") << 32]


def test_texts_may_be_counted_in_any_number_of_blocks(monkeypatch):
    whole = Grams.learn(IDS, pairs=True)
    monkeypatch.setattr(grams, "TEXTS_AT_ONCE", 1)
    parted = Grams.learn(IDS, pairs=True)
    assert parted.keys.tolist() == whole.keys.tolist()
    assert parted.idf.tolist() == whole.idf.tolist()


def test_a_text_without_pieces_has_no_columns():
    columns, values = Grams.learn(IDS, pairs=True).weigh(np.empty(0, np.int32))
    assert (len(columns), len(values)) == (0, 0)
