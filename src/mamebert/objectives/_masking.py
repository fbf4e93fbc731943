"""Which tokens are asked for, and what is shown in their place."""

import numpy as np


def choose_tokens(lengths: np.ndarray, maskable: np.ndarray, rate: float, rng: np.random.Generator) -> np.ndarray:
    """Return the places of the chosen tokens, in order: int64 [chosen].

    Each sequence gets max(1, round(rate * length)) of them, special tokens counted in its length but never
    chosen (BERT's rule). `lengths` [sequences] and `maskable` bool [tokens] describe a packed batch.
    """
    owner = np.repeat(np.arange(len(lengths)), lengths)
    draw = rng.random(len(maskable))
    draw[~maskable] = 2.0  # behind every token that may be chosen
    order = np.lexsort((draw, owner))
    rank = np.arange(len(order)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    wanted = np.maximum(1, np.round(rate * lengths)).astype(np.int64)
    possible = np.bincount(owner, weights=maskable, minlength=len(lengths)).astype(np.int64)
    return np.sort(order[rank < np.minimum(wanted, possible)[owner]])


def hide(
    ids: np.ndarray, chosen: np.ndarray, mask_id: int, vocab_size: int, mask_share: float, rng: np.random.Generator
) -> np.ndarray:
    """Return a copy of `ids` in which the chosen tokens are hidden.

    A share of them becomes [MASK]; of the others, half stay as they are and half become a token drawn
    uniformly from the vocabulary. [MASK] never appears after pretraining, so an encoder that only ever
    saw [MASK] would meet a new world in fine-tuning.
    """
    shown = ids.copy()
    draw = rng.random(len(chosen))
    random_share = (1 - mask_share) / 2
    shown[chosen[draw < mask_share]] = mask_id
    replaced = chosen[draw >= 1 - random_share]
    shown[replaced] = rng.integers(0, vocab_size, len(replaced))
    return shown
