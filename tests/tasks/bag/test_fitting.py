from dataclasses import replace

import numpy as np
import pytest
from scipy.special import log_softmax, softmax

from mamebert.tasks.bag import fitting
from mamebert.tasks.bag.document_vectors import DocumentVectors
from mamebert.tasks.bag.fitting import Chosen, Rows, calibrated, fit_again, fit_bag
from mamebert.tasks.bag.grams import Grams
from mamebert.tasks.data.features import IGNORE_INDEX
from mamebert.word2vec.document_vectors import document_vectors
from mamebert.word2vec.table import VectorTable


def rows(seed, num=60, num_labels=3):
    """Texts of 8 of 30 pieces, of which each third belongs to a label; some pieces are of another label."""
    rng = np.random.default_rng(seed)
    targets = rng.integers(0, num_labels, num)
    texts = [
        np.where(rng.random(8) < 0.6, rng.integers(0, 10, 8) + 10 * label, rng.integers(0, 30, 8)) for label in targets
    ]
    return Rows([each.astype(np.int32) for each in texts], targets, np.ones(num))


def documents(learnt=True):
    vectors = np.random.default_rng(0).normal(size=(30, 4)).astype(np.float32) / 2
    vectors += np.repeat(np.eye(3, 4, dtype=np.float32), 10, axis=0) * learnt
    return DocumentVectors(vectors, np.ones(30, np.float32))


def judge_of(valid):
    return lambda found: float((found == valid.targets).mean())


def fitted(words, train, valid, num_labels=3, seed=0):
    return fit_bag(words, train, valid, num_labels, judge_of(valid), seed, "fit")


def right(network, test):
    return np.mean([network.scores(ids).argmax() == y for ids, y in zip(test.texts, test.targets, strict=True)])


def test_vectors_that_know_the_labels_help_with_pieces_never_seen_in_training(monkeypatch):
    train, valid, test = rows(1, 9), rows(2, 200), rows(3, 200)
    network, chosen = fitted(documents(), train, valid)
    assert chosen.share > 0
    monkeypatch.setattr(fitting, "SHARES", ())
    without, chosen = fitted(documents(), train, valid)
    assert (chosen.share, without.documents) == (0, None)
    assert right(network, test) > right(without, test) + 0.02


def test_the_same_rows_and_seed_give_the_same_bits():
    train, valid = rows(1), rows(2)
    first, second = (fitted(documents(), train, valid)[0] for _ in range(2))
    assert first.weight.tobytes() == second.weight.tobytes()
    assert first.bias.tobytes() == second.bias.tobytes()


def test_shares_are_calibrated_on_validation_rows():
    train, valid = rows(1), rows(2, 200)
    network, _ = fitted(documents(), train, valid)
    scores = np.stack([network.scores(ids) for ids in valid.texts])
    by_temperature = {
        hot: -log_softmax(scores / hot, 1)[np.arange(200), valid.targets].mean() for hot in (0.8, 1.0, 1.25)
    }
    assert min(by_temperature, key=by_temperature.get) == 1.0
    assert softmax(scores, axis=1).max(1).mean() == pytest.approx((scores.argmax(1) == valid.targets).mean(), abs=0.1)


def test_a_label_that_no_output_stands_for_does_not_count_in_the_temperature():
    margins = np.array([[2.0, 0.0], [0.0, 1.0], [1.0, 0.0]])
    known = calibrated(margins[:2], np.array([0, 0]))
    assert calibrated(margins, np.array([0, 0, IGNORE_INDEX])) == pytest.approx(known)
    assert calibrated(margins, np.full(3, IGNORE_INDEX))[0] == 1.0


@pytest.mark.parametrize("num_labels", [2, 4])
def test_two_labels_and_labels_without_training_rows_have_scores(num_labels):
    train, valid = (each._replace(targets=each.targets % 2) for each in (rows(1), rows(2)))
    network, _ = fitted(documents(), train, valid, num_labels)
    scores = np.stack([network.scores(ids) for ids in valid.texts])
    assert scores.shape == (60, num_labels)
    assert set(scores.argmax(1)) == {0, 1}
    assert (scores[:, 0] > scores[:, 1]).mean() == pytest.approx((valid.targets == 0).mean(), abs=0.2)


def test_of_many_rows_some_decide_and_all_are_learnt_from(monkeypatch):
    train, valid = rows(1, 100), rows(2)
    monkeypatch.setattr(fitting, "MOST_ROWS_TO_CHOOSE", 5)
    network, chosen = fitted(documents(), train, valid)
    wanted = Grams.learn(train.texts, chosen.longest)
    assert network.grams.keys.tolist() == wanted.keys.tolist()
    assert network.grams.idf.tolist() == wanted.idf.tolist()
    assert right(network, train) > 0.95


def test_what_was_chosen_is_fitted_again_to_more_rows():
    train, valid, test = rows(1, 20), rows(2, 100), rows(3, 300)
    network, chosen = fitted(documents(), train, valid)
    both = train.and_known(valid._replace(targets=np.where(np.arange(100) < 3, IGNORE_INDEX, valid.targets)))
    assert len(both.texts) == len(both.targets) == len(both.weights) == 117
    again = fit_again(documents(), both, chosen, 3, seed=0)
    assert again.grams.keys.tolist() == Grams.learn(both.texts, chosen.longest).keys.tolist()
    assert right(again, test) > right(network, test)
    same = fit_again(documents(), train, chosen, 3, seed=0)
    np.testing.assert_array_equal(same.weight, network.weight)
    np.testing.assert_array_equal(same.bias, network.bias)


GOLDEN = [-0.6704, -1.0143, 0.0131]
"""Scores of a text by a classifier of thirty rows, made with scikit-learn 1.9's liblinear."""


def test_a_mix_gives_the_margins_of_both():
    train, texts = rows(1, 30), rows(3, 5).texts

    def scores(**chosen):
        network = fit_again(documents(), train, Chosen(1, **chosen), 3, seed=0)
        return np.stack([network.scores(ids) for ids in texts])

    both, alone = scores(share=0.5, C=5.0), scores(share=0.0, C=1.0)
    mixed = scores(share=0.5, C=5.0, mix=0.25, sparse_C=1.0, temperature=0.5)
    np.testing.assert_allclose(mixed, (0.25 * both + 0.75 * alone) / 0.5, atol=1e-5)


def test_a_fit_gives_the_stored_scores():
    network = fit_again(documents(), rows(1, 30), Chosen(3, 0.5, 5.0, 0.5), 3, seed=0)
    assert network.scores(np.array([1, 12, 12, 25])) == pytest.approx(GOLDEN, abs=2e-3)


def test_a_weighted_row_counts_more():
    train, valid = rows(1, 30), rows(2)
    heavy = train._replace(weights=np.where(train.targets == 1, 1.0, 1e-5))
    light, dark = (fitted(documents(), each, valid)[0] for each in (train, heavy))
    counts = [np.sum([network.scores(ids).argmax() == 1 for ids in valid.texts]) for network in (light, dark)]
    assert counts[1] > counts[0]


def test_document_vectors_are_those_of_the_table(world):
    table = VectorTable.open(world / "vectors")
    text = np.array([7, 9, 9, 12, 30], np.int32)
    found, (wanted,) = DocumentVectors.of(table).vector(text), document_vectors(table, [text], sublinear=True)
    assert found[: len(wanted)] == pytest.approx(wanted, abs=1e-5)


def test_words_of_which_nothing_was_learnt_are_zero(world):
    table = VectorTable.open(world / "vectors")
    made = DocumentVectors.of(replace(table, learnt=np.arange(len(table.tokens)) > 20))
    assert not made.vectors[:21].any()
    assert np.linalg.norm(made.vectors[21:], axis=1).mean() == pytest.approx(1.0, abs=1e-3)
    assert not made.vector(np.empty(0, np.int32)).any()
