"""Smaller and faster: ONE FILE PER METHOD.

A method gets a model, whatever it is for, and a bench with data, a teacher and a place to learn; it gives the model
back smaller. Which models and rows these are, from which seeds, how results are saved, measured and compared is the
same for all methods and none of their business.
"""

from abc import abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Literal, NamedTuple

from pydantic import model_validator

from mamebert.compression.contract import Bench, Form, Subject
from mamebert.config import Choice
from mamebert.encoder.settings import EncoderConfig
from mamebert.errors import UserError
from mamebert.training.settings import Training


class Paper(NamedTuple):
    """Where a method comes from, and what is reported of it there."""

    source: str
    """Such as "Sanh et al., 2019"."""
    headline: str
    """What it is known for, with the numbers, in a few words."""


class Compressor(Choice):
    """A way to make a model smaller or faster."""

    paper: ClassVar[Paper]
    is_last: ClassVar[bool] = False
    """Whether nothing can be done after it: its numbers are no longer float32 weights of a plain network."""
    is_random: ClassVar[bool] = True
    """Whether another seed gives another result."""
    works_on: ClassVar[frozenset[Literal["task", "encoder"]]] = frozenset({"task", "encoder"})
    """Fine-tuned models, pretrained encoders (with their masked-word head), or both."""

    reaches_into_layers: ClassVar[bool] = False
    """Whether it cuts, shares or rebuilds parts of layers as BERT has them, and so knows no others (ModernBERT's)."""

    @model_validator(mode="before")
    @classmethod
    def _what_training_leaves_open_is_the_methods_own(cls, values: Any) -> Any:
        """Lay what is given of a training (a field whose default is one) over the method's default."""
        if not isinstance(values, Mapping):
            return values
        filled = dict(values)
        for name, fields in cls.model_fields.items():
            given, default = filled.get(name), fields.default
            if isinstance(given, Mapping) and isinstance(default, Training):
                length = {"epochs", "steps"} if given.keys() & {"epochs", "steps"} else set()
                filled[name] = {**default.model_dump(exclude=length, exclude_unset=True), **given}
        return filled

    def require(self) -> None:
        """Raise UserError where a program is missing that the method needs; before any model is opened."""

    def require_layers(self, shape: EncoderConfig) -> None:
        """Raise a UserError where layers are of a kind that the method does not know."""
        if self.reaches_into_layers and (choices := shape.choices_beyond_bert):
            others = [kind for kind in Compressor.names() if not Compressor.find(kind).reaches_into_layers]
            raise UserError(
                f"{self.kind} changes layers as BERT builds them, and this encoder has {', '.join(choices)}. "
                f"Choose from {', '.join(others)}, or give a BERT."
            )

    def shape_after(self, shape: EncoderConfig, teacher: EncoderConfig) -> EncoderConfig | None:
        """Return the shape that the method gives a model of this one, as far as it is known before the work is done.

        Nothing but settings and shapes is looked at, so that a whole chain is refused before its first method begins: a
        UserError says which layers, heads or widths are not there. What only the work decides (which heads go where) is
        left whole; None is a shape that nobody can know yet.
        """
        return shape

    def check(self, subject: Subject, bench: Bench) -> None:
        """Raise UserError, before anything is done, where the method cannot be used on this model with this bench."""
        self.require_layers(subject.bert.config)
        self.shape_after(subject.bert.config, bench.teacher.bert.config)

    @abstractmethod
    def compress(self, subject: Subject, bench: Bench) -> Subject:
        """Return the model made smaller; `subject` is the method's own and may be used up."""

    def save(self, subject: Subject, folder: Path) -> list[Form]:
        """Write the model into a new folder in every form it has, the main one first; see `_forms.save_forms`."""
        from mamebert.compression.forms.saving import save_forms

        return save_forms(subject, folder)

    @classmethod
    def open(cls, folder: Path) -> Subject:
        """Open a compact folder that `save` of this method wrote, where `tasks` alone cannot (altered arithmetic)."""
        raise UserError(
            f"{folder} says that {cls.__name__} altered its arithmetic, which that method never does. "
            "Download or save it again."
        )
