"""A text in, paths of a taxonomy out, best first: TagRec (Viswanathan, Mohania and Goyal, 2021), K-12BERT's use.

Paths are labels that have words of their own. A frozen encoder reads these words, and the network learns to lay a text
near its path. So paths without any training row can be found, too.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from pydantic import Field, field_validator

from mamebert.checkpoints.model_folder import tokenizer_for
from mamebert.corpus.readers import Row
from mamebert.encoder.settings import EncoderConfig
from mamebert.errors import unknown
from mamebert.evaluation.baselines.fitting import Part
from mamebert.evaluation.baselines.ranking import frequent_first, tfidf_centroids, tfidf_label_words
from mamebert.evaluation.metrics.bootstrap import Measure
from mamebert.evaluation.metrics.ranking import recall_at
from mamebert.evaluation.split import require_learnable
from mamebert.tasks import Analyzer, Answer, Baseline, Parts, Raw, label_of
from mamebert.tasks.bases.text_task import TextTask
from mamebert.tasks.data.cells import as_label
from mamebert.tasks.data.features import Example, Features, Laid, TaskBatch, TaskState, as_array
from mamebert.tasks.network.named_heads import PathHeadNames
from mamebert.tokenizer.encoding import Tokenizer

if TYPE_CHECKING:
    from torch import nn

    from mamebert.encoder.model import Encoder
    from mamebert.training.loop import Losses

RIGHT, WRONG, NOT_LOOKED_AT = 1, -1, 0


class Taxonomy(TextTask):
    """The likeliest paths for each text, of a taxonomy whose paths are words."""

    lstm_along: ClassVar[Literal["example", "sequence"]] = "sequence"

    label_column: str = "label"
    """The column with the path."""
    path_separator: str = Field(default=".", min_length=1)
    """What stands between the parts of a path; they are read as words with " - " between them."""
    labels: list[str] = Field(default=[])
    """All paths there are, also those without training rows; empty takes those of the training rows."""
    held_out: list[str] = Field(default=[])
    """Paths that are not learnt from although rows have them; measures tell apart how well these are found."""
    margin: float = Field(default=0.1, gt=0)
    """By how much the cosine of the right path should be greater than that of any other."""
    num_paths: int = Field(default=5, ge=5)
    """How many paths an answer has."""

    @field_validator("labels")
    @classmethod
    def _labels_are_named_once(cls, labels: list[str]) -> list[str]:
        if len(set(labels)) < len(labels):
            raise ValueError("labels names a path twice. Give each path once.")
        return labels

    def gold(self, row: Row, inputs: Any) -> str:
        """Return the path."""
        return label_of(row, self.label_column)

    def learn(self, train: Sequence[Example]) -> TaskState:
        """Return the paths, and which of them training rows have."""
        golds = {example.gold for example in train}
        paths, held_out = tuple(map(as_label, self.labels)) or tuple(sorted(golds)), set(map(as_label, self.held_out))
        for path in sorted((golds | held_out).difference(paths)):
            raise unknown("path", path, paths)
        seen = sorted(golds - held_out)
        require_learnable(seen, seen)
        return TaskState(paths, {"seen": seen})

    def features(self, tokenizer: Tokenizer, examples: Sequence[Example], learnt: TaskState) -> list[Features]:
        """Return one sequence for each example, of which all tokens are read."""
        found = self._all_tokens(tokenizer, [example.inputs for example in examples])
        targets = {path: self._target(path, learnt) for path in {example.gold for example in examples} - {None}}
        return [replace(each, target=targets.get(example.gold)) for each, example in zip(found, examples, strict=True)]

    def head(self, config: EncoderConfig, width: int, pooler: "nn.Module | None", learnt: TaskState) -> "nn.Module":
        """Return mean pooling, a linear layer and the vectors of the paths."""
        from mamebert.tasks.network.path_head import PathHead

        return PathHead(config, width, len(learnt.labels))

    def named_head(self, learnt: TaskState) -> PathHeadNames:
        """Return the same by names."""
        return PathHeadNames(len(learnt.labels))

    def prepare(self, head: "nn.Module", encoder: "Encoder", folder: Path, learnt: TaskState) -> None:
        """Let the encoder, as it is before training, read the words of the paths.

        Vectors of an encoder all point much the same way (Ethayarajh, 2019). What is common to all paths is taken
        away from them, and at first from texts.
        """
        import torch
        from torch import nn
        from torch.nn.functional import normalize

        from mamebert.tasks.network.path_head import PathHead, text_vectors

        assert isinstance(head, PathHead)
        words = [(self.words_of(path),) for path in learnt.labels]
        features = self._all_tokens(tokenizer_for(folder, encoder.vocab_size), words)
        vectors = text_vectors(encoder, features)
        head.paths.copy_(normalize(vectors - vectors.mean(0)))
        with torch.no_grad():
            nn.init.eye_(head.dense.weight)
            head.dense.bias.copy_(-vectors.mean(0))

    def num_asked(self, features: Features) -> int:
        """Return 1, or 0 for an example whose path is not learnt from."""
        return int((features.target == RIGHT).any())

    def loss(self, found: Any, batch: TaskBatch, whole: int) -> "Losses":
        """Return 1 - cosine of the right path, plus by how much others come nearer than `margin` to it."""
        from torch.nn.functional import relu

        from mamebert.training.loop import Losses

        signs = batch.targets()
        right = (found * (signs == RIGHT)).sum(1)
        rank = (relu(self.margin - right[:, None] + found) * (signs == WRONG)).sum(1)
        known = (signs == RIGHT).any(1)
        return Losses(((1 - right + rank) * known).sum() / whole, {})

    def raws(self, found: Any, batch: Laid | TaskBatch) -> list[Raw]:
        """Return the cosines of each example, [paths]."""
        return list(as_array(found))

    def answers(self, raws: Sequence[Raw], features: Sequence[Features], learnt: TaskState) -> list[Answer]:
        """Return for each example the paths with the highest cosines, and these."""
        orders = [np.argsort(-row, kind="stable")[: self.num_paths] for row in raws]
        return [
            {"paths": [[learnt.labels[i], float(row[i])] for i in order]}
            for row, order in zip(raws, orders, strict=True)
        ]

    def measures(self, examples: Sequence[Example], answers: Sequence[Answer]) -> list[Measure]:
        """Return the share of texts whose path is the first, among the first three, and among the first five.

        Those whose path is held out are measured by themselves.
        """
        pairs = [
            (example.gold, [path for path, _ in answer["paths"]])
            for example, answer in zip(examples, answers, strict=True)
        ]
        seen = [pair for pair in pairs if pair[0] not in self.held_out]
        unseen = [pair for pair in pairs if pair[0] in self.held_out]
        return [*_recall(seen), *(replace(each, name=f"held_out_{each.name}") for each in _recall(unseen) if unseen)]

    def baselines(self, parts: Parts, analyzer: Analyzer, seed: int) -> Iterator[Baseline]:
        """Yield the most frequent paths, and the nearest by TF-IDF weights of their words and of their texts."""
        paths = self.learn(parts.train).labels
        parts = parts._replace(train=[example for example in parts.train if example.gold not in self.held_out])
        given = [Part(["\n".join(e.inputs) for e in part], [e.gold for e in part]) for part in parts]
        yield Baseline.of(frequent_first(*given), self._as_answer)
        if analyzer != "none":
            words = {path: self.words_of(path) for path in paths}
            yield Baseline.of(tfidf_label_words(*given, words=words, analyzer=analyzer), self._as_answer)
            yield Baseline.of(tfidf_centroids(*given, analyzer=analyzer), self._as_answer)

    def unseen(self, examples: Sequence[Example], learnt: TaskState) -> dict[str, int]:
        """Return how many examples have a path that is not known at all."""
        count = sum(example.gold not in learnt.labels for example in examples)
        return {"a path that neither task.labels nor a training row has": count} if count else {}

    def strata(self, examples: Sequence[Example]) -> list[str]:
        """Return the paths."""
        return [example.gold for example in examples]

    def describe(self, examples: Sequence[Example]) -> dict[str, int]:
        """Return the rows of each path."""
        return dict(sorted(Counter(example.gold for example in examples).items()))

    def words_of(self, path: str) -> str:
        """Return "rec - sport - hockey" for "rec.sport.hockey"."""
        return " - ".join(part.strip() for part in path.split(self.path_separator) if part.strip())

    def _all_tokens(self, tokenizer: Tokenizer, inputs: Sequence[tuple[str, ...]]) -> list[Features]:
        found = self.sequences(tokenizer, inputs)
        return [replace(each, places=[np.arange(len(each.sequences[0]))]) for each in found]

    def _target(self, path: str, learnt: TaskState) -> Any:
        """Return for each path, [1, paths], whether it is right or wrong; one that is not learnt from is neither."""
        seen = set(learnt.chosen["seen"])
        if path not in seen:
            return np.full((1, len(learnt.labels)), NOT_LOOKED_AT, np.int8)
        signs = [RIGHT if each == path else WRONG if each in seen else NOT_LOOKED_AT for each in learnt.labels]
        return np.array([signs], np.int8)

    def _as_answer(self, ranking: Sequence[tuple[str, float]]) -> Answer:
        return {"paths": [[path, score] for path, score in ranking[: self.num_paths]]}


def _recall(pairs: Sequence[tuple[str, list[str]]]) -> list[Measure]:
    return [recall_at(k, [{gold} for gold, _ in pairs], [found for _, found in pairs]) for k in (1, 3, 5)]
