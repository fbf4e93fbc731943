"""What can be read off a treebank, as labels of words or of sentences."""

from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

import numpy as np

from mamebert.corpus.readers import Row
from mamebert.errors import UserError

DEEPEST = 5
COLUMNS = ("words", "upos", "feats", "heads")


class Labelled(NamedTuple):
    """A word of a sentence, or a whole sentence, with what is to be told of it."""

    sentence: int
    word: int | None
    """None where the label is the sentence's."""
    label: str


WordTask = Callable[[Row], list[str | None]]
"""A label for each word of a sentence; None for those that have none."""


def part_of_speech(row: Row) -> list[str | None]:
    """Return universal parts of speech; punctuation has none to be guessed."""
    return [None if tag in ("PUNCT", "SYM", "X", "_") else tag for tag in row["upos"]]


def depth(row: Row) -> list[str | None]:
    """Return how many heads stand above each word, 5 and more as one."""
    heads = row["heads"]
    found: list[str | None] = []
    for place in range(len(heads)):
        above, at = 0, place + 1
        while heads[at - 1] and above <= len(heads):
            at, above = heads[at - 1], above + 1
        found.append(str(min(above, DEEPEST)))
    return found


def tense(row: Row) -> list[str | None]:
    """Return the tense of words that have one."""
    return _feature(row, "Tense")


def number(row: Row) -> list[str | None]:
    """Return the number of words that have one."""
    return _feature(row, "Number")


WORD_TASKS: Mapping[str, WordTask] = {
    "part_of_speech": part_of_speech,
    "depth": depth,
    "tense": tense,
    "number": number,
}
ORDER = "word_order"
"""Whether two neighbours of a sentence stand in each other's place (Conneau et al., 2018)."""


def require_tree(row: Row) -> None:
    """Raise UserError where a row is no sentence of a treebank."""
    if lacking := [name for name in COLUMNS if not isinstance(row.get(name), list)]:
        raise UserError(
            f"A sentence has no {lacking[0]}; its columns are {', '.join(map(repr, row))}. "
            "Give a treebank of Universal Dependencies (*.conllu)."
        )


def labelled_words(rows: list[Row], task: str, most: int, rng: np.random.Generator) -> list[Labelled]:
    """Return at most so many labelled words of sentences, drawn by chance, in order."""
    found = [
        Labelled(place, word, label)
        for place, row in enumerate(rows)
        for word, label in enumerate(WORD_TASKS[task](row))
        if label is not None
    ]
    return [found[at] for at in np.sort(rng.permutation(len(found))[:most])]


def disordered(rows: list[Row], rng: np.random.Generator) -> Iterator[tuple[list[str], str]]:
    """Yield the words of every sentence, in half of them with two neighbours swapped, and which it is."""
    for row in rows:
        words = list(row["words"])
        places = [at for at in range(len(words) - 1) if words[at] != words[at + 1]]
        if places and rng.random() < 0.5:
            at = places[int(rng.integers(len(places)))]
            words[at], words[at + 1] = words[at + 1], words[at]
            yield words, "swapped"
        elif places:
            yield words, "as written"


def _feature(row: Row, name: str) -> list[str | None]:
    features = [dict(each.split("=", 1) for each in feats.split("|") if "=" in each) for feats in row["feats"]]
    return [each.get(name) for each in features]
