"""Masked text with its words in another order: what an encoder knows of order shows in what it loses by that."""

import numpy as np
import torch

from mamebert.encoder.packing import Packed
from mamebert.objectives.data.pretraining_batch import PretrainingBatch


def shuffled(batch: PretrainingBatch, seed: int) -> PretrainingBatch:
    """Return the batch with the words of each sequence in random order: the same questions, the same bags of words.

    Every token that is no [CLS] or [SEP] moves, [MASK] and what is shown in its stead included, and each asks at its
    new place for the word it asked for before. Special tokens stay where they are; with sentence pairs, a word stays
    in its segment. Positions and segments are those of the place. A function of the batch and `seed` alone.
    """
    packed = batch.packed
    came_from = _order(packed, np.random.default_rng(seed))
    went_to = torch.argsort(came_from)
    chosen, order = went_to[batch.chosen].sort()
    words = Packed(packed.ids[came_from], packed.segments, packed.positions, packed.lengths)
    return PretrainingBatch(words, chosen, batch.targets[order], batch.labels)


def _order(packed: Packed, rng: np.random.Generator) -> torch.Tensor:
    """Return which place the token of each place comes from: int64 [tokens]."""
    sequence = np.repeat(np.arange(len(packed.lengths)), packed.lengths)
    # [CLS] a [SEP] b [SEP]: a range ends with its [SEP], and the first of a sequence begins with [CLS].
    text = 2 * sequence + packed.segments.cpu().numpy()
    is_special = np.diff(text, append=-1) != 0
    is_special[packed.starts[:-1].cpu().numpy()] = True
    words = np.flatnonzero(~is_special)
    came_from = np.arange(len(text))
    came_from[words] = words[np.lexsort((rng.random(len(words)), text[words]))]
    return torch.from_numpy(came_from).to(packed.ids.device)
