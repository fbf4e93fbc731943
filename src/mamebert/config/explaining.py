"""A mistake in settings becomes one sentence with the fact and one with the way out."""

import re
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from mamebert.config.groups import family_of, group_in, is_by_name
from mamebert.config.merging import with_bare
from mamebert.config.spellings import plain
from mamebert.errors import unknown

_EXPECTED = {
    **dict.fromkeys(("int_parsing", "int_type", "int_from_float", "int_parsing_size"), "a whole number is expected"),
    **dict.fromkeys(("float_parsing", "float_type"), "a number is expected"),
    "finite_number": "a finite number is expected",
    **dict.fromkeys(("bool_parsing", "bool_type"), "true or false is expected"),
    **dict.fromkeys(("string_type", "string_sub_type"), "a text is expected"),
    "path_type": "a path is expected",
}


def explain(kind: type[BaseModel], error: ValidationError, settings: Mapping[str, Any]) -> str:
    """Return the first three mistakes that pydantic found in settings, in words that do not need its manual."""
    return " ".join(dict.fromkeys(_sentence(kind, detail, settings) for detail in error.errors()[:3]))


def _sentence(kind: type[BaseModel], detail: ErrorDetails, settings: Mapping[str, Any]) -> str:
    place = [str(part) for part in detail["loc"]]
    name = ".".join(place)
    if detail["type"] == "extra_forbidden":
        if deeper := _deeper(kind, place, settings):
            return f"There is no setting called {name!r}. Did you mean {' or '.join(map(repr, deeper))}?"
        others = _kinds_with(kind, place, settings)
        also = f" Kinds with {place[-1]!r}: {', '.join(others)}." if others else ""
        return f"{unknown('setting', name, _names_beside(kind, place, settings))}{also}"
    if detail["type"] == "missing":
        is_group = place[-1] in _groups_in(kind, place[:-1])
        shown = f"{name}.NAME=VALUE; --settings {name} lists its names" if is_group else f"{name}=VALUE"
        return f"The setting {name!r} is missing. Give it in the settings file or as {shown}."
    if detail["type"] == "value_error":
        message = str(detail.get("ctx", {}).get("error") or detail["msg"])
        return f"{name}: {message}" if name else message
    return f"The setting {name!r} cannot be {plain(detail['input'])[:200]}: {_expected(kind, detail, place)}"


def _expected(kind: type[BaseModel], detail: ErrorDetails, place: list[str]) -> str:
    """Return what is expected instead, and the way to it; pydantic's words are for who knows pydantic."""
    name, about, error = ".".join(place), detail.get("ctx", {}), detail["type"]
    if error == "literal_error":
        names = [each.strip("'") for each in re.split(r", | or ", str(about["expected"]))]
        near = get_close_matches(str(detail["input"]), names, n=1, cutoff=0.5)
        return f"it should be {about['expected']}. " + (f"Did you mean {near[0]!r}?" if near else "Choose one of them.")
    if error in ("dict_type", "model_type", "model_attributes_type", "mapping_type"):
        return f"names and values are expected. Write {name}.NAME=VALUE."
    if error == "list_type":
        return f"a list is expected. Write {name}=[...]."
    if error == "too_short":
        return f"at least {about['min_length']} must be given. Write {name}=[...]."
    told = _EXPECTED.get(error) or re.sub(r"^[Ii]nput ", "it ", detail["msg"])
    command = getattr(kind, "command", "")
    way_out = f"`mamebert {command} --settings {place[0]}` tells what it can be." if command else "Give another value."
    return f"{told}. {way_out}"


def _deeper(kind: type[BaseModel], place: list[str], settings: Any) -> list[str]:
    """Return the settings of the groups beside one that is not there, if they are called as it is."""
    found = []
    for name in _names_beside(kind, place, settings):
        group = _kind_at(kind, name.split("."), settings)
        if group and group is not kind and place[-1] in group.model_fields:
            found.append(f"{name}.{place[-1]}")
    return found


def _groups_in(kind: type[BaseModel], place: list[str]) -> list[str]:
    """Return the names in a group of settings that are groups themselves."""
    current: type[BaseModel] | None = kind
    for part in place:
        field = current.model_fields.get(part) if current else None
        current = group_in(field.annotation) if field else None
    fields = current.model_fields if current else {}
    return [name for name, field in fields.items() if (inner := group_in(field.annotation)) and not family_of(inner)]


def _kinds_with(kind: type[BaseModel], place: list[str], settings: Any) -> list[str]:
    """Return the other kinds of a choice that have the setting which the chosen kind has not."""
    family = family_of(_kind_at(kind, place[:-1], settings))
    return [each for each in family.names() if place[-1] in family.find(each).model_fields] if family else []


def _names_beside(kind: type[BaseModel], place: list[str], settings: Any) -> list[str]:
    current = _kind_at(kind, place[:-1], settings)
    parent = ".".join(place[:-1])
    return [f"{parent}.{name}" if parent else name for name in (current.model_fields if current else ())]


def _kind_at(kind: type[BaseModel], place: list[str], settings: Any) -> type[BaseModel] | None:
    """Return the class of the group of settings in a place, of the kind that is chosen there."""
    current: type[BaseModel] | None = kind
    by_name = False  # whether the next part is a name that its user chose: tests.NAME
    for part in place:
        if by_name:
            default, by_name = None, False
            settings = settings.get(part) if isinstance(settings, Mapping) else None
        elif part.isdigit():  # an item of a list; a single one may stand without its list
            settings = settings[int(part)] if isinstance(settings, list | tuple) else settings
        else:
            field = current.model_fields.get(part) if current else None
            current = group_in(field.annotation) if field else None
            by_name = field is not None and is_by_name(field.annotation)
            default = field.get_default(call_default_factory=True) if field and not by_name else None
            settings = settings.get(part) if isinstance(settings, Mapping) else None
        if not by_name and (family := family_of(current)) and isinstance(settings, Mapping):
            told = with_bare(family, settings)
            chosen = told.get("kind") or family.kind_unsaid(told) or getattr(default, "kind", "")
            current = family.find(str(chosen)) if chosen else current
    return None if by_name else current
