"""The sample of a corpus: the first documents of some of its files, as they are read, and their share of all."""

import json
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, TextIO

from mamebert.config import build
from mamebert.corpus.formats.detecting import AUTO
from mamebert.corpus.formats.from_files import FromFiles
from mamebert.corpus.formats.opening import content_suffix, encoding_of
from mamebert.corpus.readers import Reader, Row
from mamebert.errors import UserError, unknown
from mamebert.language_recipes.languages import Settings

CHARACTERS, FILES = 2_000_000, 8
"""Read of a corpus, and of how many of its files: some seconds of cleaning."""
UTF_8 = ("utf-8", "ascii", "utf-8-sig")


@dataclass(frozen=True)
class Drawn:
    """A sample of a corpus."""

    path: Path
    """A JSONL file of documents."""
    share: float
    """Of the corpus, by stored bytes; 1 where all was read."""
    num_bytes: int
    """Of the corpus, as stored."""
    num_files: int
    encoding: str
    """What the source of the recipe is to say of it; "" where nothing needs to be said."""


def reader_of(corpus: str, settings: Settings) -> FromFiles:
    """Return the reader of a path; settings that make no reader of files are a UserError.

    Encodings are found, unless `settings` tell one.
    """
    name = settings.get("kind") or Reader.kind_unsaid({"path": corpus}) or "files"
    kind: type[Reader] = Reader.find(name)
    if not issubclass(kind, FromFiles):
        raise UserError(f"{name} reads no files, and --corpus names some. Leave --reader kind={name} out.")
    told = {name: value for name, value in settings.items() if name != "kind"}
    return build(kind, {"encoding": AUTO, **told, "path": corpus})


def draw(reader: FromFiles, folder: Path) -> Drawn:
    """Write the first documents of some files to a file in `folder`; files without text are a UserError."""
    num_files, total = sum(1 for _ in reader.files()), reader.num_bytes()
    reader.first_rows(1)  # what cannot be read, or cannot be read twice, is told
    chosen = list(islice(reader.files(), 0, None, max(1, -(-num_files // FILES))))
    path, read, characters = folder / "sample.jsonl", 0, 0
    with path.open("w", encoding="utf-8") as out:
        for each in chosen:
            written, heard = _copy(reader, each, CHARACTERS // len(chosen), out)
            characters, read = characters + written, read + heard
    if not characters:
        raise UserError(f"{', '.join(reader.path)} holds no text. Check that the files have text in them.")
    return Drawn(path, min(1.0, read / max(total, 1)), total, num_files, _encoding(reader, chosen))


def _copy(reader: FromFiles, path: Path, most: int, out: TextIO) -> tuple[int, int]:
    """Write the first documents of a file; return their characters, and the stored bytes that they took."""
    heard = written = num_bytes = 0

    def hear(position: int) -> None:
        nonlocal heard
        heard = position

    rows = reader.read(path, hear)
    for text in map(_text, rows):
        if written >= most:  # readers tell of a document when they are asked for the next
            return written, heard or min(num_bytes, path.stat().st_size)
        out.write(json.dumps({"text": text}, ensure_ascii=False) + "\n")
        written, num_bytes = written + len(text), num_bytes + len(text.encode())
    return written, path.stat().st_size


def _text(row: Row) -> str:
    if "text" not in row:
        raise UserError(f"{unknown('column', 'text', row)} Name the one that holds it: --reader text_column=NAME.")
    value = row["text"]
    if isinstance(value, list | dict):
        raise UserError("The column 'text' holds no text. Name the one that does: --reader text_column=NAME.")
    return "" if value is None else str(value)


def _encoding(reader: FromFiles, files: list[Path]) -> str:
    """Return the encoding of files where it was to be found: that of all, or "auto" where they differ."""
    if reader.encoding != AUTO:
        return "" if reader.encoding == "utf-8" else reader.encoding
    found = {_one(each) for each in files}
    return found.pop() if len(found) == 1 else AUTO


def _one(path: Path) -> str:
    name = "" if content_suffix(path) == ".parquet" else encoding_of(path, AUTO)
    return "" if name.lower() in UTF_8 else name


def as_source(drawn: Drawn, corpus: str, settings: Settings) -> str | dict[str, Any]:
    """Return the source as a recipe has it: a path alone, or a table with what else is to be said."""
    # There an @ at the beginning, and a dollar sign before a brace, mean something else.
    path = (f"./{corpus}" if corpus.startswith("@") else corpus).replace("${", "$${")
    told = {**settings, **({"encoding": drawn.encoding} if drawn.encoding else {})}
    if not told:
        return path
    return {"kind": Reader.kind_unsaid({"path": corpus}), **told, "path": path}
