"""A text in, a vector out: near for texts that mean the same (SBERT; Reimers and Gurevych, 2019).

Texts of a row are read one by one by the same encoder (siamese networks). SALBERT (Choi et al., 2021) is the same with
an ALBERT encoder, which this house does not have yet.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

import numpy as np
from pydantic import Field, model_validator
from tokenizers.normalizers import Lowercase

from mamebert.checkpoints.sentence_modules import dense_arrays, read_modules, root_of
from mamebert.checkpoints.sentence_transformers import Dense, Modules, PoolingMode, dense_weights, module_files
from mamebert.config import build
from mamebert.corpus.readers import Row
from mamebert.encoder.settings import EncoderConfig
from mamebert.evaluation.metrics.bootstrap import Measure
from mamebert.evaluation.metrics.ranking import partner_ranks
from mamebert.progress import say
from mamebert.tasks import Analyzer, Answer, Baseline, Parts, Raw, text_of, value_of
from mamebert.tasks.bases.embedding_objectives import Goal, Labelled, Partners, Scored, Triplets
from mamebert.tasks.bases.text_task import Texts, TextTask, one_sequence
from mamebert.tasks.data.cells import is_missing
from mamebert.tasks.data.features import FIRST, Example, Features, Laid, TaskBatch, TaskState, Unusable, as_array
from mamebert.tasks.data.text_vectors import Found
from mamebert.tasks.data.vector_answers import answer_of, unit, unpack
from mamebert.tasks.network.named_heads import VectorHeadNames
from mamebert.tokenizer.beginnings import encode_beginnings
from mamebert.tokenizer.encoding import Tokenizer

if TYPE_CHECKING:
    from torch import nn

    from mamebert.training.loop import Losses

MADE = ("pooling", "dense", "normalize", "do_lower_case", "prompts", "default_prompt_name")
"""Settings that tell how a vector is made."""
DENSE = "vectors.dense."
"""How the names of the linear layers' parameters begin in the head."""


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
    2017), so that large batches (batch_rows) teach more and training.micro_batch_tokens makes them smaller."""
    label_column: str = "label"
    """The column with the number (cosine) or the label (softmax)."""
    score_range: tuple[float, float] | None = None
    """The numbers that stand for cosines 0 and 1; unset, the lowest and the highest of the training rows."""
    margin: float = Field(default=1.0, gt=0)
    """By how much the second text of a triplet must be nearer than the third, in Euclidean distance."""
    scale: float = Field(default=20.0, gt=0)
    """What cosines are multiplied by in the objective ranking: the inverse of a temperature."""
    pooling: list[PoolingMode] | None = Field(default=None, min_length=1)
    """How the vectors of tokens, [CLS] and [SEP] among them, become one: mean, cls (that of [CLS]), max,
    mean_sqrt_len_tokens, weightedmean or lasttoken; those of several ways stand side by side. This and the five
    settings below are, where unset, as in the model that is started from; where that says nothing, the mean alone."""
    dense: list[Dense] | None = None
    """Linear layers after the pooling, such as [{out_features = 256, activation = "tanh"}]."""
    normalize: bool | None = None
    """Whether vectors are brought to length 1."""
    do_lower_case: bool | None = None
    """Whether letters are made small before the tokenizer, which need not do so, sees a text."""
    prompts: dict[str, str] | None = None
    """Texts, by name, of which one may be put before every text."""
    default_prompt_name: str | None = None
    """Which of the prompts is put before every text; "" is none."""
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

    @property
    def made(self) -> Modules:
        """How vectors are made, with what is left open as it is where nothing else is told."""
        told = {name: value for name in MADE if (value := getattr(self, name)) is not None}
        return build(Modules, {**told, "max_length": self.max_length})

    @classmethod
    def understands(cls, architecture: str, config: dict[str, Any]) -> bool:
        """Tell whether a folder holds an encoder alone."""
        return architecture == "BertModel"

    @classmethod
    def foreign(cls, folder: Path, longest: int) -> dict[str, Any]:
        """Return how a folder of `sentence-transformers` makes vectors; without its files, the mean."""
        root = root_of(folder)
        if not root:
            _tell_of_mean(folder)
        made = read_modules(root, longest) if root else Modules(max_length=longest)
        return {**cls.foreign_settings, **made.model_dump()}

    def starting_from(self, folder: Path) -> Self:
        """Return the task with what it leaves open as the folder has it; max_length is never left open."""
        root = root_of(folder)
        if root is None or self.cnn_widths:
            return self
        found = read_modules(root, self.max_length)
        if self.pooling not in (None, found.pooling):
            found = found.model_copy(update={"dense": []})  # which were made for vectors of another width
        return self.model_copy(update={name: getattr(found, name) for name in MADE if getattr(self, name) is None})

    def stored_beside(self, folder: Path) -> dict[str, Raw]:
        """Return the linear layers of a folder of `sentence-transformers`, if they are what this task asks for."""
        root = root_of(folder)
        if root is None or self.cnn_widths or not self.dense or read_modules(root, self.max_length).dense != self.dense:
            return {}
        layers = enumerate(dense_arrays(root))
        return {f"{DENSE}{number}.{name}": array for number, layer in layers for name, array in layer.items()}

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

    def learn(self, train: Sequence[Example]) -> TaskState:
        """Return the labels, or the range of the numbers."""
        return self.goal.learn([example.gold for example in train])

    def features(self, tokenizer: Tokenizer, examples: Sequence[Example], learnt: TaskState) -> list[Features]:
        """Return each text as a sequence of its own, of which all tokens are read, or [CLS] where that is enough."""
        shown = self._shown([text for each in examples for text in each.inputs])
        pieces = iter(encode_beginnings(tokenizer, shown, self.max_length))
        first_alone = self.made.pooling == ["cls"] and not self.cnn_widths
        found = []
        for example in examples:
            each = [one_sequence(tokenizer, [next(pieces)], self.max_length) for _ in example.inputs]
            sequences = [alone.sequences[0] for alone in each]
            places = [FIRST if first_alone else np.arange(len(ids)) for ids in sequences]
            cut = sum(alone.num_truncated for alone in each)
            one = Features(sequences, places, num_truncated=cut, notes=sequences[-1].tobytes())
            known = example.gold is not None
            found.append(replace(one, target=self.goal.target(example.gold, learnt)) if known else one)
        return found

    def head(self, config: EncoderConfig, width: int, pooler: "nn.Module | None", learnt: TaskState) -> "nn.Module":
        """Return pooling, and for labelled pairs a linear layer over both vectors and their difference."""
        from mamebert.tasks.network.pooling import TextVectors
        from mamebert.tasks.network.siamese import SiameseHead

        made = self.made
        vectors = TextVectors(
            made.pooling, width, self.cnn_widths, self.cnn_channels, made.dense, normalize=made.normalize
        )
        return SiameseHead(vectors, len(learnt.labels))

    def named_head(self, learnt: TaskState) -> VectorHeadNames | None:
        """Return the same by names; kernels know no convolution."""
        made = self.made
        return (
            None
            if self.cnn_widths
            else VectorHeadNames(made.pooling, made.dense, DENSE, made.normalize, len(learnt.labels))
        )

    def loss(self, found: Any, batch: TaskBatch, whole: int) -> "Losses":
        """Return the loss of the objective; in ranking the wrong answers are those of this part of the batch."""
        from mamebert.training.loop import Losses

        return Losses(self.goal.losses(found, batch).sum() / whole, {})

    def raws(self, found: Any, batch: Laid | TaskBatch) -> list[Raw]:
        """Return for each example its vectors one after the other, and for labelled pairs the logits after them."""
        assert isinstance(found, Found)
        raws = np.split(as_array(found.vectors), np.cumsum(batch.num_sequences)[:-1])
        if found.logits is None:
            return [each.ravel() for each in raws]
        logits = iter(as_array(found.logits))
        return [np.append(each, next(logits)) if len(each) == 2 else each.ravel() for each in raws]

    def answers(self, raws: Sequence[Raw], features: Sequence[Features], learnt: TaskState) -> list[Answer]:
        """Return {"vector"}, {"cosine"} or {"cosines", "nearest"}, by the number of texts.

        Labelled pairs also have {"label", "probability"}. Where it is known that pairs belong together, {"rank"} tells
        at which the second text of a pair is found among those of all examples given.
        """
        unpacked = [unpack(raw, len(each.sequences), learnt) for raw, each in zip(raws, features, strict=True)]
        answers = [answer_of(vectors, logits, learnt) for vectors, logits in unpacked]
        if self.objective == "ranking" and all(each.target is not None for each in features):
            first, second = (np.stack([unit(vectors)[side] for vectors, _ in unpacked]) for side in (0, 1))
            ranks = partner_ranks(first, second, [each.notes for each in features])
            return [{**answer, "rank": rank} for answer, rank in zip(answers, ranks, strict=True)]
        return answers

    def measures(self, examples: Sequence[Example], answers: Sequence[Answer]) -> list[Measure]:
        """Return correlations of cosines, accuracy, or shares of partners found, by the objective."""
        return self.goal.measures([example.gold for example in examples], answers)

    def baselines(self, parts: Parts, analyzer: Analyzer, seed: int) -> Iterator[Baseline]:
        """Yield what can be told from the words that texts share."""
        yield from self.goal.peers(parts, analyzer)

    def unseen(self, examples: Sequence[Example], learnt: TaskState) -> dict[str, int]:
        """Return how many examples have a label that no output stands for."""
        known = set(learnt.labels)
        count = sum(example.gold not in known for example in examples) if known else 0
        return {"a label that no training row has": count} if count else {}

    def strata(self, examples: Sequence[Example]) -> list[str] | None:
        """Return the labels of labelled pairs."""
        return [example.gold for example in examples] if self.objective == "softmax" else None

    def files(self, config: EncoderConfig) -> dict[str, str]:
        """Return what `sentence-transformers` reads; with a convolution nothing, for it has none that ends in ReLU."""
        return {} if self.cnn_widths else module_files(self.made, config.hidden_size)

    def place_beside(self, name: str) -> tuple[str, str] | None:
        """Return the file of a linear layer's module."""
        layer = re.fullmatch(re.escape(DENSE) + r"(\d+)\.(.+)", name)
        return (dense_weights(int(layer[1])), layer[2]) if layer and not self.cnn_widths else None

    def _shown(self, texts: Sequence[str]) -> list[str]:
        """Return what the tokenizer gets of texts."""
        made = self.made
        prompt = made.prompts.get(made.default_prompt_name, "")
        lower = Lowercase().normalize_str if made.do_lower_case else str
        return [lower(prompt + text) for text in texts]

    def _sides(self) -> list[list[str]]:
        return [names for names in (self.text_columns, self.second_columns, self.third_columns) if names]


@cache
def _tell_of_mean(folder: Path) -> None:
    """Say, once for each folder, what nobody has chosen."""
    say(f"{folder} does not say how it makes vectors of texts: each is the mean of the vectors of its tokens.")
