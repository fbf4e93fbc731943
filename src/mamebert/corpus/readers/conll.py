"""Words with tags: files of a token per line (CoNLL-2000, CoNLL-2003 and what looks like them)."""

from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import ClassVar, Literal

from pydantic import Field, model_validator

from mamebert.corpus.formats.from_files import FromFiles
from mamebert.corpus.formats.opening import Hear, open_text
from mamebert.corpus.formats.text_lines import bounded_lines
from mamebert.corpus.formats.token_lines import SPACES, Split, at_spaces, at_tabs, sentences
from mamebert.corpus.readers import Row
from mamebert.errors import UserError
from mamebert.progress import say

DOCUMENT = "-DOCSTART-"
# Comments come before the first token; where so many lines are comments, the file is something else.
MAX_LINES_LOOKED_AT = 10_000


class Conll(FromFiles):
    """Sentences from files of a token per line, with an empty line between sentences; each sentence is a row.

    A row has a list of strings per column: `words`, `tags` and what else `columns` names. Where there are comments,
    `# text = ...` and `# sent_id = ...` become columns too. `-DOCSTART-` lines are left out and counted.
    """

    suffixes: ClassVar[tuple[str, ...]] = (".txt", ".tsv", ".conll", ".bio", ".iob", ".iob2")

    columns: list[str] = Field(default=["words", "tags"], min_length=1)
    """The columns of a line in their order, by the names they get in the rows; `_` is one that is not read."""
    separator: Literal["auto", "tab", "space"] = "auto"
    """What stands between columns: tabs or spaces; auto takes tabs where the first token has one behind it."""
    comment: str = ""
    """What comments begin with, `#` say; empty means there are none, and `#` may be a word."""
    scheme: Literal["as_is", "iob1"] = "as_is"
    """How `tags` mark entities: left as they are, or iob1 (B- only between two of a type), which comes as BIO2."""

    @model_validator(mode="after")
    def _columns_are_named_once(self) -> "Conll":
        named = [name for name in self.columns if name != "_"]
        if not named or len(set(named)) < len(named) or "" in named:
            raise ValueError(f"columns {self.columns} must name at least one column, and none twice. Rename them.")
        if self.scheme != "as_is" and "tags" not in named:
            raise ValueError("scheme is about the column tags, which columns does not name. Name it there.")
        return self

    def read(self, path: Path, hear: Hear) -> Iterator[Row]:
        """Yield the sentences of one file."""
        split = self._split(path)
        documents = 0
        for sentence in sentences(path, self.encoding, self.errors, hear, len(self.columns), split, self.comment):
            tokens = [token for token in sentence.tokens if token[0] != DOCUMENT]
            documents += len(sentence.tokens) - len(tokens)
            if not tokens:
                continue
            columns = zip(self.columns, zip(*tokens, strict=True), strict=True)
            row: Row = sentence.said() | {name: list(values) for name, values in columns if name != "_"}
            if self.scheme == "iob1":
                row["tags"] = _bio2(row["tags"], path, sentence.line)
            yield row
        if documents:
            say(f"{path}: {documents:,} {DOCUMENT} lines left out.")

    def _split(self, path: Path) -> Split:
        if self.separator != "auto":
            return at_tabs if self.separator == "tab" else at_spaces
        with open_text(path, self.encoding, self.errors) as (file, _):
            for _, line in islice(bounded_lines(file, path), MAX_LINES_LOOKED_AT):
                if line.strip(SPACES) and not (self.comment and line.startswith(self.comment)):
                    return at_tabs if "\t" in line else at_spaces
        return at_spaces


def _bio2(tags: Sequence[str], path: Path, line: int) -> list[str]:
    """Return IOB1 tags (Ramshaw and Marcus, 1995) as BIO2, in which each entity begins with B-."""
    made, before = [], "O"
    for tag in tags:
        mark, dash, kind = tag.partition("-")
        if tag != "O" and not (mark in ("B", "I") and dash and kind):
            raise UserError(
                f"{path}, sentence at line {line}, has the tag {tag!r}, which is not O, B-TYPE or I-TYPE. "
                'Fix it, or leave the tags as they are with scheme = "as_is".'
            )
        begins = mark == "I" and before[2:] != kind
        made.append(f"B-{kind}" if begins else tag)
        before = tag
    return made
