"""A document in, the sentences that tell what matters in it out (BERTSUM; Liu, 2019)."""

import re
from collections.abc import Iterator, Sequence
from time import perf_counter
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field
from scipy.special import expit

from mamebert.corpus.readers import Row
from mamebert.corpus.sentences import UNSPACED
from mamebert.encoder.settings import EncoderConfig
from mamebert.evaluation.baselines.fitting import Part
from mamebert.evaluation.baselines.sequences import lead
from mamebert.evaluation.metrics.bootstrap import Measure
from mamebert.evaluation.metrics.rouge import rouge_l, rouge_n, rouge_units
from mamebert.evaluation.metrics.summaries import oracle_sentences, summary_size, without_repetition
from mamebert.tasks import Analyzer, Answer, Baseline, Parts, Raw, Task, text_of
from mamebert.tasks.data.documents import Document, as_document, lay_out, with_notes
from mamebert.tasks.data.features import Example, Features, TaskBatch, TaskState, Unusable
from mamebert.tokenizer.encoding import Tokenizer

if TYPE_CHECKING:
    from torch import Tensor, nn

    from mamebert.training.loop import Losses


class ExtractiveSummary(Task):
    """A few of a document's sentences, in their order.

    Learnt are the sentences that together come closest to a written summary. ROUGE counts words, so a summary may be
    in any order and its sentences may lack the space between them. Sentences that are not read are never chosen.
    """

    scores_alternatives: ClassVar[bool] = True

    text_columns: list[str] = Field(default=["text"], min_length=1)
    """Columns of the document; several are joined by a line end."""
    summary_column: str = "summary"
    """The column with the summary."""
    language: str = "en"
    """ISO 639 code of the language, which decides where sentences end."""
    heading: Literal["keep", "leave_out"] = "keep"
    """leave_out takes a first line that no full stop or other end mark closes for a heading, which is not read."""
    when_long: Literal["cut", "windows"] = "cut"
    """Sentences that do not fit into max_length are left out, or read in sequences of their own."""
    num_sentences: int = Field(default=3, ge=1)
    """Sentences of a summary, and most sentences that are learnt of a document."""
    share: float = Field(default=0.0, ge=0, le=1)
    """If given, as many sentences as this share of the document's, rounded up, instead of `num_sentences`."""
    scorer: Literal["linear", "transformer", "lstm"] = "transformer"
    """What gives scores: a linear layer over each sentence, or before it a Transformer or an LSTM over all of them."""
    blocked_run: int = Field(default=3, ge=0)
    """A sentence that repeats so many words (or characters, see `unit`) in a row of a better one is not chosen; 0
    takes all. BERTSUM blocks 3; where characters are counted, 3 would block nearly everything."""
    unit: Literal["auto", "word", "character"] = "auto"
    """What ROUGE counts: words, or characters where the language writes no spaces."""

    def columns(self) -> list[str]:
        """Return the columns of the document."""
        return self.text_columns

    def inputs(self, row: Row) -> Document:
        """Return the document."""
        document = as_document(text_of(row, self.text_columns), self.language, self.heading == "keep")
        if not document.spans:
            raise Unusable("no text")
        return document

    def gold(self, row: Row, inputs: Document) -> str:
        """Return the summary."""
        summary = text_of(row, [self.summary_column])
        if not self._units(summary):
            raise Unusable("no summary")
        return summary

    def learn(self, train: Sequence[Example]) -> TaskState:
        """Return nothing: what is answered are sentences of the row itself."""
        return TaskState()

    def features(self, tokenizer: Tokenizer, examples: Sequence[Example], learnt: TaskState) -> list[Features]:
        """Return the sentences of each example, mostly in one sequence."""
        pieces = iter(tokenizer.encode_many([text for example in examples for text in example.inputs.sentences]))
        found = []
        for example in examples:
            ids = [next(pieces).ids for _ in example.inputs.spans]
            labels = None if example.gold is None else self._oracle(example)
            laid_out = lay_out(tokenizer, ids, self.max_length, self.when_long == "windows")
            found.append(with_notes(laid_out, example.inputs, labels))
        return found

    def head(self, config: EncoderConfig, width: int, pooler: "nn.Module | None", learnt: TaskState) -> "nn.Module":
        """Return the scorer; BERT's pooler is left alone."""
        from mamebert.tasks.network.sentence_heads import SCORERS

        return SCORERS[self.scorer](config, width)

    def loss(self, found: Any, batch: TaskBatch, whole: int) -> "Losses":
        """Return the cross entropy of yes and no in nats, summed over the sentences of a document."""
        from torch.nn.functional import binary_cross_entropy_with_logits

        from mamebert.training.loop import Losses

        return Losses(binary_cross_entropy_with_logits(found, batch.targets(), reduction="sum") / whole, {})

    def alternatives(self, found: "Tensor", batch: TaskBatch) -> "Tensor":
        """Return for each sentence the scores of no and yes."""
        from mamebert.tasks.network.heads import no_and_yes

        return no_and_yes(found)

    def answers(self, raws: Sequence[Raw], features: Sequence[Features], learnt: TaskState) -> list[Answer]:
        """Return the summary of each example, and its sentences with their characters in the text and their scores."""
        return [self._best(expit(raw), each.notes) for raw, each in zip(raws, features, strict=True)]

    def measures(self, examples: Sequence[Example], answers: Sequence[Answer]) -> list[Measure]:
        """Return ROUGE-1, ROUGE-2 and ROUGE-L, each as F1."""
        gold = [self._units(example.gold) for example in examples]
        found = [self._units(answer["summary"]) for answer in answers]
        return [rouge_n(1, gold, found), rouge_n(2, gold, found), rouge_l(gold, found)]

    def baselines(self, parts: Parts, analyzer: Analyzer, seed: int) -> Iterator[Baseline]:
        """Yield the first sentences, and as a bound what was to be learnt of the test rows themselves."""
        given = [Part([e.inputs.sentences for e in part], [e.gold for e in part]) for part in parts]
        found = lead(*given, num_sentences=self.num_sentences, share=self.share)
        answers = [self._answer(e.inputs, numbers) for e, numbers in zip(parts.test, found.answers, strict=True)]
        yield Baseline(found.name, answers, found.seconds, found.chosen)
        started = perf_counter()
        answers = [self._answer(example.inputs, self._oracle(example)) for example in parts.test]
        name = "oracle (knows the summaries): a bound"
        yield Baseline(name, answers, perf_counter() - started, {}, knows_answers=True)

    def _oracle(self, example: Example) -> list[int]:
        units = [self._units(sentence) for sentence in example.inputs.sentences]
        return oracle_sentences(units, self._units(example.gold), self._size(example.inputs))

    def _best(self, scores: Raw, document: Document) -> Answer:
        units = [self._units(sentence) for sentence in document.sentences[: len(scores)]]
        chosen = without_repetition(scores, units, self._size(document), self.blocked_run)
        return self._answer(document, chosen, scores)

    def _answer(self, document: Document, numbers: Sequence[int], scores: Raw | None = None) -> Answer:
        sentences: list[dict[str, Any]] = []
        for number in numbers:
            start, end = document.spans[number]
            sentences.append({"start": start, "end": end, "text": document.text[start:end]})
            if scores is not None:
                sentences[-1]["score"] = float(scores[number])
        space = "" if self._is_unspaced else " "
        return {"summary": space.join(each["text"] for each in sentences), "sentences": sentences}

    def _size(self, document: Document) -> int:
        return summary_size(len(document.spans), self.num_sentences, self.share)

    def _units(self, text: str) -> list[str]:
        by_language: Literal["word", "character"] = "character" if self._is_unspaced else "word"
        return rouge_units(text, by_language if self.unit == "auto" else self.unit)

    @property
    def _is_unspaced(self) -> bool:
        return re.split("[-_]", self.language.lower())[0] in UNSPACED
