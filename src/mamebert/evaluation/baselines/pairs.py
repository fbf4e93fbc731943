"""Baselines that answer a pair of texts from what both texts share."""

from collections.abc import Sequence
from time import perf_counter
from typing import Any

import numpy as np
import numpy.typing as npt

from mamebert.evaluation.baselines.fitting import (
    STRENGTHS,
    Analyzer,
    BaselineAnswers,
    Judge,
    Part,
    Parts,
    best_classifier,
    share_right,
    text_weights,
)

Pairs = Sequence[tuple[str, str]]


def overlap_logistic(
    train: Part, valid: Part, test: Part, *, analyzer: Analyzer = "char", judge: Judge = share_right
) -> BaselineAnswers:
    """Answer pairs with a class by logistic regression on `pair_features` and their squares."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import PolynomialFeatures, StandardScaler

    parts, started = Parts(train, valid, test), perf_counter()
    weigh = _fitted(analyzer, train.inputs)
    features = [pair_features(weigh, part.inputs) for part in parts]
    models = (
        (
            {"C": strength},
            make_pipeline(PolynomialFeatures(2), StandardScaler(), LogisticRegression(C=strength, max_iter=1000)),
        )
        for strength in STRENGTHS
    )
    return best_classifier("word overlap + logistic regression", parts, features, models, started, judge)


def tfidf_cosine(train: Part, valid: Part, test: Part, *, analyzer: Analyzer = "char") -> BaselineAnswers:
    """Answer pairs with the cosine of their TF-IDF vectors, 0 to 1; the training rows give the weights alone.

    It learns nothing from labels, so it suits measures that do not know units: correlations and ranks.
    """
    started = perf_counter()
    weigh = _fitted(analyzer, train.inputs)
    answers = pair_features(weigh, test.inputs)[:, 0].tolist()
    return BaselineAnswers("TF-IDF cosine", answers, perf_counter() - started, {"num_features": len(weigh.vocabulary_)})


def pair_features(weigh: Any, pairs: Pairs) -> npt.NDArray[np.float64]:
    """Return what both texts of each pair share and how they differ, [rows, 6]; `weigh` is a fitted `text_weights`.

    Cosine of the TF-IDF vectors; share of the first text's features that the second has, of the second's that the
    first has, and of both's that both have; logarithm of the ratio of the lengths in characters, and its size.
    """
    first, second = (weigh.transform([pair[side] for pair in pairs]) for side in (0, 1))
    cosine = _row_sums(first.multiply(second))
    in_first, in_second = _row_sums(first.sign()), _row_sums(second.sign())
    in_both = _row_sums(first.sign().multiply(second.sign()))
    lengths = np.array([[1 + len(a), 1 + len(b)] for a, b in pairs], float).reshape(-1, 2)
    longer = np.log(lengths[:, 0] / lengths[:, 1])
    shares = [in_both / np.maximum(whole, 1) for whole in (in_first, in_second, in_first + in_second - in_both)]
    return np.stack([cosine, *shares, longer, np.abs(longer)], axis=1)


def _fitted(analyzer: Analyzer, pairs: Pairs) -> Any:
    return text_weights(analyzer, 2 * len(pairs)).fit([text for pair in pairs for text in pair])


def _row_sums(matrix: Any) -> npt.NDArray[np.float64]:
    return np.asarray(matrix.sum(axis=1), float).ravel()
