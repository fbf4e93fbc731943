"""A question and a passage in, the words of the passage that answer it out: SQuAD 1.1 and 2.0 (Rajpurkar et al.).

Devlin et al. (2019), sections 4.2 and 4.3.
"""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from mamebert.corpus.readers import Row
from mamebert.encoder.settings import EncoderConfig
from mamebert.evaluation.metrics.answers import Unit, answer_f1, answer_f1_of_rows, best_null_threshold, exact_match
from mamebert.evaluation.metrics.bootstrap import Measure, ratio
from mamebert.tasks import Analyzer, Answer, Baseline, Parts, Raw, Task, text_of, value_of
from mamebert.tasks.baselines.answers import most_similar_sentence, no_answer
from mamebert.tasks.data.answer_spans import Span, best_spans, likeliest_ends, null_score
from mamebert.tasks.data.cells import says_something, says_yes
from mamebert.tasks.data.features import IGNORE_INDEX, Example, Features, TaskBatch, TaskState, Unusable
from mamebert.tasks.data.passage_windows import Shown, cut_windows, pieces_of, positions
from mamebert.tasks.data.questions import Asked, right_answers, unit_of
from mamebert.tasks.data.shares import softmax
from mamebert.tasks.network.named_heads import LinearHeadNames
from mamebert.tokenizer.encoding import Tokenizer
from mamebert.tokenizer.pieces import Located

if TYPE_CHECKING:
    from torch import Tensor, nn

    from mamebert.training.loop import Losses

NEVER = -1e9
"""The score of what cannot be the answer, as a number that JSON knows."""


class SpanQa(Task):
    """The stretch of a passage that answers a question, with its characters start:end, or "" where nothing does."""

    architecture: ClassVar[str] = "BertForQuestionAnswering"
    has_pooler: ClassVar[bool] = False
    reads: ClassVar[Literal["first", "every"]] = "every"
    scores_alternatives: ClassVar[bool] = True
    lstm_along: ClassVar[Literal["example", "sequence"]] = "sequence"

    max_length: int = Field(default=384, ge=16)
    """Longest sequence in tokens; a longer passage is shown in several."""
    question_column: str = "question"
    """The column with the question."""
    context_column: str = "context"
    """The column with the passage."""
    answers_column: str = "answers"
    """The column with a list of {"text", "answer_start"}; the first is learnt, all count as right. An empty list, or a
    column is_impossible that is true, says that the passage does not answer the question."""
    unanswerable: bool = False
    """Whether "" may be the answer, as in SQuAD 2.0; else rows without an answer are left out."""
    max_question_tokens: int = Field(default=64, ge=1)
    """Longer questions are cut, and so are those that would take more than half a sequence."""
    stride: int = Field(default=128, ge=1)
    """Pieces from the beginning of one window of the passage to that of the next; half a window at most."""
    decoding: Literal["best", "argmax"] = "best"
    """best takes the possible stretch with the highest sum of both scores; argmax the likeliest start and the likeliest
    end, which need not go together."""
    n_best: int = Field(default=20, ge=1)
    """The probability of an answer is its share among so many best ones."""
    n_best_kept: int = Field(default=3, ge=0)
    """So many of them are told with each answer."""
    max_answer_pieces: int = Field(default=30, ge=1)
    """Longest answer that is looked for, in pieces of words."""
    unit: Literal["auto", "word", "character"] = "auto"
    """What F1 compares: words, or characters; auto takes characters where the passages have hardly any spaces."""

    def columns(self) -> list[str]:
        """Return the columns of question and passage."""
        return [self.question_column, self.context_column]

    def inputs(self, row: Row) -> Asked:
        """Return question and passage."""
        asked = Asked(text_of(row, [self.question_column]), text_of(row, [self.context_column]))
        for name, text in zip(("question", "passage"), asked, strict=True):
            if not says_something(text):
                raise Unusable(f"no {name}")
        return asked

    def gold(self, row: Row, inputs: Asked) -> list[dict[str, Any]]:
        """Return every answer with its text and its characters start:end; none where the passage has no answer."""
        told = [] if says_yes(row.get("is_impossible")) else value_of(row, self.answers_column)
        found = right_answers(told, inputs.context)
        if not found and not self.unanswerable:
            raise Unusable("no answer")
        return found

    def learn(self, train: Sequence[Example]) -> TaskState:
        """Return nothing yet: the threshold of "no answer" comes from validation rows."""
        return TaskState()

    def features(self, tokenizer: Tokenizer, examples: Sequence[Example], learnt: TaskState) -> list[Features]:
        """Return for each question its windows: [CLS] question [SEP] window [SEP]."""
        passages = list(dict.fromkeys(example.inputs.context for example in examples))
        places = dict(zip(passages, tokenizer.encode_with_offsets(passages), strict=True))
        questions = tokenizer.encode_many(example.inputs.question for example in examples)
        return [
            self._windows(tokenizer, question.ids, places[example.inputs.context], example)
            for question, example in zip(questions, examples, strict=True)
        ]

    def head(self, config: EncoderConfig, width: int, pooler: "nn.Module | None", learnt: TaskState) -> "nn.Module":
        """Return a linear layer that gives each token two scores: the answer starts here, it ends here."""
        from mamebert.tasks.network.heads import SpanHead, over_tokens

        return SpanHead(width, over_tokens(config, pooler))

    def named_head(self, learnt: TaskState) -> LinearHeadNames:
        """Return that layer by its name."""
        return LinearHeadNames("qa_outputs", 2)

    def num_asked(self, features: Features) -> int:
        """Return the number of windows: each is learnt from like a text of its own."""
        return len(features.sequences)

    def loss(self, found: Any, batch: TaskBatch, whole: int) -> "Losses":
        """Return the mean of the cross entropies of start and end among a window's tokens, in nats."""
        from torch.nn.functional import cross_entropy

        from mamebert.training.loop import Losses

        scores = self.alternatives(found, batch)
        total = cross_entropy(scores, batch.targets().flatten(), reduction="sum", ignore_index=IGNORE_INDEX)
        return Losses(total / 2 / whole, {})

    def alternatives(self, found: "Tensor", batch: TaskBatch) -> "Tensor":
        """Return the scores of the tokens of each window: to be the start, and below it to be the end."""
        scores, is_real = batch.padded(found, batch.sequence_sizes)
        # windows, tokens, start and end -> windows * (start and end), tokens
        return scores.masked_fill(~is_real[..., None], -np.inf).transpose(1, 2).flatten(0, 1)

    def choose(
        self, raws: Sequence[Raw], features: Sequence[Features], valid: Sequence[Example], learnt: TaskState
    ) -> TaskState:
        """Return, where "" may be the answer, the threshold above which it is: that of the best F1."""
        if not self.unanswerable:
            return learnt
        best = [self._spans(raw, each.notes)[0] for raw, each in zip(raws, features, strict=True)]
        above = [_above(span, raw, f.notes) for span, raw, f in zip(best, raws, features, strict=True)]
        texts = [f.notes.text[span.start : span.end] for span, f in zip(best, features, strict=True)]
        rates = answer_f1_of_rows(_texts(valid), texts, self._unit(valid))
        threshold = best_null_threshold(above, rates, [bool(example.gold) for example in valid])
        return TaskState(learnt.labels, {**learnt.chosen, "null_threshold": threshold})

    def answers(self, raws: Sequence[Raw], features: Sequence[Features], learnt: TaskState) -> list[Answer]:
        """Return the best stretch of each passage, text = passage[start:end], and the next best."""
        threshold = learnt.chosen.get("null_threshold", 0.0)
        return [self._answer(raw, each.notes, threshold) for raw, each in zip(raws, features, strict=True)]

    def measures(self, examples: Sequence[Example], answers: Sequence[Answer]) -> list[Measure]:
        """Return F1 and exact match; where "" may be right, also F1 of both kinds of questions."""
        gold, found, unit = _texts(examples), [answer["text"] for answer in answers], self._unit(examples)
        measures = [answer_f1(gold, found, unit), exact_match(gold, found, unit)]
        if self.unanswerable:
            rates = np.array(answer_f1_of_rows(gold, found, unit))
            has_answer = np.array([bool(example.gold) for example in examples])
            for name, rows in (("f1_answerable", has_answer), ("f1_unanswerable", ~has_answer)):
                measures.append(ratio(name, rates * rows, rows))
        return measures

    def baselines(self, parts: Parts, analyzer: Analyzer, seed: int) -> Iterator[Baseline]:
        """Yield "" for every question, where it may be right, and the sentence most like the question or a part."""
        if self.unanswerable:
            yield no_answer(parts)
        if analyzer != "none":
            yield most_similar_sentence(parts, analyzer, lambda part, found: self.measures(part, found)[0].score)

    def plain_logits(self, found: Any) -> "dict[str, Tensor]":
        """Return start and end logits of every token."""
        return {"start_logits": found[:, 0], "end_logits": found[:, 1]}

    def plain_settings(self, learnt: TaskState) -> dict[str, Any]:
        """Return nothing: there are no labels."""
        return {}

    def describe(self, examples: Sequence[Example]) -> dict[str, int]:
        """Return how many questions have an answer."""
        answered = sum(bool(example.gold) for example in examples)
        return {"answerable": answered} | ({"unanswerable": len(examples) - answered} if self.unanswerable else {})

    def _windows(self, tokenizer: Tokenizer, question: Any, places: Located, example: Example) -> Features:
        kept = question[: min(self.max_question_tokens, (self.max_length - 2 - len(tokenizer.between)) // 2)]
        asked = np.concatenate([[tokenizer.cls_id], kept, tokenizer.between])
        windows = cut_windows(len(places.ids), self.max_length - len(asked) - 1, self.stride)
        shown = Shown(example.inputs.context, places, windows, len(asked))
        sequences = [np.concatenate([asked, places.ids[start:end], [tokenizer.sep_id]]) for start, end in windows]
        return Features(
            sequences,
            [np.arange(len(sequence)) for sequence in sequences],
            [(np.arange(len(sequence)) >= len(asked)).astype(np.int64) for sequence in sequences],
            target=None if example.gold is None else _target(shown, example.gold),
            num_truncated=len(question) - len(kept),
            notes=shown,
        )

    def _spans(self, raw: Raw, shown: Shown) -> list[Span]:
        best = best_spans(raw, shown, self.n_best, self.max_answer_pieces)
        if self.decoding == "argmax":
            likeliest = likeliest_ends(raw, shown)
            return [likeliest, *(span for span in best if span[:2] != likeliest[:2])]
        return best or [Span(0, 0, NEVER)]  # a passage of which the tokenizer leaves nothing

    def _answer(self, raw: Raw, shown: Shown, threshold: float) -> Answer:
        spans = self._spans(raw, shown)
        if self.unanswerable:
            is_none = _above(spans[0], raw, shown) > threshold
            nothing = Span(0, 0, null_score(raw, shown))
            spans = [nothing, *spans] if is_none else [*spans, nothing]
        scores = np.array([span.score for span in spans])
        chances = softmax(scores) if scores.max() > NEVER else np.zeros(len(scores))
        told = [
            {"text": shown.text[span.start : span.end], "start": span.start, "end": span.end, "score": float(chance)}
            for span, chance in zip(spans, chances, strict=True)
        ]
        return {**told[0], "n_best": told[: self.n_best_kept]}

    def _unit(self, examples: Sequence[Example]) -> Unit:
        return unit_of([example.inputs.context for example in examples]) if self.unit == "auto" else self.unit


def _target(shown: Shown, gold: list[dict[str, Any]]) -> Any:
    """Return [windows, 2]; the answer's ends are `IGNORE_INDEX` where the tokenizer drops all its characters."""
    if not gold:
        return positions(shown, None)
    span = pieces_of(shown.places, gold[0]["start"], gold[0]["end"])
    return positions(shown, span) if span else np.full((len(shown.windows), 2), IGNORE_INDEX)


def _above(span: Span, raw: Raw, shown: Shown) -> float:
    """Return by how much the score of "no answer" is above that of a span."""
    return null_score(raw, shown) - span.score


def _texts(examples: Sequence[Example]) -> list[list[str]]:
    return [[answer["text"] for answer in example.gold] for example in examples]
