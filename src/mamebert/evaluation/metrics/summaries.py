"""Choosing the sentences of a summary: the best that choosing could reach, and the most probable without repetition."""

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from mamebert.evaluation.metrics.rouge import Units, n_grams


def summary_size(num_in_text: int, num_sentences: int = 3, share: float = 0.0) -> int:
    """Return how many sentences a summary takes: a number, or a share of those in the text, rounded up.

    It is at least 1, but never more than the text has.
    """
    size = math.ceil(share * num_in_text - 1e-9) if share else num_sentences
    return min(max(1, size), num_in_text)


def oracle_sentences(sentences: Sequence[Units], reference: Units, num_sentences: int = 3) -> list[int]:
    """Return the sentences that together come close to the reference: labels to learn, and a bound for any choice.

    Greedily, the sentence that raises ROUGE-1 F1 + ROUGE-2 F1 most is added, the first of equals, until none raises
    it or there are `num_sentences` (BERTSUM; Liu, 2019). Pairs across sentences are not counted, as in BERTSUM; but
    what occurs twice counts twice, as in ROUGE itself. Numbers rise, from 0; none for an empty reference.
    """
    counts = [_shared_n_grams(n, sentences, reference) for n in (1, 2)]
    chosen: list[int] = []
    best = 0.0
    while len(chosen) < min(num_sentences, len(sentences)):
        rates = np.sum([_f1_with_each(chosen, *each) for each in counts], axis=0)
        rates[chosen] = -1
        if rates.max() <= best + 1e-12:
            break
        best = float(rates.max())
        chosen.append(int(rates.argmax()))
    return sorted(chosen)


def without_repetition(
    scores: npt.NDArray[np.floating], sentences: Sequence[Units], num_sentences: int = 3, run: int = 3
) -> list[int]:
    """Return the sentences of the highest scores, leaving out each that repeats `run` units of one chosen before.

    (Trigram blocking; Paulus et al., 2018.) Of equal scores the first sentence is chosen; numbers rise, from 0. A run
    of 0 leaves out none.
    """
    chosen: list[int] = []
    seen: set[tuple[object, ...]] = set()
    for number in np.argsort(-scores, kind="stable").tolist():
        runs = set(n_grams(run, sentences[number]))
        if len(chosen) < num_sentences and not runs & seen:
            chosen.append(number)
            seen |= runs
    return sorted(chosen)


def _shared_n_grams(
    n: int, sentences: Sequence[Units], reference: Units
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return the reference's counts [runs], each sentence's of the same runs [sentences, runs], and of all its runs."""
    wanted = n_grams(n, reference)
    given = [n_grams(n, sentence) for sentence in sentences]
    shared = np.array([[each[run] for run in wanted] for each in given], np.int64).reshape(len(given), len(wanted))
    return np.array(list(wanted.values()), np.int64), shared, np.array([each.total() for each in given], np.int64)


def _f1_with_each(
    chosen: list[int],
    wanted: npt.NDArray[np.int64],
    shared: npt.NDArray[np.int64],
    lengths: npt.NDArray[np.int64],
) -> npt.NDArray[np.float64]:
    """Return F1 [sentences] of the chosen sentences with each further one."""
    common = np.minimum(shared[chosen].sum(axis=0) + shared, wanted).sum(axis=1)
    return np.asarray(2 * common / np.maximum(wanted.sum() + lengths[chosen].sum() + lengths, 1))
