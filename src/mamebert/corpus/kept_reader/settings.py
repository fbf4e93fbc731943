"""The settings of the reader of the training rows, kept with the model for other files of such rows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from mamebert.config import build, merge
from mamebert.corpus.formats.from_files import FromFiles
from mamebert.corpus.formats.opening import content_suffix
from mamebert.corpus.formats.suffixes import FORMATS
from mamebert.corpus.kept_reader.fitting import fit_columns, fit_encoding, fit_table
from mamebert.corpus.readers import KINDS, Reader, kind_of
from mamebert.errors import UserError

OF_ONE_FILE = ("path", "where")
"""Settings that say which rows were trained on, not how rows are written."""


@dataclass(frozen=True)
class Kept:
    """What of a reader of files other files may need; no path is in it."""

    settings: dict[str, Any] = field(default_factory=dict)
    """The kind, and what was not left as it is by default; nothing where other files cannot be read so."""
    endings: tuple[str, ...] = ()
    """What the names of the files ended in."""

    @classmethod
    def of(cls, reader: Reader | None) -> Self:
        """Return what to keep of a reader; nothing of one that does not read files, or reads documents of text."""
        if not isinstance(reader, FromFiles):
            return cls()
        endings = tuple(sorted({content_suffix(path) for path in reader.files()}))
        settings = {"kind": reader.kind, **reader.model_dump(mode="json", exclude_defaults=True)}
        settings = {name: value for name, value in settings.items() if name not in OF_ONE_FILE}
        if reader.kind == "files" and "format" not in settings:
            formats = {_format(ending) for ending in endings}
            settings |= {"format": formats.pop()} if len(formats) == 1 else {}
        return cls() if settings.get("format") == "txt" else cls(settings, endings)

    @classmethod
    def read(cls, told: Any, where: Path) -> Self:
        """Return what a config.json tells; what no reader of files can have is a UserError."""
        if told is None:
            return cls()
        told = told if isinstance(told, dict) else {}
        settings, endings = told.get("settings"), told.get("endings")
        is_list = isinstance(endings, list) and all(isinstance(each, str) for each in endings)
        if not (isinstance(settings, dict) and isinstance(endings, list) and is_list):
            raise UserError(f"{where} has a config.json with a reader that is none. Download or save it again.")
        settings = {name: value for name, value in settings.items() if name not in OF_ONE_FILE}
        if settings:
            try:
                found = build(Reader, {**settings, "path": "-"})  # type: ignore[type-abstract]  # `kind` makes it concrete
            except UserError as error:
                raise UserError(f"{where} has an invalid config.json: {error}") from error
            if not isinstance(found, FromFiles):
                raise UserError(
                    f"{where} has a config.json with a reader that reads no files. Download or save it again."
                )
            settings["kind"] = found.kind
        return cls(settings, tuple(endings))

    def as_json(self) -> dict[str, Any]:
        """Return what `read` reads."""
        return {"settings": self.settings, "endings": list(self.endings)}

    def completed(
        self, path: Path, given: Mapping[str, Any], columns: Sequence[str] = ()
    ) -> tuple[dict[str, Any], list[str]]:
        """Return the settings to read a file with, without its path, and what is to be told about them.

        Those `given` hold. The others are those kept, where the file is of the kind and format that was read before:
        by what is given, else by an ending that the training files had, else by an ending that tells nothing. What
        does not fit this file is found anew, or refused in a UserError: its encoding, separator, line of names, and
        the places of the `columns` that are read.
        """
        if not self._is_for(path, given):
            return dict(given), []
        kept = {
            name: value for name, value in self.settings.items() if name not in given or _is_table(value, given[name])
        }
        if path.is_dir():
            kept.pop("format", None)
        told: list[str] = []
        if path.is_file():
            told = fit_encoding(path, kept, given)
            if self.settings["kind"] == "files":
                fit_table(path, kept, given, columns)
                fit_columns(path, kept, given, columns)
        if unsaid := self._unsaid(path, kept, given):
            told.insert(0, f"{path} is read as the training rows of the model were ({unsaid}).")
        return merge(merge({}, kept), given), told

    def _is_for(self, path: Path, given: Mapping[str, Any]) -> bool:
        if not self.settings:
            return False
        kind, format_ = self.settings["kind"], self.settings.get("format")
        known = Reader.find(kind).model_fields
        if not given.keys() <= known.keys() or given.get("kind", kind) != kind:
            return False
        if given.get("format", "by suffix") != "by suffix":
            return bool(given["format"] == format_)
        ending = content_suffix(path)
        if "kind" in given and kind != "files":
            return True
        if ending in self.endings or ending not in {*KINDS, *FORMATS}:
            return True
        return kind_of(path) == kind and (kind != "files" or _format(ending) == format_)

    def _unsaid(self, path: Path, kept: Mapping[str, Any], given: Mapping[str, Any]) -> str:
        """Return what is kept and neither given nor told by the ending of the file."""
        ending = content_suffix(path)
        by_itself = {"kind": kind_of(path), "format": _format(ending)}
        return ", ".join(f"{name}={value}" for name, value in kept.items() if by_itself.get(name) != value)


def _is_table(*values: Any) -> bool:
    return all(isinstance(value, Mapping) for value in values)


def _format(ending: str) -> str | None:
    """Return the name of a format as the setting has it; `.ndjson` is jsonl."""
    found = FORMATS.get(ending)
    return next((name[1:] for name, each in FORMATS.items() if each is found), None) if found else None
