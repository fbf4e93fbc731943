"""Questions put to a trained encoder: ONE FILE EACH."""

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from inspect import getdoc
from pathlib import Path
from typing import Any, ClassVar, Literal

from mamebert.config import Choice
from mamebert.encoder.model import PretrainingNetwork
from mamebert.results.probe import FoundExample, FoundMap, FoundTable
from mamebert.runs.identity import Source
from mamebert.tokenizer.encoding import Tokenizer

ROWS_LOOKED_AT = 8
"""Rows in which `Probe.look` finds what is wrong with what will be asked."""
Needs = Literal["words", "encoder", "table", "answers"]
"""What a probe asks: the head for masked words, the encoder's vectors alone, its table of tokens, which a run of
`vectors` has too, or a fine-tuned model's answers."""


@dataclass(frozen=True)
class Asked:
    """An encoder with its head for masked words, and the tokenizer it reads by.

    Where a probe needs the encoder alone, the head may be a new one, of which nothing was learnt; where it needs
    the table of tokens alone, all else may be.
    """

    network: PretrainingNetwork
    tokenizer: Tokenizer
    answers: Callable[[Sequence[str]], list[dict[str, Any]]] | None = None
    """A fine-tuned model as a function of texts, where that is what a probe needs."""
    is_altered: bool = False
    """Whether that model was quantised or altered otherwise: the network then has its shape alone, freshly drawn."""

    @property
    def room(self) -> int:
        """The longest text it reads, in pieces, [CLS] and [SEP] not counted."""
        return self.network.bert.config.max_position_embeddings - 2


@dataclass(frozen=True)
class Findings:
    """What a probe found out about one encoder."""

    figures: dict[str, float]
    """Numbers by name; the first is what encoders are compared by."""
    tables: list[FoundTable] = field(default_factory=list)
    examples: list[FoundExample] = field(default_factory=list)
    """Texts, for reading."""
    maps: list[FoundMap] = field(default_factory=list)
    """Attention to single texts, for looking at."""


class Probe(Choice):
    """A question put to encoders."""

    about: ClassVar[str] = ""
    """What is asked, in a few words, as a title."""
    needs: ClassVar[Needs] = "words"
    explained: ClassVar[Mapping[str, str]] = {}
    """What each of its figures is, for readers of a page; a name may have * for what differs. Intervals need none."""

    @abstractmethod
    def ask(self, asked: Asked, keep: Path, seed: int) -> Findings:
        """Return what is found out about an encoder; `seed` decides what is drawn by chance.

        What takes long is put into the folder `keep` as it comes, and found there when the same is asked again.
        """

    def look(self) -> None:
        """Read the first of what will be asked; what is wrong with it is a UserError."""

    def folders(self) -> list[tuple[Path, Sequence[str], Callable[[Path], object]]]:
        """Return the folders of other stages that are read: each with the commands that make such, and what opens it.

        They may still have to be made, which is why `look` leaves them alone.
        """
        return []

    @classmethod
    def asks(cls) -> str:
        """Return what is asked, as a sentence."""
        return (getdoc(cls) or "").partition("\n\n")[0].replace("\n", " ")

    @classmethod
    def explanation(cls, figure: str) -> str:
        """Return what a figure is; "" where nothing is told of it."""
        return next((told for name, told in cls.explained.items() if fnmatchcase(figure, name)), "")

    def fingerprint(self) -> list[Source]:
        """Return the outside text that is asked."""
        return []

    @classmethod
    def from_text(cls, text: str) -> dict[str, Any]:
        """Read a bare text as a kind, written with hyphens too."""
        return {"kind": text.replace("-", "_")}
