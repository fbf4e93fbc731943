"""A text or a pair of texts in, a set of labels out: every label is a question of its own, yes or no."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import accumulate
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from pydantic import Field
from scipy.special import expit

from mamebert.corpus.readers import Row
from mamebert.encoder.settings import EncoderConfig
from mamebert.errors import UserError
from mamebert.evaluation.baselines.classes import most_frequent
from mamebert.evaluation.baselines.fitting import Part
from mamebert.evaluation.baselines.texts import tfidf_one_vs_rest
from mamebert.evaluation.metrics.bootstrap import Measure
from mamebert.evaluation.metrics.label_sets import best_threshold, macro_f1, micro_f1
from mamebert.progress import say
from mamebert.tasks import Analyzer, Answer, Baseline, Parts, Raw, gold_of
from mamebert.tasks.bases.chunked_text import ChunkedTextTask
from mamebert.tasks.data.cells import as_label, is_missing, items_of, label_cell
from mamebert.tasks.data.chunks import mean_of_chunks
from mamebert.tasks.data.features import Example, Features, TaskBatch, TaskState
from mamebert.tasks.data.problem_types import problem_type
from mamebert.tasks.network.named_heads import LinearHeadNames
from mamebert.tokenizer.encoding import Tokenizer

if TYPE_CHECKING:
    from torch import Tensor, nn

    from mamebert.training.loop import Losses

PROBLEM = "multi_label_classification"


class MultiLabel(ChunkedTextTask):
    """Any number of labels for each text or pair of texts."""

    architecture: ClassVar[str] = "BertForSequenceClassification"
    scores_alternatives: ClassVar[bool] = True
    reads_texts: ClassVar[bool] = True

    label_column: str = "labels"
    """The column with the labels: a list, or a text that `label_separator` parts."""
    label_separator: str = ""
    """What stands between the labels where a text holds them; unset, such a text is one label, or a list as Python and
    JSON write it: ['a', 'b']."""
    label_names: list[str] = Field(default=[])
    """The labels, where the column holds 0 or 1 for each of them: [0, 1, 1] with ["a", "b", "c"] is b and c."""
    path_separator: str = ""
    """What stands between the steps of labels that are paths; every beginning of a path is then a label too: with ".",
    comp.sys.mac is comp, comp.sys and comp.sys.mac."""

    def gold(self, row: Row, inputs: Any) -> list[str]:
        """Return the labels, sorted; an empty list means that none is right, an empty field that nobody told."""
        value = gold_of(row, self.label_column, "labels")
        items = items_of(value)
        if self.label_names:
            labels = self._named(items)
        elif items is None:
            labels = self._parted(value)
        else:
            refuse_vector(items, self.label_column)
            labels = [label_cell(each, self.label_column) for each in items if not is_missing(each)]
        return sorted({label for each in labels if each for label in self._with_beginnings(each)})

    def learn(self, train: Sequence[Example]) -> TaskState:
        """Return the labels, sorted."""
        labels = sorted({label for example in train for label in example.gold})
        if not labels:
            raise UserError(f"No training row has a label in {self.label_column!r}. Name the column that holds them.")
        if all(len(example.gold) == len(labels) for example in train):
            raise UserError(
                f"Every training row has the same labels ({', '.join(labels[:5])}), so there is nothing to tell apart. "
                "Give other rows; where the column holds 0 or 1 for each label, name the labels in task.label_names."
            )
        if not self.label_separator and (told := joined_labels(labels)):
            say(told)
        return TaskState(tuple(labels))

    def features(self, tokenizer: Tokenizer, examples: Sequence[Example], learnt: TaskState) -> list[Features]:
        """Return a sequence for each chunk of an example; the target says of each label whether it is right."""
        found = self.sequences(tokenizer, [example.inputs for example in examples])
        return [
            replace(each, target=np.array([[label in example.gold for label in learnt.labels]], np.float32))
            if example.gold is not None
            else each
            for each, example in zip(found, examples, strict=True)
        ]

    def head(self, config: EncoderConfig, width: int, pooler: "nn.Module | None", learnt: TaskState) -> "nn.Module":
        """Return a linear layer over the pooled [CLS]."""
        from mamebert.tasks.network.heads import LinearHead

        return LinearHead(config, width, pooler, len(learnt.labels))

    def named_head(self, learnt: TaskState) -> LinearHeadNames:
        """Return that layer by its name."""
        return LinearHeadNames("classifier", len(learnt.labels))

    def loss(self, found: Any, batch: TaskBatch, whole: int) -> "Losses":
        """Return the cross entropy of yes and no in nats, the mean over the labels; all chunks count by their mean."""
        from torch.nn.functional import binary_cross_entropy_with_logits

        from mamebert.training.loop import Losses

        each = binary_cross_entropy_with_logits(mean_of_chunks(found, batch), batch.targets(), reduction="none")
        return Losses(each.mean(dim=1).sum() / whole, {})

    def alternatives(self, found: "Tensor", batch: TaskBatch) -> "Tensor":
        """Return for each label of each row the scores of no and yes."""
        from mamebert.tasks.network.heads import no_and_yes

        return no_and_yes(found)

    def choose(
        self, raws: Sequence[Raw], features: Sequence[Features], valid: Sequence[Example], learnt: TaskState
    ) -> TaskState:
        """Return the threshold with the best micro F1 on the validation rows."""
        number = {label: i for i, label in enumerate(learnt.labels)}
        expected = [{number.get(label, len(number) + i) for i, label in enumerate(e.gold)} for e in valid]
        threshold = best_threshold(expit(np.concatenate(raws)), expected)
        return replace(learnt, chosen={**learnt.chosen, "threshold": threshold})

    def answers(self, raws: Sequence[Raw], features: Sequence[Features], learnt: TaskState) -> list[Answer]:
        """Return the labels whose probability reaches the threshold, the likeliest first, and these probabilities."""
        chances = expit(np.concatenate(raws))
        threshold = learnt.chosen.get("threshold", 0.5)
        found = [[i for i in np.argsort(-row, kind="stable") if row[i] >= threshold] for row in chances]
        return [
            {"labels": [learnt.labels[i] for i in each], "probabilities": [float(row[i]) for i in each]}
            for each, row in zip(found, chances, strict=True)
        ]

    def measures(self, examples: Sequence[Example], answers: Sequence[Answer]) -> list[Measure]:
        """Return micro and macro F1."""
        gold, found = [e.gold for e in examples], [a["labels"] for a in answers]
        return [micro_f1(gold, found), macro_f1(gold, found)]

    def baselines(self, parts: Parts, analyzer: Analyzer, seed: int) -> Iterator[Baseline]:
        """Yield the most frequent set, and a linear SVM on TF-IDF weights for each label."""
        texts = [["\n".join(e.inputs) for e in part] for part in parts]
        whole = [Part(each, [json.dumps(e.gold) for e in part]) for each, part in zip(texts, parts, strict=True)]
        frequent = most_frequent(*whole)._replace(name="most frequent set")
        yield Baseline.of(frequent, lambda labels: {"labels": json.loads(labels)})
        if analyzer != "none":
            given = [Part(each, [e.gold for e in part]) for each, part in zip(texts, parts, strict=True)]
            yield Baseline.of(
                tfidf_one_vs_rest(*given, analyzer=analyzer, seed=seed), lambda labels: {"labels": labels}
            )

    def unseen(self, examples: Sequence[Example], learnt: TaskState) -> dict[str, int]:
        """Return how many examples have a label that no output stands for."""
        known = set(learnt.labels)
        count = sum(not known.issuperset(example.gold) for example in examples)
        return {"a label that no training row has": count} if count else {}

    def describe(self, examples: Sequence[Example]) -> dict[str, int]:
        """Return the rows of each label."""
        return dict(sorted(Counter(label for example in examples for label in example.gold).items()))

    @classmethod
    def understands(cls, architecture: str, config: dict[str, Any]) -> bool:
        """Tell whether any number of the class's outputs may be right."""
        return architecture == cls.architecture and problem_type(config) == PROBLEM

    def plain_settings(self, learnt: TaskState) -> dict[str, Any]:
        """Return the labels, and that any number of them may be right."""
        return {**super().plain_settings(learnt), "problem_type": PROBLEM}

    def _parted(self, value: Any) -> list[str]:
        if isinstance(value, Mapping):
            raise UserError(
                f"The column {self.label_column!r} holds the object {str(dict(value))[:60]}: no single label, no list. "
                'Write the names of the labels that are right as a list: ["a", "b"].'
            )
        if not isinstance(value, str):
            return [label_cell(value, self.label_column)]
        if value.strip().startswith(("['", '["')):
            raise UserError(
                f"The column {self.label_column!r} holds {value[:60]!r}, which is no whole list. "
                "Write the labels as ['a', 'b'], or name what parts them in task.label_separator."
            )
        return [as_label(each) for each in (value.split(self.label_separator) if self.label_separator else [value])]

    def _named(self, items: Sequence[Any] | None) -> list[str]:
        if items is None or len(items) != len(self.label_names) or any(each not in (0, 1) for each in items):
            raise UserError(
                f"The column {self.label_column!r} holds {str(items)[:60]}, and task.label_names has "
                f"{len(self.label_names)} names. Give every row 0 or 1 for each of them, or leave label_names out."
            )
        return [as_label(name) for name, each in zip(self.label_names, items, strict=True) if each]

    def _with_beginnings(self, label: str) -> list[str]:
        if not self.path_separator:
            return [label]
        return list(accumulate(label.split(self.path_separator), lambda *steps: self.path_separator.join(steps)))


def refuse_vector(items: Sequence[Any], column: str) -> None:
    """Raise a UserError where a list is 0 or 1 for each of several labels: numbers of labels never occur twice."""
    numbers = [each for each in items if isinstance(each, int | float)]
    if len(numbers) == len(items) > len(set(items)) and set(items) <= {0, 1}:
        raise UserError(
            f"The column {column!r} holds {str(list(items))[:60]}, which looks like 0 or 1 for each label. "
            'Name the labels in their order: task.label_names = ["first", "second", ...].'
        )


def joined_labels(labels: Sequence[str]) -> str:
    """Return a sentence where labels look like several, joined: their parts are labels too, or parts of several."""
    for separator in (",", ";", "|", "/"):
        joined = {label: [part.strip() for part in label.split(separator)] for label in labels if separator in label}
        counts = Counter(part for parts in joined.values() for part in parts)
        likely = [label for label, parts in joined.items() if any(p in labels or counts[p] > 1 for p in parts)]
        if likely and 2 * len(likely) >= len(joined):
            return (
                f"{len(likely):,} labels look like several, joined by {separator!r}, such as {likely[0][:60]!r}. "
                f'Each is taken as one; set task.label_separator = "{separator}" if they are several.'
            )
    return ""
