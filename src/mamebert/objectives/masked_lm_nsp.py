"""BERT's own two questions: masked words, and whether sentence B follows A (Devlin et al., 2019)."""

from typing import ClassVar

import numpy as np
import torch
from pydantic import Field
from torch.nn.functional import cross_entropy

from mamebert.corpus.token_shards import TokenShards
from mamebert.encoder.model import PretrainingNetwork
from mamebert.errors import UserError
from mamebert.objectives import Examples, HeldOutSums, LossDivisors, Objective, PretrainingBatch
from mamebert.objectives.data.sentence_pairs import make_pairs
from mamebert.progress import say
from mamebert.training.loop import Losses

TOO_FEW, FEW = 0.01, 0.2
"""Shares of documents with two sentences below which "random" is always the right answer, or nearly so."""


class MaskedLMAndNSP(Objective):
    """Guess the masked tokens of a pair of segments, and whether the second follows the first."""

    has_sentence_pairs: ClassVar[bool] = True
    short_rate: float = Field(default=0.1, ge=0, le=1)
    """Share of documents cut into shorter pairs, so that short inputs are not strange later."""

    def check(self, shards: TokenShards) -> None:
        """Refuse a corpus whose documents have one sentence each, so that no pair follows; tell where few have two."""
        with_two = int((np.diff(shards.document_starts) > 1).sum())
        share = with_two / max(shards.num_documents, 1)
        told = f"{with_two:,} of {shards.num_documents:,} documents have two sentences or more"
        way_out = "Set objective.kind=masked_lm, or part documents by blank lines and sentences by the right language."
        if share < TOO_FEW and shards.num_documents > 1:
            raise UserError(f"Next-sentence prediction asks whether a sentence follows another, and {told}. {way_out}")
        if share < FEW:
            say(f"Only {told}: nearly all pairs will be random, which is soon guessed without reading. {way_out}")

    def examples(self, shards: TokenShards, seed: int) -> Examples:
        """Return pairs as BERT's create_pretraining_data.py makes them, one pass over the corpus."""
        if shards.num_documents < 2:
            raise UserError(
                "Next-sentence prediction needs two documents or more, and the corpus has "
                f"{shards.num_documents}. Separate documents by blank lines, or set objective.kind=masked_lm."
            )
        return make_pairs(shards, self.max_length - 3, self.short_rate, np.random.default_rng(seed))

    def loss(self, network: PretrainingNetwork, part: PretrainingBatch, whole: LossDivisors) -> Losses:
        """Return the sum of both cross entropies, each over the number asked in the whole batch."""
        firsts = part.packed.firsts
        places = torch.cat([firsts, part.chosen]).sort().values  # [CLS] is never chosen
        hidden = network.bert(part.packed, places)
        asked = hidden[torch.searchsorted(places, part.chosen)]
        masked = network.cls.predictions.loss(asked, part.targets, whole.tokens)
        scores = network.cls.seq_relationship(network.bert.pooled(hidden[torch.searchsorted(places, firsts)]))
        follows = cross_entropy(scores.float(), part.labels, reduction="sum") / whole.sequences
        return Losses(masked + follows, {"mlm_loss": masked.detach(), "nsp_loss": follows.detach()})

    def answer(self, network: PretrainingNetwork, batch: PretrainingBatch, so_far: HeldOutSums) -> None:
        """Add the answers to both questions."""
        super().answer(network, batch, so_far)
        hidden = network.bert(batch.packed, batch.packed.firsts)
        scores = network.cls.seq_relationship(network.bert.pooled(hidden))
        so_far.sentences_right += int((scores.argmax(-1) == batch.labels).sum())
        so_far.sentences_asked += len(batch.labels)
