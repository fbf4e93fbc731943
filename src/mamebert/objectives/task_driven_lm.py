"""Masked words of a corpus and of a task's texts, and the task itself, from the first step (TLM; Yao et al., 2022).

The corpus is a small one that `mamebert select` has found near to the task. Then `mamebert finetune` learns the task
alone (the paper's second stage: its classifier is new there, too).
"""

from functools import cached_property
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np
import torch
from pydantic import Field, model_validator
from torch import nn
from torch.nn.functional import cross_entropy

from mamebert.corpus.readers import Reader
from mamebert.corpus.token_shards import TokenShards
from mamebert.encoder.model import PretrainingNetwork
from mamebert.encoder.parts import Linear
from mamebert.encoder.settings import EncoderConfig
from mamebert.errors import UserError, unknown
from mamebert.objectives import Objective
from mamebert.objectives.data.examples import Examples, SecondText
from mamebert.objectives.data.pretraining_batch import LossDivisors, PretrainingBatch
from mamebert.objectives.data.runs import runs_of_text
from mamebert.runs import Source
from mamebert.tokenizer.encoding import Tokenizer
from mamebert.training.loop import Losses

ROWS_LOOKED_AT = 3


class Rows(NamedTuple):
    """The labelled rows of a task that have text."""

    texts: list[str]
    labels: list[int]
    """The class of each, by its place in `classes`."""
    classes: list[str]
    """In the order of their names."""


class TaskDrivenLM(Objective):
    """Guess the masked tokens of a corpus and, in every so many-th step, those of labelled texts and their classes."""

    trains_more: ClassVar[bool] = True

    source: Reader | None = None
    """The labelled rows of the task: those to learn from, never those to be tested on."""
    text_columns: list[str] = Field(default=["text"], min_length=1)
    """Columns that make up the text of a row, joined by line ends."""
    label_column: str = "label"
    """Column with the class of a row."""
    task_every: int = Field(default=1000, ge=1)
    """Every so many-th step is one of the task (Yao et al.: rho1 = 999 of the corpus for one of the task). 1 reads the
    task alone."""
    masked_lm_weight: float = Field(default=20.0, ge=0)
    """What masked tokens count beside the class in steps of the task, w: the loss is (w · words + class) / (w + 1) (Yao
    et al.: rho2 = 20). At 0 nothing is masked, which needs task_every=1: plain fine-tuning."""

    @model_validator(mode="after")
    def _something_is_asked_of_the_corpus(self) -> Self:
        if self.masked_lm_weight == 0 and self.task_every > 1:
            raise ValueError(
                "With masked_lm_weight=0 nothing is asked of the corpus. Set task_every=1, or give a weight above 0."
            )
        return self

    @property
    def asks_for_words(self) -> bool:
        """Whether words are masked and asked for."""
        return self.masked_lm_weight > 0

    def require_asked_of(self, shape: EncoderConfig) -> None:
        """Raise a UserError where no rows are named, or an encoder has no [CLS] that hears of the text."""
        super().require_asked_of(shape)
        if self.source is None:
            raise UserError(f"{self.kind} learns a task too, and no rows are given. Set objective.source=ROWS.")

    def fingerprint(self) -> list[Source]:
        """Return the rows of the task."""
        return self.source.fingerprint() if self.source else []

    def look(self) -> None:
        """Raise a UserError where the first rows cannot be read, or lack a column."""
        for row in self.source.first_rows(ROWS_LOOKED_AT) if self.source else ():
            self._text(row)
            _value(row, self.label_column)

    @cached_property
    def rows(self) -> Rows:
        """All rows that have text and a label; fewer than two classes are a UserError."""
        assert self.source
        read = [(self._text(row), str(_value(row, self.label_column))) for row in self.source.rows()]
        read = [(text, label) for text, label in read if text.strip() and label]
        classes = sorted({label for _, label in read})
        if len(classes) < 2:
            raise UserError(
                f"The rows of objective.source have {len(classes)} classes in {self.label_column!r}, and there is "
                "something to tell apart from two on. Name another label_column, or give other rows."
            )
        places = {label: place for place, label in enumerate(classes)}
        return Rows([text for text, _ in read], [places[label] for _, label in read], classes)

    def second_text(self, tokenizer: Tokenizer, shards: TokenShards) -> SecondText:
        """Return the labelled texts, each cut to the longest length."""
        pieces = tokenizer.encode_many(self.rows.texts)
        longest = self.max_length - 2
        # A text without a known piece still has a class.
        unknown_text = np.array([tokenizer.unk_id]), np.array([True])
        known = [(each.ids, each.word_starts) if len(each.ids) else unknown_text for each in pieces]
        held = TokenShards.of_texts(known, shards.folder, shards.vocab_size)
        starts = held.sentence_starts
        sizes = np.minimum(np.diff(starts), longest)
        every = Examples(starts[:-1, None], sizes[:, None], np.array(self.rows.labels, np.int64), labelled=True)
        return SecondText(held, lambda _: every, self.task_every)

    def examples(self, shards: TokenShards, seed: int) -> Examples:
        """Cut every document of the corpus into runs of the longest length."""
        return runs_of_text(shards, self.max_length, seed)

    def equip(self, network: PretrainingNetwork) -> None:
        """Give it a classifier over [CLS]: dense, GELU, dense; it is let go at the end."""
        if self.source is None:
            return
        config = network.bert.config
        layers = Linear(config.hidden_size, config.hidden_size), Linear(config.hidden_size, len(self.rows.classes))
        for layer in layers:
            nn.init.normal_(layer.weight, std=config.initializer_range)
            nn.init.zeros_(layer.bias)
        network.beside = nn.ModuleDict({"classifier": nn.Sequential(layers[0], nn.GELU(), layers[1])})

    def loss(self, network: PretrainingNetwork, part: PretrainingBatch, whole: LossDivisors) -> Losses:
        """Return the cross entropy of the masked tokens and, of labelled texts, its weighted mean with the classes'."""
        if not part.labelled:
            return super().loss(network, part, whole)
        firsts = part.packed.firsts
        places = torch.cat([firsts, part.chosen]).sort().values  # [CLS] is never chosen
        hidden = network.bert(part.packed, places)
        scores = network.beside["classifier"](hidden[torch.searchsorted(places, firsts)])
        task = cross_entropy(scores.float(), part.labels, reduction="sum") / whole.sequences
        share = 1 / (self.masked_lm_weight + 1)
        weighed = share * task
        if not self.asks_for_words:
            return Losses(weighed, {"task_loss": task.detach()})
        asked = hidden[torch.searchsorted(places, part.chosen)]
        masked = network.cls.predictions.loss(asked, part.targets, whole.tokens)
        total = (1 - share) * masked + weighed
        return Losses(total, {"mlm_loss": masked.detach(), "task_loss": task.detach()})

    def flops(self, network: PretrainingNetwork, batch: PretrainingBatch) -> int:
        """Return the operations of a step; the classifier's too, where it is asked."""
        if not batch.labelled:
            return super().flops(network, batch)
        width = network.bert.config.hidden_size
        classifier = 6 * len(batch.labels) * width * (width + len(self.rows.classes))
        return super().flops(network, batch) + classifier

    def _text(self, row: dict[str, Any]) -> str:
        return "\n".join(str(_value(row, name)) for name in self.text_columns)


def _value(row: dict[str, Any], name: str) -> Any:
    if name not in row:
        raise unknown("column", name, map(str, row))
    return row[name]
