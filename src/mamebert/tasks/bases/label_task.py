"""The base of tasks that give a text one of several labels."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

import numpy as np
import numpy.typing as npt
from pydantic import Field, model_validator

from mamebert.corpus.readers import Row
from mamebert.errors import UserError, unknown
from mamebert.evaluation.baselines.classes import most_frequent, naive_bayes, tfidf_svm
from mamebert.evaluation.baselines.fitting import Part
from mamebert.evaluation.baselines.pairs import overlap_logistic
from mamebert.evaluation.metrics.bootstrap import Measure
from mamebert.evaluation.metrics.classes import accuracy, binary_f1, macro_f1, mcc
from mamebert.evaluation.split import require_learnable
from mamebert.tasks import Analyzer, Answer, Baseline, Parts, Raw, label_of
from mamebert.tasks.bases.text_task import TextTask
from mamebert.tasks.data.cells import as_label
from mamebert.tasks.data.features import IGNORE_INDEX, Example, Features, TaskBatch, TaskState
from mamebert.tasks.data.shares import softmax

if TYPE_CHECKING:
    from mamebert.training.loop import Losses


class LabelTask(TextTask):
    """A text in, or a pair of texts; one of several labels out."""

    scores_alternatives: ClassVar[bool] = True
    reads_texts: ClassVar[bool] = True

    label_column: str = "label"
    """The column with the label."""
    class_weights: Literal["none", "balanced"] = "none"
    """balanced weighs the loss of a label by rows / (labels * rows of the label), so that rare ones count as much."""
    label_order: list[str] = Field(default=[])
    """The labels in the order of the outputs; empty takes those of the training rows, sorted."""
    measure: Literal["accuracy", "macro_f1", "mcc", "f1"] = "accuracy"
    """What training goes by and tables show first; f1 is that of `positive_label`, mcc Matthews' correlation."""
    positive_label: str = ""
    """The label whose F1 is told beside the other measures, where one label is what is looked for."""

    @model_validator(mode="after")
    def _f1_needs_a_label(self) -> Self:
        if self.measure == "f1" and not self.positive_label:
            raise ValueError("The measure f1 is that of one label. Name it in task.positive_label.")
        return self

    def gold(self, row: Row, inputs: Any) -> str:
        """Return the label."""
        return label_of(row, self.label_column)

    def learn(self, train: Sequence[Example]) -> TaskState:
        """Return the labels in the order of the outputs, and how often each occurs."""
        counts = Counter(example.gold for example in train)
        require_learnable([example.gold for example in train], list(counts))
        labels = tuple(map(as_label, self.label_order)) or tuple(sorted(counts))
        known = set(labels)
        for label in (*counts, as_label(self.positive_label)):
            if label and label not in known:
                raise unknown("label", label, labels)
        if len(known) < len(labels):
            raise UserError("task.label_order names a label twice. Give each label once.")
        return TaskState(labels, {"rows": [counts[label] for label in labels]})

    def labelled(self, found: Sequence[Features], examples: Sequence[Example], learnt: TaskState) -> list[Features]:
        """Return features whose target is the number of the label; one never seen in training is not learnt from."""
        number = {as_label(label): i for i, label in enumerate(learnt.labels)}
        weights = self._weights(learnt)
        return [
            each
            if example.gold is None
            else replace(
                each, target=np.array([number.get(example.gold, IGNORE_INDEX)]), weight=weights.get(example.gold, 1.0)
            )
            for each, example in zip(found, examples, strict=True)
        ]

    def loss(self, found: Any, batch: TaskBatch, whole: int) -> "Losses":
        """Return the cross entropy in nats."""
        from torch.nn.functional import cross_entropy

        from mamebert.training.loop import Losses

        each = cross_entropy(found, batch.targets(), reduction="none", ignore_index=IGNORE_INDEX)
        return Losses((each * batch.weights()).sum() / whole, {})

    def answers(self, raws: Sequence[Raw], features: Sequence[Features], learnt: TaskState) -> list[Answer]:
        """Return for each example its likeliest label and that label's probability."""
        shares = self.probabilities(raws)
        best = shares.argmax(axis=1).tolist()
        return [
            {"label": learnt.labels[label], "probability": float(row[label])}
            for row, label in zip(shares, best, strict=True)
        ]

    def probabilities(self, raws: Sequence[Raw]) -> npt.NDArray[np.floating]:
        """Return [examples, labels]."""
        return softmax(raws[0] if len(raws) == 1 else np.concatenate(raws))

    def measures(self, examples: Sequence[Example], answers: Sequence[Answer]) -> list[Measure]:
        """Return accuracy, macro F1, Matthews' correlation and the F1 of `positive_label`: `measure` first."""
        return self._measured([e.gold for e in examples], [as_label(a["label"]) for a in answers])

    def judge(self, gold: Sequence[str], found: Sequence[str]) -> float:
        """Return what training goes by."""
        return self._measured(gold, found)[0].score

    def _measured(self, gold: Sequence[str], found: Sequence[str]) -> list[Measure]:
        all_of_them = [accuracy(gold, found), macro_f1(gold, found), mcc(gold, found)]
        if self.positive_label:
            all_of_them.append(binary_f1(gold, found, as_label(self.positive_label)))
        return sorted(all_of_them, key=lambda each: each.name != self.measure)

    def baselines(self, parts: Parts, analyzer: Analyzer, seed: int) -> Iterator[Baseline]:
        """Yield the most frequent label, a linear SVM on TF-IDF weights, and one peer more.

        For single texts that is naive Bayes, for pairs logistic regression on what both texts share; the SVM reads
        the two as one text, so it tells what can be guessed without comparing them.
        """
        given = [Part(["\n".join(e.inputs) for e in part], [e.gold for e in part]) for part in parts]
        yield Baseline.of(most_frequent(*given), as_answer)
        if analyzer == "none":
            return
        yield Baseline.of(tfidf_svm(*given, analyzer=analyzer, seed=seed, judge=self.judge), as_answer)
        if all(map(self.has_sentence_pairs, parts)):
            pairs = [Part([e.inputs for e in part], [e.gold for e in part]) for part in parts]
            yield Baseline.of(overlap_logistic(*pairs, analyzer=analyzer, judge=self.judge), as_answer)
        else:
            yield Baseline.of(naive_bayes(*given, analyzer=analyzer, judge=self.judge), as_answer)

    def unseen(self, examples: Sequence[Example], learnt: TaskState) -> dict[str, int]:
        """Return how many examples have a label that no output stands for."""
        known = set(map(as_label, learnt.labels))  # those of a folder from elsewhere may be spelt otherwise
        count = sum(example.gold not in known for example in examples)
        return {"a label that no training row has": count} if count else {}

    def strata(self, examples: Sequence[Example]) -> list[str]:
        """Return the labels."""
        return [example.gold for example in examples]

    def describe(self, examples: Sequence[Example]) -> dict[str, int]:
        """Return the rows of each label."""
        return dict(sorted(Counter(example.gold for example in examples).items()))

    def _weights(self, learnt: TaskState) -> dict[str, float]:
        if self.class_weights == "none":
            return {}
        rows = {label: n for label, n in zip(learnt.labels, learnt.chosen.get("rows", ()), strict=False) if n}
        return {label: sum(rows.values()) / (len(rows) * count) for label, count in rows.items()}


def as_answer(label: str) -> Answer:
    """Return the answer of a baseline, which has no probability."""
    return {"label": label}
