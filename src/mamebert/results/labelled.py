"""What the stages on labelled rows have in common: rows, scores, and the comparison of any two models."""

from typing import Any

from pydantic import Field

from mamebert.results.entry import Entry
from mamebert.results.pretrain import Parameters


class Spread(Entry):
    """A metric over several seeds."""

    mean: float | None = None
    """None, or no number, where the metric cannot be told of these rows."""
    spread: float | None = None
    """Sample standard deviation; None for one seed."""


MetricScores = dict[str, Spread | float]
"""By metric, the leading one first: over seeds, or a single number where there are none."""


class SeedResult(Entry):
    """A training with one seed."""

    seed: int | None = None
    scores: dict[str, float] = Field(default={})
    """On the test rows, by metric."""
    tests: dict[str, dict[str, float]] = Field(default={})
    """On further test rows, by their name."""
    best_epoch: int | None = None
    """The epoch that validated best, from 1; its weights are kept."""
    valid_by_epoch: list[float] = Field(default=[])
    """The leading metric on the validation rows after each epoch that was validated."""
    valid_loss_by_epoch: list[float] = Field(default=[])
    """The loss on them; of epochs with the same metric that of the lowest is the best."""
    validated_epochs: list[int] = Field(default=[])
    """The numbers of these epochs; without any, all were validated."""
    num_steps: int = 0
    """Steps of the optimizer until training ended; 0 where a fit is convex."""
    chosen: dict[str, Any] = Field(default={})
    """What they decided besides, where a fit is convex: its columns, C, temperature."""
    seconds: float | None = None


class LengthsOfPart(Entry):
    """Lengths of the rows of a part, in tokens."""

    counts: list[int] = Field(default=[])
    """Rows between any two edges: longer than the lower one, and at most as long as the upper one."""
    median: float | None = None
    longest: int | None = None
    cut: int | None = None
    """Rows of which only the beginning is read."""


class RowLengths(Entry):
    """Lengths of the rows in the tokens of one model; those that are not read count too."""

    max_length: int | None = None
    """Tokens that are read of a row; None where a row has several sequences, each cut by itself."""
    edges: list[int] = Field(default=[])
    parts: dict[str, LengthsOfPart] = Field(default={})


class TestedModel(Entry):
    """A model on the test rows. An evaluation fills in no seeds: it trains nothing."""

    __test__ = False  # pytest takes names that begin so for tests

    name: str = "model"
    path: str | None = None
    """The folder it began as, or is."""
    epoch: float | None = None
    """Pretraining epochs its encoder had seen when it was kept on the way; None for a finished one."""
    random_weights: bool = False
    """Whether only its shape was used, without what pretraining learnt."""
    seen_test_text: bool = False
    """Whether the test rows stand in the text, or among the rows, that it learnt from."""
    unknown_rate: float | None = None
    """Share of the pieces of all rows that are [UNK] to it."""
    truncated_share: float | None = None
    """Share of the rows of which only the beginning is read."""
    lengths: RowLengths | None = None
    """None for a model kept on the way: the finished one has the same."""
    parameters: Parameters | None = None
    seeds: list[SeedResult] = Field(default=[])
    best_seed: int | None = None
    """The one that validated best."""
    decided: dict[str, Any] = Field(default={})
    """What the settings of its fine-tuning left open, as it was decided: values by the dotted names of settings."""
    doubts: list[str] = Field(default=[])
    """What in its trainings may explain a bad score, as sentences."""
    scores: MetricScores = Field(default={})
    tests: dict[str, MetricScores] = Field(default={})
    """On further test rows, by their name."""
    seconds: float | None = None
    """To answer all rows."""


class BaselineResult(Entry):
    """A simple way without an encoder, on the test rows."""

    name: str = "baseline"
    scores: MetricScores = Field(default={})
    seconds: float | None = None
    """To learn and to answer."""
    chosen: dict[str, Any] = Field(default={})
    """What the validation rows decided, such as the strength of a regularisation."""
    knows_answers: bool = False
    """Whether it reads the right answers: a bound, and no peer."""
    seen_test_text: bool = False


class Comparison(Entry):
    """Two models on the same test rows (paired bootstrap over the rows)."""

    a: str = ""
    b: str = ""
    difference: float | None = None
    """Leading metric of a, minus that of b."""
    interval: list[float] = Field(default=[])
    """Lower and upper end of the 95 % interval of the difference."""
    p: float | None = None
    """How likely chance alone makes such a difference."""


class RepeatedRows(Entry):
    """Rows of a tested part that stand in the training part too."""

    rows: int = 0
    with_another_answer: int = 0
    """Those that have another right answer there."""


class RowsResults(Entry):
    """Task and rows."""

    task: str | None = None
    """Its kind: classification, span_qa ..."""
    labels: list[str] = Field(default=[])
    columns: list[str] = Field(default=[])
    """Columns that are read of a row."""
    example: dict[str, Any] | None = None
    """A row as a caller may give it."""
    split: dict[str, dict[str, int]] = Field(default={})
    """By part (train, valid, test), how often each answer occurs; {"rows": number} where answers cannot be counted."""
    rows: dict[str, int] = Field(default={})
    """Rows of each part, further test rows among them."""
    measure: str = ""
    """The metric that the task goes by."""
    comparisons: list[Comparison] = Field(default=[])


class LabelledResults(RowsResults):
    """The results of finetune and evaluate."""

    unusable_rows: dict[str, dict[str, int]] = Field(default={})
    """By source, how many rows were left out for which reason."""
    unseen: dict[str, dict[str, int]] = Field(default={})
    """By part, how many rows no model can get right for which reason: their answer is in no training row."""
    models: list[TestedModel] = Field(default=[])
    baselines: list[BaselineResult] = Field(default=[])
    repeated_rows: dict[str, RepeatedRows] = Field(default={})
    """By part; those without such rows are not in it."""
    label_shift: dict[str, dict[str, str | float]] = Field(default={})
    """By part: the label whose share differs most, and its share in train and in the part, each under its name."""
