import numpy as np
import pytest

from mamebert.evaluation.baselines.fitting import Part, Parts
from mamebert.evaluation.baselines.texts import tfidf_one_vs_rest, tfidf_ridge

NOUNS = {"animals": ["犬", "猫", "鳥"], "kitchen": ["鍋", "皿", "豆"], "harbour": ["船", "港", "網"]}
VERBS = ["を見る", "が好き", "と歩く", "の絵", "を描く"]


def invent(num_rows, num_labels, seed):
    rng = np.random.default_rng(seed)
    labels = [sorted(rng.choice(list(NOUNS), num_labels(rng), replace=False).tolist()) for _ in range(num_rows)]
    texts = ["と".join(str(rng.choice(NOUNS[label])) for label in each) + str(rng.choice(VERBS)) for each in labels]
    return texts, labels


def in_parts(make):
    return Parts(*(Part(*make(size, seed)) for seed, size in enumerate((120, 40, 40))))


def test_one_vs_rest_answers_sets():
    parts = in_parts(lambda size, seed: invent(size, lambda rng: rng.integers(0, 4), seed))
    found = tfidf_one_vs_rest(*parts)
    assert found.answers == parts.test.labels
    assert 0 < found.chosen["threshold"] < 1


def test_a_label_of_all_or_no_training_rows_is_answered_so():
    train = Part(["犬", "猫", "鳥", "豆"] * 5, [["a", "always"], ["b", "always"]] * 10)
    valid = Part(["犬", "猫"], [["a", "always"], ["b", "always", "never"]])
    found = tfidf_one_vs_rest(train, valid, Part(["犬", "猫"], [[], []]))
    assert found.answers == [["a", "always"], ["always", "b"]]


@pytest.mark.parametrize("as_list", [False, True])
def test_ridge_learns_numbers(as_list):
    def make(size, seed):
        texts, labels = invent(size, lambda rng: rng.integers(1, 4), seed)
        return texts, [[len(each), -len(each)] if as_list else float(len(each)) for each in labels]

    parts = in_parts(make)
    found = np.array(tfidf_ridge(*parts).answers)
    assert found.shape == ((40, 2) if as_list else (40,))
    assert np.abs(found - parts.test.labels).mean() < 0.3


def test_ridge_takes_the_penalty_that_the_task_goes_by():
    def make(size, seed):
        texts, labels = invent(size, lambda rng: rng.integers(1, 4), seed)
        return texts, [float(len(each)) for each in labels]

    parts, asked = in_parts(make), []

    def judge(wanted, found):
        asked.append(np.std(found))
        return -asked[-1]

    strict = tfidf_ridge(*parts, judge=judge)
    assert strict.chosen["alpha"] == 30.0  # the numbers lie closest together under the highest penalty
    assert len(asked) == 6
    assert tfidf_ridge(*parts).chosen["alpha"] < 30.0


def test_ridge_learns_how_alike_two_texts_are():
    def make(size, seed):
        rng = np.random.default_rng(seed)
        signs = rng.choice(list("あいうえおかきくけこさしすせそ"), (size, 2, 8))
        pairs = [tuple("".join(side) for side in pair) for pair in signs]
        return pairs, [float(len(set(a) & set(b))) for a, b in pairs]

    parts = in_parts(make)
    found = tfidf_ridge(*parts)
    assert np.corrcoef(found.answers, parts.test.labels)[0, 1] > 0.5


def test_answers_do_not_look_at_the_test_labels():
    parts = in_parts(lambda size, seed: invent(size, lambda rng: rng.integers(0, 4), seed))
    other = parts._replace(test=Part(parts.test.inputs, [["kitchen"]] * 40))
    assert tfidf_one_vs_rest(*other).answers == tfidf_one_vs_rest(*parts).answers
