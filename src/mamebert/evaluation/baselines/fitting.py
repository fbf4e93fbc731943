"""The rows that baselines are fitted to, and the answers that they give.

All fit on the training rows alone, take the strength of their regularisation from the validation rows, and
answer the test rows once.
"""

from collections.abc import Callable, Iterable, Sequence
from time import perf_counter
from typing import Any, Literal, NamedTuple

import numpy as np

Analyzer = Literal["char", "word"]
Judge = Callable[[Sequence[Any], Sequence[Any]], float]
"""How good labels found are beside those wanted: what the task goes by, higher is better."""

# From smooth to close fit. On Livedoor no value from 0.03 to 100 was better on the validation rows than these.
STRENGTHS = (0.1, 0.3, 1.0, 3.0, 10.0)


class Part(NamedTuple):
    """Rows with their right answers: texts, or arrays of token ids."""

    inputs: Sequence[Any]
    labels: Sequence[Any]


class Parts(NamedTuple):
    """The rows every model is given: fitted on `train`, chosen on `valid`, judged once on `test`."""

    train: Part
    valid: Part
    test: Part


class BaselineAnswers(NamedTuple):
    """What a baseline answered; how good that is, the task's measures tell."""

    name: str
    answers: list[Any]
    """The answer to every test row, in the form of the labels."""
    seconds: float
    """Fitting, choosing and answering together, on one core."""
    chosen: dict[str, float]
    """What the validation rows decided, and the number of features."""


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


def text_features(analyzer: Analyzer, parts: Parts, **settings: Any) -> list[Any]:
    """Return the `text_weights` of every part, [rows, features]; several texts of one row are joined."""
    weigh = text_weights(analyzer, len(parts.train.inputs)).set_params(**settings)
    texts = [[each if isinstance(each, str) else "\n".join(each) for each in part.inputs] for part in parts]
    return [weigh.fit_transform(texts[0]), *(weigh.transform(each) for each in texts[1:])]


def share_right(wanted: Sequence[Any], found: Sequence[Any]) -> float:
    """Return the share of equal labels."""
    return float(np.mean([a == b for a, b in zip(wanted, found, strict=True)]))


def best_classifier(
    name: str,
    parts: Parts,
    features: Sequence[Any],
    models: Iterable[tuple[dict[str, float], Any]],
    started: float,
    judge: Judge = share_right,
) -> BaselineAnswers:
    """Fit classifiers of scikit-learn; answer with the one that `judge` gives the highest number on validation rows.

    `features` are those of every part; each of `models` comes with its settings, and of equals the first is taken.
    `started` is when the work began, by perf_counter.
    """
    wanted = list(parts.valid.labels)
    fitted = ((chosen, model.fit(features[0], list(parts.train.labels))) for chosen, model in models)
    chosen, model = max(fitted, key=lambda each: judge(wanted, each[1].predict(features[1]).tolist()))
    answers = model.predict(features[2]).tolist()
    return BaselineAnswers(name, answers, perf_counter() - started, {**chosen, "num_features": features[0].shape[1]})
