"""The simplest peers of an encoder, on the same rows: they tell what all the training was for.

All fit on the training rows alone, take the strength of their regularisation from the validation rows, and
answer the test rows once.
"""

from collections import Counter
from collections.abc import Sequence
from time import perf_counter
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from mamebert.evaluation.metrics import accuracy, macro_f1

Analyzer = Literal["char", "word"]

# From smooth to close fit. On Livedoor no value from 0.03 to 100 was better on the validation rows than these.
STRENGTHS = (0.1, 0.3, 1.0, 3.0, 10.0)


class Part(NamedTuple):
    """Rows with their classes: texts, or arrays of token ids."""

    inputs: Sequence[Any]
    labels: Sequence[Any]


class Parts(NamedTuple):
    """The rows every model is given: fitted on `train`, chosen on `valid`, judged once on `test`."""

    train: Part
    valid: Part
    test: Part


class Answered(NamedTuple):
    """What a baseline answered; how good that is, the task's measures tell."""

    name: str
    answers: list[Any]
    """The answer to every test row, in the form of the labels."""
    seconds: float
    """Fitting, choosing and answering together, on one core."""
    chosen: dict[str, float]
    """What the validation rows decided, and the number of features."""


class Baseline(NamedTuple):
    """What a baseline answered, and how good that is."""

    name: str
    predictions: list[Any]
    """The class of every test row."""
    accuracy: float
    """On the test rows."""
    macro_f1: float
    valid_accuracy: float
    seconds: float
    """Fitting, choosing and answering together, on one core."""
    chosen: dict[str, float]
    """What the validation rows decided, and the number of features."""

    @property
    def answered(self) -> Answered:
        """The answers alone."""
        return Answered(self.name, self.predictions, self.seconds, self.chosen)


def most_frequent(train: Part, valid: Part, test: Part) -> Baseline:
    """Answer every row with the class that has most training rows."""
    parts, started = Parts(train, valid, test), perf_counter()
    counts = Counter(train.labels)
    label = max(sorted(counts, key=str), key=lambda each: counts[each])
    answers = [[label] * len(part.labels) for part in parts[1:]]
    return _judge("most frequent class", parts, answers, {}, started)


def tfidf_svm(train: Part, valid: Part, test: Part, *, analyzer: Analyzer = "char", seed: int = 0) -> Baseline:
    """Answer with a linear SVM on TF-IDF weights of the texts (Joachims, 1998)."""
    parts, started = Parts(train, valid, test), perf_counter()
    weigh = text_weights(analyzer, len(train.inputs))
    features = [weigh.fit_transform(train.inputs), *(weigh.transform(part.inputs) for part in parts[1:])]
    return _fit_svm("TF-IDF + linear SVM", parts, features, seed, started)


def text_weights(analyzer: Analyzer, num_texts: int) -> Any:
    """Return what makes TF-IDF weights of texts (scikit-learn's TfidfVectorizer), to be fitted on `num_texts`.

    "char" takes every run of one to three characters, for languages without spaces; "word" takes words and
    pairs of words. Features of one training text only are left out, but for very few texts: they cannot generalise.
    """
    from sklearn.feature_extraction.text import TfidfVectorizer

    return TfidfVectorizer(
        analyzer=analyzer,
        ngram_range=(1, 3) if analyzer == "char" else (1, 2),
        sublinear_tf=True,
        min_df=2 if num_texts > 50 else 1,
        dtype=np.float32,
    )


def mean_vectors_svm(
    train: Part, valid: Part, test: Part, *, vectors: npt.NDArray[np.float32], seed: int = 0
) -> Baseline:
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
    return _fit_svm("mean of word vectors + linear SVM", parts, features, seed, started)


def _means(texts: Sequence[Any], vectors: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    empty = np.zeros(vectors.shape[1], dtype=np.float32)
    return np.stack([vectors[np.asarray(ids, dtype=np.int64)].mean(axis=0) if len(ids) else empty for ids in texts])


def _fit_svm(name: str, parts: Parts, features: list[Any], seed: int, started: float) -> Baseline:
    from sklearn.svm import LinearSVC

    models = [LinearSVC(C=c, random_state=seed).fit(features[0], list(parts.train.labels)) for c in STRENGTHS]
    rates = [accuracy(parts.valid.labels, model.predict(features[1]).tolist()) for model in models]
    best = int(np.argmax(rates))  # of equals the first: the most regularised
    answers = [models[best].predict(each).tolist() for each in features[1:]]
    chosen = {"C": STRENGTHS[best], "num_features": features[0].shape[1]}
    return _judge(name, parts, answers, chosen, started)


def _judge(name: str, parts: Parts, answers: list[list[Any]], chosen: dict[str, float], started: float) -> Baseline:
    valid_answers, test_answers = answers
    return Baseline(
        name=name,
        predictions=test_answers,
        accuracy=accuracy(parts.test.labels, test_answers),
        macro_f1=macro_f1(parts.test.labels, test_answers),
        valid_accuracy=accuracy(parts.valid.labels, valid_answers),
        seconds=perf_counter() - started,
        chosen=chosen,
    )
