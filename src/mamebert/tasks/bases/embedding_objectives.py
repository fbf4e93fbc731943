"""Objectives of text vectors: what a row must hold, the loss, and the metric."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from mamebert.corpus.readers import Row
from mamebert.errors import UserError
from mamebert.evaluation.baselines.classes import most_frequent
from mamebert.evaluation.baselines.fitting import Part
from mamebert.evaluation.baselines.pairs import overlap_logistic, tfidf_cosine
from mamebert.evaluation.baselines.ranking import tfidf_partners
from mamebert.evaluation.metrics.bootstrap import Measure
from mamebert.evaluation.metrics.classes import accuracy, macro_f1
from mamebert.evaluation.metrics.ranking import mrr, recall_at
from mamebert.evaluation.metrics.regression import pearson, spearman
from mamebert.evaluation.split import require_learnable
from mamebert.tasks import Analyzer, Answer, Baseline, Parts, label_of
from mamebert.tasks.bases.label_task import as_answer
from mamebert.tasks.data.features import IGNORE_INDEX, TaskBatch, TaskState
from mamebert.tasks.data.numbers import number_of
from mamebert.tasks.data.text_vectors import Found

if TYPE_CHECKING:
    from torch import Tensor


class Goal(ABC):
    """One way of training vectors; answers are {"cosine": ...} for two texts, with more where a goal tells more."""

    num_texts: ClassVar[int] = 2

    @abstractmethod
    def gold(self, row: Row) -> Any:
        """Return a row's right answer; `Unusable` where it has none."""

    def learn(self, golds: Sequence[Any]) -> TaskState:
        """Return what the right answers of the training rows tell; too little is a UserError."""
        return TaskState()

    def target(self, gold: Any, learnt: TaskState) -> Any:
        """Return what the loss compares with, [1]; None where nothing has been learnt that tells it."""
        return np.zeros(1)

    @abstractmethod
    def losses(self, found: Found, batch: TaskBatch) -> "Tensor":
        """Return the loss of each example; the vectors of an example stand one after the other."""

    @abstractmethod
    def measures(self, golds: Sequence[Any], answers: Sequence[Answer]) -> list[Measure]:
        """Return how good the answers are."""

    @abstractmethod
    def peers(self, parts: Parts, analyzer: Analyzer) -> Iterator[Baseline]:
        """Yield what baselines, which compare the words of two texts, answer to the test examples."""


class Scored(Goal):
    """Pairs with a number that tells how near they are; their cosine should be that number, laid from 0 to 1."""

    def __init__(self, label_column: str, score_range: tuple[float, float] | None) -> None:
        self.label_column, self.score_range = label_column, score_range

    def gold(self, row: Row) -> float:
        """Return the number."""
        return number_of(row, self.label_column)

    def learn(self, golds: Sequence[Any]) -> TaskState:
        """Return the lowest and the highest number there can be."""
        low, high = self.score_range or (min(golds), max(golds))
        if low >= high:
            raise UserError(
                "All training rows have the same score. Give rows of different scores, or task.score_range."
            )
        return TaskState(chosen={"score_range": [low, high]})

    def target(self, gold: Any, learnt: TaskState) -> Any:
        """Return the number, laid from 0 to 1."""
        if "score_range" not in learnt.chosen:
            return None
        low, high = learnt.chosen["score_range"]
        return np.array([(gold - low) / (high - low)])

    def losses(self, found: Found, batch: TaskBatch) -> "Tensor":
        """Return squared differences."""
        from mamebert.tasks.network.siamese import cosine_losses

        return cosine_losses(found.vectors[::2], found.vectors[1::2], batch.targets())

    def measures(self, golds: Sequence[Any], answers: Sequence[Answer]) -> list[Measure]:
        """Return Spearman's and Pearson's correlation of number and cosine."""
        cosines = [answer["cosine"] for answer in answers]
        return [spearman(golds, cosines), pearson(golds, cosines)]

    def peers(self, parts: Parts, analyzer: Analyzer) -> Iterator[Baseline]:
        """Yield the cosine of TF-IDF weights."""
        if analyzer != "none":
            yield Baseline.of(tfidf_cosine(*_pairs(parts), analyzer=analyzer), lambda cosine: {"cosine": cosine})


class Labelled(Goal):
    """Pairs with a label, such as entailment; a linear layer over [u; v; |u - v|] should tell it."""

    def __init__(self, label_column: str) -> None:
        self.label_column = label_column

    def gold(self, row: Row) -> str:
        """Return the label."""
        return label_of(row, self.label_column)

    def learn(self, golds: Sequence[Any]) -> TaskState:
        """Return the labels."""
        labels = sorted(set(golds))
        require_learnable(golds, labels)
        return TaskState(tuple(labels))

    def target(self, gold: Any, learnt: TaskState) -> Any:
        """Return the number of the label; of one that no training row has, IGNORE_INDEX."""
        return np.array([learnt.labels.index(gold) if gold in learnt.labels else IGNORE_INDEX])

    def losses(self, found: Found, batch: TaskBatch) -> "Tensor":
        """Return cross entropies in nats."""
        from torch.nn.functional import cross_entropy

        assert found.logits is not None
        return cross_entropy(found.logits, batch.targets(), reduction="none", ignore_index=IGNORE_INDEX)

    def measures(self, golds: Sequence[Any], answers: Sequence[Answer]) -> list[Measure]:
        """Return accuracy and macro F1."""
        if not all("label" in answer for answer in answers):
            raise UserError(
                "The objective softmax needs a model that was fine-tuned with it, for only that has outputs for "
                "labels. Fine-tune first, or choose another task.objective."
            )
        labels = [answer["label"] for answer in answers]
        return [accuracy(golds, labels), macro_f1(golds, labels)]

    def peers(self, parts: Parts, analyzer: Analyzer) -> Iterator[Baseline]:
        """Yield the most frequent label, and logistic regression on what both texts share."""
        given = _pairs(parts)
        yield Baseline.of(most_frequent(*given), as_answer)
        if analyzer != "none":
            yield Baseline.of(overlap_logistic(*given, analyzer=analyzer), as_answer)


class Triplets(Goal):
    """Three texts, of which the first is nearer to the second than to the third (Schroff et al., 2015).

    The loss goes by Euclidean distances, as in Reimers and Gurevych (2019); answers go by cosines like all others.
    """

    num_texts = 3

    def __init__(self, margin: float) -> None:
        self.margin = margin

    def gold(self, row: Row) -> int:
        """Return which of the other two texts is the nearer: the first of them, 0."""
        return 0

    def losses(self, found: Found, batch: TaskBatch) -> "Tensor":
        """Return max(0, |a - p| - |a - n| + margin)."""
        from torch.nn.functional import triplet_margin_loss

        anchor, near, far = (found.vectors[i::3] for i in range(3))
        return triplet_margin_loss(anchor, near, far, margin=self.margin, reduction="none")

    def measures(self, golds: Sequence[Any], answers: Sequence[Answer]) -> list[Measure]:
        """Return accuracy."""
        return [accuracy(golds, [answer["nearest"] for answer in answers])]

    def peers(self, parts: Parts, analyzer: Analyzer) -> Iterator[Baseline]:
        """Yield the cosines of TF-IDF weights."""
        if analyzer == "none":
            return
        near, far = (tfidf_cosine(*_pairs(parts, other), analyzer=analyzer) for other in (1, 2))
        both = [list(cosines) for cosines in zip(near.answers, far.answers, strict=True)]
        answers: list[Answer] = [{"cosines": cosines, "nearest": nearest(cosines)} for cosines in both]
        yield Baseline(near.name, answers, near.seconds + far.seconds, near.chosen)


class Partners(Goal):
    """Pairs that belong together: each first text should find its own second among those of all other pairs."""

    def __init__(self, scale: float) -> None:
        self.scale = scale

    def gold(self, row: Row) -> int:
        """Return the rank at which the partner should be found: 1."""
        return 1

    def losses(self, found: Found, batch: TaskBatch) -> "Tensor":
        """Return cross entropies in nats of finding the partner in the batch."""
        from mamebert.tasks.network.siamese import ranking_losses

        keys = [each.notes for each in batch.features]
        return ranking_losses(found.vectors[::2], found.vectors[1::2], keys, self.scale)

    def measures(self, golds: Sequence[Any], answers: Sequence[Answer]) -> list[Measure]:
        """Return the share of pairs whose partner is found first, among the first ten, and the mean reciprocal rank."""
        places = [range(1, len(answers) + 1)] * len(answers)
        ranks = [{answer["rank"]} for answer in answers]
        return [recall_at(1, ranks, places), recall_at(10, ranks, places), mrr(ranks, places)]

    def peers(self, parts: Parts, analyzer: Analyzer) -> Iterator[Baseline]:
        """Yield the ranks by the cosine of TF-IDF weights."""
        if analyzer != "none":
            found = tfidf_partners(*_pairs(parts), analyzer=analyzer)
            yield Baseline.of(found, lambda each: {"cosine": each[0], "rank": each[1]})


def nearest(cosines: Sequence[float]) -> int:
    """Return which of the texts is nearest; of equals the last, so that vectors that are all the same are wrong."""
    return len(cosines) - 1 - int(np.argmax(list(cosines)[::-1]))


def _pairs(parts: Parts, other: int = 1) -> list[Part]:
    return [Part([(e.inputs[0], e.inputs[other]) for e in part], [e.gold for e in part]) for part in parts]
