"""A group of settings: declared as a class, checked once."""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar, cast, dataclass_transform

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    ValidationError,
    model_serializer,
    model_validator,
)

from mamebert.config.explaining import explain
from mamebert.config.groups import family_of, group_in
from mamebert.config.merging import BARE, other_than_bare
from mamebert.config.spellings import as_declared, plain
from mamebert.config.walking import walk
from mamebert.errors import BadSettings, UserError

if TYPE_CHECKING:
    from pydantic._internal._model_construction import ModelMetaclass
else:
    ModelMetaclass = type(BaseModel)

C = TypeVar("C", bound="Config")
# NUL, and halves of characters: bytes of a command line that are not UTF-8 come as these. Files may have such names.
UNWRITABLE = re.compile("[\0\ud800-\udfff]")


@dataclass_transform(kw_only_default=True, frozen_default=True, field_specifiers=(Field,))
class _Explaining(ModelMetaclass):
    """Makes a mistake in settings that are spelt in Python the sentence that it is on the command line.

    The decorator tells type checkers, which do not inherit it from pydantic's own, that fields are what can be given.
    """

    if not TYPE_CHECKING:  # a checker would believe this signature, which takes everything

        def __call__(cls, *given: Any, **settings: Any) -> Any:
            try:
                return super().__call__(*given, **settings)
            except ValidationError as error:
                raise BadSettings(explain(cast("type[Config]", cls), error, settings)) from error


class Config(BaseModel, metaclass=_Explaining):
    """A group of settings. Every field is declared once, with its default, bounds and meaning."""

    model_config = ConfigDict(
        allow_inf_nan=False,
        extra="forbid",
        frozen=True,
        polymorphic_serialization=True,
        validate_default=True,
    )
    newer: ClassVar[tuple[str, ...]] = ()
    """Settings that came later, and are written only where they are not as by default: so a run without them is the run
    that it was before there were any, and can still be gone on with."""

    @model_serializer(mode="wrap")
    def _what_says_nothing_new_is_not_written(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        unwritten = self.unwritten()
        return {name: value for name, value in write(self).items() if name not in unwritten}

    def unwritten(self) -> set[str]:
        """Return the names of the settings that are left out of what is written."""
        fields = type(self).model_fields
        return {
            name for name in self.newer if getattr(self, name) == fields[name].get_default(call_default_factory=True)
        }

    @model_validator(mode="before")
    @classmethod
    def _a_choice_without_kind_keeps_the_default_kind(cls, values: Any) -> Any:
        if not isinstance(values, Mapping):
            return values
        filled = dict(values)
        for name, field in cls.model_fields.items():
            given = filled.get(name)
            if isinstance(given, Mapping) and not {"kind", BARE} & given.keys() and not field.is_required():
                default = field.get_default(call_default_factory=True)
                if family_of(type(default)):
                    filled[name] = {"kind": default.kind, **given}
        return filled

    @model_validator(mode="before")
    @classmethod
    def _nothing_is_a_value_and_a_table(cls, values: Any) -> Any:
        for name, given in values.items() if isinstance(values, Mapping) else ():
            field = cls.model_fields.get(name)
            inner = group_in(field.annotation) if field else None
            if isinstance(given, Mapping) and BARE in given and not family_of(inner):
                other = f"{name}.{other_than_bare(given)}".rstrip(".")
                raise ValueError(
                    f"{name} is given as {plain(given[BARE])[:60]} and as a table ({other}). Give one of them."
                )
        return values

    @model_validator(mode="before")
    @classmethod
    def _texts_and_numbers_can_be_written(cls, values: Any) -> Any:
        for path, text in walk(values) if isinstance(values, Mapping) else ():
            if isinstance(text, int) and not -(2**63) <= text < 2**63:
                raise ValueError(f"{str(path)[:60]} is larger than a number of 64 bits. Give a smaller one.")
            for each in (path, text):
                if isinstance(each, str | Path) and (bad := UNWRITABLE.search(str(each))) and not os.path.exists(each):
                    raise ValueError(
                        f"{path[:60]!r} holds the character U+{ord(bad[0]):04X}, which no name and no text can hold in "
                        "a file. Leave it out."
                    )
        return values

    @model_validator(mode="before")
    @classmethod
    def _a_number_may_be_a_text(cls, values: Any) -> Any:
        if not isinstance(values, Mapping):
            return values
        fields = cls.model_fields
        return {n: as_declared(fields[n].annotation, v) if n in fields else v for n, v in values.items()}


def build(kind: type[C], settings: Mapping[str, Any]) -> C:
    """Check `settings` and return the object; what is wrong comes back as one UserError."""
    if not isinstance(settings, Mapping):  # as a file may have it
        raise UserError(
            f"Settings are expected, and {plain(settings)[:60]} is not a table of them. Give names and values."
        )
    try:
        return kind.model_validate(dict(settings))
    except ValidationError as error:
        raise UserError(explain(kind, error, settings)) from error
