"""Which words a generator has put in the place of others (ELECTRA; Clark et al., 2020).

The generator learns masked words; the encoder, a discriminator, says of every token whether it is the one that stood
there. In ELECTRA's ablation 85.0 on GLUE where BERT has 82.2, and the less there is to compute the more is gained.
"""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits

from mamebert.checkpoints.layouts import layout_for
from mamebert.checkpoints.save import save_discriminator, save_pretraining
from mamebert.corpus.token_shards import TokenShards
from mamebert.encoder.heads import DiscriminatorHead
from mamebert.encoder.model import PretrainingNetwork, initialise
from mamebert.encoder.packing import Packed
from mamebert.encoder.settings import EncoderConfig
from mamebert.errors import UserError
from mamebert.evaluation.cost.flops import step_flops
from mamebert.objectives import Objective
from mamebert.objectives.beside.generator import Generator, sample
from mamebert.objectives.data.examples import Examples
from mamebert.objectives.data.flops import batch_flops
from mamebert.objectives.data.held_out_sums import HeldOutSums
from mamebert.objectives.data.pretraining_batch import LossDivisors, PretrainingBatch
from mamebert.objectives.data.runs import runs_of_text
from mamebert.objectives.data.shuffled import shuffled
from mamebert.training.loop import Losses


class ReplacedTokenDetection(Objective):
    """Tell of every token of a run of text whether a generator has put it there in the place of another."""

    trains_more: ClassVar[bool] = True
    fills_masks: ClassVar[bool] = False
    folders: ClassVar[tuple[str, ...]] = ("model", "model-generator")
    num_draws: ClassVar[int] = 1
    encoder: ClassVar[Mapping[str, Any]] = MappingProxyType({"pooler_act": "gelu"})  # as ELECTRA's heads have it
    mask_token_rate: float = Field(default=0.85, ge=0, le=1)
    """Of the tokens asked for, the share that the generator sees as [MASK] (ELECTRA: 0.85, and the others as they
    are)."""
    random_token_rate: float | None = Field(default=0.0, ge=0, le=1)
    """Of the tokens asked for, the share that the generator sees as a random token."""
    discriminator_weight: float = Field(default=50.0, gt=0)
    """How much the discriminator's loss counts, a mean over all tokens, beside the generator's (ELECTRA: 50)."""
    generator: Generator = Generator()
    """What puts words in the place of those that are asked for."""

    def require_asked_of(self, shape: EncoderConfig) -> None:
        """Raise a UserError where no ELECTRA of plain transformers would hold an encoder."""
        super().require_asked_of(shape)
        self.generator.shape(shape)
        layout = layout_for(shape)
        if layout is None or layout.kind != "electra":
            raise UserError(
                f"{self.kind} leaves an ELECTRA, whose class has BERT's layers with segments, gelu and "
                "encoder.pooler_act=gelu. Leave other choices out, or set objective.kind=all_token_lm."
            )

    @property
    def scored_rate(self) -> float:
        """Return what the generator scores."""
        return super().scored_rate / 2  # its layers and its table are narrow

    def examples(self, shards: TokenShards, seed: int) -> Examples:
        """Cut every document into runs of the longest length."""
        return runs_of_text(shards, self.max_length, seed)

    def equip(self, network: PretrainingNetwork) -> None:
        """Give it a generator, and the head that tells what was replaced."""
        head = DiscriminatorHead(network.bert.config)
        initialise(head, network.bert.config.initializer_range)
        network.beside = nn.ModuleDict({"generator": self.generator.new(network), "discriminator_predictions": head})

    def loss(self, network: PretrainingNetwork, part: PretrainingBatch, whole: LossDivisors) -> Losses:
        """Return the generator's loss, over the tokens hidden in the whole batch, and the discriminator's, over all."""
        generator = network.beside["generator"]
        generator.bert.compute_dtype = network.bert.compute_dtype
        hidden = generator.bert(part.packed, part.chosen)
        guessed = generator.cls.predictions.loss(hidden, part.targets, whole.tokens)
        shown = self._replaced(part, sample(generator, hidden, part.draws[:, 0]))
        told = self._told(network, shown, part.originals).sum() * (self.discriminator_weight / whole.read)
        return Losses(guessed + told, {"generator_loss": guessed.detach(), "discriminator_loss": told.detach()})

    def answer(self, network: PretrainingNetwork, batch: PretrainingBatch, so_far: HeldOutSums) -> None:
        """Add the generator's answers for words, and the discriminator's for all tokens."""
        self._answer_both(network, batch, so_far)

    def answer_and_shuffle(
        self, network: PretrainingNetwork, batch: PretrainingBatch, seed: int, so_far: HeldOutSums
    ) -> None:
        """Add the answers, and what the discriminator loses when it sees the same words in another order."""
        shown, loss = self._answer_both(network, batch, so_far)
        # The tokens that stood there move along with those that are shown.
        everywhere = torch.arange(len(shown.ids), device=shown.ids.device)
        asked = PretrainingBatch(shown, everywhere, batch.originals, batch.labels)
        moved = shuffled(asked, seed)
        so_far.lost_in_disorder += float(self._told(network, moved.packed, moved.targets).sum()) - loss
        so_far.asked_in_disorder += len(batch.targets)

    def save(self, network: PretrainingNetwork, tokenizer_folder: Path, folder: Path) -> list[Path]:
        """Write the discriminator to `folder`, and beside it the generator."""
        beside = folder.with_name(f"{folder.name}-generator")
        save_discriminator(network.bert, network.beside["discriminator_predictions"], tokenizer_folder, folder)
        save_pretraining(network.beside["generator"], tokenizer_folder, beside)
        return [folder, beside]

    def flops(self, network: PretrainingNetwork, batch: PretrainingBatch) -> int:
        """Return the operations of a step: every token is read and judged, and a generator works at the hidden ones."""
        lengths, num_tokens, width = batch.packed.lengths, len(batch.packed.ids), network.bert.config.hidden_size
        judged = step_flops(network.bert.config, network.bert.vocab_size, lengths, lengths, num_chosen=0)
        head = 3 * 2 * num_tokens * width * (width + 1)
        return judged + head + batch_flops(network.beside["generator"], batch, num_answers=0)

    def _answer_both(
        self, network: PretrainingNetwork, batch: PretrainingBatch, so_far: HeldOutSums
    ) -> tuple[Packed, float]:
        """Return what the discriminator saw too, and its loss, summed over the tokens."""
        generator = network.beside["generator"]
        generator.bert.compute_dtype = network.bert.compute_dtype
        self._answer_words(generator, batch, so_far)
        hidden = generator.bert(batch.packed, batch.chosen)
        shown = self._replaced(batch, sample(generator, hidden, batch.draws[:, 0]))
        originals = batch.originals
        replaced = shown.ids != originals
        scores = self._scores(network, shown)
        right = (scores > 0) == replaced
        so_far.replaced += int(replaced.sum())
        so_far.replaced_right += int((right & replaced).sum())
        so_far.kept += int((~replaced).sum())
        so_far.kept_right += int((right & ~replaced).sum())
        loss = float(_loss(scores, replaced).sum())
        so_far.discriminator_loss += loss
        return shown, loss

    def _replaced(self, batch: PretrainingBatch, guesses: Tensor) -> Packed:
        return batch.showing(batch.packed.ids.index_copy(0, batch.chosen, guesses))

    def _told(self, network: PretrainingNetwork, shown: Packed, originals: Tensor) -> Tensor:
        """Return the loss of every token, in nats: [tokens]. A guess that is right is no replacement."""
        return _loss(self._scores(network, shown), shown.ids != originals)

    def _scores(self, network: PretrainingNetwork, shown: Packed) -> Tensor:
        scores: Tensor = network.beside["discriminator_predictions"](network.bert(shown)).float()
        return scores


def _loss(scores: Tensor, replaced: Tensor) -> Tensor:
    return binary_cross_entropy_with_logits(scores, replaced.float(), reduction="none")
