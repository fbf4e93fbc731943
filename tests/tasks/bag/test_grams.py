import numpy as np
import pytest
from sklearn.feature_extraction.text import CountVectorizer, TfidfTransformer

from mamebert.tasks.bag import grams
from mamebert.tasks.bag.grams import MOST_PIECES, Grams

TEXTS = ["a b a c", "b a c", "c c c d", "a"]
IDS = [np.array([ord(each) for each in text.split()], np.int32) for text in TEXTS]


def of_scikit(longest):
    """Weights by name; sequences of one text are no columns, and the length of a text is that of its columns."""
    cut = CountVectorizer(ngram_range=(1, longest), token_pattern=r"\w")
    counts = cut.fit_transform(TEXTS).toarray()
    kept = [i for i, name in enumerate(cut.get_feature_names_out()) if " " not in name or (counts[:, i] > 0).sum() > 1]
    rows = TfidfTransformer(sublinear_tf=True).fit_transform(counts[:, kept]).T.toarray()
    return dict(zip(cut.get_feature_names_out()[kept], rows, strict=True))


@pytest.mark.parametrize("longest", [1, 2, 3])
def test_weights_are_those_of_scikit_learn(longest):
    learnt, wanted = Grams.learn(IDS, longest), of_scikit(longest)
    assert len(learnt.keys) == len(wanted)
    assert learnt.longest == longest
    for row, ids in enumerate(IDS):
        columns, values = learnt.weigh(ids)
        names = [_name(int(key)) for key in learnt.keys[columns]]
        found = dict(zip(names, values.tolist(), strict=True))
        assert found == pytest.approx({name: each[row] for name, each in wanted.items() if each[row]}, abs=1e-6)


def _name(key):
    numbers = [key >> shift & MOST_PIECES for shift in (42, 21, 0)]
    return " ".join(chr(number - 1) for number in numbers if number)


def test_pieces_that_no_training_text_has_are_passed_over():
    learnt = Grams.learn(IDS, longest=3)
    assert learnt.weigh(np.array([ord("z")]))[0].size == 0
    with_unknown, without = (learnt.weigh(np.array([ord(each) for each in text])) for text in ("az", "a"))
    assert with_unknown.columns.tolist() == without.columns.tolist()


def test_the_pieces_of_most_texts_are_kept():
    assert Grams.learn(IDS, longest=3, most=2).keys.tolist() == [(ord("a") + 1) << 42, (ord("c") + 1) << 42]


def test_texts_may_be_counted_in_any_number_of_blocks(monkeypatch):
    whole = Grams.learn(IDS, longest=3)
    monkeypatch.setattr(grams, "TEXTS_AT_ONCE", 1)
    parted = Grams.learn(IDS, longest=3)
    assert parted.keys.tolist() == whole.keys.tolist()
    assert parted.idf.tolist() == whole.idf.tolist()


def test_of_very_many_sequences_those_of_one_text_are_forgotten_on_the_way(monkeypatch):
    whole = Grams.learn(IDS, longest=3)
    monkeypatch.setattr(grams, "MOST_COUNTED", 1)
    forgotten = Grams.learn(IDS, longest=3)  # all are counted at once: nothing was forgotten between
    assert forgotten.keys.tolist() == whole.keys.tolist()
    monkeypatch.setattr(grams, "TEXTS_AT_ONCE", 1)
    singles = [key for key in whole.keys.tolist() if key & ((1 << 42) - 1) == 0]
    assert Grams.learn(IDS, longest=3).keys.tolist() == singles


def test_a_text_without_pieces_has_no_columns():
    columns, values = Grams.learn(IDS, longest=3).weigh(np.empty(0, np.int32))
    assert (len(columns), len(values)) == (0, 0)
