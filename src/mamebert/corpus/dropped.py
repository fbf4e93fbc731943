"""What was dropped on the way: a count for each reason, and a few examples."""

from collections import Counter
from heapq import nsmallest
from zlib import crc32

NUM_EXAMPLES = 5
EXAMPLE_CHARACTERS = 200


class Dropped:
    """Counts by reason, and of what was dropped for it a sample that depends on nothing but the texts.

    Kept are the examples with the smallest checksums: the same ones in whatever parts and order they come.
    """

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self._examples: dict[str, list[tuple[int, str]]] = {}

    def note(self, reason: str, text: str = "", number: int = 1) -> None:
        """Count what was dropped; `text` is one of it, to look at."""
        self.counts[reason] += number
        if text:
            self._take(reason, [(crc32(text[:EXAMPLE_CHARACTERS].encode("utf-8", "replace")), _short(text))])

    def __iadd__(self, other: "Dropped") -> "Dropped":
        self.counts += other.counts
        for reason, found in other._examples.items():
            self._take(reason, found)
        return self

    def examples(self) -> dict[str, list[str]]:
        """Return a few texts for each reason."""
        return {reason: [text for _, text in found] for reason, found in sorted(self._examples.items())}

    def _take(self, reason: str, found: list[tuple[int, str]]) -> None:
        kept = self._examples.setdefault(reason, [])
        if len(kept) < NUM_EXAMPLES or min(found) < kept[-1]:
            kept[:] = nsmallest(NUM_EXAMPLES, {*kept, *found})


def _short(text: str) -> str:
    return text if len(text) <= EXAMPLE_CHARACTERS else f"{text[:EXAMPLE_CHARACTERS]} …"
