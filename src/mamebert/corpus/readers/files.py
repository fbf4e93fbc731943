"""Rows from files: text, JSON, CSV, TSV and Parquet, plain or compressed."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import Field, field_validator

from mamebert.corpus.formats.from_files import FromFiles
from mamebert.corpus.formats.opening import Hear, content_suffix, packing
from mamebert.corpus.formats.separators import NAMES
from mamebert.corpus.formats.suffixes import FORMATS, Format, Writing, format_of
from mamebert.corpus.formats.tables import ExtraColumns
from mamebert.corpus.readers import Row, ignore_progress
from mamebert.errors import UserError, unknown

NOT_READ = {
    ".pdf": ("a PDF", "with pdftotext, say"),
    ".html": ("HTML", "with trafilatura, say"),
    ".htm": ("HTML", "with trafilatura, say"),
    ".xml": ("XML", "kind = 'wikipedia' reads dumps of MediaWiki"),
    ".sql": ("a database dump", "of Wikipedia choose the file pages-articles.xml.bz2"),
    ".docx": ("a Word document", "save it as plain text, in UTF-8"),
    ".doc": ("a Word document", "save it as plain text, in UTF-8"),
    ".xlsx": ("a spreadsheet", "save it as CSV"),
    ".xls": ("a spreadsheet", "save it as CSV"),
    ".epub": ("an e-book", "with pandoc, say"),
}
# So many different values of a column are offered to whoever asks for one that is not there.
MAX_OFFERED = 20


class Files(FromFiles):
    """Files read as rows by their suffix: `.txt`, `.jsonl`, `.json` (lines or an array), `.csv`, `.tsv`, `.parquet`.

    `.ndjson` is `.jsonl`. All but Parquet may also end in `.gz`, `.bz2`, `.xz` or `.zst`. A `.txt` file holds a
    paragraph per line and an empty line between documents; each document is a row.
    """

    suffixes: ClassVar[tuple[str, ...]] = tuple(FORMATS)

    text_column: str = "text"
    """The column that holds the text; it is called `text` in the rows."""
    format: Literal["by suffix", "txt", "jsonl", "json", "csv", "tsv", "parquet"] = "by suffix"
    """How the files are read, for those whose suffix does not tell: a table that ends in `.txt`, say."""
    separator: str = ""
    """What stands between the columns of a CSV or TSV file: a character, or "tab"; empty finds it in the first lines of
    a CSV file (comma, semicolon, tab or bar) and is a tab in a TSV file."""
    header: list[str] = Field(default=[])
    """Names of the columns of a CSV or TSV file without a line of names; empty means its first line has them."""
    extra_columns: ExtraColumns = "refuse"
    """What happens to fields of a line beyond those that have names: an error, or they are dropped and counted."""
    columns: dict[str, str] = Field(default={})
    """Columns made of others: `{label = "gold_label"}`; a dot goes into an object, `{a = "sentence1.sentence"}`."""
    where: dict[str, str | bool | int | float] = Field(default={})
    """Only rows with these values are read: `{data = "train"}` where a column `data` tells the split."""

    @field_validator("separator")
    @classmethod
    def _separator_is_a_character(cls, value: str) -> str:
        separator = NAMES.get(value.lower(), value)
        if len(separator) > 1 or separator in ('"', "\n", "\r"):
            raise ValueError(f"separator cannot be {value!r}. Give one character such as ; or the word tab.")
        return separator

    @field_validator("header")
    @classmethod
    def _names_differ(cls, value: list[str]) -> list[str]:
        if len(set(value)) < len(value):
            raise ValueError("Two columns have the same name. Give each its own.")
        return value

    def rows(self, told: Callable[[int], None] = ignore_progress) -> Iterator[Row]:
        """Yield the rows of each file in turn, those that `where` lets pass; a UserError where it passes none."""
        return self._chosen(super().rows(told)) if self.where else super().rows(told)

    def read(self, path: Path, hear: Hear) -> Iterator[Row]:
        """Yield the rows of one file, with the columns that `columns` makes."""
        writing = Writing(self.encoding, self.errors, tuple(self.header), self.extra_columns, self.separator)
        sources = self.columns if self.text_column == "text" else {**self.columns, "text": self.text_column}
        for row in self._format(path)(path, writing, hear):
            yield {**row, **{name: _found(row, source, path) for name, source in sources.items()}}

    def check(self, path: Path) -> None:
        """Refuse a file of an unknown kind."""
        if self.format == "by suffix" and (kind := NOT_READ.get(content_suffix(path))):
            raise UserError(f"{path} ends in no suffix we know: {kind[0]}. Take the text out of it first ({kind[1]}).")
        if self.format == "by suffix" and format_of(path) is None:
            packed = " (and .gz, .bz2, .xz or .zst of these)" if not packing(path) else ""
            raise UserError(
                f"{path} ends in no suffix we know. Rename it to one of {', '.join(FORMATS)}{packed}, "
                "or say what it is with the setting format."
            )

    def reads(self, path: Path) -> bool:
        """Return whether a file found in a folder is of a kind we read: with `format` one without a suffix is, too."""
        return format_of(path) is not None or (self.format != "by suffix" and not content_suffix(path))

    def _format(self, path: Path) -> Format:
        found = format_of(path) if self.format == "by suffix" else FORMATS[f".{self.format}"]
        assert found is not None  # check and reads see to it
        return found

    def _chosen(self, rows: Iterator[Row]) -> Iterator[Row]:
        met: dict[str, None] = {}
        wanted = {name: str(value) for name, value in self.where.items()}
        passed = False
        for row in rows:
            if absent := next((name for name in wanted if name not in row), None):
                raise unknown("column", absent, map(str, row))
            values = {name: str(row[name]) for name in wanted}
            if values == wanted:
                passed = True
                yield row
            elif len(met) < MAX_OFFERED:
                met[_told(values)] = None
        if met and not passed:
            raise UserError(f"No row has {_told(wanted)}. There are rows with {'; '.join(met)}.")


def _told(values: dict[str, str]) -> str:
    return " and ".join(f"{name} = {value[:40]!r}" for name, value in values.items())


def _found(row: Row, name: str, path: Path) -> Any:
    if name in row:  # a point may be part of a name
        return row[name]
    value: Any = row
    for part in name.split("."):
        if not isinstance(value, dict) or part not in value:
            raise UserError(
                f"{path} has no column {name!r} (it has {', '.join(map(repr, row))}). "
                "Name one that is there, in text_column or columns."
            )
        value = value[part]
    return value
