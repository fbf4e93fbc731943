"""What `--settings` prints: name, default, bounds, choices and meaning of every setting."""

from collections.abc import Iterator
from itertools import islice
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from mamebert.config.groups import Family, family_of, group_in, is_by_name, leaves_open_the_kind
from mamebert.config.meanings import meaning
from mamebert.config.spellings import plain
from mamebert.errors import UserError, unknown

MOST_LINES = 4  # of a group that is listed among others
ALL = 99  # choices of kinds within one another that are opened


def described(kind: type[BaseModel], asked: str = "") -> Iterator[str]:
    """Yield the help of all settings in brief, a line for each group; of those `asked` for, or of "all", in full.

    `asked` is the name of a setting or a group, however deep (training.peak_lr), or of one kind of a choice
    (task.tagging), or how such names begin (training.peak). Choices in it, of a reader say, are a line each, which
    says how to ask for them. Where no name begins so it is a UserError.
    """
    if asked == "all":
        yield from describe(kind)
    elif asked:
        yield from _below(kind, asked.split("."))
    else:
        yield from _brief(kind)


def _brief(kind: type[BaseModel]) -> Iterator[str]:
    for name, field in kind.model_fields.items():
        inner = group_in(field.annotation)
        alone = list(describe(kind, only=name))
        if inner and len(alone) > MOST_LINES:
            yield from _closed(kind, name, inner, alone)
        else:
            yield from alone


def _closed(
    kind: type[BaseModel], name: str, inner: type[BaseModel], alone: list[str], prefix: str = ""
) -> Iterator[str]:
    """Yield how many settings a group has, how to ask for them, what they are, and the kinds to choose from."""
    number = sum(not line.strip().startswith("with ") for line in alone) // 2
    yield f"{prefix}{name}.*  {number} settings: --settings {prefix}{name}"
    yield f"    {_one_line(meaning(kind, name) or inner.__doc__)}"
    if family := family_of(inner):
        yield f"    kind: {', '.join(family.names())}"


def _below(kind: type[BaseModel], names: list[str], prefix: str = "", within: BaseModel | None = None) -> Iterator[str]:
    """Yield the help of the setting, group or kind that the parts of a dotted name lead to from a group."""
    name, *deeper = names
    known = [each for each in kind.model_fields if each != "kind"]
    begun = [each for each in known if each.startswith(name)] if not deeper else []
    if name not in known and not begun:
        raise unknown(
            "setting", f"{prefix}{name}", [*(f"{prefix}{each}" for each in known), *([] if prefix else ["all"])]
        )
    if name not in known:
        for each in begun:
            yield from describe(kind, prefix, within, only=each, opened=1)
        return
    field = kind.model_fields[name]
    inner = group_in(field.annotation)
    if is_by_name(field.annotation) and (family := family_of(inner)) and deeper and deeper[0] not in family.names():
        deeper = deeper[1:]  # of tests.NAME.path, or of tests.german.path
    if not deeper:
        yield from describe(kind, prefix, within, only=name, opened=1)
    elif inner is None:
        raise UserError(f"{prefix}{name} is a single setting, with none in it. Ask for --settings {prefix}{name}.")
    elif (family := family_of(inner)) and leaves_open_the_kind(inner):
        if deeper == ["kind"]:
            yield from islice(describe(kind, prefix, within, only=name), 2)
        else:
            yield from _below_choice(family, deeper, f"{prefix}{_named(name, field)}.")
    else:
        is_given = within is not None and name in within.model_fields_set
        default = getattr(within, name) if is_given else field.get_default(call_default_factory=True)
        yield from _below(inner, deeper, f"{prefix}{name}.", default if isinstance(default, BaseModel) else None)


def _below_choice(family: Family, names: list[str], prefix: str) -> Iterator[str]:
    """Yield the help of one kind, of a setting in it, or of a setting in every kind that has it."""
    first, *deeper = names
    if first in family.names():
        found = family.find(first)
        yield from _below(found, deeper, prefix) if deeper else describe(found, prefix, opened=0)
        return
    fields = {each: family.find(each).model_fields.keys() - {"kind"} for each in family.names()}
    whose: dict[tuple[str, ...], list[str]] = {}
    for each, known in fields.items():
        if not deeper and each.startswith(first):
            whose[tuple(describe(family.find(each), prefix, opened=0))] = [each]
        elif first in known or (not deeper and any(name.startswith(first) for name in known)):
            whose.setdefault(tuple(_below(family.find(each), names, prefix)), []).append(each)
    if not whose:
        known_names = {*fields, *(name for known in fields.values() for name in known)}
        raise unknown("setting or kind", f"{prefix}{first}", [f"{prefix}{name}" for name in known_names])
    for lines, kinds in whose.items():
        yield f"with {prefix}kind = {' or '.join(map(repr, kinds))}:"
        yield from (f"    {line}" for line in lines)


def describe(
    kind: type[BaseModel], prefix: str = "", within: BaseModel | None = None, only: str = "", opened: int = ALL
) -> Iterator[str]:
    """Yield the help text of every setting: name, default, bounds, choices and meaning.

    Defaults are those of the fields, or those that `within`, a group's own default, has instead. Choices of kinds that
    stand within more than `opened` others are a line each.
    """
    for name, field in kind.model_fields.items():
        if only and name != only:
            continue
        inner = group_in(field.annotation)
        named = f"{prefix}{_named(name, field)}"
        required = (field.is_required() and within is None) or (inner is not None and is_by_name(field.annotation))
        default = None if required else field.get_default(call_default_factory=True)
        if within is not None and name in within.model_fields_set:
            default = getattr(within, name)
        family = family_of(inner)
        if inner and family and leaves_open_the_kind(inner) and not opened:
            yield from _closed(kind, name, inner, list(describe(kind, only=name)), prefix)
        elif inner and family and leaves_open_the_kind(inner):
            shown = "(required)" if required else f"= {getattr(default, 'kind', None)!r}"
            yield f"{named}.kind {shown}  one of: {', '.join(family.names())}"
            yield f"    {_one_line(meaning(kind, name) or inner.__doc__)}"
            for each in family.names():
                yield f"    with {_named(name, field)}.kind = {each!r}:"
                yield from (f"    {line}" for line in describe(family.find(each), f"{named}.", opened=opened - 1))
        elif inner:
            yield from describe(inner, f"{named}.", default if default != _as_declared(inner) else None, opened=opened)
        elif name != "kind":
            shown = "(required)" if required else f"= {plain(default)}"
            bounds = "".join(f"  {bound}" for bound in map(_bound, field.metadata) if bound)
            yield f"{named} {shown}{bounds}{_choices(field.annotation)}"
            yield f"    {_one_line(meaning(kind, name))}"


def _as_declared(kind: type[BaseModel]) -> BaseModel | None:
    try:
        return kind()
    except UserError:  # something in it must be given
        return None


def _named(name: str, field: FieldInfo) -> str:
    """Return a field's name, followed by NAME where things stand in it by names that their user chooses."""
    return f"{name}.NAME" if group_in(field.annotation) and is_by_name(field.annotation) else name


def _one_line(text: str | None) -> str:
    return " ".join((text or "").split())


def _choices(annotation: Any) -> str:
    names = get_args(annotation) if get_origin(annotation) is Literal else ()
    return f"  one of: {', '.join(map(str, names))}" if names else ""


def _bound(mark: Any) -> str:
    signs = {"gt": ">", "ge": ">=", "lt": "<", "le": "<="}
    return " ".join(f"{sign} {getattr(mark, name)}" for name, sign in signs.items() if hasattr(mark, name))
