"""Lines that stand in many documents: menus, notes on cookies, calls to subscribe."""

from collections.abc import Iterable

WINDOW = 1 << 18
"""Lines between two clearings of the table; a line that is rarer than one in so many may be forgotten."""


class LinesMet:
    """In how many documents each line stood, in bounded memory: lossy counting (Manku and Motwani, 2002).

    After each window, lines that were met no more often than windows have passed since are forgotten. What is counted
    depends on the order of the documents alone.
    """

    def __init__(self, most: int, window: int = WINDOW) -> None:
        self.most, self.window = most, window
        self._counts: dict[bytes, tuple[int, int]] = {}  # met so often, first met in this window
        self._passed = 0

    def __len__(self) -> int:
        return len(self._counts)

    def new(self, document: Iterable[bytes]) -> set[bytes]:
        """Count the lines of a document, each once; return those that were in fewer than `most` documents before."""
        new = set()
        for line in dict.fromkeys(document):
            count, since = self._counts.get(line, (0, self._passed // self.window))
            if count < self.most:
                new.add(line)
            self._counts[line] = count + 1, since
            self._passed += 1
            if self._passed % self.window == 0:
                self._forget()
        return new

    def _forget(self) -> None:
        window = self._passed // self.window
        self._counts = {line: (n, since) for line, (n, since) in self._counts.items() if n > window - since}
