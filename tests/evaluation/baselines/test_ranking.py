import numpy as np
import pytest

from mamebert.evaluation.baselines.fitting import Part
from mamebert.evaluation.baselines.ranking import frequent_first, tfidf_centroids, tfidf_label_words, tfidf_partners

TRAIN = Part(["a boat and a rope", "the boat sails", "beans grow", "a bean leaf", "salt and pot"], list("hhggk"))


def test_partners_that_share_rare_words_are_found():
    pairs = [("the boat sails", "a boat"), ("beans grow", "the bean grows"), ("salt", "salt and pot")]
    part = Part(pairs, [1, 1, 1])
    found = tfidf_partners(part, part, part, analyzer="char")
    assert [rank for _, rank in found.answers] == [1, 1, 1]
    assert all(0 < cosine <= 1 for cosine, _ in found.answers)
    assert list(found.chosen) == ["num_features"]


def test_frequent_classes_come_first_for_every_row():
    found = frequent_first(TRAIN, TRAIN, Part(["x", "y"], ["?", "?"]))
    assert found.answers == [[("g", 0.4), ("h", 0.4), ("k", 0.2)]] * 2


def test_label_words_rank_labels_that_no_row_has():
    words = {"h": "boat", "g": "bean", "n": "quantum"}
    found = tfidf_label_words(TRAIN, TRAIN, Part(["the boat sails", "quantum"], ["?", "?"]), words=words)
    assert [answer[0][0] for answer in found.answers] == ["h", "n"]
    assert all(len(answer) == 3 for answer in found.answers)


@pytest.mark.parametrize("train", [TRAIN, Part(TRAIN.inputs[:4], TRAIN.labels[:4])])
def test_centroids_are_mean_texts_of_labels_also_of_two(train):
    test = Part(["the boat", "a bean"], ["?", "?"])
    found = tfidf_centroids(train, train, test, analyzer="word")
    assert [answer[0][0] for answer in found.answers] == ["h", "g"]
    scores = np.array([[score for _, score in answer] for answer in found.answers])
    assert (np.diff(scores, axis=1) <= 0).all()
    assert scores.max() <= 1 + 1e-6
