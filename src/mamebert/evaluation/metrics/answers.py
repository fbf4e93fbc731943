"""Measures of answers that are a piece of text, as in SQuAD (Rajpurkar et al., 2016, 2018).

Where words are written with spaces, answers are compared as SQuAD's own script does: in lower case, without ASCII
punctuation, without the English articles, word by word. Where they are not (Japanese, Chinese, Thai), they are compared
in lower case, without spaces and without the punctuation of any script, character by character.
"""

import re
import string
import unicodedata
from collections import Counter
from collections.abc import Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt

from mamebert.evaluation.metrics.bootstrap import Measure, mean_of

Unit = Literal["word", "character"]
"""What an answer is made of."""

ARTICLES = re.compile(r"\b(a|an|the)\b")
WITHOUT_PUNCTUATION = str.maketrans("", "", string.punctuation)


def exact_match(expected: Sequence[Sequence[str]], predicted: Sequence[str], unit: Unit) -> Measure:
    """Return the share of rows answered with one of the expected texts.

    A row has any number of expected answers; none, or only such as are empty once normalised, means that the text
    does not answer the question, and the empty answer is right.
    """
    units = [(_expected_units(wanted, unit), answer_units(given, unit)) for wanted, given in _rows(expected, predicted)]
    return mean_of("exact_match", [given in wanted for wanted, given in units])


def answer_f1(expected: Sequence[Sequence[str]], predicted: Sequence[str], unit: Unit) -> Measure:
    """Return the mean over rows of the highest F1 against any expected answer, as in `answer_f1_of_rows`."""
    return mean_of("f1", answer_f1_of_rows(expected, predicted, unit))


def answer_f1_of_rows(expected: Sequence[Sequence[str]], predicted: Sequence[str], unit: Unit) -> list[float]:
    """Return for each row the highest F1 of the words (or characters) against any expected answer, 0 to 1.

    Where the expected or the given answer is empty, 1 if both are and else 0.
    """
    units = [(_expected_units(wanted, unit), answer_units(given, unit)) for wanted, given in _rows(expected, predicted)]
    return [max(_overlap_f1(each, given) for each in wanted) for wanted, given in units]


def best_null_threshold(
    score_differences: npt.ArrayLike, f1_if_answered: npt.ArrayLike, has_answer: npt.ArrayLike
) -> float:
    """Return the τ with the highest F1 when a question is left unanswered if its score difference is above τ.

    All are [rows]: how much higher the score of "no answer" is than that of the best answer; the F1 which giving the
    best answer has; whether the text answers the question. As in SQuAD's script for version 2, τ is one of the
    differences, the lowest of equally good ones; questions of equal difference are left or answered together. Where
    leaving every question is best, τ lies below all of them.
    """
    differences, rates = np.asarray(score_differences, float), np.asarray(f1_if_answered, float)
    order = np.argsort(differences, kind="stable")
    rising = differences[order]
    gains = np.cumsum((rates - ~np.asarray(has_answer, bool))[order])  # over leaving every question
    gains[:-1][rising[1:] == rising[:-1]] = -np.inf
    best = int(np.argmax(gains))
    return float(rising[best]) if gains[best] > 0 else float(rising[0]) - 1


def answer_units(text: str, unit: Unit) -> tuple[str, ...]:
    """Return the words or the characters of an answer that are compared."""
    if unit == "word":
        return tuple(ARTICLES.sub(" ", text.lower().translate(WITHOUT_PUNCTUATION)).split())
    return tuple(char for char in text.lower() if not char.isspace() and unicodedata.category(char)[0] != "P")


def _expected_units(answers: Sequence[str], unit: Unit) -> list[tuple[str, ...]]:
    return [units for answer in answers if (units := answer_units(answer, unit))] or [()]


def _overlap_f1(expected: tuple[str, ...], given: tuple[str, ...]) -> float:
    if not expected or not given:
        return float(expected == given)
    return 2 * (Counter(expected) & Counter(given)).total() / (len(expected) + len(given))


def _rows(expected: Sequence[Sequence[str]], predicted: Sequence[str]) -> list[tuple[Sequence[str], str]]:
    if any(isinstance(answers, str) for answers in expected):
        raise ValueError("The expected answers of a row are a list, even where there is one.")
    return list(zip(expected, predicted, strict=True))
