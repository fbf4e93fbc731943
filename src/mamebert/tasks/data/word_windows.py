"""Sentences longer than an encoder reads: windows that overlap, in which each word is read once, far from the edges."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from mamebert.tasks.data.features import Features
from mamebert.tasks.data.passage_windows import cut_windows, widest_context
from mamebert.tasks.data.words import Ids, Sentence
from mamebert.tokenizer.encoding import Tokenizer

Places = npt.NDArray[np.int64]


def in_windows(tokenizer: Tokenizer, sentence: Sentence, max_length: int) -> Features:
    """Return [CLS] pieces [SEP], where needed in several sequences, that read the first piece of every word once."""
    pieces, firsts = flat(sentence.pieces)
    room = max_length - 2
    windows = cut_windows(len(pieces), room, room // 2)
    best = widest_context(windows)[firsts]
    shown = [(window, firsts[best == i] - window.start) for i, window in enumerate(windows)]
    reading = [(window, places) for window, places in shown if len(places)]
    return Features(
        [enclosed(tokenizer, pieces[window.start : window.end]) for window, _ in reading],
        [1 + places for _, places in reading],
        notes=sentence,
    )


def flat(pieces: Sequence[Ids]) -> tuple[Ids, Places]:
    """Return all pieces of a sentence, and the number of the first of each word."""
    return np.concatenate(list(pieces)), np.cumsum([0] + [len(ids) for ids in pieces[:-1]])


def enclosed(tokenizer: Tokenizer, pieces: Ids) -> Ids:
    """Return [CLS] pieces [SEP]."""
    return np.concatenate([[tokenizer.cls_id], pieces, [tokenizer.sep_id]])
