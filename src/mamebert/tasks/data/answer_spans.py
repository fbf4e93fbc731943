"""Scores for where answers begin and end, made into stretches of the passage."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from mamebert.tasks.data.passage_windows import Shown, widest_context

Scores = npt.NDArray[np.floating]


class Span(NamedTuple):
    """The characters start:end of a passage; an empty span is no answer."""

    start: int
    end: int
    score: float
    """Start logit plus end logit."""


def best_spans(scores: Scores, shown: Shown, num_best: int, max_pieces: int) -> list[Span]:
    """Return the `num_best` stretches of the passage with the highest scores, best first.

    `scores` are the start and end logits [tokens, 2] of all sequences. A stretch lies in one window, has `max_pieces`
    at most, and begins at a piece that no other window shows with more context. All such stretches are looked at;
    run_squad.py looks at the best 20 starts and ends of each window, and finds none where they do not go together.
    """
    widest, (starts, ends) = widest_context(shown.windows), shown.places[2:]
    is_solid = starts < ends
    found: dict[tuple[int, int], float] = {}
    for number, (window, rows) in enumerate(zip(shown.windows, by_window(scores, shown), strict=True)):
        inside = slice(window.start, window.end)
        begins = np.where(is_solid[inside] & (widest[inside] == number), rows[shown.offset : -1, 0], -np.inf)
        closes = np.where(is_solid[inside], rows[shown.offset : -1, 1], -np.inf)
        for first, last, score in _best_pairs(begins, closes, num_best, max_pieces):
            place = int(starts[window.start + first]), int(ends[window.start + last])
            found[place] = max(score, found.get(place, score))
    best = sorted(found.items(), key=lambda each: (-each[1], each[0]))[:num_best]
    return [Span(start, end, score) for (start, end), score in best]


def likeliest_ends(scores: Scores, shown: Shown) -> Span:
    """Return what lies between the likeliest first and the likeliest last token; nothing where that is no answer.

    The bare argmax of many tutorials: nothing keeps the end behind the start, or both inside the passage. Of several
    windows the one with the highest sum of both scores is taken.
    """
    rows = by_window(scores, shown)
    best = int(np.argmax([each.max(0).sum() for each in rows]))
    window, score = shown.windows[best], float(rows[best].max(0).sum())
    first, last = rows[best].argmax(0) - shown.offset + window.start
    if not window.start <= first <= last < window.end:
        return Span(0, 0, score)
    return Span(int(shown.places.starts[first]), int(shown.places.ends[last]), score)


def null_score(scores: Scores, shown: Shown) -> float:
    """Return the lowest score that any window gives to "no answer here": start and end at [CLS]."""
    return min(float(rows[0].sum()) for rows in by_window(scores, shown))


def by_window(scores: Scores, shown: Shown) -> list[Scores]:
    """Return the scores [tokens, 2] of each sequence."""
    return np.split(scores, np.cumsum(shown.sizes)[:-1])


def _best_pairs(begins: Scores, closes: Scores, num_best: int, max_pieces: int) -> list[tuple[int, int, float]]:
    """Return (first, last, score) of the best pairs with first <= last < first + max_pieces."""
    if not len(begins):
        return []
    padded = np.append(closes, np.full(max_pieces - 1, -np.inf))
    sums = begins[:, None] + np.lib.stride_tricks.sliding_window_view(padded, max_pieces)
    best = np.argpartition(sums, -min(num_best, sums.size), axis=None)[-num_best:]
    pairs = zip(*np.unravel_index(best, sums.shape), sums.flat[best], strict=True)
    return [(int(first), int(first + more), float(score)) for first, more, score in pairs if score > -np.inf]
