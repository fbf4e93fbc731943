"""Texts longer than an encoder reads, shown as chunks: all of them when asked, one at a random place when learning."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from mamebert.tasks.data.features import FIRST, Features, TaskBatch
from mamebert.tasks.data.word_windows import enclosed
from mamebert.tokenizer.beginnings import encode_beginnings
from mamebert.tokenizer.encoding import Tokenizer

if TYPE_CHECKING:
    from torch import Tensor

Ids = npt.NDArray[np.int32]


def in_chunks(tokenizer: Tokenizer, texts: Sequence[str], max_length: int, most: int) -> list[Features]:
    """Return each text as [CLS] pieces [SEP], of which [CLS] is read: up to `most` sequences that do not overlap.

    The last one of a text that is not cut is moved back, so that it is as long as the others.
    """
    room = max_length - 2
    return [
        _cut(tokenizer, found.ids[: room * most], max(len(found.ids) - room * most, 0) + found.num_left_out, room)
        for found in encode_beginnings(tokenizer, texts, max_length * most)
    ]


def one_chunk(features: Features, rng: np.random.Generator) -> Features:
    """Return an example with one of its sequences, cut at a random place of what all of them show."""
    if len(features.sequences) == 1:
        return features
    shown, ids = features.sequences[0], features.text_ids
    assert ids is not None
    room = len(shown) - 2
    start = int(rng.integers(0, len(ids) - room + 1))
    chunk = np.concatenate([shown[:1], ids[start : start + room], shown[-1:]])
    return replace(features, sequences=[chunk], places=[FIRST], text_ids=None)


def mean_of_chunks(found: "Tensor", batch: TaskBatch) -> "Tensor":
    """Return [examples, outputs], the means of what the head gives for the sequences of each [reads, outputs]."""
    from torch import tensor

    if len(found) == len(batch.counts):
        return found
    sums = found.new_zeros(len(batch.counts), found.shape[1]).index_add(0, batch.owners, found)
    return sums / tensor(batch.counts, device=found.device)[:, None]


def means_of_chunks(found: npt.NDArray[np.float32], counts: Sequence[int]) -> npt.NDArray[np.float32]:
    """Return the same of an array: each example's rows are added in their order, so that no other has a part in it."""
    if len(found) == len(counts):
        return found
    sums = np.zeros((len(counts), found.shape[1]), np.float32)
    np.add.at(sums, np.repeat(np.arange(len(counts)), counts), found)
    return sums / np.array(counts, np.float32)[:, None]


def _cut(tokenizer: Tokenizer, ids: Ids, num_left_out: int, room: int) -> Features:
    starts = [min(start, max(len(ids) - room, 0)) for start in range(0, max(len(ids), 1), room)]
    sequences = [enclosed(tokenizer, ids[start : start + room]) for start in starts]
    return Features(sequences, [FIRST] * len(sequences), num_truncated=num_left_out, text_ids=ids)
