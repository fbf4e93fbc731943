"""Settings that name the folder of an earlier stage."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import GetCoreSchemaHandler
from pydantic_core import core_schema

from mamebert.files.shipped import folder_of

if TYPE_CHECKING:
    RunPath = Path  # a Path may be given
else:

    class RunPath(type(Path())):  # Path() picks the class of this operating system
        """The folder of an earlier stage, or a model folder inside one; its identity becomes part of ours."""

        @classmethod
        def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
            """Read a string or path; write a string."""
            return core_schema.no_info_plain_validator_function(
                cls._check, serialization=core_schema.plain_serializer_function_ser_schema(str)
            )

        @classmethod
        def _check(cls, value: Any) -> "RunPath":
            if isinstance(value, Mapping):
                raise ValueError(
                    "The path of a folder is expected, and this is a table. "
                    'A name with a dot in it stands in quotes: models."v1.2"=FOLDER.'
                )
            if not isinstance(value, str | Path) or not str(value).strip():
                raise ValueError("The path of a folder is expected. Give the output of a stage, or a model folder.")
            return cls(folder_of(value))
