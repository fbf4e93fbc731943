"""The leaves of settings."""

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel


def walk(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield (dotted name, value) for every leaf of settings, in declaration order."""
    if isinstance(value, BaseModel):
        value = {name: getattr(value, name) for name in type(value).model_fields}
    if isinstance(value, Mapping):
        for name, item in value.items():
            yield from walk(item, f"{path}.{name}" if path else str(name))
    elif isinstance(value, list | tuple):
        for number, item in enumerate(value):
            yield from walk(item, f"{path}.{number}")
    else:
        yield path, value
