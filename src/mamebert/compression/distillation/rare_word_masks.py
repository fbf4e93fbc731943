"""Masks that fall on rare words more often than chance would have it."""

from dataclasses import replace

import numpy as np
import torch

from mamebert.objectives.data.masking import hide
from mamebert.objectives.data.pretraining_batch import PretrainingBatch
from mamebert.tokenizer.encoding import Tokenizer


class RareWordMasks:
    """Draws the tokens that a batch asks for anew, each with a weight of count^-power (Lample and Conneau, 2019)."""

    def __init__(self, counts: torch.Tensor, tokenizer: Tokenizer, power: float, mask_token_rate: float) -> None:
        self.weights = np.maximum(counts.numpy(), 1.0) ** -power
        self.weights[tokenizer.special_ids] = 0.0
        self.ordinary = np.setdiff1d(np.arange(tokenizer.vocab_size), tokenizer.special_ids)
        self.mask_id, self.mask_token_rate = tokenizer.mask_id, mask_token_rate

    def __call__(self, batch: PretrainingBatch) -> PretrainingBatch:
        """Return the same text with as many other tokens hidden; what is drawn follows from torch's generator."""
        text = batch.packed.ids.clone()
        text[batch.chosen] = batch.targets
        rng = np.random.default_rng(int(torch.randint(2**62, ())))
        ids = text.cpu().numpy()
        chosen = self._draw(ids, len(batch.chosen), rng)
        shown = hide(ids, chosen, self.mask_id, self.ordinary, self.mask_token_rate, rng)
        places = torch.from_numpy(chosen)
        packed = replace(batch.packed, ids=torch.from_numpy(shown))
        hidden = PretrainingBatch(packed, places, torch.from_numpy(ids[chosen]), batch.labels)
        return hidden.to(text.device)

    def _draw(self, ids: np.ndarray, number: int, rng: np.random.Generator) -> np.ndarray:
        """Return int64 [number] places, in order."""
        weights = self.weights[ids]
        number = min(number, int(np.count_nonzero(weights)))
        return np.sort(rng.choice(len(ids), number, replace=False, p=weights / weights.sum()))
