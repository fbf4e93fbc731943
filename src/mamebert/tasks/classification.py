"""A text or a pair of texts in, one of several labels out (Devlin et al., 2019, section 4.1)."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, ClassVar, Literal

import numpy as np
from scipy.special import softmax
from torch import nn
from torch.nn.functional import cross_entropy

from mamebert.corpus.readers import Row
from mamebert.encoder.settings import EncoderConfig
from mamebert.evaluation.baselines import Baseline, Part, most_frequent, tfidf_svm
from mamebert.evaluation.classes import accuracy, macro_f1, mcc
from mamebert.evaluation.measures import Measure
from mamebert.evaluation.split import require_learnable
from mamebert.tasks import Analyzer, Answer, Parts, Peer, Raw, value_of
from mamebert.tasks._features import Example, Features, Learnt, TaskBatch, Unusable
from mamebert.tasks._heads import PooledHead
from mamebert.tasks._text_task import TextTask
from mamebert.tokenizer.encoding import Tokenizer
from mamebert.training.loop import Losses

NO_LABEL = -100
PROBLEM = "single_label_classification"


class Classification(TextTask):
    """One label for each text or pair of texts."""

    architecture: ClassVar[str] = "BertForSequenceClassification"

    label_column: str = "label"
    """The column with the label."""
    class_weights: Literal["none", "balanced"] = "none"
    """balanced weighs the loss of a label by rows / (labels * rows of the label), so that rare ones count as much."""

    def gold(self, row: Row, inputs: Any) -> str:
        """Return the label."""
        value = value_of(row, self.label_column)
        if value is None or value == "":
            raise Unusable("no label")
        return str(value)

    def learn(self, train: Sequence[Example]) -> Learnt:
        """Return the labels, sorted, and how often each occurs."""
        counts = Counter(example.gold for example in train)
        require_learnable([example.gold for example in train], list(counts))
        labels = tuple(sorted(counts))
        return Learnt(labels, {"rows": [counts[label] for label in labels]})

    def features(self, tokenizer: Tokenizer, examples: Sequence[Example], learnt: Learnt) -> list[Features]:
        """Return one sequence for each example; a label never seen in training is left out of the loss."""
        number = {label: i for i, label in enumerate(learnt.labels)}
        weights = self._weights(learnt)
        found = self.sequences(tokenizer, [example.inputs for example in examples])
        return [
            replace(each, target=np.array([number.get(example.gold, NO_LABEL)]), weight=weights.get(example.gold, 1.0))
            for each, example in zip(found, examples, strict=True)
        ]

    def head(self, config: EncoderConfig, width: int, pooler: nn.Module | None, learnt: Learnt) -> nn.Module:
        """Return a linear layer over the pooled [CLS]."""
        return PooledHead(config, width, pooler, len(learnt.labels))

    def loss(self, found: Any, batch: TaskBatch, whole: int) -> Losses:
        """Return the cross entropy in nats."""
        each = cross_entropy(found, batch.targets(), reduction="none", ignore_index=NO_LABEL)
        return Losses((each * batch.weights()).sum() / whole, {})

    def answers(self, raws: Sequence[Raw], features: Sequence[Features], learnt: Learnt) -> list[Answer]:
        """Return for each example its likeliest label and that label's probability."""
        chances = softmax(np.concatenate(raws), axis=1)
        return [{"label": learnt.labels[row.argmax()], "probability": float(row.max())} for row in chances]

    def measures(self, examples: Sequence[Example], answers: Sequence[Answer]) -> list[Measure]:
        """Return accuracy, macro F1 and Matthews' correlation."""
        gold, found = [e.gold for e in examples], [a["label"] for a in answers]
        return [accuracy(gold, found), macro_f1(gold, found), mcc(gold, found)]

    def baselines(self, parts: Parts, analyzer: Analyzer, seed: int) -> Iterator[Peer]:
        """Yield the most frequent label, and a linear SVM on TF-IDF weights (for pairs, on what both texts share)."""
        given = [Part(["\n".join(e.inputs) for e in part], [e.gold for e in part]) for part in parts]
        yield _peer(most_frequent(*given))
        if analyzer != "none":
            yield _peer(tfidf_svm(*given, analyzer=analyzer, seed=seed))

    def strata(self, examples: Sequence[Example]) -> list[str]:
        """Return the labels."""
        return [example.gold for example in examples]

    def describe(self, examples: Sequence[Example]) -> dict[str, int]:
        """Return the rows of each label."""
        return dict(sorted(Counter(example.gold for example in examples).items()))

    @classmethod
    def understands(cls, architecture: str, config: dict[str, Any]) -> bool:
        """Tell whether the class is used for one label out of several, as it is unless config.json says otherwise."""
        return architecture == cls.architecture and config.get("problem_type") in (None, PROBLEM)

    def plain_settings(self, learnt: Learnt) -> dict[str, Any]:
        """Return the labels, and that one of them is the answer, which transformers would have to guess."""
        return {**super().plain_settings(learnt), "problem_type": PROBLEM}

    def _weights(self, learnt: Learnt) -> dict[str, float]:
        if self.class_weights == "none":
            return {}
        rows = dict(zip(learnt.labels, learnt.chosen["rows"], strict=True))
        return {label: sum(rows.values()) / (len(rows) * count) for label, count in rows.items()}


def _peer(found: Baseline) -> Peer:
    return Peer(found.name, [{"label": label} for label in found.predictions], found.seconds, found.chosen)
