"""Dependency trees as lists of heads: what is wrong with one, and what is done about it."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Literal

from mamebert.corpus.readers import Row
from mamebert.errors import UserError
from mamebert.progress import say

BrokenTrees = Literal["refuse", "skip"]


def defect(heads: Sequence[int]) -> str | None:
    """Return why `heads` (one per word, from 1; 0 is the root) form no tree with one root, or None if they do."""
    for word, head in enumerate(heads, 1):
        if not 0 <= head <= len(heads):
            return f"the head {head} of word {word} is outside the sentence, which has {len(heads)} words"
    if (roots := sum(head == 0 for head in heads)) != 1:
        return f"the sentence has {roots or 'no'} root{'s' if roots else ''} where one should be"
    known = [True] + [False] * len(heads)  # those from which the root was reached
    for start in range(1, len(heads) + 1):
        word = start
        way: list[int] = []
        while not known[word] and len(way) <= len(heads):
            way.append(word)
            word = heads[word - 1]
        if not known[word]:
            return f"the heads of word {start} lead round in a circle"
        for each in way:
            known[each] = True
    return None


def whole_trees(path: Path, found: Iterable[tuple[int, Row]], broken: BrokenTrees) -> Iterator[Row]:
    """Yield the rows (given with their lines) whose `heads` form a tree; the others are refused or counted."""
    skipped = 0
    for line, row in found:
        wrong = defect(row["heads"])
        if wrong is None:
            yield row
        elif broken == "skip":
            skipped += 1
        else:
            raise UserError(
                f"{path}, sentence at line {line}: {wrong}. "
                'Fix its heads, or leave such sentences out with broken_trees = "skip".'
            )
    if skipped:
        say(f"{path}: {skipped:,} sentences left out, because their heads form no tree with one root.")
