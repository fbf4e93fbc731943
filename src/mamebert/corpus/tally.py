"""The cleaned documents that are kept, and a count of all that are not, by reason."""

from collections import Counter
from random import Random

from mamebert.corpus.batches import CleanBatch, Unit
from mamebert.corpus.duplicates import Seen
from mamebert.errors import UserError
from mamebert.results.clean import CleanResults, TextRead

NUM_SAMPLES = 8


class Tally:
    """Decides document by document, in order, and counts per source."""

    def __init__(self, num_sources: int, min_characters: int, max_documents: int | None, seed: int) -> None:
        self.min_characters, self.max_documents = min_characters, max_documents
        self.sources = [Counter[str]() for _ in range(num_sources)]
        self.dropped: Counter[str] = Counter()
        self.samples: list[str] = []
        self._seen = Seen()
        self._random = Random(seed)
        self.num_kept = 0

    @property
    def full(self) -> bool:
        """Whether `max_documents` were kept."""
        return self.max_documents is not None and self.num_kept >= self.max_documents

    def kept(self, batch: CleanBatch) -> list[tuple[list[str], int]]:
        """Return the documents of a batch that stay, each with its number of characters; count everything."""
        self.dropped += batch.dropped
        stay = []
        for document in batch.documents:
            if self.full:
                break
            count = self.sources[batch.source]
            count["documents_read"] += 1
            sentences = self._without_duplicates(document)
            characters = sum(map(len, sentences))
            if sentences and characters < self.min_characters:
                self.dropped["documents_too_short"] += 1
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
            dropped=dict(sorted(self.dropped.items())),
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
        reasons = ", ".join(f"{number:,} {name.replace('_', ' ')}" for name, number in sorted(self.dropped.items()))
        raise UserError(
            f"Of {read:,} documents none is left ({reasons}). Loosen the cleaning settings or give other text."
        )

    def _without_duplicates(self, document: list[Unit]) -> list[str]:
        new = [sentences for name, sentences in document if not name or self._seen.is_new(name)]
        if not any(sentences for _, sentences in document):
            self.dropped["documents_empty"] += 1
        elif not new:
            self.dropped["documents_duplicate"] += 1
        elif len(new) < len(document):
            self.dropped["paragraphs_duplicate"] += len(document) - len(new)
        return [sentence for sentences in new for sentence in sentences]

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
