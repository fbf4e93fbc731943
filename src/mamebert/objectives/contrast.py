"""Crops of one document find each other among those of others: vectors of texts without labels.

Two passages of a document as a pair that belongs together are Contriever's choice (Izacard et al., 2022), masked words
beside them DeCLUTR's (Giorgi et al., 2021); with `window_tokens` small, crops are neighbours.
"""

from typing import ClassVar

import numpy as np
import torch
from pydantic import Field
from torch import Tensor
from torch.nn.functional import normalize

from mamebert.checkpoints.sentence_transformers import Modules
from mamebert.corpus.crops import Crops
from mamebert.corpus.token_shards import TokenShards
from mamebert.encoder.model import PretrainingNetwork
from mamebert.encoder.packing import Packed
from mamebert.errors import UserError
from mamebert.objectives import Objective
from mamebert.objectives.data.examples import Examples
from mamebert.objectives.data.held_out_sums import HeldOutSums
from mamebert.objectives.data.pretraining_batch import LossDivisors, PretrainingBatch
from mamebert.training.contrast_loss import PartnersFound, partners_found
from mamebert.training.loop import Losses


class Contrast(Objective):
    """Find the other crop of the same document by the mean of its tokens' vectors, and guess masked tokens beside."""

    reads_all_tokens: ClassVar[bool] = True

    masked_lm_weight: float = Field(default=1.0, ge=0)
    """What the loss of the masked tokens counts beside that of the crops; at 0 nothing is masked, and the encoder is
    saved without a head for words."""
    pairs: int = Field(default=64, ge=2)
    """Pairs at least among which a crop finds its partner, where a batch has so many; a larger batch falls into several
    such groups, which may be computed apart (training.micro_batch_tokens, processes)."""
    temperature: float = Field(default=0.05, gt=0)
    """What cosines are divided by (SimCSE: 0.05): the lower, the more the nearest wrong partners count."""
    window_tokens: int = Field(default=1024, ge=24)
    """Both crops of a pair lie within so many tokens of their document, and do not overlap; a shorter document is cut
    into halves."""

    @property
    def asks_for_words(self) -> bool:
        """Whether words are masked and asked for."""
        return self.masked_lm_weight > 0

    @property
    def fewest_documents(self) -> int:
        """Two: the crops of one document are all alike."""
        return 2

    @property
    def modules(self) -> Modules:
        """The mean of the tokens, as in learning."""
        return Modules(max_length=self.max_length)

    def groups(self, num_sequences: int) -> tuple[int, ...]:
        """Return how many crops each group has, about equally many."""
        pairs = np.arange(num_sequences // 2)
        return tuple(2 * len(each) for each in np.array_split(pairs, max(1, len(pairs) // self.pairs)))

    def check(self, shards: TokenShards) -> None:
        """Refuse a corpus in which there is nothing to tell apart."""
        found = len(self._crops(shards).documents)
        if found < 2:
            raise UserError(
                f"{shards.folder} has {found} documents of which crops can be drawn, and it takes two to tell them "
                "apart. Give more text, parted into documents by blank lines, or set objective.kind=masked_lm."
            )

    def examples(self, shards: TokenShards, seed: int) -> Examples:
        """Return pairs of crops at places drawn from all tokens alike, together as long as the text."""
        crops = self._crops(shards)
        number = max(1, round(crops.num_tokens / max(1.0, crops.tokens_per_pair)))
        drawn = crops.draw(number, np.random.default_rng(seed))
        sizes = np.repeat(drawn.sizes[:, None], 2, axis=1)
        return Examples(drawn.starts, sizes, np.zeros(number, np.int64), apart=True)

    def loss(self, network: PretrainingNetwork, part: PretrainingBatch, whole: LossDivisors) -> Losses:
        """Return the mean cross entropy of finding partners and, weighted, that of the masked tokens."""
        hidden = network.bert(part.packed)
        found = self._found(hidden, part)
        contrast = torch.cat([each.losses.flatten() for each in found]).sum() / whole.sequences
        terms = {"contrast_loss": contrast.detach()}
        if not self.asks_for_words:
            return Losses(contrast, terms)
        masked = network.cls.predictions.loss(hidden[part.chosen], part.targets, whole.tokens)
        return Losses(contrast + self.masked_lm_weight * masked, {"mlm_loss": masked.detach(), **terms})

    def flops(self, network: PretrainingNetwork, batch: PretrainingBatch) -> int:
        """Return those of the encoder and of the cosines of all pairs of crops, forwards and twice backwards."""
        cosines = sum((size // 2) ** 2 for size in batch.groups or ())
        return super().flops(network, batch) + 6 * cosines * network.bert.config.hidden_size

    def answer(self, network: PretrainingNetwork, batch: PretrainingBatch, so_far: HeldOutSums) -> None:
        """Add how the crops find their partners and, where they are asked for, the masked tokens."""
        if self.asks_for_words:
            super().answer(network, batch, so_far)
        for each in self._found(network.bert(batch.packed), batch):
            so_far.contrast_loss += float(each.losses.sum())
            so_far.crops_right += int(each.right.sum())
            so_far.crops_asked += each.right.numel()

    def answer_with_order_gain(
        self, network: PretrainingNetwork, batch: PretrainingBatch, in_disorder: PretrainingBatch, so_far: HeldOutSums
    ) -> None:
        """Add the answers to one held-out batch; what is lost in disorder is measured on masked words alone."""
        if self.asks_for_words:
            super().answer_with_order_gain(network, batch, in_disorder, so_far)
        else:
            self.answer(network, batch, so_far)

    def _found(self, hidden: Tensor, batch: PretrainingBatch) -> list[PartnersFound]:
        """Return how the crops of each group find each other; partners are neighbours."""
        assert batch.groups is not None
        vectors = normalize(mean_vectors(hidden, batch.packed))
        return [
            partners_found(group[::2], group[1::2], self.temperature) for group in vectors.split(list(batch.groups))
        ]

    def _crops(self, shards: TokenShards) -> Crops:
        return Crops(shards, self.max_length - 2, self.window_tokens)


def mean_vectors(hidden: Tensor, batch: Packed) -> Tensor:
    """Return float32 [sequences, hidden_size]: the mean over the tokens of each, [CLS] and [SEP] among them."""
    sizes = batch.starts.diff()
    owners = torch.repeat_interleave(sizes)
    sums = hidden.new_zeros(len(sizes), hidden.shape[1], dtype=torch.float32).index_add(0, owners, hidden.float())
    return sums / sizes[:, None]
