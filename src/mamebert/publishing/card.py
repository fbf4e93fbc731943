"""The card of a model as the Hub shows it: with the licence, and code that opens the model by the name it has there."""

import re
from dataclasses import dataclass
from pathlib import Path

from huggingface_hub import ModelCard

from mamebert.checkpoints.model_folder import read_config
from mamebert.errors import UserError
from mamebert.files.disk import disk_errors
from mamebert.reports.card.model_card import USES, front_matter

LICENCE = re.compile("[a-z0-9][a-z0-9.+-]*")
_OPENS = re.compile(
    r"""((?:from_pretrained|SentenceTransformer)\(|model=)(["'])([^"'\n]+)\2(  # the path of this folder)?"""
)


@dataclass(frozen=True)
class Card:
    """The text of README.md, and the licence that it names."""

    text: str
    licence: str | None


def card_of(folder: Path, repo: str = "", licence: str = "") -> Card:
    """Return the card of a folder; where it has none, one that says what the folder itself says.

    A licence that is no identifier, and a card whose header cannot be read, are a UserError.
    """
    if licence and not LICENCE.fullmatch(licence):
        raise UserError(
            f"{licence!r} is no licence as the Hub names them. Give one such as apache-2.0 or cc-by-sa-4.0."
        )
    text = _text(folder)
    try:
        card = ModelCard(text)
        if licence:
            card.data["license"] = licence
        named = card.data.get("license")
        text = str(card) if licence else text
    except Exception as error:  # YAML has errors of many kinds
        raise UserError(
            f"The header of {folder / 'README.md'} cannot be read ({type(error).__name__}). Mend the lines between the "
            "two ---, or delete them."
        ) from error
    return Card(_called(text, folder.name, repo) if repo else text, str(named) if named else None)


def _text(folder: Path) -> str:
    file = folder / "README.md"
    if file.is_file():
        with disk_errors(file):
            return file.read_text("utf-8", errors="replace")
    name = str((read_config(folder).get("architectures") or [""])[0])
    pipeline = next((pipeline for words, pipeline, _ in USES if words in name), None)
    return f"---\n{front_matter(None, None, pipeline)}\n---\n\n# {folder.name}\n\n{name or 'A BERT'}.\n"


def _called(text: str, name: str, repo: str) -> str:
    """Let code open the model by its name on the Hub, where it is the folder's name that stands there."""

    def by_name(found: re.Match[str]) -> str:
        return f"{found[1]}{found[2]}{repo}{found[2]}" if found[3] == name else found[0]

    return _OPENS.sub(by_name, text)
