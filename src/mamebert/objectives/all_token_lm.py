"""Every token is asked for, not the masked ones alone, and may be copied (Clark et al., 2020, "All-Tokens MLM").

In ELECTRA's ablation this has 84.3 on GLUE where BERT has 82.2 and replaced-token detection 85.0: nearly all that is
gained comes from asking at every token. Unlike a discriminator, the encoder keeps its head for masked words.
"""

from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor, nn

from mamebert.corpus.token_shards import TokenShards
from mamebert.encoder.heads import MaskedWordHead
from mamebert.encoder.model import PretrainingNetwork
from mamebert.encoder.packing import Packed
from mamebert.encoder.parts import Linear
from mamebert.encoder.settings import EncoderConfig
from mamebert.evaluation.cost.flops import step_flops
from mamebert.objectives import Objective
from mamebert.objectives.beside.generator import Generator, sample
from mamebert.objectives.data.examples import Examples
from mamebert.objectives.data.flops import batch_flops
from mamebert.objectives.data.pretraining_batch import LossDivisors, PretrainingBatch
from mamebert.objectives.data.runs import runs_of_text
from mamebert.training.loop import Losses


class AllTokenLM(Objective):
    """Guess every token of a run of text in which a generator has replaced some, those that were not replaced too."""

    trains_more: ClassVar[bool] = True
    num_draws: ClassVar[int] = 2
    mask_token_rate: float = Field(default=0.85, ge=0, le=1)
    """Of the tokens asked for, the share that the generator sees as [MASK] (ELECTRA: 0.85, and the others as they
    are)."""
    random_token_rate: float | None = Field(default=0.0, ge=0, le=1)
    """Of the tokens asked for, the share that the generator sees as a random token."""
    kept_mask_rate: float = Field(default=0.5, ge=0, le=1)
    """Of the [MASK]s, the share that the encoder sees too; at all others it sees what the generator put there. With 0,
    as in the paper, it never meets a [MASK] and cannot fill one."""
    generator: Generator = Generator()
    """What puts words in the place of those that are asked for."""

    def require_asked_of(self, shape: EncoderConfig) -> None:
        """Raise a UserError where no generator can be made for an encoder."""
        super().require_asked_of(shape)
        self.generator.shape(shape)

    @property
    def scored_rate(self) -> float:
        """Return 1: every token is scored, and some again by the small generator."""
        return 1.0

    def examples(self, shards: TokenShards, seed: int) -> Examples:
        """Cut every document into runs of the longest length."""
        return runs_of_text(shards, self.max_length, seed)

    def equip(self, network: PretrainingNetwork) -> None:
        """Give it a generator, and what tells whether a token was replaced."""
        copies = Linear(network.bert.config.hidden_size, 1)
        nn.init.normal_(copies.weight, std=network.bert.config.initializer_range)
        nn.init.zeros_(copies.bias)
        network.beside = nn.ModuleDict({"generator": self.generator.new(network), "copies": copies})

    def loss(self, network: PretrainingNetwork, part: PretrainingBatch, whole: LossDivisors) -> Losses:
        """Return the generator's loss and that of all tokens, both over the number of tokens hidden in the whole batch.

        So a hidden word weighs as much as in masked_lm, whatever the share of tokens that are hidden.
        """
        generator = network.beside["generator"]
        generator.bert.compute_dtype = network.bert.compute_dtype
        hidden = generator.bert(part.packed, part.chosen)
        guessed = generator.cls.predictions.loss(hidden, part.targets, whole.tokens)
        shown = self._replaced(part, sample(generator, hidden, part.draws[:, 0]))
        seen = network.bert(shown)
        copies = network.beside["copies"](seen).squeeze(1).float()
        head = network.cls.predictions
        assert isinstance(head, MaskedWordHead)  # a bottleneck was refused
        every = head.loss_or_copy(seen, part.originals, copies, shown.ids, whole.tokens)
        return Losses(guessed + every, {"generator_loss": guessed.detach(), "all_token_loss": every.detach()})

    def flops(self, network: PretrainingNetwork, batch: PretrainingBatch) -> int:
        """Return the operations of a step: every token is read and scored, and a generator works at the hidden ones.

        Its scores are computed again to draw from, which is not counted.
        """
        lengths, num_tokens = batch.packed.lengths, len(batch.packed.ids)
        learns = network.cls.predictions.output_matrix.requires_grad
        every = step_flops(
            network.bert.config, network.bert.vocab_size, lengths, lengths, num_tokens, learns_output=learns
        )
        copies = 3 * 2 * num_tokens * network.bert.config.hidden_size
        return every + copies + batch_flops(network.beside["generator"], batch, num_answers=0)

    def _replaced(self, batch: PretrainingBatch, guesses: Tensor) -> Packed:
        """Return what the encoder sees: at hidden places a [MASK], or the generator's guess."""
        ids = batch.packed.ids
        hidden = ids[batch.chosen]
        stays = (hidden != batch.targets) & (batch.draws[:, 1] < self.kept_mask_rate)
        return batch.showing(ids.index_copy(0, batch.chosen, torch.where(stays, hidden, guesses)))
