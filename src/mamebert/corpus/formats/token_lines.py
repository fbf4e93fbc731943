"""Sentences as lines of columns: a token per line, an empty line behind each sentence (CoNLL)."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from mamebert.corpus.formats.opening import Errors, Hear, open_text
from mamebert.corpus.formats.text_lines import bounded_lines, tidy
from mamebert.errors import UserError

# The longest sentences of treebanks have hundreds of words; more than this is a file without empty lines.
MAX_SENTENCE_LINES = 100_000
# No space of another kind separates columns: an ideographic one may itself be a token.
SPACES = " \t\n\r"

Split = Callable[[str], list[str]]


@dataclass
class Sentence:
    """The lines of one sentence."""

    line: int
    """The number of its first token line, from 1."""
    tokens: list[list[str]] = field(default_factory=list)
    """The columns of each token line."""
    comments: dict[str, str] = field(default_factory=dict)
    """What its comments say in the form `# name = value`."""

    def said(self) -> dict[str, str]:
        """Return what the comments say about text and name of the sentence, as columns of a row."""
        return {name: self.comments[name] for name in ("sent_id", "text") if name in self.comments}


def sentences(
    path: Path, encoding: str, errors: Errors, hear: Hear, num_columns: int, split: Split, comment: str
) -> Iterator[Sentence]:
    """Yield the sentences of a file; lines that begin with `comment` (where it is not empty) are comments.

    A line with another number of columns, an empty column, or a sentence without end is a UserError.
    """
    with open_text(path, encoding, errors) as (file, position):
        sentence = Sentence(0)
        for number, line in bounded_lines(file, path):
            if not line.strip(SPACES):
                if sentence.tokens:
                    yield sentence
                    hear(position())
                sentence = Sentence(0)
            elif comment and line.startswith(comment):
                name, equals, value = line[len(comment) :].partition("=")
                if equals:
                    sentence.comments[name.strip()] = tidy(value.strip(SPACES))
            else:
                sentence.line = sentence.line or number
                sentence.tokens.append(_columns(path, number, split(tidy(line.rstrip("\n"))), num_columns))
                if len(sentence.tokens) > MAX_SENTENCE_LINES:
                    raise UserError(
                        f"{path}, line {number}, still belongs to the sentence that began at line {sentence.line}. "
                        "Put an empty line behind each sentence."
                    )
        if sentence.tokens:
            yield sentence


def at_tabs(line: str) -> list[str]:
    """Return the columns of a line that has tabs between them."""
    return line.split("\t")


def at_spaces(line: str) -> list[str]:
    """Return the columns of a line that has one or more spaces between them."""
    return [each for each in line.strip(" ").split(" ") if each]


def _columns(path: Path, number: int, columns: list[str], num_columns: int) -> list[str]:
    if len(columns) != num_columns:
        raise UserError(
            f"{path}, line {number}, has {len(columns)} columns where {num_columns} should be. "
            "Fix the line, or say which columns and which separator the file has."
        )
    if "" in columns:
        raise UserError(
            f"{path}, line {number}, has nothing in column {columns.index('') + 1}. "
            "Fill it (with _ where there is nothing to say)."
        )
    return columns
