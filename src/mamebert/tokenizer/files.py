"""The files of a tokenizer folder: which they are, and how they are read with care."""

from io import StringIO
from pathlib import Path
from typing import Any

from mamebert.errors import UserError
from mamebert.files.disk import hash_file
from mamebert.files.json_files import read_bytes, read_object

TOKENIZER_FILES = (
    "tokenizer.json",
    "tokenizer_config.json",
    "vocab.txt",
    "vocab.json",
    "merges.txt",
    "spiece.model",
    "sentencepiece.bpe.model",
    "tokenizer.model",
    "special_tokens_map.json",
    "added_tokens.json",
)
"""All that decides which ids a text gets, whatever the kind of tokenizer; what else lies there is not read."""
VOCABULARIES = TOKENIZER_FILES[2:8]
WAY_OUT = "Make the tokenizer again, or fetch the folder again."


def read_about(folder: Path, name: str) -> dict[str, Any]:
    """Return what a JSON file of the folder says, nothing where there is none; a damaged one is a UserError."""
    try:
        return read_object(folder / name, WAY_OUT, finite=False)
    except FileNotFoundError:
        return {}


def hash_rules(folder: Path) -> str:
    """Return what tells tokenizers apart that give other ids: `tokenizer.json` says all, without it all files do."""
    names = TOKENIZER_FILES[:1] if (folder / TOKENIZER_FILES[0]).is_file() else TOKENIZER_FILES
    return "".join(hash_file(folder / name) for name in names if (folder / name).is_file())


def read_vocabulary(path: Path) -> dict[str, int]:
    """Return the ids of the tokens of a `vocab.txt` as `transformers` counts them: lines from 0, the last of equals."""
    try:
        text = read_bytes(path).decode("utf-8")
    except ValueError as error:
        raise UserError(f"{path} is damaged ({error}). {WAY_OUT}") from error
    return {line.rstrip("\n"): number for number, line in enumerate(StringIO(text, newline=None))}
