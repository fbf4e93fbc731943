"""A tag for each word, or things marked in a text (Devlin et al., 2019, section 5.3): parts of speech, names, terms."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from mamebert.corpus.readers import Row
from mamebert.encoder.settings import EncoderConfig
from mamebert.errors import UserError
from mamebert.evaluation.baselines.fitting import Part
from mamebert.evaluation.baselines.sequences import most_frequent_tag
from mamebert.evaluation.baselines.spans import dictionary
from mamebert.evaluation.metrics.bootstrap import Measure
from mamebert.evaluation.metrics.entities import (
    entities,
    entity_f1,
    entity_precision,
    entity_recall,
    span_f1,
    token_accuracy,
)
from mamebert.progress import say
from mamebert.tasks import Analyzer, Answer, Baseline, Parts, Raw, value_of
from mamebert.tasks.bases.word_task import Asked, WordTask
from mamebert.tasks.data.bio_tags import OUTSIDE, bio_labels, bio_tags, entities_in, mark_entities
from mamebert.tasks.data.cells import is_missing
from mamebert.tasks.data.features import IGNORE_INDEX, Example, Features, TaskBatch, TaskState, Unusable
from mamebert.tasks.data.word_windows import in_windows
from mamebert.tasks.data.words import Sentence, pieces_found
from mamebert.tasks.network.named_heads import LinearHeadNames
from mamebert.tokenizer.encoding import Tokenizer

if TYPE_CHECKING:
    from torch import nn

    from mamebert.training.loop import Losses

LIKE_A_MARK = re.compile(r"(?i)o|out|outside|[bieslum][-_/:].+|.+[-_/:][bieslum]")


class Tagging(WordTask):
    """A tag for each word, read from its first piece; or, with `spans_column`, ranges of characters marked in a text.

    A sentence too long for one sequence is read in several that overlap, so that no word is left out.
    """

    scores_alternatives: ClassVar[bool] = True

    architecture: ClassVar[str] = "BertForTokenClassification"
    has_pooler: ClassVar[bool] = False
    reads: ClassVar[Literal["first", "every"]] = "every"

    tags_column: str = "tags"
    """The column with a tag for each word, a list or a text with spaces between them."""
    spans_column: str = ""
    """The column with the ranges marked in the text, each {"start": 3, "end": 8, "label": "PERSON"}, {"span": [3, 8],
    "type": "PERSON"} or [3, 8, "PERSON"]. Its pieces are then tagged B-, I- and O, and words play no part."""
    left_out_types: list[str] = Field(default=[])
    """Types of marked things that are taken for none, such as OPTIONAL in the corpora of Kyoto University."""
    measure: Literal["auto", "entity_f1", "token_accuracy"] = "auto"
    """What training goes by where words are tagged; auto is entity_f1 where all tags are O or begin with B- or I-."""

    def columns(self) -> list[str]:
        """Return the column of the words, or of the text."""
        return [self.text_column if self.spans_column else self.words_column]

    def inputs(self, row: Row) -> Asked:
        """Return the words, or the text."""
        return self.text_in(row) if self.spans_column else super().inputs(row)

    def gold(self, row: Row, inputs: Asked) -> Any:
        """Return the tags of the words, or the marked ranges (start, end, type)."""
        if not self.spans_column:
            tags = self.by_word(row, self.tags_column, inputs)
            return [OUTSIDE if tag[2:] in self.left_out_types and tag[1:2] == "-" else tag for tag in tags]
        assert isinstance(inputs, str)
        if is_missing(value_of(row, self.spans_column)):
            raise Unusable(f"no {self.spans_column}")
        return [each for each in entities_in(row, self.spans_column, inputs) if each[2] not in self.left_out_types]

    def learn(self, train: Sequence[Example]) -> TaskState:
        """Return the tags; fewer than two are a UserError."""
        found = Counter(name for example in train for name in self._names(example))
        if self.spans_column and found:
            return TaskState(bio_labels(found))
        if len(found) < 2:
            told = f"all words have the tag {next(iter(found))!r}" if found else "nothing is marked"
            raise UserError(f"Tagging needs two tags, and in the training rows {told}. Give rows with others too.")
        if self.measure == "entity_f1" and not mark_entities(found):
            wrong = next(tag for tag in sorted(found) if not mark_entities([tag]))
            raise UserError(
                f"The tag {wrong!r} marks no entity, so there is no entity_f1. Leave task.measure at auto, or write "
                "tags as O, B-TYPE and I-TYPE."
            )
        if self.measure == "auto" and not mark_entities(found) and all(map(LIKE_A_MARK.fullmatch, found)):
            say(
                f"The tags ({', '.join(sorted(found)[:4])} ...) look like marks of entities in another spelling, and "
                "are measured word by word. Write them as O, B-TYPE and I-TYPE (also E- and S-) to measure entities."
            )
        return TaskState(tuple(sorted(found, key=lambda tag: (tag != OUTSIDE, tag))))

    def features(self, tokenizer: Tokenizer, examples: Sequence[Example], learnt: TaskState) -> list[Features]:
        """Return the sequences of each example; words with a tag never seen in training are left out of the loss."""
        asked = [example.inputs for example in examples]
        found = pieces_found(tokenizer, asked) if self.spans_column else self.sentences(tokenizer, asked)
        tags = self._tags(examples, found)
        number = {label: i for i, label in enumerate(learnt.labels)}
        return [
            replace(
                in_windows(tokenizer, sentence, self.max_length),
                target=np.array([number.get(tag, IGNORE_INDEX) for tag in each], np.int64),
            )
            for sentence, each in zip(found, tags, strict=True)
        ]

    def head(self, config: EncoderConfig, width: int, pooler: "nn.Module | None", learnt: TaskState) -> "nn.Module":
        """Return a linear layer over each word."""
        from mamebert.tasks.network.heads import LinearHead, over_tokens

        return LinearHead(config, width, over_tokens(config, pooler), len(learnt.labels))

    def named_head(self, learnt: TaskState) -> LinearHeadNames:
        """Return that layer by its name."""
        return LinearHeadNames("classifier", len(learnt.labels))

    def loss(self, found: Any, batch: TaskBatch, whole: int) -> "Losses":
        """Return the cross entropy in nats, its mean over the words of a batch."""
        from torch.nn.functional import cross_entropy

        from mamebert.training.loop import Losses

        total = cross_entropy(found, batch.targets(), reduction="sum", ignore_index=IGNORE_INDEX)
        return Losses(total / whole, {})

    def num_asked(self, features: Features) -> int:
        """Return the number of words with a tag to learn."""
        return int((features.target != IGNORE_INDEX).sum())

    def answers(self, raws: Sequence[Raw], features: Sequence[Features], learnt: TaskState) -> list[Answer]:
        """Return for each example its tags, and as far as tags mark any, the entities.

        Those have the words (from 0, the end being behind the last) of a sentence given as words, and the characters
        of one given as a text, whose words are told as well.
        """
        marks = mark_entities(learnt.labels)
        return [
            self._answer([learnt.labels[i] for i in raw.argmax(axis=1)], each.notes, marks)
            for raw, each in zip(raws, features, strict=True)
        ]

    def measures(self, examples: Sequence[Example], answers: Sequence[Answer]) -> list[Measure]:
        """Return F1, precision and recall of entities and the accuracy of tags, as far as they mean something."""
        gold = [example.gold for example in examples]
        if self.spans_column:
            return [span_f1(gold, [[(e["start"], e["end"], e["label"]) for e in a["entities"]] for a in answers])]
        found = [answer["tags"] for answer in answers]
        right = token_accuracy(gold, found)
        if not mark_entities(tag for tags in gold for tag in tags):
            return [right]
        by_entity = [measure(gold, found) for measure in (entity_f1, entity_precision, entity_recall)]
        return [right, *by_entity] if self.measure == "token_accuracy" else [*by_entity, right]

    def baselines(self, parts: Parts, analyzer: Analyzer, seed: int) -> Iterator[Baseline]:
        """Yield the most frequent tag of each word; for marked texts, what is marked wherever its characters stand."""
        given = [Part([example.inputs for example in part], [example.gold for example in part]) for part in parts]
        if not self.spans_column:
            yield Baseline.of(most_frequent_tag(*given), lambda tags: {"tags": tags})
        else:
            yield Baseline.of(dictionary(*given), lambda spans: {"entities": [_entity(*each) for each in spans]})

    def describe(self, examples: Sequence[Example]) -> dict[str, int]:
        """Return how often each tag, or type of marked thing, occurs."""
        return dict(sorted(Counter(name for example in examples for name in self._names(example)).items()))

    def _names(self, example: Example) -> list[str]:
        return [kind for _, _, kind in example.gold] if self.spans_column else list(example.gold)

    def _tags(self, examples: Sequence[Example], sentences: Sequence[Sentence]) -> list[list[str]]:
        """Return the tags of what is asked, "" where nobody told; ranges that tags cannot say are counted and told."""
        tags, num_inexact, num_marked = [], 0, 0
        for example, sentence in zip(examples, sentences, strict=True):
            if example.gold is None:
                tags.append([""] * len(sentence.pieces))
            elif self.spans_column:
                each, inexact = bio_tags(sentence.spans or (), example.gold)
                tags.append(each)
                num_inexact, num_marked = num_inexact + inexact, num_marked + len(example.gold)
            else:
                tags.append(example.gold)
        if num_inexact:
            say(
                f"{num_inexact} of {num_marked} marked ranges overlap or end within a piece. They are learnt inexactly."
            )
        return tags

    def _answer(self, tags: list[str], sentence: Sentence, marks: bool) -> Answer:
        answer: Answer = {} if self.spans_column else {"tags": tags}
        if sentence.spans is not None and not self.spans_column:
            answer = {"words": sentence.words, **answer}
        if not marks:
            return answer
        found = entities(tags)
        if sentence.spans is None:
            return {**answer, "entities": [_entity(*each) for each in found]}
        spans = [(sentence.spans[first][0], sentence.spans[behind - 1][1], kind) for first, behind, kind in found]
        return {**answer, "entities": [{**_entity(*each), "text": sentence.text[each[0] : each[1]]} for each in spans]}


def _entity(start: int, end: int, label: str) -> dict[str, Any]:
    return {"start": start, "end": end, "label": label}
