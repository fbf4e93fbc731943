"""Baselines that answer a text with a set of labels or with numbers, from the weights of its words.

Inputs are texts, or tuples of texts. Where features are counted once for each row, a tuple's texts are joined.
"""

from collections.abc import Sequence
from time import perf_counter
from typing import Any

import numpy as np
import numpy.typing as npt

from mamebert.evaluation.baselines.fitting import (
    Analyzer,
    BaselineAnswers,
    Judge,
    Part,
    Parts,
    text_features,
    text_weights,
)
from mamebert.evaluation.baselines.pairs import pair_features
from mamebert.evaluation.metrics.label_sets import best_threshold, micro_f1
from mamebert.evaluation.metrics.regression import mse

LABEL_STRENGTHS = (1.0, 10.0)
"""As `baselines.STRENGTHS`, but two: there is a machine for each label, and one label alone asks for a close fit."""
PENALTIES = (0.1, 0.3, 1.0, 3.0, 10.0, 30.0)


def small_error(wanted: Sequence[Any], found: Sequence[Any]) -> float:
    """Return minus the mean squared error."""
    return -mse(wanted, found).score


def tfidf_ridge(
    train: Part, valid: Part, test: Part, *, analyzer: Analyzer = "char", judge: Judge = small_error
) -> BaselineAnswers:
    """Answer with one number, or a list of numbers where the labels are lists, by ridge regression.

    A text's features are its TF-IDF weights. A pair's are what both texts share and how they differ, as in
    `pair_features`, and the products and absolute differences of their weights. The penalty is the one that `judge`
    gives the highest number on the validation rows.
    """
    from sklearn.linear_model import Ridge

    started = perf_counter()
    if _is_pair(train.inputs):
        features = _compared(analyzer, [part.inputs for part in (train, valid, test)])
    else:
        features = text_features(analyzer, Parts(train, valid, test))
    models = [Ridge(alpha=penalty).fit(features[0], np.asarray(train.labels, float)) for penalty in PENALTIES]
    best = int(np.argmax([judge(valid.labels, model.predict(features[1]).tolist()) for model in models]))
    answers = models[best].predict(features[2]).tolist()
    chosen = {"alpha": PENALTIES[best], "num_features": features[0].shape[1]}
    return BaselineAnswers("TF-IDF + ridge regression", answers, perf_counter() - started, chosen)


def tfidf_one_vs_rest(
    train: Part, valid: Part, test: Part, *, analyzer: Analyzer = "char", seed: int = 0
) -> BaselineAnswers:
    """Answer with a set of labels: a linear SVM for each label, and one threshold for all, chosen by micro-F1.

    Labels are collections; the answers are lists in the order of the sorted labels of the training rows.
    """
    from sklearn.svm import LinearSVC

    started = perf_counter()
    features = text_features(analyzer, Parts(train, valid, test))
    labels = sorted({label for each in train.labels for label in each}, key=str)
    number = {label: i for i, label in enumerate(labels)}
    targets = np.zeros((len(train.labels), len(labels)), bool)
    for row, each in enumerate(train.labels):
        targets[row, [number[label] for label in each]] = True
    gold = [{number.get(label, len(labels)) for label in each} for each in valid.labels]
    best: tuple[float, dict[str, float], list[Any]] = (-1.0, {}, [])
    for strength in LABEL_STRENGTHS:
        models = [
            _either(LinearSVC(C=strength, tol=1e-3, random_state=seed % 2**32), features[0], column)
            for column in targets.T
        ]
        chances = [np.stack([_chances(model, each) for model in models], axis=1) for each in features[1:]]
        threshold = best_threshold(chances[0], gold)
        rate = micro_f1(gold, _above(chances[0], threshold)).score
        if rate > best[0]:
            chosen = {"C": strength, "threshold": threshold, "num_features": features[0].shape[1]}
            best = rate, chosen, [[labels[i] for i in row] for row in _above(chances[1], threshold)]
    return BaselineAnswers("TF-IDF + linear SVM for each label", best[2], perf_counter() - started, best[1])


def _is_pair(inputs: Sequence[Any]) -> bool:
    return not isinstance(inputs[0], str) and len(inputs[0]) == 2


def _compared(analyzer: Analyzer, pairs: list[Sequence[Any]]) -> list[Any]:
    from scipy.sparse import csr_matrix, hstack

    weigh = text_weights(analyzer, 2 * len(pairs[0])).fit([text for pair in pairs[0] for text in pair])
    found = []
    for part in pairs:
        first, second = (weigh.transform([pair[side] for pair in part]) for side in (0, 1))
        shared = csr_matrix(pair_features(weigh, part))
        found.append(hstack([shared, first.multiply(second), abs(first - second)], format="csr"))
    return found


def _either(model: Any, features: Any, wanted: npt.NDArray[np.bool_]) -> Any:
    """Return the fitted model, or the answer itself where it is the same for all training rows."""
    return model.fit(features, wanted) if wanted.any() and not wanted.all() else bool(wanted.all())


def _chances(model: Any, features: Any) -> npt.NDArray[np.float64]:
    from scipy.special import expit

    if isinstance(model, bool):
        return np.full(features.shape[0], float(model))
    return np.asarray(expit(model.decision_function(features)))


def _above(chances: npt.NDArray[np.float64], threshold: float) -> list[list[int]]:
    return [np.flatnonzero(row >= threshold).tolist() for row in chances]
