"""What lies behind a field of settings: a group of them, or the family of a choice."""

from collections.abc import Mapping
from types import UnionType
from typing import Any, Protocol, cast, get_args, get_origin

from pydantic import BaseModel


class Family(Protocol):
    """The abstract class of a `Choice`, known by what it offers: nothing here needs to import it."""

    def names(self) -> list[str]:
        """Return its kinds."""

    def find(self, kind: str) -> Any:
        """Return the class of one kind."""

    def from_text(self, text: str) -> dict[str, Any]:
        """Return the settings that a bare text stands for."""

    def kind_unsaid(self, settings: Mapping[str, Any]) -> str | None:
        """Return the kind that settings without one can only mean."""


def group_in(annotation: Any) -> type[BaseModel] | None:
    """Return the group of settings that a field of this type holds; None for a plain value."""
    parts = get_args(annotation) if isinstance(annotation, UnionType) or get_origin(annotation) else (annotation,)
    return next((p for p in parts if isinstance(p, type) and issubclass(p, BaseModel)), None)


def is_by_name(annotation: Any) -> bool:
    """Tell whether a field of this type holds things by names that its user chooses, as `tests.NAME` does."""
    return get_origin(annotation) is dict


def family_of(group: Any) -> Family | None:
    """Return the family of a class of settings that is a choice; None for one that is not, and for other classes."""
    return getattr(group, "family", None)


def leaves_open_the_kind(group: type[BaseModel]) -> bool:
    """Tell whether a class of settings stands for all kinds of its family, one of which is to be named."""
    return family_of(group) is cast("Family", group)
