"""Uses of an encoder: ONE FILE PER TASK SHAPE.

A task reads rows as examples, shows them to the network as token sequences, puts a head on the hidden states at the
places it asks for, and makes answers of what the head gives. Which parameters learn, how long, from which seeds and
how results are compared is the same for all of them and none of their business.
"""

from abc import abstractmethod
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NamedTuple, Self

import numpy as np
import numpy.typing as npt
from pydantic import Field

from mamebert.config import Choice
from mamebert.corpus.readers import Row
from mamebert.encoder.settings import EncoderConfig
from mamebert.errors import UserError, unknown
from mamebert.evaluation.baselines.fitting import BaselineAnswers
from mamebert.evaluation.metrics.bootstrap import Measure
from mamebert.tasks.data.cells import given, is_missing, label_cell, text_cell
from mamebert.tasks.data.features import Example, Features, Laid, TaskBatch, TaskState, Unusable, as_array
from mamebert.tokenizer.encoding import Tokenizer

if TYPE_CHECKING:
    from torch import Tensor, nn

    from mamebert.encoder.model import Encoder
    from mamebert.tasks.network.named_heads import NamedHead
    from mamebert.training.loop import Losses

Answer = dict[str, Any]
"""An answer as plain JSON, such as {"label": "sport", "probability": 0.9}."""
Raw = npt.NDArray[Any]
"""What the head gives for one example."""
Analyzer = Literal["char", "word", "none"]


class Parts(NamedTuple):
    """Examples to learn from, to choose by, and to be judged on."""

    train: list[Example]
    valid: list[Example]
    test: list[Example]


class Baseline(NamedTuple):
    """What a simple way without an encoder answers to the test examples."""

    name: str
    answers: list[Answer]
    seconds: float
    chosen: dict[str, Any]
    """What validation rows decided, such as the strength of a regularisation."""
    knows_answers: bool = False
    """Whether it reads the right answers: a bound for any model of this shape, and no peer."""

    @classmethod
    def of(cls, found: BaselineAnswers, as_answer: Callable[[Any], Answer]) -> Self:
        """Return what a baseline answered, each answer in the task's own form."""
        return cls(found.name, [as_answer(each) for each in found.answers], found.seconds, found.chosen)


class Task(Choice):
    """What a fine-tuned model is asked for."""

    architecture: ClassVar[str] = ""
    """The class of plain transformers that holds encoder and head; "" where there is none: the folder then opens as
    BertModel, and the head lies beside it in head.safetensors."""
    has_pooler: ClassVar[bool] = True
    """Whether `architecture` has BERT's pooler."""
    reads: ClassVar[Literal["first", "every"]] = "first"
    """Which tokens `architecture` has logits for: [CLS], or every token."""
    reads_texts: ClassVar[bool] = False
    """Whether [CLS] alone is read of each sequence, so that the mean of its tokens can stand in its place."""
    reads_pairs: ClassVar[bool] = False
    """Whether each sequence is two texts, so that both and what lies between them can stand in the place of [CLS]."""

    scores_alternatives: ClassVar[bool] = False
    """Whether what the head gives are scores of alternatives of which one is right; see `alternatives`."""

    lstm_along: ClassVar[Literal["example", "sequence"]] = "example"
    """What the LSTM of a `reading` goes along: all an example reads, or each of its sequences by itself."""

    foreign_settings: ClassVar[dict[str, Any]] = {}
    """Settings for a folder of `architecture` that was not fine-tuned here and tells nothing of its inputs."""

    max_length: int = Field(default=128, ge=8)
    """Longest sequence in tokens, special tokens included."""

    @abstractmethod
    def columns(self) -> list[str]:
        """Return the columns that hold what is asked; a bare text given to a model stands for the first."""

    def example(self) -> dict[str, Any]:
        """Return a row that asks something, as a model card shows it."""
        return dict.fromkeys(self.columns(), "…")

    @abstractmethod
    def inputs(self, row: Row) -> Any:
        """Return what a row asks; `Unusable` where it asks nothing (empty text)."""

    @abstractmethod
    def gold(self, row: Row, inputs: Any) -> Any:
        """Return a row's right answer; `Unusable` where it has none, a UserError where it cannot be one."""

    @abstractmethod
    def learn(self, train: Sequence[Example]) -> TaskState:
        """Return what the training examples tell besides weights, such as the labels; too little is a UserError."""

    @abstractmethod
    def features(self, tokenizer: Tokenizer, examples: Sequence[Example], learnt: TaskState) -> list[Features]:
        """Return the examples as token sequences, with targets where the right answer is known."""

    @abstractmethod
    def head(self, config: EncoderConfig, width: int, pooler: "nn.Module | None", learnt: TaskState) -> "nn.Module":
        """Return the module that gets (reads [reads, width], TaskBatch) and gives what `loss` and `raws` take.

        Its parameters have the names that plain transformers gives them (`classifier.weight`). `pooler` is BERT's, to
        be used (as attribute) or left; None where the reads are not the last layer's, which it was trained for.
        """

    def named_head(self, learnt: TaskState) -> "NamedHead | None":
        """Return the head by the names of its weights, where kernels know one like it; as a rule they do not."""
        return None

    def reads_pooler(self, shape: EncoderConfig) -> bool:
        """Tell whether a network of this shape, with a head that plain transformers knows, has the pooler in it."""
        return self.has_pooler or shape.has_prediction_head

    def start(self, head: "nn.Module", learnt: TaskState) -> None:
        """Set what of a new head is better not drawn at random, such as a bias; as a rule nothing."""

    def starting_from(self, folder: Path) -> Self:
        """Return the task with settings that are left open as the encoder it starts from has them; as a rule itself."""
        return self

    def learnt_from(self, features: Features, rng: np.random.Generator) -> Features:
        """Return what one epoch of training reads of an example; as a rule all of it."""
        return features

    def stored_beside(self, folder: Path) -> dict[str, Raw]:
        """Return what of the head lies in files of other libraries, by the names of its parameters; as a rule none."""
        return {}

    def place_beside(self, name: str) -> tuple[str, str] | None:
        """Return in which file of another library, and under which name, a parameter of the head is saved."""
        return None

    def prepare(self, head: "nn.Module", encoder: "Encoder", folder: Path, learnt: TaskState) -> None:
        """Set what a new head takes from the encoder it starts from, which `folder` holds; as a rule nothing.

        What must not learn is a buffer of the head; it is saved with it.
        """

    @abstractmethod
    def loss(self, found: Any, batch: TaskBatch, whole: int) -> "Losses":
        """Return what a part of a batch adds to the batch's loss; `whole` is the sum of `num_asked` over the batch."""

    @abstractmethod
    def answers(self, raws: Sequence[Raw], features: Sequence[Features], learnt: TaskState) -> list[Answer]:
        """Return the answer to each example."""

    @abstractmethod
    def measures(self, examples: Sequence[Example], answers: Sequence[Answer]) -> list[Measure]:
        """Return how good the answers are: the measure that training goes by first, higher is better."""

    @abstractmethod
    def baselines(self, parts: Parts, analyzer: Analyzer, seed: int) -> Iterator[Baseline]:
        """Yield what the simplest baselines answer to the test examples, as `answers` would."""

    @classmethod
    def foreign(cls, folder: Path, longest: int) -> dict[str, Any]:
        """Return the settings for a folder that was not fine-tuned here, whose encoder reads `longest` tokens."""
        return {"max_length": longest, **cls.foreign_settings}

    @classmethod
    def understands(cls, architecture: str, config: dict[str, Any]) -> bool:
        """Tell whether a folder of this plain class, with this config.json, does this task."""
        return bool(cls.architecture) and architecture == cls.architecture

    def alternatives(self, found: "Tensor", batch: TaskBatch) -> "Tensor":
        """Return the scores [questions, alternatives] of which one is right, from what the head gives [reads, outputs].

        Where a question has fewer, the others are -inf. Here each read is a question and each output an alternative.
        """
        return found

    def num_asked(self, features: Features) -> int:
        """Return how much of a batch's loss an example is: what the sum of losses is divided by."""
        return 1

    def raws(self, found: Any, batch: Laid | TaskBatch) -> list[Raw]:
        """Return the head's output for each example; here its rows are reads."""
        return np.split(as_array(found), np.cumsum(batch.counts)[:-1])

    def choose(
        self, raws: Sequence[Raw], features: Sequence[Features], valid: Sequence[Example], learnt: TaskState
    ) -> TaskState:
        """Return `learnt` with what validation examples decide, such as a threshold; as a rule nothing."""
        return learnt

    def plain_logits(self, found: Any) -> "dict[str, Tensor]":
        """Return the head's output under the names that `architecture` gives it, for every token or sequence."""
        return {"logits": found}

    def plain_settings(self, learnt: TaskState) -> dict[str, Any]:
        """Return what config.json tells plain transformers of the head."""
        if not learnt.labels:
            return {}
        return {
            "id2label": {str(i): name for i, name in enumerate(learnt.labels)},
            "label2id": {name: i for i, name in enumerate(learnt.labels)},
        }

    def files(self, config: EncoderConfig) -> dict[str, str]:
        """Return texts that a saved folder holds besides, by file name: what other libraries open it with."""
        return {}

    def row_of(self, item: Any) -> Row:
        """Return a row from what a caller gives: a row, a bare text, or texts in the order of the columns.

        Columns not given are empty; what is none of these, and more texts than columns, is a UserError.
        """
        if isinstance(item, dict):
            return item
        columns, values = self.columns(), given(item)
        if len(values) > len(columns):
            raise UserError(
                f"There are {len(values)} texts in one item, and the task reads {', '.join(columns)}. "
                "Give one for each of these."
            )
        return dict(zip(columns, [*values, *[None] * (len(columns) - len(values))], strict=True))

    def unseen(self, examples: Sequence[Example], learnt: TaskState) -> dict[str, int]:
        """Return what right answers cannot be given, for training rows had none like them, and in how many examples.

        Such examples count as answered wrongly; that they are there must be told.
        """
        return {}

    def strata(self, examples: Sequence[Example]) -> list[str] | None:
        """Return the classes whose shares every part should keep; None where there are none."""
        return None

    def describe(self, examples: Sequence[Example]) -> dict[str, int]:
        """Return how often each right answer occurs, where answers can be counted; what a split is told by."""
        return {"rows": len(examples)}


def value_of(row: Row, column: str) -> Any:
    """Return the value in a column; a UserError where the row has no such column."""
    if column not in row:
        raise no_column(column, row)
    return row[column]


class NoColumn(UserError):
    """A row without a column that a task reads; a mistake unless other rows have it."""

    def __init__(self, message: str, column: str) -> None:
        super().__init__(message)
        self.column = column


def no_column(column: str, row: Row) -> NoColumn:
    """Return the error for a row without a column that a task reads."""
    if any(_is_value(str(name)) for name in row):
        return NoColumn(
            f"There is no column called {column!r}, and {list(map(str, row))[:6]} look like values, not like names. "
            'Give the names of the columns in order: header = ["text", "label"], say, beside the path.',
            column,
        )
    told = unknown("column", column, map(str, row))
    return NoColumn(f"{told} The settings of the task that end in _column or _columns name what it reads.", column)


def _is_value(name: str) -> bool:
    """Tell whether what stands where the name of a column should is a number or a sentence."""
    return len(name.split()) > 5 or name.replace(".", "", 1).strip().isdigit()


def gold_of(row: Row, column: str, what: str = "label") -> Any:
    """Return the right answer that a column holds; `Unusable` where it is empty."""
    value = value_of(row, column)
    if is_missing(value):
        raise Unusable(f"no {what}")
    return value


def label_of(row: Row, column: str) -> str:
    """Return the label that a column holds, in its one spelling; `Unusable` where it is empty."""
    return label_cell(value_of(row, column), column)


def text_of(row: Row, columns: Sequence[str]) -> str:
    """Return the texts of columns, joined by a line end; a list or an object is a UserError."""
    return "\n".join(text for name in columns if (text := text_cell(value_of(row, name), name)))
