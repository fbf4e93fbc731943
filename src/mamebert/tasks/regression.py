"""A text or a pair of texts in, a number out, or several: similarity (STS), degrees of latitude and longitude ..."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from time import perf_counter
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
from pydantic import Field, model_validator

from mamebert.corpus.readers import Row
from mamebert.encoder.settings import EncoderConfig
from mamebert.errors import UserError
from mamebert.evaluation.baselines.fitting import BaselineAnswers, Part
from mamebert.evaluation.baselines.pairs import tfidf_cosine
from mamebert.evaluation.baselines.texts import tfidf_ridge
from mamebert.evaluation.metrics.bootstrap import Measure, mean_of
from mamebert.evaluation.metrics.regression import great_circle_km, median_km, mse, pearson, spearman
from mamebert.tasks import Analyzer, Answer, Baseline, Parts, Raw
from mamebert.tasks.bases.chunked_text import ChunkedTextTask
from mamebert.tasks.data.chunks import mean_of_chunks
from mamebert.tasks.data.features import Example, Features, TaskBatch, TaskState
from mamebert.tasks.data.numbers import number_of
from mamebert.tasks.data.problem_types import problem_type
from mamebert.tasks.network.named_heads import LinearHeadNames
from mamebert.tokenizer.encoding import Tokenizer

if TYPE_CHECKING:
    from torch import nn

    from mamebert.training.loop import Losses

PROBLEM = "regression"


class Regression(ChunkedTextTask):
    """Numbers for each text or pair of texts."""

    architecture: ClassVar[str] = "BertForSequenceClassification"
    reads_texts: ClassVar[bool] = True

    label_columns: list[str] = Field(default=["label"], min_length=1)
    """The columns with the numbers, one output each."""
    geolocation: bool = False
    """Whether the two numbers are latitude and longitude in degrees: distances are then told in kilometres."""

    @model_validator(mode="after")
    def _a_place_has_two_numbers(self) -> Self:
        if self.geolocation and len(self.label_columns) != 2:
            raise ValueError("A place has two numbers. Name the columns of latitude and longitude in label_columns.")
        return self

    def gold(self, row: Row, inputs: Any) -> float | list[float]:
        """Return the number, or the list of all where there are several; what is no number is a UserError."""
        numbers = [number_of(row, name) for name in self.label_columns]
        return numbers if len(numbers) > 1 else numbers[0]

    def learn(self, train: Sequence[Example]) -> TaskState:
        """Return the names of the outputs, and of each the mean and the standard deviation."""
        targets = np.stack([_targets(example) for example in train])
        spread = targets.std(axis=0)
        if not spread.all():
            name = self.label_columns[int(np.argmin(spread))]
            raise UserError(f"All training rows have the same {name!r}. Give rows with different numbers.")
        return TaskState(tuple(self.label_columns), {"mean": targets.mean(axis=0).tolist(), "spread": spread.tolist()})

    def features(self, tokenizer: Tokenizer, examples: Sequence[Example], learnt: TaskState) -> list[Features]:
        """Return a sequence for each chunk of an example."""
        found = self.sequences(tokenizer, [example.inputs for example in examples])
        spread = np.array(learnt.chosen.get("spread", 1.0))
        return [
            replace(each, target=None if example.gold is None else _targets(example)[None], notes=spread)
            for each, example in zip(found, examples, strict=True)
        ]

    def head(self, config: EncoderConfig, width: int, pooler: "nn.Module | None", learnt: TaskState) -> "nn.Module":
        """Return a linear layer over the pooled [CLS]."""
        from mamebert.tasks.network.heads import LinearHead

        return LinearHead(config, width, pooler, len(learnt.labels))

    def named_head(self, learnt: TaskState) -> LinearHeadNames:
        """Return that layer by its name."""
        return LinearHeadNames("classifier", len(learnt.labels))

    def start(self, head: "nn.Module", learnt: TaskState) -> None:
        """Let the head begin with the mean of the training rows, which small steps would take long to reach."""
        import torch

        from mamebert.tasks.network.heads import LinearHead

        assert isinstance(head, LinearHead)
        with torch.no_grad():
            head.classifier.bias.copy_(torch.tensor(learnt.chosen.get("mean", 0.0)))

    def loss(self, found: Any, batch: TaskBatch, whole: int) -> "Losses":
        """Return the mean squared error, each output in units of its variance in training, so that all count alike."""
        from torch import from_numpy

        from mamebert.training.loop import Losses

        found = mean_of_chunks(found, batch)
        spread = from_numpy(np.stack([each.notes for each in batch.features])).to(found)
        errors = (found - batch.targets().to(found)) / spread.reshape(len(found), -1)
        return Losses((errors**2).mean(dim=1).sum() / whole, {})

    def answers(self, raws: Sequence[Raw], features: Sequence[Features], learnt: TaskState) -> list[Answer]:
        """Return the number, or all by their names."""
        rows = np.concatenate(raws).tolist()
        if len(learnt.labels) == 1:
            return [{"number": row[0]} for row in rows]
        return [{"numbers": dict(zip(learnt.labels, row, strict=True))} for row in rows]

    def measures(self, examples: Sequence[Example], answers: Sequence[Answer]) -> list[Measure]:
        """Return Pearson's and Spearman's correlations and, the lower the better, errors: squared, or kilometres."""
        found = [[a["number"]] if "number" in a else list(a["numbers"].values()) for a in answers]
        return self._measured([_targets(example) for example in examples], found)

    def judge(self, gold: Sequence[Any], found: Sequence[Any]) -> float:
        """Return what training goes by."""
        return self._measured(gold, found)[0].score

    def _measured(self, wanted: Sequence[Any], given: Sequence[Any]) -> list[Measure]:
        gold, found = (np.asarray(each, np.float64).reshape(len(each), -1) for each in (wanted, given))
        correlations = [pearson(gold, found), spearman(gold, found)]
        return [*correlations, *(_distances(gold, found) if self.geolocation else [mse(gold, found)])]

    def baselines(self, parts: Parts, analyzer: Analyzer, seed: int) -> Iterator[Baseline]:
        """Yield the mean, ridge regression on TF-IDF weights, and for pairs the cosine of these weights.

        The cosine knows no unit: 0 to 1 are laid over the range of the training rows.
        """
        given = [Part([e.inputs for e in part], [_targets(e).tolist() for e in part]) for part in parts]
        numbers, started = np.array(given[0].labels), perf_counter()
        means = [numbers.mean(axis=0).tolist()] * len(parts.test)
        yield Baseline.of(BaselineAnswers("mean", means, perf_counter() - started, {}), self._as_answer)
        if analyzer == "none":
            return
        yield Baseline.of(tfidf_ridge(*given, analyzer=analyzer, judge=self.judge), self._as_answer)
        if all(map(self.has_sentence_pairs, parts)) and len(self.label_columns) == 1:
            cosine, low, high = tfidf_cosine(*given, analyzer=analyzer), numbers.min(), numbers.max()
            yield Baseline.of(cosine, lambda each: self._as_answer(low + (high - low) * each))

    @classmethod
    def understands(cls, architecture: str, config: dict[str, Any]) -> bool:
        """Tell whether the outputs of the class are numbers."""
        return architecture == cls.architecture and problem_type(config) == PROBLEM

    def plain_settings(self, learnt: TaskState) -> dict[str, Any]:
        """Return the names of the outputs, and that they are numbers."""
        return {**super().plain_settings(learnt), "problem_type": PROBLEM}

    def _as_answer(self, numbers: Any) -> Answer:
        (answer,) = self.answers([np.reshape(numbers, (1, -1))], [], TaskState(tuple(self.label_columns)))
        return answer


def _targets(example: Example) -> np.ndarray:
    return np.atleast_1d(np.asarray(example.gold, np.float64))


def _distances(gold: np.ndarray, found: np.ndarray) -> list[Measure]:
    """Return the mean and the median distance. A median is no function of sums, so it cannot be drawn again."""
    median = median_km(gold, found)
    no_sums = np.zeros((len(gold), 1))
    return [
        mean_of("mean_km", great_circle_km(gold, found)),
        Measure("median_km", no_sums, lambda sums: np.full(sums.shape[:-1], median)),
    ]
