"""Japanese dependencies between bunsetsu: the annotated corpora of Kyoto University as tables."""

import re
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import ClassVar

from pydantic import Field, field_validator

from mamebert.corpus.formats.from_files import FromFiles
from mamebert.corpus.formats.opening import Hear
from mamebert.corpus.formats.token_lines import Sentence, at_tabs, sentences
from mamebert.corpus.readers import Row
from mamebert.corpus.trees import BrokenTrees, whole_trees
from mamebert.errors import UserError

HEAD = re.compile("(-?[0-9]{1,6})([A-Za-z])")
NEEDED = ("surface", "bunsetsu", "head")


class Bunsetsu(FromFiles):
    """Sentences whose words are bunsetsu (a content word and what clings to it), each a row.

    The files have a morpheme per line, with tabs between columns; one column numbers the bunsetsu from 0, one
    says on which it depends and how (`2D`, `-1D` for the root), as in KNP. Rows have `words`, `heads` (of the word,
    from 1; 0 is the root), `deprels` (`D` depends, `P` is parallel, `A` apposition, `I` incomplete), `morphemes` (a
    list per bunsetsu), and `text` and `sent_id` where comments give them.
    """

    suffixes: ClassVar[tuple[str, ...]] = (".tsv",)

    columns: list[str] = Field(default=["_", "surface", "_", "_", "_", "_", "_", "bunsetsu", "head"])
    """The columns of a line in their order: `surface`, `bunsetsu`, `head`, and `_` for those that are not read."""
    broken_trees: BrokenTrees = "refuse"
    """What happens at a sentence whose heads form no tree with one root: an error, or it is left out and counted."""

    @field_validator("columns")
    @classmethod
    def _each_is_there_once(cls, value: list[str]) -> list[str]:
        if sorted(name for name in value if name != "_") != sorted(NEEDED):
            raise ValueError(f"columns {value} must name {', '.join(NEEDED)} once each, and _ for the others. Do so.")
        return value

    def read(self, path: Path, hear: Hear) -> Iterator[Row]:
        """Yield the sentences of one file."""
        found = sentences(path, self.encoding, self.errors, hear, len(self.columns), at_tabs, "#")
        rows = ((each.line, _row(each, [self.columns.index(name) for name in NEEDED], path)) for each in found)
        return whole_trees(path, rows, self.broken_trees)


def _row(sentence: Sentence, places: list[int], path: Path) -> Row:
    tokens = [[token[place] for place in places] for token in sentence.tokens]
    morphemes, heads, deprels = [], [], []
    for number, ((bunsetsu, head), group) in enumerate(groupby(tokens, lambda token: (token[1], token[2]))):
        if bunsetsu != str(number):
            fact = f"has bunsetsu {bunsetsu!r} with the head {head!r} where number {number} should be"
            raise _broken(sentence, path, fact)
        if not (match := HEAD.fullmatch(head)):
            raise _broken(sentence, path, f"has the head {head!r}, which is no number and letter")
        morphemes.append([surface for surface, _, _ in group])
        heads.append(int(match[1]) + 1)
        deprels.append(match[2])
    words = ["".join(each) for each in morphemes]
    return {**sentence.said(), "words": words, "heads": heads, "deprels": deprels, "morphemes": morphemes}


def _broken(sentence: Sentence, path: Path, fact: str) -> UserError:
    return UserError(f"{path}, sentence at line {sentence.line}, {fact}. Fix it, or say which columns the file has.")
