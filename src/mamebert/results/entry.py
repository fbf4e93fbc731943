"""A table of results: strict where a stage writes it, lenient where it was written by another version."""

from collections.abc import Mapping
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, ValidationError, ValidationInfo, model_validator

_READING = "reading"


class Entry(BaseModel):
    """A table of run.json. Every field has a default, for runs of versions that did not write it yet.

    Fields whose default is None, or empty, may be so in any run: whoever reads them has to bear with that.
    """

    model_config = ConfigDict(extra="forbid", strict=True, validate_assignment=True)

    @classmethod
    def read(cls, told: Mapping[str, Any]) -> Self:
        """Return what a run.json tells: keys of other versions are ignored, those it lacks have their default.

        A value of another kind than stages write is a ValueError, in one line.
        """
        try:
            return cls.model_validate(dict(told), strict=False, extra="ignore", context=_READING)
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(map(str, first["loc"]))
            raise ValueError(f"{place}: {' '.join(first['msg'].split())}") from error

    def written(self) -> dict[str, Any]:
        """Return the table as JSON, with the fields that were filled in and no others, checked as a whole.

        What was appended to a list of a table was not checked when that was done.
        """
        type(self).model_validate(self.model_dump(exclude_unset=True, warnings=False))
        return self.model_dump(mode="json", exclude_unset=True)

    @model_validator(mode="before")
    @classmethod
    def _null_is_missing(cls, told: Any, info: ValidationInfo) -> Any:
        if info.context == _READING and isinstance(told, Mapping):
            return {name: value for name, value in told.items() if value is not None}
        return told
