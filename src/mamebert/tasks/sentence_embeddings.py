"""A text in, a vector out: near for texts that mean the same (SBERT; Reimers and Gurevych, 2019).

Texts of a row are read one by one by the same encoder (siamese networks). SALBERT (Choi et al., 2021) is the same with
an ALBERT encoder, which this house does not have yet.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, ClassVar, Literal, Self

import numpy as np
from pydantic import Field, model_validator
from scipy.special import softmax
from torch import nn

from mamebert.checkpoints.sentence_transformers import Pooling, module_files
from mamebert.corpus.readers import Row
from mamebert.encoder.settings import EncoderConfig
from mamebert.evaluation.measures import Measure
from mamebert.evaluation.ranking import partner_ranks
from mamebert.tasks import Analyzer, Answer, Parts, Peer, Raw, text_of, value_of
from mamebert.tasks._cells import is_missing
from mamebert.tasks._features import FIRST, Example, Features, Learnt, TaskBatch, Unusable
from mamebert.tasks._goals import Goal, Labelled, Partners, Scored, Triplets, nearest
from mamebert.tasks._pooling import TextVectors
from mamebert.tasks._siamese import Found, SiameseHead
from mamebert.tasks._text_task import Texts, TextTask, one_sequence
from mamebert.tokenizer.encoding import Tokenizer
from mamebert.training.loop import Losses


class SentenceEmbeddings(TextTask):
    """A vector for a text; of two texts the cosine of theirs, of three those of the first with each other.

    Without a convolution the saved folder also opens in `sentence-transformers`.
    """

    lstm_along: ClassVar[Literal["example", "sequence"]] = "sequence"

    second_columns: list[str] = Field(default=["second"], min_length=1)
    """Columns of the text that the first is compared with."""
    second_is_optional: Literal[True] = True
    """A text alone is answered with its vector; rows to learn from need all texts."""
    third_columns: list[str] = Field(default=[])
    """Columns of the text that is farther from the first than the second is, for the objective triplet."""
    objective: Literal["cosine", "softmax", "triplet", "ranking"] = "cosine"
    """cosine: pairs with a number, which the cosine should be; softmax: pairs with a label; triplet: three texts;
    ranking: pairs that belong together, with all other second texts of a batch as wrong answers (Henderson et al.,
    2017), so that large batches (batch_rows) teach more and training.part_tokens makes them smaller."""
    label_column: str = "label"
    """The column with the number (cosine) or the label (softmax)."""
    score_range: tuple[float, float] | None = None
    """The numbers that stand for cosines 0 and 1; unset, the lowest and the highest of the training rows."""
    margin: float = Field(default=1.0, gt=0)
    """By how much the second text of a triplet must be nearer than the third, in Euclidean distance."""
    scale: float = Field(default=20.0, gt=0)
    """What cosines are multiplied by in the objective ranking: the inverse of a temperature."""
    pooling: Pooling = "mean"
    """How the vectors of tokens, [CLS] and [SEP] among them, become one; cls takes that of [CLS]."""
    cnn_widths: list[Literal[1, 3, 5, 7, 9]] = Field(default=[])
    """Widths in tokens of a convolution before the pooling, such as [1, 3, 5] (Choi et al., 2021); empty is none."""
    cnn_channels: int = Field(default=256, ge=1)
    """Outputs of each width; the vector is as long as those of all widths."""

    @model_validator(mode="after")
    def _texts_are_as_many_as_the_objective_compares(self) -> Self:
        if (self.objective == "triplet") != bool(self.third_columns):
            raise ValueError("The objective triplet, and no other, compares three texts. Give third_columns for it.")
        return self

    @property
    def goal(self) -> Goal:
        """What the vectors are trained for."""
        match self.objective:
            case "cosine":
                return Scored(self.label_column, self.score_range)
            case "softmax":
                return Labelled(self.label_column)
            case "triplet":
                return Triplets(self.margin)
            case "ranking":
                return Partners(self.scale)

    def columns(self) -> list[str]:
        """Return the columns of all texts."""
        return [*super().columns(), *self.third_columns]

    def inputs(self, row: Row) -> Texts:
        """Return the first text, and the others that are there."""
        others = [
            names
            for names in self._sides()[1:]
            if not all(is_missing(row.get(name)) and row.get(name) != "" for name in names)
        ]
        texts = tuple(text_of(row, names) for names in [self.text_columns, *others])
        if not all(text.strip() for text in texts):
            raise Unusable("no text" if len(texts) == 1 else "an empty text")
        return texts

    def gold(self, row: Row, inputs: Any) -> Any:
        """Return the number, the label, or what is right of itself; a row without all texts is `Unusable`."""
        for names in self._sides():
            for name in names:
                value_of(row, name)
        if len(inputs) < self.goal.num_texts:
            raise Unusable("a text missing")
        return self.goal.gold(row)

    def learn(self, train: Sequence[Example]) -> Learnt:
        """Return the labels, or the range of the numbers."""
        return self.goal.learn([example.gold for example in train])

    def features(self, tokenizer: Tokenizer, examples: Sequence[Example], learnt: Learnt) -> list[Features]:
        """Return each text as a sequence of its own, of which all tokens are read, or [CLS] where that is enough."""
        pieces = iter(tokenizer.encode_many([text for example in examples for text in example.inputs]))
        found = []
        for example in examples:
            each = [one_sequence(tokenizer, [next(pieces).ids], self.max_length) for _ in example.inputs]
            sequences = [alone.sequences[0] for alone in each]
            first_alone = self.pooling == "cls" and not self.cnn_widths
            places = [FIRST if first_alone else np.arange(len(ids)) for ids in sequences]
            cut = sum(alone.num_cut for alone in each)
            one = Features(sequences, places, num_cut=cut, notes=sequences[-1].tobytes())
            known = example.gold is not None
            found.append(replace(one, target=self.goal.target(example.gold, learnt)) if known else one)
        return found

    def head(self, config: EncoderConfig, width: int, pooler: nn.Module | None, learnt: Learnt) -> nn.Module:
        """Return pooling, and for labelled pairs a linear layer over both vectors and their difference."""
        vectors = TextVectors(self.pooling, width, self.cnn_widths, self.cnn_channels)
        return SiameseHead(vectors, len(learnt.labels))

    def loss(self, found: Any, batch: TaskBatch, whole: int) -> Losses:
        """Return the loss of the objective; in ranking the wrong answers are those of this part of the batch."""
        return Losses(self.goal.losses(found, batch).sum() / whole, {})

    def raws(self, found: Any, batch: TaskBatch) -> list[Raw]:
        """Return for each example its vectors one after the other, and for labelled pairs the logits after them."""
        assert isinstance(found, Found)
        vectors = found.vectors.detach().float().cpu().numpy()
        raws = np.split(vectors, np.cumsum(batch.num_sequences)[:-1])
        if found.logits is None:
            return [each.ravel() for each in raws]
        logits = iter(found.logits.detach().float().cpu().numpy())
        return [np.append(each, next(logits)) if len(each) == 2 else each.ravel() for each in raws]

    def answers(self, raws: Sequence[Raw], features: Sequence[Features], learnt: Learnt) -> list[Answer]:
        """Return {"vector"}, {"cosine"} or {"cosines", "nearest"}, by the number of texts.

        Labelled pairs also have {"label", "probability"}. Where it is known that pairs belong together, {"rank"} tells
        at which the second text of a pair is found among those of all examples given.
        """
        unpacked = [_unpack(raw, len(each.sequences), learnt) for raw, each in zip(raws, features, strict=True)]
        answers = [_answer(vectors, logits, learnt) for vectors, logits in unpacked]
        if self.objective == "ranking" and all(each.target is not None for each in features):
            first, second = (np.stack([_unit(vectors)[side] for vectors, _ in unpacked]) for side in (0, 1))
            ranks = partner_ranks(first, second, [each.notes for each in features])
            return [{**answer, "rank": rank} for answer, rank in zip(answers, ranks, strict=True)]
        return answers

    def measures(self, examples: Sequence[Example], answers: Sequence[Answer]) -> list[Measure]:
        """Return correlations of cosines, accuracy, or shares of partners found, by the objective."""
        return self.goal.measures([example.gold for example in examples], answers)

    def baselines(self, parts: Parts, analyzer: Analyzer, seed: int) -> Iterator[Peer]:
        """Yield what can be told from the words that texts share."""
        yield from self.goal.peers(parts, analyzer)

    def unseen(self, examples: Sequence[Example], learnt: Learnt) -> dict[str, int]:
        """Return how many examples have a label that no output stands for."""
        known = set(learnt.labels)
        count = sum(example.gold not in known for example in examples) if known else 0
        return {"a label that no training row has": count} if count else {}

    def strata(self, examples: Sequence[Example]) -> list[str] | None:
        """Return the labels of labelled pairs."""
        return [example.gold for example in examples] if self.objective == "softmax" else None

    def files(self, config: EncoderConfig) -> dict[str, str]:
        """Return what `sentence-transformers` reads; with a convolution nothing, for it has none that ends in ReLU."""
        return {} if self.cnn_widths else module_files(config.hidden_size, self.pooling, self.max_length)

    def _sides(self) -> list[list[str]]:
        return [names for names in (self.text_columns, self.second_columns, self.third_columns) if names]


def _unpack(raw: Raw, num_texts: int, learnt: Learnt) -> tuple[Raw, Raw]:
    """Return the vectors, [texts, size], and the logits, empty unless it is a pair that has labels."""
    num_logits = len(learnt.labels) if num_texts == 2 else 0
    vectors, logits = np.split(raw, [len(raw) - num_logits])
    return vectors.reshape(num_texts, -1), logits


def _answer(vectors: Raw, logits: Raw, learnt: Learnt) -> Answer:
    if len(vectors) == 1:
        return {"vector": vectors[0].tolist()}
    unit = _unit(vectors)
    cosines = (unit[1:] @ unit[0]).tolist()
    if len(cosines) > 1:
        return {"cosines": cosines, "nearest": nearest(cosines)}
    if not len(logits):
        return {"cosine": cosines[0]}
    chances = softmax(logits)
    return {"cosine": cosines[0], "label": learnt.labels[chances.argmax()], "probability": float(chances.max())}


def _unit(vectors: Raw) -> Raw:
    """Return the vectors at length 1, in float64: cosines stay within 1 and -1 but for rounding."""
    wide = vectors.astype(np.float64)
    return np.asarray(wide / np.maximum(np.linalg.norm(wide, axis=1, keepdims=True), 1e-12))
