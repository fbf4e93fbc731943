"""A stem and several endings or answers in, the number of the right one out (Devlin et al., 2019, section 4.4)."""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain
from time import perf_counter
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NamedTuple

import numpy as np
from pydantic import Field

from mamebert.corpus.readers import Row
from mamebert.encoder.settings import EncoderConfig
from mamebert.errors import UserError
from mamebert.evaluation.baselines.fitting import Part
from mamebert.evaluation.baselines.pairs import tfidf_cosine
from mamebert.evaluation.metrics.bootstrap import Measure
from mamebert.evaluation.metrics.classes import accuracy
from mamebert.tasks import Analyzer, Answer, Baseline, Parts, Raw, Task, gold_of, text_of, value_of
from mamebert.tasks.bases.text_task import one_sequence
from mamebert.tasks.data.cells import as_label, is_missing, items_of, says_something, text_cell
from mamebert.tasks.data.features import Example, Features, TaskBatch, TaskState, Unusable
from mamebert.tasks.data.shares import softmax
from mamebert.tasks.network.named_heads import LinearHeadNames
from mamebert.tokenizer.beginnings import Beginning
from mamebert.tokenizer.encoding import Tokenizer

if TYPE_CHECKING:
    from torch import Tensor, nn

    from mamebert.training.loop import Losses

LETTER, NUMBER = re.compile(r"\(?([A-Za-z])[).:]?"), re.compile(r"-?[0-9]{1,9}(?:\.0*)?")
UNLIKELY = 1e-3
"""A chance so small that another explanation is likelier."""


class Asked(NamedTuple):
    """What is asked, and what may be answered."""

    stem: str
    lead: str
    """What every choice is to be read with; "" where there is nothing."""
    choices: tuple[str, ...]
    names: tuple[str, ...] = ()
    """What the label calls each choice, where the row says it; () where the label is a number, a letter or a text."""


class MultipleChoice(Task):
    """The right one of several choices, whose number may differ from row to row."""

    architecture: ClassVar[str] = "BertForMultipleChoice"
    reads_pairs: ClassVar[bool] = True
    scores_alternatives: ClassVar[bool] = True
    lstm_along: ClassVar[Literal["example", "sequence"]] = "sequence"

    stem_columns: list[str] = Field(default=["question"], min_length=1)
    """Columns of what comes before every choice; several are joined by a line end. Where both are too long, the longer
    of stem and choice is cut."""
    lead_columns: list[str] = Field(default=[])
    """Columns shown with every choice and never cut with the stem: the question, where the stem is a long text."""
    choice_columns: list[str] = Field(default=["choices"], min_length=1)
    """One column with a list of choices, or with their texts and their names, {"text": ["…", "…"], "label": ["A", "B"]}
    as ARC has it; or a column for each choice."""
    label_column: str = "label"
    """The column that tells the right choice."""
    label: Literal["number", "text"] = "number"
    """Whether that is the number of the choice, or its letter (A, B ...) or the name of its column, or its text."""
    first_number: int | None = None
    """Number of the first choice; unset 0, and numbers that look as if they were counted from 1 are refused."""

    def columns(self) -> list[str]:
        """Return the columns of stem and choices."""
        return [*self.stem_columns, *self.lead_columns, *self.choice_columns]

    def example(self) -> dict[str, Any]:
        """Return a row with two choices, or with one in each column of them."""
        only = {self.choice_columns[0]: ["…", "…"]} if len(self.choice_columns) == 1 else {}
        return {**super().example(), **only}

    def inputs(self, row: Row) -> Asked:
        """Return stem and choices."""
        asked = Asked(text_of(row, self.stem_columns), text_of(row, self.lead_columns), *self._choices(row))
        if not says_something(asked.stem):
            raise Unusable("no text to choose by")
        if len(asked.choices) < 2 or not all(map(says_something, asked.choices)):
            raise Unusable("fewer than two choices, or an empty one")
        return asked

    def gold(self, row: Row, inputs: Asked) -> int:
        """Return the number of the right choice, counted from 0."""
        number = self._number(gold_of(row, self.label_column), inputs)
        if number == len(inputs.choices) and self._is_counted_from_0_perhaps:
            raise UserError(
                f"A row with {number} choices has the label {number}, and the first choice has number 0. "
                "Set task.first_number = 1 where they are counted from 1, or = 0 to leave such rows out."
            )
        if not 0 <= number < len(inputs.choices):
            raise Unusable("a label that is none of the choices")
        return number

    def learn(self, train: Sequence[Example]) -> TaskState:
        """Return nothing: every row brings its own choices. Labels that never name the first one are a UserError."""
        by_chance = np.prod([1 - 1 / len(example.inputs.choices) for example in train])
        if self._is_counted_from_0_perhaps and by_chance < UNLIKELY and all(example.gold for example in train):
            raise UserError(
                f"Of {len(train)} training rows none has the first choice as the right one. "
                "Set task.first_number = 1 where choices are counted from 1, or = 0 where this is so by design."
            )
        return TaskState()

    def features(self, tokenizer: Tokenizer, examples: Sequence[Example], learnt: TaskState) -> list[Features]:
        """Return for each choice a sequence: [CLS] stem [SEP] lead choice [SEP]."""
        asked = [example.inputs for example in examples]
        texts = list(dict.fromkeys(chain.from_iterable((each.stem, each.lead, *each.choices) for each in asked)))
        pieces = {text: each.ids for text, each in zip(texts, tokenizer.encode_many(texts), strict=True)}
        return [self._sequences(tokenizer, example, pieces) for example in examples]

    def head(self, config: EncoderConfig, width: int, pooler: "nn.Module | None", learnt: TaskState) -> "nn.Module":
        """Return a linear layer that gives the pooled [CLS] of each choice one score."""
        from mamebert.tasks.network.heads import LinearHead

        return LinearHead(config, width, pooler, 1)

    def named_head(self, learnt: TaskState) -> LinearHeadNames:
        """Return that layer by its name."""
        return LinearHeadNames("classifier", 1)

    def loss(self, found: Any, batch: TaskBatch, whole: int) -> "Losses":
        """Return the cross entropy in nats among the choices of each example."""
        from torch.nn.functional import cross_entropy

        from mamebert.training.loop import Losses

        scores = self.alternatives(found, batch)
        return Losses(cross_entropy(scores, batch.targets(), reduction="sum") / whole, {})

    def alternatives(self, found: "Tensor", batch: TaskBatch) -> "Tensor":
        """Return the scores of the choices of each example."""
        scores, is_real = batch.padded(found[:, 0])
        return scores.masked_fill(~is_real, -np.inf)

    def answers(self, raws: Sequence[Raw], features: Sequence[Features], learnt: TaskState) -> list[Answer]:
        """Return for each example its likeliest choice: number counted from 0, text and probability."""
        chances = [softmax(raw[:, 0]) for raw in raws]
        return [
            {"choice": (best := int(chance.argmax())), "text": each.notes[best], "probability": float(chance[best])}
            for chance, each in zip(chances, features, strict=True)
        ]

    def measures(self, examples: Sequence[Example], answers: Sequence[Answer]) -> list[Measure]:
        """Return accuracy."""
        return [accuracy([e.gold for e in examples], [a["choice"] for a in answers])]

    def baselines(self, parts: Parts, analyzer: Analyzer, seed: int) -> Iterator[Baseline]:
        """Yield the place that is right most often, and the choice that is most like the stem."""
        started = perf_counter()
        place = Counter(example.gold for example in parts.train).most_common(1)[0][0]
        answers = [{"choice": place} for _ in parts.test]
        yield Baseline("most frequent place", answers, perf_counter() - started, {"choice": place})
        if analyzer != "none":
            pairs = [Part([pair for e in part for pair in _pairs(e.inputs)], []) for part in parts]
            found = tfidf_cosine(*pairs, analyzer=analyzer)
            cuts = np.cumsum([len(example.inputs.choices) for example in parts.test])[:-1]
            likest = [{"choice": int(each.argmax())} for each in np.split(np.array(found.answers), cuts)]
            yield Baseline("TF-IDF: choice most like the stem", likest, found.seconds, found.chosen)

    def describe(self, examples: Sequence[Example]) -> dict[str, int]:
        """Return how often each place is right."""
        return {f"choice {place}": count for place, count in sorted(Counter(e.gold for e in examples).items())}

    def plain_settings(self, learnt: TaskState) -> dict[str, Any]:
        """Return nothing: there are no labels."""
        return {}

    def _choices(self, row: Row) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Return the texts of the choices, and their names where the row has any."""
        names: tuple[str, ...] = ()
        values = [value_of(row, name) for name in self.choice_columns]
        if len(values) == 1:
            (found,) = values
            if isinstance(found, Mapping) and "text" in found:
                found, names = found["text"], tuple(map(as_label, items_of(found.get("label")) or ()))
            items = items_of(found)
            if items is None:
                raise UserError(
                    f"The column {self.choice_columns[0]!r} holds {str(found)[:40]!r}, which is no list of choices. "
                    "Name the column of the list, or one column for each choice, in task.choice_columns."
                )
            values = list(items)
        while values and is_missing(values[-1]):  # a row with fewer choices than there are columns
            values.pop()
        texts = tuple(text_cell(value, self.choice_columns[0]) for value in values)
        return texts, names if len(names) == len(texts) else ()

    def _number(self, value: Any, asked: Asked) -> int:
        choices = asked.choices
        if self.label == "number" and self.first_number is None and as_label(value) in asked.names:
            return asked.names.index(as_label(value))
        if self.label == "text":
            wanted, known = as_label(value), [as_label(choice) for choice in choices]
            return known.index(wanted) if known.count(wanted) == 1 else -1
        told = unicodedata.normalize("NFKC", as_label(value))  # Ａ and ① are A and 1
        if len(self.choice_columns) > 1 and told in self.choice_columns:
            return self.choice_columns.index(told)
        if letter := LETTER.fullmatch(told):
            number = ord(letter[1].upper()) - ord("A")
            return number if number < len(choices) else -1
        if not NUMBER.fullmatch(told):
            raise UserError(
                f"The label {told[:40]!r} is no number and no letter of a choice. "
                'Name another column in task.label_column, or set task.label = "text" where it is the choice itself.'
            )
        return int(float(told)) - (self.first_number or 0)

    @property
    def _is_counted_from_0_perhaps(self) -> bool:
        return self.label == "number" and self.first_number is None

    def _sequences(self, tokenizer: Tokenizer, example: Example, pieces: dict[str, Any]) -> Features:
        asked: Asked = example.inputs
        each = [
            one_sequence(
                tokenizer,
                [
                    Beginning(pieces[asked.stem], 0),
                    Beginning(np.append(pieces[asked.lead], pieces[choice]), 0),
                ],
                self.max_length,
            )
            for choice in asked.choices
        ]
        joined = Features(
            [sequence for one in each for sequence in one.sequences],
            [places for one in each for places in one.places],
            [segments for one in each for segments in one.segments or ()],
            num_truncated=sum(one.num_truncated for one in each),
            notes=asked.choices,
        )
        return joined if example.gold is None else replace(joined, target=np.array([example.gold]))


def _pairs(asked: Asked) -> list[tuple[str, str]]:
    stem = "\n".join(text for text in (asked.stem, asked.lead) if text)
    return [(stem, choice) for choice in asked.choices]
