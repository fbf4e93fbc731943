"""Baselines that rank what is offered: the other texts of a collection, or labels that have words of their own."""

from collections import Counter
from collections.abc import Mapping, Sequence
from time import perf_counter
from typing import Any

import numpy as np

from mamebert.evaluation.baselines.fitting import Analyzer, BaselineAnswers, Part, text_weights
from mamebert.evaluation.metrics.ranking import partner_ranks


def tfidf_partners(train: Part, valid: Part, test: Part, *, analyzer: Analyzer = "char") -> BaselineAnswers:
    """Answer pairs (first, second) with the cosine of their TF-IDF vectors and the rank of the second text.

    Ranked are the second texts of all test pairs, by their cosine with the first; see `partner_ranks`.
    """
    started = perf_counter()
    weigh = text_weights(analyzer, 2 * len(train.inputs)).fit([text for pair in train.inputs for text in pair])
    first, second = (weigh.transform([pair[side] for pair in test.inputs]) for side in (0, 1))
    ranks = partner_ranks(first, second, [pair[1] for pair in test.inputs])
    cosines = np.asarray(first.multiply(second).sum(axis=1)).ravel().tolist()
    chosen: dict[str, float] = {"num_features": len(weigh.vocabulary_)}
    return BaselineAnswers("TF-IDF cosine", list(zip(cosines, ranks, strict=True)), perf_counter() - started, chosen)


def frequent_first(train: Part, valid: Part, test: Part) -> BaselineAnswers:
    """Answer every row with the same ranking: labels by their number of training rows; scores are shares of these."""
    started = perf_counter()
    counts = Counter(train.labels)
    order = sorted(counts, key=lambda label: (-counts[label], str(label)))
    ranking = [(label, counts[label] / len(train.labels)) for label in order]
    return BaselineAnswers("most frequent classes", [ranking] * len(test.inputs), perf_counter() - started, {})


def tfidf_label_words(
    train: Part, valid: Part, test: Part, *, words: Mapping[str, str], analyzer: Analyzer = "char"
) -> BaselineAnswers:
    """Rank labels by the cosine of the TF-IDF vectors of a text and of a label's own words, which `words` gives.

    Labels without training rows are ranked like all others.
    """
    started = perf_counter()
    texts = list(words.values())
    weigh = text_weights(analyzer, len(train.inputs)).fit([*train.inputs, *texts])
    scores = (weigh.transform(test.inputs) @ weigh.transform(texts).T).toarray()
    chosen: dict[str, float] = {"num_features": len(weigh.vocabulary_)}
    return BaselineAnswers(
        "TF-IDF cosine with label words", _ranked(list(words), scores), perf_counter() - started, chosen
    )


def tfidf_centroids(train: Part, valid: Part, test: Part, *, analyzer: Analyzer = "char") -> BaselineAnswers:
    """Rank labels by the cosine of a text and of the mean of a label's training texts (Rocchio, 1971)."""
    from sklearn.preprocessing import LabelBinarizer, normalize

    started = perf_counter()
    weigh = text_weights(analyzer, len(train.inputs)).fit(train.inputs)
    binarizer = LabelBinarizer(sparse_output=True)
    membership = binarizer.fit_transform(list(train.labels))
    labels = binarizer.classes_.tolist()
    if len(labels) == 2:  # of two classes only the second has a column
        membership = np.hstack([1 - membership.toarray(), membership.toarray()])
    centroids = normalize(membership.T @ weigh.transform(train.inputs))
    scores = weigh.transform(test.inputs) @ centroids.T
    chosen: dict[str, float] = {"num_features": len(weigh.vocabulary_)}
    dense = scores if isinstance(scores, np.ndarray) else scores.toarray()
    return BaselineAnswers("TF-IDF centroids", _ranked(labels, dense), perf_counter() - started, chosen)


def _ranked(labels: Sequence[str], scores: Any) -> list[list[tuple[str, float]]]:
    orders = np.argsort(-scores, axis=1, kind="stable")
    return [[(labels[i], float(row[i])) for i in order] for row, order in zip(scores, orders, strict=True)]
