"""The cleaned documents that are kept, and a count of all that are not, by reason."""

from collections import Counter
from contextlib import ExitStack, suppress
from pathlib import Path
from random import Random
from types import TracebackType
from typing import Self

from mamebert.corpus.batches import CleanBatch, Document, Paragraph
from mamebert.corpus.dropped import Dropped
from mamebert.corpus.duplicates.near import BEGINNING_CHARACTERS, NearMet, Signature
from mamebert.corpus.duplicates.seen import Seen
from mamebert.corpus.filters.boilerplate import LinesMet
from mamebert.errors import UserError
from mamebert.results.clean import CleanResults, TextRead

NUM_SAMPLES = 8


class Tally:
    """Decides document by document, in order, and counts per source.

    Use as a context: what was met is kept in files of `folder` while it lasts.
    """

    def __init__(
        self,
        folder: Path,
        num_sources: int,
        min_characters: int,
        max_documents: int | None,
        seed: int,
        by_paragraph: bool = False,
        max_documents_per_line: int | None = None,
    ) -> None:
        self.min_characters, self.max_documents, self.by_paragraph = min_characters, max_documents, by_paragraph
        self.sources = [Counter[str]() for _ in range(num_sources)]
        self.dropped = Dropped()
        self.samples: list[str] = []
        self._folder = folder
        self._seen, self._near = Seen(folder / "exact"), NearMet(folder / "near")
        self._lines = LinesMet(max_documents_per_line) if max_documents_per_line else None
        self._random = Random(seed)
        self.num_kept = 0

    def __enter__(self) -> Self:
        """Begin with nothing met."""
        with ExitStack() as entered:
            entered.enter_context(self._seen)
            entered.enter_context(self._near)
            self._open = entered.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Take the files away."""
        self._open.close()
        with suppress(OSError):  # it was never made, or nothing of ours is in it
            self._folder.rmdir()

    @property
    def full(self) -> bool:
        """Whether `max_documents` were kept."""
        return self.max_documents is not None and self.num_kept >= self.max_documents

    def kept(self, batch: CleanBatch) -> list[tuple[list[str], int]]:
        """Return the documents of a batch that stay, each with its number of characters; count everything."""
        self.dropped += batch.dropped
        self._look_up(batch)
        stay = []
        for document in batch.documents:
            if self.full:
                break
            count = self.sources[batch.source]
            count["documents_read"] += 1
            sentences = self._left(document)
            characters = sum(map(len, sentences))
            if sentences and characters < self.min_characters:
                self.dropped.note("documents_too_short", sentences[0])
            elif sentences:
                count.update(documents=1, sentences=len(sentences), characters=characters)
                self.num_kept += 1
                self._sample(sentences)
                stay.append((sentences, characters))
        self.sources[batch.source]["characters_read"] += batch.characters_read
        return stay

    def results(self) -> CleanResults:
        """Return all counts for run.json: in sum, by reason, by source, and a few sentences to look at."""
        total = sum(self.sources, Counter[str]())
        return CleanResults(
            **dict(_text_read(total)),
            dropped=dict(sorted(self.dropped.counts.items())),
            dropped_examples=self.dropped.examples(),
            sources=[_text_read(count) for count in self.sources],
            samples=self.samples,
        )

    def require_documents(self) -> None:
        """Raise a UserError when no document is left: it says what was read and why it was dropped."""
        if self.num_kept:
            return
        read = sum(count["documents_read"] for count in self.sources)
        if not read:
            raise UserError("The sources hold no document. Check that the files have text in them.")
        reasons = ", ".join(
            f"{number:,} {name.replace('_', ' ')}" for name, number in sorted(self.dropped.counts.items())
        )
        raise UserError(
            f"Of {read:,} documents none is left ({reasons}). Loosen the cleaning settings or give other text."
        )

    def _look_up(self, batch: CleanBatch) -> None:
        digests = {document.digest for document in batch.documents}
        if self.by_paragraph:
            digests |= {each.digest for document in batch.documents for each in document.paragraphs}
        self._seen.look_up(digests - {b""})
        self._near.look_up(
            band for document in batch.documents if document.signature for band in document.signature.bands
        )

    def _left(self, document: Document) -> list[str]:
        """Return the sentences that are neither boilerplate nor met before."""
        if not document.paragraphs:
            if document.empty_because:
                self.dropped.note(document.empty_because)
            return []
        paragraphs = self._without_boilerplate(document.paragraphs)
        if not paragraphs:
            self.dropped.note("documents_emptied")
            return []
        if document.digest and not self._seen.is_new(document.digest):
            self.dropped.note("documents_duplicate", " ".join(paragraphs[0].sentences))
            return []
        if self.by_paragraph:
            paragraphs = self._new(paragraphs)
        if paragraphs and document.signature and self._is_near(document.signature, paragraphs):
            return []
        return [sentence for each in paragraphs for sentence in each.sentences]

    def _is_near(self, signature: Signature, paragraphs: list[Paragraph]) -> bool:
        text = " ".join(paragraphs[0].sentences)
        earlier = self._near.earlier(signature, text)
        if earlier is not None:
            shown = f"{text[:BEGINNING_CHARACTERS]} … ≈ {earlier} …" if earlier else text
            self.dropped.note("documents_near_duplicate", shown)
        return earlier is not None

    def _without_boilerplate(self, paragraphs: list[Paragraph]) -> list[Paragraph]:
        if self._lines is None:
            return paragraphs
        new = self._lines.new(each.digest for each in paragraphs)
        for each in paragraphs:
            if each.digest not in new:
                self.dropped.note("lines_boilerplate", " ".join(each.sentences))
        return [each for each in paragraphs if each.digest in new]

    def _new(self, paragraphs: list[Paragraph]) -> list[Paragraph]:
        new: list[Paragraph] = []
        old: list[Paragraph] = []  # perhaps equal to a new one, where a document says something twice
        for each in paragraphs:
            (new if self._seen.is_new(each.digest) else old).append(each)
        if not new:
            self.dropped.note("documents_duplicate", " ".join(paragraphs[0].sentences))
        elif old:
            self.dropped.note("paragraphs_duplicate", " ".join(old[0].sentences), len(old))
        return new

    def _sample(self, sentences: list[str]) -> None:
        # Every document has the same chance to lend one sentence, however many follow (reservoir sampling).
        place = len(self.samples) if self.num_kept <= NUM_SAMPLES else self._random.randrange(self.num_kept)
        if place < NUM_SAMPLES:
            self.samples[place : place + 1] = [self._random.choice(sentences)]


def _text_read(count: Counter[str]) -> TextRead:
    return TextRead(
        documents_read=count["documents_read"],
        characters_read=count["characters_read"],
        documents=count["documents"],
        sentences=count["sentences"],
        characters=count["characters"],
    )
