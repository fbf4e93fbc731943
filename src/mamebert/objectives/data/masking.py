"""Masking: which tokens are predicted, and what is shown in their place."""

from typing import Literal

import numpy as np

MaskUnit = Literal["token", "word", "span", "ngram", "pmi"]
UNITS_HIDDEN_WHOLE = ("pmi",)
"""Units for which it is drawn once what is shown in the place of all their tokens, where the settings leave it open."""

# Spans of words: SpanBERT (Joshi et al., 2020) draws their lengths from a geometric distribution cut off at 10.
SPAN_END_RATE, LONGEST_SPAN = 0.2, 10
LONGEST_NGRAM = 3  # words (ALBERT)


def choose_tokens(num_tokens: int, number: int, rng: np.random.Generator) -> np.ndarray:
    """Return `number` of the places 0 to num_tokens - 1, in order: int64 [number].

    Every set of so many places is equally likely.
    """
    if 2 * number > num_tokens:  # drawing the few that stay out is faster
        left_out = choose_tokens(num_tokens, num_tokens - number, rng)
        return np.delete(np.arange(num_tokens), left_out)
    taken = np.zeros(num_tokens, bool)
    missing = number
    while missing:
        taken[rng.integers(0, num_tokens, missing)] = True  # some draw what another has drawn
        missing = number - int(np.count_nonzero(taken))
    return np.flatnonzero(taken)


def choose_units(begins: np.ndarray, number: int, rng: np.random.Generator) -> np.ndarray:
    """Return the places of the tokens of whole units, in order: int64 [at most `number`].

    `begins` bool [tokens] tells where units begin. They are taken in random order; one that would be too
    much is passed over, as in BERT's whole-word masking, so that `number` is missed only when no unit fits.
    """
    firsts = np.flatnonzero(begins)
    sizes = np.diff(firsts, append=len(begins))
    order = rng.permutation(len(firsts))
    filled = np.cumsum(sizes[order])
    next_unit = int(np.searchsorted(filled, number, side="right"))
    taken = np.zeros(len(firsts), bool)
    taken[order[:next_unit]] = True
    missing = number - (int(filled[next_unit - 1]) if next_unit else 0)
    while missing:
        fitting = np.flatnonzero(sizes[order[next_unit:]] <= missing)
        if not len(fitting):
            break
        next_unit += int(fitting[0])
        taken[order[next_unit]] = True
        missing -= int(sizes[order[next_unit]])
        next_unit += 1
    return np.flatnonzero(np.repeat(taken, sizes))


def begin_spans(words: np.ndarray, breaks: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return where spans of one to ten words begin, when text is cut at random word starts: bool [tokens].

    `words` bool [tokens] tells where words begin, and `breaks` int64 where no span may go on.
    """
    ends_before = words & (rng.random(len(words), dtype=np.float32) < SPAN_END_RATE)
    ends_before[breaks] = True
    number = np.cumsum(words)
    in_span = number - np.maximum.accumulate(np.where(ends_before, number, 0))
    begins: np.ndarray = ends_before | (words & (in_span % LONGEST_SPAN == 0))
    return begins


def begin_ngrams(words: np.ndarray, breaks: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return where n-grams of one to three words begin, when text is cut so: bool [tokens].

    A length n is drawn as often as 1 / n is in the sum of these (ALBERT; Lan et al., 2020). `words` bool [tokens] tells
    where words begin, and `breaks` int64 where no n-gram may go on.
    """
    shares = 1 / np.arange(1, LONGEST_NGRAM + 1)
    drawn = 1 + np.searchsorted(np.cumsum(shares / shares.sum()), rng.random(len(words)), side="right")
    number = np.cumsum(words) - 1
    begins_word = np.zeros(len(words) + 1, bool)
    begins_word[np.minimum(np.cumsum(drawn) - drawn, len(words))] = True
    begins: np.ndarray = words & begins_word[number]
    begins[breaks] = True
    return begins


def begin_collocations(
    words: np.ndarray, starts: np.ndarray, sizes: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Return where units begin, when collocations are units and all other words are: bool [tokens].

    `words` bool [tokens] tells where words begin; `starts` and `sizes` int64 are the first word of each collocation and
    its number of words. One that lies within another is no unit. Of two that overlap otherwise, one is taken at
    random (Levine et al., 2021).
    """
    order = np.lexsort((-sizes, starts))
    starts, ends = starts[order], (starts + sizes)[order]
    furthest = np.maximum.accumulate(np.append(0, ends))[:-1]
    starts, ends = starts[ends > furthest], ends[ends > furthest]
    taken = np.zeros(int(np.count_nonzero(words)) + 1, bool)
    inside = np.zeros(len(taken), bool)
    for each in rng.permutation(len(starts)).tolist():
        start, end = starts[each], ends[each]
        if not taken[start:end].any():
            taken[start:end] = True
            inside[start + 1 : end] = True
    begins: np.ndarray = words & ~inside[np.cumsum(words) - 1]
    return begins


def hide(
    ids: np.ndarray,
    chosen: np.ndarray,
    mask_id: int,
    ordinary: np.ndarray,
    mask_share: float,
    rng: np.random.Generator,
    random_share: float | None = None,
    units: np.ndarray | None = None,
) -> np.ndarray:
    """Return a copy of `ids` in which the chosen tokens are hidden.

    A share `mask_share` of them becomes [MASK], a share `random_share` a token drawn uniformly from `ordinary`, the ids
    that are not special, and the others stay as they are. Without `random_share`, half of those that do not become
    [MASK] are random and half stay (BERT). [MASK] never appears after pretraining, so an encoder that only ever saw
    [MASK] would meet a new world in fine-tuning. With `units` int64 [chosen], which never falls, one draw serves all
    tokens of a unit.
    """
    shown = ids.copy()
    draw = rng.random(len(chosen), dtype=np.float32)
    if units is not None:
        draw = draw[np.searchsorted(units, units)]  # that of the first token of each
    shown[chosen[draw < mask_share]] = mask_id
    replaced = chosen[draw >= ((1 + mask_share) / 2 if random_share is None else 1 - random_share)]
    shown[replaced] = ordinary[rng.integers(0, len(ordinary), len(replaced))]
    return shown
