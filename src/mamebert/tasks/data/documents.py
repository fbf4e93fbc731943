"""Documents as sentences, and their sentences as token sequences (BERTSUM; Liu, 2019)."""

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from mamebert.corpus.sentences import split_sentences
from mamebert.corpus.sentences.spaced import MARKS
from mamebert.tasks.data.features import Features
from mamebert.tasks.data.word_windows import enclosed
from mamebert.tokenizer.encoding import Tokenizer

Ids = npt.NDArray[np.int32]
CLOSERS = "\"'”’»«“)]}›」』） \t\u3000"


class Document(NamedTuple):
    """A text and its sentences."""

    text: str
    spans: tuple[tuple[int, int], ...]
    """The characters of each sentence, start to before end."""

    @property
    def sentences(self) -> list[str]:
        """The sentences as texts."""
        return [self.text[start:end] for start, end in self.spans]


def as_document(text: str, language: str, with_heading: bool) -> Document:
    """Return a text with its sentences; a first line that no end mark closes is a heading, and can be left out."""
    spans = []
    at = 0
    for sentence in split_sentences(text, language):
        start = text.index(sentence, at)
        at = start + len(sentence)
        spans.append((start, at))
    first_line = text.lstrip().partition("\n")[0]
    is_heading = len(spans) > 1 and not first_line.rstrip(CLOSERS).endswith(tuple(MARKS))
    if is_heading and not with_heading:
        end = text.index(first_line) + len(first_line)
        spans = [span for span in spans if span[0] >= end] or spans
    return Document(text, tuple(spans))


def lay_out(tokenizer: Tokenizer, sentences: Sequence[Ids], max_length: int, in_windows: bool) -> Features:
    """Return [CLS] sentence [SEP] [CLS] sentence [SEP] ..., of which each [CLS] is read, as segments 0 and 1 by turns.

    What does not fit is left out; or another sequence begins with the sentence that does not fit, and only a sentence
    longer than a sequence is cut.
    """
    sequences: list[list[Ids]] = [[]]
    for pieces in sentences:
        room = max_length - 2 - sum(map(len, sequences[-1]))
        if in_windows and sequences[-1] and len(pieces) > room:
            sequences.append([])
            room = max_length - 2
        if room < 1:
            break
        sequences[-1].append(enclosed(tokenizer, pieces[:room]))
    shown = [_one_sequence(blocks) for blocks in sequences]
    num_shown = sum(len(block) - 2 for blocks in sequences for block in blocks)
    return Features(
        [sequence for sequence, _, _ in shown],
        [places for _, places, _ in shown],
        [segments for _, _, segments in shown],
        num_truncated=sum(map(len, sentences)) - num_shown,
    )


def with_notes(found: Features, document: Document, labels: Sequence[int] | None) -> Features:
    """Return features that know their document and, where a summary is known, 1 for its sentences, else 0."""
    num_read = sum(map(len, found.places))
    target = None if labels is None else np.isin(np.arange(num_read), labels).astype(np.float32)
    return replace(found, notes=document, target=target)


def _one_sequence(blocks: Sequence[Ids]) -> tuple[Ids, npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    sizes = np.array([len(block) for block in blocks])
    return np.concatenate(blocks), np.cumsum(sizes) - sizes, np.repeat(np.arange(len(blocks)) % 2, sizes)
