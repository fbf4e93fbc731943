"""What fine-tuning does where the settings say nothing: by the size of the encoder, the task and the number of rows.

What is given always wins. What is decided here is written into the results of the run, by the dotted names of the
settings, and shown on its page. The measurements behind each rule are in docs/lab.md (2026-11-30).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any, Self

import numpy as np

from mamebert.encoder.settings import EncoderConfig
from mamebert.stages.finetune.search_space import NO_CAP, RANGES, SMALL_RANGES, Search
from mamebert.stages.finetune.settings import FinetuneConfig
from mamebert.tasks import Task
from mamebert.tasks.data.features import Features
from mamebert.training.groups import WORDS, Learning

LEAST_STEPS = 600
"""A head and an encoder need some hundred steps whatever the set: 300 sentences of CoNLL-2003 in 12 steps of 4,096
tokens, which was the default, gave an entity F1 of 0.03."""
LEAST_EPOCHS, LEAST_EPOCHS_IN_PARTS = 8, 16
"""More where an epoch reads one chunk of a text: after eight, Livedoor's validation accuracy was still rising."""
MOST_EPOCHS = 100
LEAST_PATIENCE, MOST_PATIENCE = 5, 12
"""Epochs without a better validation result: a quarter of all, for small sets are judged by few rows."""
ROWS = 16
"""Rows of a step. Short rows fill 4,096 tokens by the hundred, and few such steps teach nothing."""
LEAST_VALIDATIONS = 5
"""Where validation rows are many beside those of training, validating each epoch would cost more than learning."""
MANY_ROWS, ROWS_OF_MANY = 5_000, 32
"""Training rows from which a step has more: there are steps enough then, and larger ones cost less time a row."""
MOST_TOKENS = 8_192
"""Tokens that the rows of a step may have on average: long documents in chunks would fill the memory."""
WARMUP_RATE = 0.1
BATCH_TOKENS = 4_096
"""Tokens of a step where rows are not to be counted (batch_rows=0)."""
DROPOUT = 0.1
"""Share of hidden values dropped where a small encoder was pretrained with less. Pretraining reads every text once and
learns faster without any; few labelled rows are read dozens of times. CoNLL-2003 by 300 sentences: entity F1 0.368
without, 0.394 with it."""
HEAD_LR = 1e-3
"""Where only what stands on the encoder learns: nothing pretrained can be harmed."""


@dataclass(frozen=True)
class Rates:
    """How fast an encoder of a size learns."""

    peak_lr: float
    words: float = 1.0
    """The rate of the word table as a multiple of it."""
    head: float = 1.0
    """That of the head."""


@dataclass(frozen=True)
class Rows:
    """The rows that are learnt from."""

    number: int
    tokens: float
    """Tokens that are read of a row, on average."""
    compare: bool = False
    """Whether a row is two texts, or a question and its passage, in one sequence."""
    in_parts: bool = False
    """Whether an epoch reads but a part of most rows: one chunk of a long text."""
    valid_tokens: int = 0
    """Tokens of all rows that epochs are judged by."""

    @classmethod
    def of(cls, task: Task, features: Sequence[Features], valid: Sequence[Features] = ()) -> Self:
        """Return how many examples there are, and how much one epoch of training reads of each."""
        rng = np.random.default_rng(0)
        read = [task.learnt_from(each, rng) for each in features]
        compare = any(kinds[-1] for each in read for kinds in each.segments or ())
        partly = sum(each.num_tokens < whole.num_tokens for each, whole in zip(read, features, strict=True))
        tokens, of_valid = (sum(each.num_tokens for each in part) for part in (read, valid))
        return cls(len(read), tokens / len(read), compare, 2 * partly > len(read), of_valid)

    def steps(self, batch_rows: int, batch_tokens: int) -> int:
        """Return the steps of an epoch, about; without `batch_rows`, as many as `batch_tokens` make."""
        return max(1, ceil(self.number / batch_rows if batch_rows else self.number * self.tokens / batch_tokens))


def rates(shape: EncoderConfig, rows: Rows, *, by_both: bool = False) -> Rates:
    """Return how fast an encoder learns: the wider and deeper, the slower.

    Small ones: measured. Where texts are compared they soon forget what they knew of that, and 1e-3 leaves nothing of
    it; `by_both`, where the head gets both texts side by side, there is nothing to forget. Topics of long texts are
    told by words, which have to learn much faster than layers. ELECTRA-small (256 wide, 12 deep; Clark et al., 2020):
    3e-4. BERT-base and larger: 2e-5 to 5e-5 (Devlin et al., 2019); the narrower ones between, such as MiniLM (384),
    take the upper end of that.
    """
    if shape.is_small:
        if rows.compare and not by_both:
            return Rates(3e-4)
        return Rates(1e-3, words=5, head=3) if rows.in_parts else Rates(1e-3)
    if shape.hidden_size <= 256:
        return Rates(3e-4)
    return Rates(5e-5 if shape.hidden_size < 768 else 3e-5)


def _knows_no_pairs(shape: EncoderConfig) -> bool:
    """Tell whether an encoder is small and has no segments: so it was never asked how two texts stand to each other.

    mame-ja, 500 pairs of JSTS: Pearson 0.04 by [CLS] at 3e-4, 0.30 by means, 0.43 by what lies between both texts, and
    0.55 by that at 1e-3 (means of three seeds).
    """
    return shape.is_small and shape.type_vocab_size < 2


def decide(config: FinetuneConfig, shape: EncoderConfig, rows: Rows) -> dict[str, Any]:
    """Return values for what the settings leave open, by dotted names."""
    training = config.training
    found: dict[str, Any] = {}
    is_open = config.reading.tokens is None and not config.reading.lstm_size
    if rows.compare and is_open and _knows_no_pairs(shape) and config.task.reads_pairs:
        found["reading.tokens"] = "pair"
    batch_rows = config.batch_rows
    if batch_rows is None:
        batch_rows = found["batch_rows"] = 0 if training.batch_tokens else _rows_of_a_step(rows)
    if not batch_rows and training.batch_tokens is None:
        found["training.batch_tokens"] = BATCH_TOKENS
    steps = rows.steps(batch_rows, training.batch_tokens or BATCH_TOKENS)
    if not training.epochs and not training.steps:
        least = LEAST_EPOCHS_IN_PARTS if rows.in_parts else LEAST_EPOCHS
        found["training.epochs"] = min(MOST_EPOCHS, max(least, ceil(LEAST_STEPS / steps)))
    if training.peak_lr is None:
        by_both = found.get("reading.tokens", config.reading.tokens) == "pair"
        found |= _rates(config.learning, shape, rows, by_both)
        if training.optimizer == "muon":  # which learns at one rate
            found.pop("learning.groups", None)
    if config.dropout is None and shape.is_small and shape.hidden_dropout_prob < DROPOUT:
        found["dropout"] = DROPOUT
    if training.warmup_rate is None:
        found["training.warmup_rate"] = WARMUP_RATE
    epochs = found.get("training.epochs", training.epochs) or ceil(training.steps / steps)
    if config.patience is None:
        found["patience"] = min(MOST_PATIENCE, max(LEAST_PATIENCE, ceil(epochs / 4)))
        if config.validate_every is None:
            found["validate_every"] = _validate_every(epochs, config.learning, rows)
    return found


def space(search: Search, shape: EncoderConfig, rows: Rows) -> dict[str, Any]:
    """Return what a search tries where `search.space` does not say it."""
    found = dict((SMALL_RANGES if shape.is_small else RANGES)[search.ranges])
    if max(found.get("training.epochs", [NO_CAP])) * rows.steps(ROWS, 0) < LEAST_STEPS:
        del found["training.epochs"]
    return found


def _rows_of_a_step(rows: Rows) -> int:
    wanted = ROWS if rows.number < MANY_ROWS else ROWS_OF_MANY
    return max(1, min(wanted, int(MOST_TOKENS / max(rows.tokens, 1))))


def _validate_every(epochs: int, learning: Learning, rows: Rows) -> int:
    if learning.trainable == "head":  # the hidden states of validation rows are kept
        return 1
    wanted = ceil(rows.valid_tokens / max(1, round(rows.number * rows.tokens)))
    return max(1, min(wanted, epochs // LEAST_VALIDATIONS))


def _rates(learning: Learning, shape: EncoderConfig, rows: Rows, by_both: bool) -> dict[str, Any]:
    if learning.trainable == "head":
        return {"training.peak_lr": HEAD_LR}
    found = rates(shape, rows, by_both=by_both)
    factors = {WORDS: found.words, "bert.pooler.": found.head, "head.": found.head}
    groups = {name: found.peak_lr * factor for name, factor in factors.items() if factor != 1}
    is_open = learning == Learning() and groups
    return {"training.peak_lr": found.peak_lr} | ({"learning.groups": groups} if is_open else {})
