"""Templates of pairs that no n-gram can tell: what makes a word right stands far from it.

Pairs come as twins. In the first a cue asks for one of two words, in the second another cue asks for the other, and all
else is the same. What stands within two words of the choice is equal in both, so that a model of trigrams prefers the
same word in both, and is right in exactly one of them.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

Twins = tuple[tuple[str, str], tuple[str, str]]
"""Two pairs of a good and a bad sentence."""
Words = str | tuple[str, ...]
"""What stands in a slot of a template, or in several of one kind: {cue[0]}, {cue[1]}."""
TRIES = 60
"""Draws for each pair that is wanted: what was drawn before is drawn again."""


class Choice(NamedTuple):
    """Two cues, and the word that each asks for."""

    cues: tuple[Words, Words]
    words: tuple[Words, Words]
    fillers: Mapping[str, str] = {}
    """What else goes with these."""


@dataclass(frozen=True)
class Paradigm:
    """A template with what may stand in it."""

    name: str
    template: str
    choices: Sequence[Choice]
    fillers: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def draw(self, number: int, rng: np.random.Generator) -> Iterator[Twins]:
        """Yield so many twins, none of whose pairs comes twice; fewer where there are no more."""
        seen = set[tuple[str, str]]()
        for _ in range(number * TRIES):
            if len(seen) == 2 * number:
                return
            twins = self._twins(rng)
            if seen.isdisjoint(twins):
                seen.update(twins)
                yield twins

    def _twins(self, rng: np.random.Generator) -> Twins:
        choice = self.choices[int(rng.integers(len(self.choices)))]
        drawn = {name: some[int(rng.integers(len(some)))] for name, some in self.fillers.items()} | dict(choice.fillers)
        one, other = choice.words
        first, second = (
            tuple(self.template.format(cue=cue, word=word, **drawn) for word in words)
            for cue, words in zip(choice.cues, ((one, other), (other, one)), strict=True)
        )
        return (first[0], first[1]), (second[0], second[1])


def crossed(
    first: Sequence[Words], second: Sequence[Words], words: Sequence[tuple[Words, Words]], **fillers: str
) -> list[Choice]:
    """Return every cue of the first kind with every one of the second, and all of them with every two words."""
    return [Choice((one, other), pair, fillers) for one in first for other in second for pair in words]
