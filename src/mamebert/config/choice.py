"""Settings whose `kind` names a file of a folder."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import Any, ClassVar, Literal

from pydantic import model_validator

from mamebert.config.base import Config
from mamebert.config.merging import with_bare
from mamebert.errors import UserError, unknown


class Choice(Config):
    """Settings whose `kind` names a file: the folder listing is the registry.

    The abstract class of a family stands in a folder's `__init__.py`; the class of each kind stands
    in a file of that folder, which is imported only when it is named.
    """

    family: ClassVar[type["Choice"]]
    kind: str = ""
    """Name of the file in the family's folder that does the work."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if Choice in cls.__bases__:
            cls.family = cls
        else:
            stem = cls.__module__.rpartition(".")[2]
            cls.kind = stem
            cls.__annotations__["kind"] = Literal[stem]

    kinds_unsaid: ClassVar[frozenset[str]] = frozenset()
    """Kinds that settings without `kind` may mean, whatever the default is; see `kind_unsaid`."""

    @classmethod
    def names(cls) -> list[str]:
        """Return the kinds of this family: the files of its folder. Folders within it hold what kinds share."""
        folder = import_module(cls.family.__module__).__path__
        return sorted(m.name for m in iter_modules(folder) if not m.ispkg)

    @classmethod
    def find(cls, kind: str) -> Any:
        """Return the class of one kind; a UserError offers the nearest name."""
        if kind not in cls.names():
            raise unknown(f"{cls.family.__name__.lower()} kind", kind, cls.names())
        module = import_module(f"{cls.family.__module__}.{kind}")
        for value in vars(module).values():
            if isinstance(value, type) and issubclass(value, cls.family) and value.__module__ == module.__name__:
                return value
        raise TypeError(f"{module.__name__} defines no {cls.family.__name__}")

    @classmethod
    def from_text(cls, text: str) -> dict[str, Any]:
        """Return the settings that a bare string stands for; a family may read it as something else."""
        return {"kind": text}

    @classmethod
    def kind_unsaid(cls, settings: Mapping[str, Any]) -> str | None:
        """Return the kind that settings without one can only mean; None where they could mean several."""
        return None

    @model_validator(mode="wrap")
    @classmethod
    def _open_the_file_that_kind_names(cls, value: Any, handler: Any) -> Any:
        if isinstance(value, str | Path):
            value = cls.family.from_text(str(value))
        if cls is cls.family and isinstance(value, Mapping):
            value = with_bare(cls.family, value)
            if "kind" not in value and (unsaid := cls.family.kind_unsaid(value)):
                value = {"kind": unsaid, **value}
            if "kind" not in value:
                raise ValueError(f"`kind` is missing. Choose from: {', '.join(cls.names())}.")
            try:
                found = cls.find(value["kind"])
            except UserError as error:
                raise ValueError(str(error)) from error
            return found.model_validate(value)
        return handler(value)


@dataclass(frozen=True)
class Changes:
    """Marks a table that holds settings of some kind of a family, which one is not known yet."""

    family: type[Choice]
