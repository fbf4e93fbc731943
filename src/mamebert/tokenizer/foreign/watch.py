"""Regular expressions of a foreign tokenizer, watched at work: a search cannot be stopped, only not be begun.

A pattern that is slow for the texts at hand shows in the first thousand characters of them; what is asked at once grows
from there as long as it is quick.
"""

from collections.abc import Callable, Iterator
from time import process_time
from typing import Any

from mamebert.errors import UserError

FIRST, MOST_AT_ONCE = 1_000, 100_000
"""Characters that are given at once, at the beginning and at most."""
MOST_CHARACTERS = 1_000_000
"""Of one text: nobody knows whether a pattern takes time quadratic in the length."""
SECONDS, SECONDS_PER_CHARACTER = 2.0, 1e-3
"""Processor time, which no other process lengthens; tokenizers in use take 1 to 10 microseconds for a character."""


class Watch:
    """Gives texts in growing groups, and gives up where they take far too long."""

    def __init__(self) -> None:
        self._at_once = FIRST

    def encode(self, encode: Callable[[list[str]], list[Any]], texts: list[str]) -> list[Any]:
        """Return what `encode` makes of each text; one that is too long, or a group too slow, is a UserError."""
        found: list[Any] = []
        for group in self._groups(texts):
            self._probe(encode, group[0])
            found += self._timed(encode, group)
            self._at_once = min(2 * self._at_once, MOST_AT_ONCE)
        return found

    def _groups(self, texts: list[str]) -> Iterator[list[str]]:
        group: list[str] = []
        size = 0
        for text in texts:
            if group and size + len(text) > self._at_once:
                yield group
                group, size = [], 0
            group.append(text)
            size += len(text)
        if group:
            yield group

    def _probe(self, encode: Callable[[list[str]], list[Any]], text: str) -> None:
        """Ask for the beginning and the middle of a text that is longer than what is given at once."""
        if len(text) > MOST_CHARACTERS:
            raise UserError(
                f"A text has {len(text):,} characters, and this tokenizer, which has patterns of its own, is given at "
                f"most {MOST_CHARACTERS:,} in one. Divide it into several texts."
            )
        if len(text) > self._at_once:
            for start in (0, len(text) // 2):
                self._timed(encode, [text[start : start + FIRST]])

    def _timed(self, encode: Callable[[list[str]], list[Any]], group: list[str]) -> list[Any]:
        began, size = process_time(), sum(map(len, group))
        found = encode(group)
        if (seconds := process_time() - began) > SECONDS + SECONDS_PER_CHARACTER * size:
            raise UserError(
                f"The tokenizer takes {seconds:.0f} seconds for {size:,} characters: a pattern in its tokenizer.json "
                "is too slow for these texts. Give another tokenizer."
            )
        return found
