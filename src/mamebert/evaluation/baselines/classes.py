"""Baselines that answer with one class: by what is frequent, by the words of texts, by the vectors of words."""

from collections import Counter
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
    text_features,
)

SMOOTHING = (0.01, 0.03, 0.1, 0.3, 1.0)
"""Added to every count of naive Bayes; above 1 (Laplace) rare words hardly count."""


def most_frequent(train: Part, valid: Part, test: Part) -> BaselineAnswers:
    """Answer every row with the class that has most training rows."""
    started = perf_counter()
    counts = Counter(train.labels)
    label = max(sorted(counts, key=str), key=lambda each: counts[each])
    return BaselineAnswers("most frequent class", [label] * len(test.inputs), perf_counter() - started, {})


def tfidf_svm(
    train: Part, valid: Part, test: Part, *, analyzer: Analyzer = "char", seed: int = 0, judge: Judge = share_right
) -> BaselineAnswers:
    """Answer with a linear SVM on TF-IDF weights of the texts (Joachims, 1998)."""
    parts, started = Parts(train, valid, test), perf_counter()
    return _fit_svm("TF-IDF + linear SVM", parts, text_features(analyzer, parts), seed, started, judge)


def naive_bayes(
    train: Part, valid: Part, test: Part, *, analyzer: Analyzer = "char", judge: Judge = share_right
) -> BaselineAnswers:
    """Answer with multinomial naive Bayes (McCallum and Nigam, 1998) on counts or on TF-IDF weights."""
    from sklearn.feature_extraction.text import TfidfTransformer
    from sklearn.naive_bayes import MultinomialNB
    from sklearn.pipeline import make_pipeline

    parts, started = Parts(train, valid, test), perf_counter()
    counts = text_features(analyzer, parts, use_idf=False, sublinear_tf=False, norm=None)
    on_counts = [({"alpha": each, "tfidf": 0.0}, MultinomialNB(alpha=each)) for each in SMOOTHING]
    on_weights = [
        (
            {**chosen, "tfidf": 1.0},
            make_pipeline(TfidfTransformer(sublinear_tf=True), MultinomialNB(alpha=chosen["alpha"])),
        )
        for chosen, _ in on_counts
    ]
    return best_classifier("naive Bayes", parts, counts, [*on_counts, *on_weights], started, judge)


def mean_vectors_svm(
    train: Part, valid: Part, test: Part, *, vectors: npt.NDArray[np.float32], seed: int = 0, judge: Judge = share_right
) -> BaselineAnswers:
    """Answer with a linear SVM on the mean of each text's word vectors: what an encoder's table knows by itself.

    Inputs are arrays of token ids without special tokens; row i of `vectors` belongs to id i. The means are moved
    to have their middle at zero and divided by their mean length, both over the training rows (on Livedoor a
    point better than an equal spread of every dimension, or an equal length of every text).
    """
    parts, started = Parts(train, valid, test), perf_counter()
    means = [_means(part.inputs, vectors) for part in parts]
    middle = means[0].mean(axis=0)
    length = np.linalg.norm(means[0] - middle, axis=1).mean() + 1e-12
    features = [(each - middle) / length for each in means]
    return _fit_svm("mean of word vectors + linear SVM", parts, features, seed, started, judge)


def _means(texts: Sequence[Any], vectors: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    empty = np.zeros(vectors.shape[1], dtype=np.float32)
    return np.stack([vectors[np.asarray(ids, dtype=np.int64)].mean(axis=0) if len(ids) else empty for ids in texts])


def _fit_svm(name: str, parts: Parts, features: list[Any], seed: int, started: float, judge: Judge) -> BaselineAnswers:
    from sklearn.svm import LinearSVC

    models = (({"C": strength}, LinearSVC(C=strength, random_state=seed % 2**32)) for strength in STRENGTHS)
    return best_classifier(name, parts, features, models, started, judge)
