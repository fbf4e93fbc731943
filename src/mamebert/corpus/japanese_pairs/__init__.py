"""Minimal pairs of Japanese sentences, made from templates of our own: a file for each phenomenon."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from mamebert.corpus.japanese_pairs.counters import COUNTERS
from mamebert.corpus.japanese_pairs.honorifics import HONORIFICS
from mamebert.corpus.japanese_pairs.particles import PARTICLES
from mamebert.corpus.japanese_pairs.polarity import POLARITY
from mamebert.corpus.japanese_pairs.relative_clauses import RELATIVE_CLAUSES
from mamebert.corpus.japanese_pairs.template import Paradigm
from mamebert.corpus.japanese_pairs.verb_forms import VERB_FORMS

PHENOMENA: dict[str, tuple[Paradigm, ...]] = {
    "particles": PARTICLES,
    "counters": COUNTERS,
    "polarity": POLARITY,
    "honorifics": HONORIFICS,
    "verb_forms": VERB_FORMS,
    "relative_clauses": RELATIVE_CLAUSES,
}
"""Paradigms by what they are about."""


class MadePair(NamedTuple):
    """Two sentences of a template."""

    phenomenon: str
    paradigm: str
    good: str
    bad: str


def made_pairs(pairs_per_paradigm: int, seed: int) -> Iterator[MadePair]:
    """Yield the pairs of every paradigm, twins after each other; fewer where a template has no more."""
    for phenomenon, paradigms in PHENOMENA.items():
        for paradigm in paradigms:
            rng = np.random.default_rng([seed, *paradigm.name.encode()])
            for twins in paradigm.draw(pairs_per_paradigm // 2, rng):
                yield from (MadePair(phenomenon, paradigm.name, good, bad) for good, bad in twins)
