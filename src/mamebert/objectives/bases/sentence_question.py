"""Masked words, and a question about every pair of segments: how the second stands to the first."""

from typing import ClassVar

import numpy as np
import torch
from pydantic import Field
from torch.nn.functional import cross_entropy

from mamebert.corpus.token_shards import TokenShards
from mamebert.encoder.model import PretrainingNetwork
from mamebert.errors import UserError
from mamebert.objectives import Objective
from mamebert.objectives.data.examples import Examples
from mamebert.objectives.data.held_out_sums import HeldOutSums
from mamebert.objectives.data.pretraining_batch import LossDivisors, PretrainingBatch
from mamebert.objectives.data.sentence_pairs import RANDOM, Relation, make_pairs
from mamebert.progress import say
from mamebert.training.loop import Losses

TOO_FEW, FEW = 0.01, 0.2
"""Shares of documents with two sentences below which "random" is always the right answer, or nearly so."""


class SentenceQuestion(Objective):
    """Guess the masked tokens of a pair of segments, and which of some relations the second has to the first.

    Each relation is as frequent as the others; a segment that is alone in its document is followed by a random one.
    """

    asks_small_for_more: ClassVar[bool] = True
    relations: ClassVar[tuple[Relation, ...]]
    """The answers: the label of a pair is the place of its relation here."""
    asks_for: ClassVar[str]
    """What this is called, at the beginning of a sentence."""
    short_rate: float = Field(default=0.1, ge=0, le=1)
    """Share of documents cut into shorter pairs, so that short inputs are not strange later."""

    @property
    def fewest_documents(self) -> int:
        """Return how many documents it takes: two where a segment comes from another one."""
        return 2 if RANDOM in self.relations else 1

    def check(self, shards: TokenShards) -> None:
        """Refuse a corpus whose documents have one sentence each, so that no pair follows; tell where few have two."""
        if RANDOM not in self.relations:
            return
        with_two = int((np.diff(shards.document_starts) > 1).sum())
        share = with_two / max(shards.num_documents, 1)
        told = f"{with_two:,} of {shards.num_documents:,} documents have two sentences or more"
        way_out = "Set objective.kind=masked_lm, or part documents by blank lines and sentences by the right language."
        if share < TOO_FEW and shards.num_documents > 1:
            raise UserError(f"{self.asks_for} asks whether a sentence follows another, and {told}. {way_out}")
        if share < FEW:
            say(f"Only {told}: nearly all pairs will be random, which is soon guessed without reading. {way_out}")

    def examples(self, shards: TokenShards, seed: int) -> Examples:
        """Return pairs as BERT's create_pretraining_data.py makes them, one pass over the corpus."""
        if shards.num_documents < self.fewest_documents:
            raise UserError(
                f"{self.asks_for} needs two documents or more, and the corpus has {shards.num_documents}. "
                "Separate documents by blank lines, or set objective.kind=masked_lm."
            )
        rng = np.random.default_rng(seed)
        return make_pairs(shards, self.max_length - 3, self.short_rate, rng, self.relations)

    def equip(self, network: PretrainingNetwork) -> None:
        """Let it answer with one of these relations."""
        network.cls.ask_for(self.relations)

    def loss(self, network: PretrainingNetwork, part: PretrainingBatch, whole: LossDivisors) -> Losses:
        """Return the sum of both cross entropies, each over the number asked in the whole batch."""
        firsts = part.packed.firsts
        places = torch.cat([firsts, part.chosen]).sort().values  # [CLS] is never chosen
        hidden = network.bert(part.packed, places)
        asked = hidden[torch.searchsorted(places, part.chosen)]
        masked = network.cls.predictions.loss(asked, part.targets, whole.tokens)
        scores = network.cls.seq_relationship(network.bert.pooled(hidden[torch.searchsorted(places, firsts)]))
        related = cross_entropy(scores.float(), part.labels, reduction="sum") / whole.sequences
        return Losses(masked + related, {"mlm_loss": masked.detach(), f"{self.question}_loss": related.detach()})

    def answer(self, network: PretrainingNetwork, batch: PretrainingBatch, so_far: HeldOutSums) -> None:
        """Add the answers to both questions."""
        super().answer(network, batch, so_far)
        hidden = network.bert(batch.packed, batch.packed.firsts)
        scores = network.cls.seq_relationship(network.bert.pooled(hidden))
        so_far.sentences_right += int((scores.argmax(-1) == batch.labels).sum())
        so_far.sentences_asked += len(batch.labels)
