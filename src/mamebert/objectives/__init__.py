"""Pretraining objectives: ONE FILE PER OBJECTIVE."""

from abc import abstractmethod
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar, Literal, Self

from pydantic import Field, model_validator
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from mamebert.checkpoints.save import save_pretraining
from mamebert.checkpoints.sentence_transformers import Modules
from mamebert.config import Choice
from mamebert.corpus.token_shards import TokenShards
from mamebert.encoder.model import PretrainingNetwork
from mamebert.encoder.settings import EncoderConfig
from mamebert.errors import UserError
from mamebert.objectives.data.examples import Examples, SecondText
from mamebert.objectives.data.flops import batch_flops
from mamebert.objectives.data.held_out_sums import HeldOutSums
from mamebert.objectives.data.masking import UNITS_HIDDEN_WHOLE, MaskUnit
from mamebert.objectives.data.pretraining_batch import LossDivisors, PretrainingBatch
from mamebert.objectives.data.shuffled import shuffled
from mamebert.runs import Source
from mamebert.tokenizer.encoding import Tokenizer
from mamebert.training.loop import Losses

MASK_RATES = 16
"""Even steps in which a mask rate that falls does so."""


class Objective(Choice):
    """A pretraining objective."""

    newer: ClassVar[tuple[str, ...]] = (
        "last_mask_rate",
        "random_token_rate",
        "hide_unit",
        "pmi_min_count",
        "pmi_rate",
        "dupe_factor",
        "z_loss",
    )
    question: ClassVar[Literal["", "nsp", "sop", "sso"]] = ""
    """What it asks of every pair of segments, answered at its [CLS]; nothing if empty."""
    reads_all_tokens: ClassVar[bool] = False
    """Whether it reads the last layer of every token, and not only of those asked for."""
    trains_more: ClassVar[bool] = False
    """Whether it trains more than encoder and heads, `PretrainingNetwork.beside`."""
    hides: ClassVar[Literal["words", "nothing"]] = "words"
    """Whether words are hidden in the text."""
    encoder: ClassVar[Mapping[str, Any]] = MappingProxyType({})
    """Settings of an encoder that follow from it, where they are not given."""
    fills_masks: ClassVar[bool] = True
    """Whether the encoder can be asked for masked words afterwards."""
    folders: ClassVar[tuple[str, ...]] = ("model",)
    """What `save` leaves in a run."""
    num_draws: ClassVar[int] = 0
    """Random numbers that it needs for every token asked for."""
    asks_small_for_more: ClassVar[bool] = False
    """Whether small encoders are asked for more of the tokens than BERT, unless settings say how many."""
    max_length: int = Field(default=128, ge=8)
    """Longest sequence in tokens, special tokens included."""
    mask_rate: float = Field(default=0.15, gt=0, lt=1)
    """Share of the tokens that are asked for (BERT: 0.15). Pretraining a small encoder by masked words asks for 0.4 if
    it is not given."""
    last_mask_rate: float | None = Field(default=None, gt=0, lt=1)
    """Share of the tokens that are asked for at the end of training, to which mask_rate goes in even steps
    (from 0.3 to 0.15: GPT-BERT, Charpentier and Samuel, 2024). Without it the share stays."""
    mask_token_rate: float = Field(default=0.8, ge=0, le=1)
    """Of the tokens asked for, the share shown as [MASK] (BERT: 0.8; 1 shows nothing else)."""
    random_token_rate: float | None = Field(default=None, ge=0, le=1)
    """Of the tokens asked for, the share shown as a random token; all others stay as they are. Without it, half of what
    is not shown as [MASK]."""
    mask_unit: MaskUnit = "token"
    """What is asked for as a whole: tokens; words; spans of 1 to 10 words (as SpanBERT draws them); n-grams of 1 to 3
    words, of length n as often as 1 / n (ALBERT); or collocations of the corpus, and all other words (PMI-Masking;
    Levine et al., 2021)."""
    hide_unit: Literal["token", "unit"] | None = None
    """What [MASK], a random token or the token itself is drawn for: each token, or all tokens of a `mask_unit` at once;
    unset, all at once for pmi (as there) and each token for the others."""
    pmi_min_count: int = Field(default=10, ge=1)
    """How often two to five words have to stand together in the text to be a collocation of mask_unit=pmi."""
    pmi_rate: float = Field(default=0.05, gt=0, le=1)
    """Share of those that are collocations: the ones that hold together best."""
    z_loss: float = Field(default=0.0, ge=0)
    """Added to the loss of each token asked for: so many times the square of the logarithm of the sum of exponentials,
    which keeps scores from drifting away (PaLM, GPT-BERT: 1e-4)."""
    dupe_factor: int | None = Field(default=None, ge=1)
    """Static masks: so many passes over the text are made, and later epochs see the same again, masks included (BERT's
    files: 10). Without it every epoch is drawn and masked anew (dynamic; RoBERTa)."""

    @model_validator(mode="after")
    def _shares_of_what_is_shown_add_up(self) -> Self:
        if self.mask_token_rate + (self.random_token_rate or 0) > 1:
            raise ValueError(
                f"mask_token_rate {self.mask_token_rate} and random_token_rate {self.random_token_rate} are more than "
                "1 together. Lower one of them."
            )
        return self

    @model_validator(mode="after")
    def _a_generator_has_no_z_loss(self) -> Self:
        if self.z_loss and self.num_draws:
            raise ValueError("z_loss is for objectives without a generator of words. Leave it out.")
        return self

    def mask_rate_at(self, done: float) -> float:
        """Return the share of the tokens that are asked for when a share `done` of the training is over.

        It goes in stairs: each number of asked tokens is a shape for which the library of matrix products prepares
        code, which it keeps. A rate that was another in every step took 3.1 GB where a steady one took 0.7.
        """
        last = self.mask_rate if self.last_mask_rate is None else self.last_mask_rate
        return self.mask_rate + (last - self.mask_rate) * round(MASK_RATES * min(1.0, done)) / MASK_RATES

    @property
    def asks_for_words(self) -> bool:
        """Whether words are masked and asked for."""
        return True

    @property
    def hides_whole_units(self) -> bool:
        """Whether it is drawn once for a unit what is shown in its place."""
        return self.hide_unit == "unit" or (self.hide_unit is None and self.mask_unit in UNITS_HIDDEN_WHOLE)

    @property
    def modules(self) -> Modules | None:
        """How the finished encoder makes the vector of a text; None where it has learnt none."""
        return None

    def groups(self, num_sequences: int) -> tuple[int, ...] | None:
        """Return how many of the sequences of a batch are asked together; None where each is asked alone."""
        return None

    @property
    def has_sentence_pairs(self) -> bool:
        """Whether it asks a question of every pair of segments."""
        return bool(self.question)

    @property
    def fewest_documents(self) -> int:
        """Return how many documents a text needs to be asked of: two where one is told from another."""
        return 1

    @property
    def scored_rate(self) -> float:
        """Return for what share of the tokens the score of every word is computed, for an estimate of time."""
        return (self.mask_rate_at(0) + self.mask_rate_at(1)) / 2

    def check(self, shards: TokenShards) -> None:
        """Raise a UserError where a corpus has nothing to ask about; tell what will be learnt badly."""

    def fingerprint(self) -> list[Source]:
        """Return the outside text that it reads itself; as a rule none."""
        return []

    def look(self) -> None:
        """Raise a UserError where such text cannot be read, as far as seconds tell."""

    def second_text(self, tokenizer: Tokenizer, shards: TokenShards) -> SecondText | None:
        """Return what is read beside the corpus; as a rule nothing."""
        return None

    def require_asked_of(self, shape: EncoderConfig) -> None:
        """Raise a UserError where an encoder has no head for what is asked."""
        if shape.is_decoder and self.hides == "words":
            raise UserError(
                f"{self.kind} asks for hidden words, which have a context on both sides, and the encoder reads from "
                "left to right (is_decoder). Set encoder.is_decoder=false, or objective.kind=left_to_right_lm."
            )
        if self.has_sentence_pairs and not shape.has_pretrained_pooler:
            raise UserError(
                f"{self.kind} asks about pairs at their [CLS], and an encoder with head={shape.head} has no "
                "pooler to answer. Set objective.kind=masked_lm."
            )

    @classmethod
    def encoder_of(cls, given: Any) -> Mapping[str, Any]:
        """Return the settings of an encoder that follow from an objective, in whatever way it is spelt."""
        kind = given.get("kind") if isinstance(given, dict) else getattr(given, "kind", given)
        found: Mapping[str, Any] = cls.find(kind).encoder if kind in cls.names() else {}
        return found

    def pose(self, batch: PretrainingBatch) -> PretrainingBatch:
        """Return what is asked of sequences in which words are hidden."""
        return batch

    def shuffled(self, batch: PretrainingBatch, seed: int) -> PretrainingBatch:
        """Return the same questions about the words of each sequence in another order, for order gain."""
        return shuffled(batch, seed)

    def equip(self, network: PretrainingNetwork) -> None:
        """Give a network, which has its first weights, what this trains `beside` it."""

    def flops(self, network: PretrainingNetwork, batch: PretrainingBatch) -> int:
        """Return the floating-point operations of a step over a batch, matrix products only."""
        num_answers = len(network.cls.relations) if self.has_sentence_pairs else 0
        return batch_flops(network, batch, num_answers, self.reads_all_tokens)

    @abstractmethod
    def examples(self, shards: TokenShards, seed: int) -> Examples:
        """Return the sequences of one epoch, drawn anew for every seed."""

    def loss(self, network: PretrainingNetwork, part: PretrainingBatch, whole: LossDivisors) -> Losses:
        """Return the cross entropy of the tokens that a part of a batch asks for, over the number asked in the whole.

        So the losses of all parts, wherever they are computed, add up to the mean over the batch.
        """
        hidden = network.bert(part.packed, part.chosen)
        masked = network.cls.predictions.loss(hidden, part.targets, whole.tokens)
        return Losses(masked, {"mlm_loss": masked.detach()})

    def answer(self, network: PretrainingNetwork, batch: PretrainingBatch, so_far: HeldOutSums) -> None:
        """Add the answers to one held-out batch to `so_far`."""
        self._answer_words(network, batch, so_far)

    def answer_with_order_gain(
        self, network: PretrainingNetwork, batch: PretrainingBatch, in_disorder: PretrainingBatch, so_far: HeldOutSums
    ) -> None:
        """Add the answers to one held-out batch, and what its masked words lose `in_disorder` (`shuffled`)."""
        before, disordered = so_far.loss, HeldOutSums()
        self.answer(network, batch, so_far)
        self._answer_words(network, in_disorder, disordered)
        so_far.lost_in_disorder += disordered.loss - (so_far.loss - before)
        so_far.asked_in_disorder += disordered.asked

    def answer_and_shuffle(
        self, network: PretrainingNetwork, batch: PretrainingBatch, seed: int, so_far: HeldOutSums
    ) -> None:
        """Add the answers to one held-out batch, and what they lose when its words are shuffled."""
        self.answer_with_order_gain(network, batch, self.shuffled(batch, seed), so_far)

    def save(self, network: PretrainingNetwork, tokenizer_folder: Path, folder: Path) -> list[Path]:
        """Write what was learnt to `folder`, and return all folders that plain transformers is to open."""
        save_pretraining(network, tokenizer_folder, folder, self.modules, has_heads=self.asks_for_words)
        return [folder]

    def _answer_words(self, network: PretrainingNetwork, batch: PretrainingBatch, so_far: HeldOutSums) -> None:
        hidden = network.bert(batch.packed, batch.chosen)
        for rows, targets in zip(hidden.split(256), batch.targets.split(256), strict=True):
            logits = network.cls.predictions(rows)
            so_far.loss += float(cross_entropy(logits, targets, reduction="sum"))
            so_far.right += int((logits.argmax(-1) == targets).sum())
            so_far.asked += len(targets)


class ObjectiveModule(nn.Module):
    """An objective put to a network: one module, whose forward several processes can share."""

    def __init__(self, objective: Objective, network: PretrainingNetwork) -> None:
        super().__init__()
        self.objective, self.network = objective, network

    def forward(self, part: PretrainingBatch, whole: LossDivisors) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the objective's loss and its terms."""
        losses = self.objective.loss(self.network, part, whole)
        return losses.total, losses.parts
