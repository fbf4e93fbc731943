"""The head of every word and its relation to it: a biaffine parser (Dozat and Manning, 2017) on an encoder."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
from pydantic import Field

from mamebert.corpus.readers import Row
from mamebert.corpus.trees import defect
from mamebert.encoder.settings import EncoderConfig
from mamebert.errors import UserError
from mamebert.evaluation.baselines.fitting import Part
from mamebert.evaluation.baselines.trees import chains, most_frequent_distance
from mamebert.evaluation.metrics.bootstrap import Measure
from mamebert.evaluation.metrics.dependencies import las, uas
from mamebert.tasks import Analyzer, Answer, Baseline, Parts, Raw
from mamebert.tasks.bases.word_task import Asked, WordTask
from mamebert.tasks.data.features import IGNORE_INDEX, Example, Features, Laid, TaskBatch, TaskState
from mamebert.tasks.data.trees import maximum_spanning_tree
from mamebert.tasks.data.word_windows import enclosed, flat
from mamebert.tasks.data.words import Sentence
from mamebert.tasks.network.named_biaffine import BiaffineNames, Tree
from mamebert.tokenizer.encoding import Tokenizer

if TYPE_CHECKING:
    from torch import nn

    from mamebert.training.loop import Losses


Ints = npt.NDArray[np.int64]


class Shown(NamedTuple):
    """How a sentence is read."""

    sentence: Sentence
    sizes: list[int]
    """The tokens that are read of each word, as far as the words fit."""


class DependencyParsing(WordTask):
    """The best tree over the words of a sentence, with exactly one word below the root; the root is read at [CLS].

    Words that do not fit into a sequence are not read: the word before is answered as their head, with the most
    frequent relation, which is mostly wrong. Such sentences are counted among the truncated.
    """

    architecture: ClassVar[str] = ""
    reads: ClassVar[Literal["first", "every"]] = "every"

    heads_column: str = "heads"
    """The column with the head of each word: its number in the sentence, from 1, and 0 for the root."""
    deprels_column: str = "deprels"
    """The column with the relation of each word to its head."""
    word_vector: Literal["first", "mean"] = "first"
    """What is read of a word: its first piece, or the mean of all; units as long as bunsetsu want all."""
    arc_size: int = Field(default=256, ge=1)
    """Width of the layers that words go through to be compared as head and dependent; the paper has 500."""
    label_size: int = Field(default=64, ge=1)
    """Width of those for relations; the paper has 100."""
    head_dropout: float = Field(default=0.33, ge=0, lt=1)
    """Share of the values dropped behind these layers in training; the paper's."""

    def gold(self, row: Row, inputs: Asked) -> dict[str, Any]:
        """Return the heads and the relations; heads that form no tree are a UserError."""
        told = self.by_word(row, self.heads_column, inputs)
        begins = f"The sentence that begins {' '.join(inputs[:5])!r}"
        try:
            heads = [int(head) for head in told]
        except ValueError as error:
            raise UserError(
                f"{begins} has heads that are no numbers. Give for each word the number of its head, from 1."
            ) from error
        if wrong := defect(heads):
            raise UserError(f"{begins} is no tree: {wrong}. Fix its heads, or leave it out.")
        return {"heads": heads, "deprels": list(self.by_word(row, self.deprels_column, inputs))}

    def learn(self, train: Sequence[Example]) -> TaskState:
        """Return the relations, and the most frequent one."""
        counts = self.describe(train)
        return TaskState(tuple(counts), {"most_frequent": max(counts, key=counts.__getitem__)})

    def features(self, tokenizer: Tokenizer, examples: Sequence[Example], learnt: TaskState) -> list[Features]:
        """Return one sequence for each example; a head that does not fit, or a new relation, is not learnt from."""
        number = {label: i for i, label in enumerate(learnt.labels)}
        found = self.sentences(tokenizer, [example.inputs for example in examples])
        return [
            self._feature(tokenizer, sentence, example.gold, number)
            for sentence, example in zip(found, examples, strict=True)
        ]

    def head(self, config: EncoderConfig, width: int, pooler: "nn.Module | None", learnt: TaskState) -> "nn.Module":
        """Return the biaffine scorer."""
        from mamebert.tasks.network.biaffine import BiaffineHead

        return BiaffineHead(width, self.arc_size, self.label_size, len(learnt.labels), self.head_dropout)

    def named_head(self, learnt: TaskState) -> BiaffineNames:
        """Return the same by names."""
        return BiaffineNames(self.arc_size, self.label_size, len(learnt.labels))

    def loss(self, found: Any, batch: TaskBatch, whole: int) -> "Losses":
        """Return the cross entropy of the right head, and of the right relation to it, in nats for each word."""
        from torch.nn.functional import cross_entropy

        from mamebert.training.loop import Losses

        heads, labels = batch.targets().unbind(1)
        arc = cross_entropy(found.arcs[found.words], heads, reduction="sum", ignore_index=IGNORE_INDEX) / whole
        fitting = found.labels(heads.clamp(min=0))
        label = cross_entropy(fitting, labels, reduction="sum", ignore_index=IGNORE_INDEX) / whole
        return Losses(arc + label, {"arc": arc.detach(), "label": label.detach()})

    def num_asked(self, features: Features) -> int:
        """Return the number of words whose head is to be learnt."""
        return int((features.target[:, 0] != IGNORE_INDEX).sum())

    def raws(self, found: Any, batch: Laid | TaskBatch) -> list[Raw]:
        """Return [words, 2] for each example: heads in the best tree, and the numbers of the relations to them."""
        trees: list[Tree] = found if isinstance(found, list) else found.trees()
        heads = [_heads(each.arcs) for each in trees]
        return [np.stack([to, each.labels(to).argmax(-1)], 1) for to, each in zip(heads, trees, strict=True)]

    def answers(self, raws: Sequence[Raw], features: Sequence[Features], learnt: TaskState) -> list[Answer]:
        """Return heads and relations for each example; for one given as a text also the words found in it."""
        return [_answer(raw, each.notes.sentence, learnt) for raw, each in zip(raws, features, strict=True)]

    def measures(self, examples: Sequence[Example], answers: Sequence[Answer]) -> list[Measure]:
        """Return the labelled and the unlabelled attachment score."""
        (heads, deprels), (found_heads, found_deprels) = (
            ([each["heads"] for each in given], [each["deprels"] for each in given])
            for given in ([example.gold for example in examples], answers)
        )
        return [las(heads, deprels, found_heads, found_deprels), uas(heads, found_heads)]

    def baselines(self, parts: Parts, analyzer: Analyzer, seed: int) -> Iterator[Baseline]:
        """Yield a chain of all words, and the distance at which each word most often has its head."""
        given = [Part([e.inputs for e in part], [(e.gold["heads"], e.gold["deprels"]) for e in part]) for part in parts]
        for found in (chains(*given), most_frequent_distance(*given)):
            yield Baseline.of(found, lambda tree: {"heads": tree[0], "deprels": tree[1]})

    def describe(self, examples: Sequence[Example]) -> dict[str, int]:
        """Return how often each relation occurs."""
        return dict(sorted(Counter(name for example in examples for name in example.gold["deprels"]).items()))

    def _feature(self, tokenizer: Tokenizer, sentence: Sentence, gold: Any, number: dict[str, int]) -> Features:
        pieces, firsts = flat(sentence.pieces)
        room = self.max_length - 2
        kept = firsts[firsts < room]
        ends = np.append(kept[1:], min(len(pieces), room))
        sizes = ends - kept if self.word_vector == "mean" else np.ones_like(kept)
        places = kept if self.word_vector == "first" else np.arange(ends[-1])
        return Features(
            [enclosed(tokenizer, pieces[:room])],
            [np.concatenate([[0], 1 + places])],
            target=_target(gold, len(kept), number),
            num_truncated=max(0, len(pieces) - room),
            notes=Shown(sentence, sizes.tolist()),
        )


def _target(gold: Any, size: int, number: dict[str, int]) -> Ints:
    """Return [words, 2], head and number of the relation, of the words that are read."""
    if gold is None:
        return np.full((size, 2), IGNORE_INDEX)
    told = [(head, number.get(name, IGNORE_INDEX)) for head, name in zip(gold["heads"], gold["deprels"], strict=True)]
    return np.array([each if each[0] <= size else (IGNORE_INDEX, IGNORE_INDEX) for each in told[:size]])


def _heads(arcs: npt.NDArray[np.float32]) -> Ints:
    scores = arcs.astype(np.float64)
    np.fill_diagonal(scores, 0)
    return maximum_spanning_tree(scores)


def _answer(raw: Raw, sentence: Sentence, learnt: TaskState) -> Answer:
    unread = range(len(raw), len(sentence.pieces))
    heads = [*raw[:, 0].tolist(), *unread]
    deprels = [*(learnt.labels[i] for i in raw[:, 1]), *(learnt.chosen["most_frequent"] for _ in unread)]
    answer: Answer = {"heads": heads, "deprels": deprels}
    return answer if sentence.spans is None else {"words": sentence.words, **answer}
