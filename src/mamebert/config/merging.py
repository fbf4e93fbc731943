"""Settings laid over each other; a bare value stays beside the table that follows it."""

from collections.abc import Mapping
from typing import Any

from mamebert.config.groups import Family
from mamebert.config.spellings import plain

BARE = ""  # in a table of settings: the value that stood in its place before, `task=tagging` before `task.measure=...`


def merge(into: dict[str, Any], later: Mapping[str, Any], one_saying: bool = False) -> dict[str, Any]:
    """Lay `later` over `into`, table by table; a table with another `kind` replaces the earlier one.

    A table without `kind` goes beside a bare value that stands in its place, `task.measure=x` beside `task=tagging`.
    In `one_saying`, where order means nothing, values and tables always go beside each other.
    """
    for key, value in later.items():
        earlier = into.get(key)
        if not isinstance(value, Mapping):
            into[key] = {**earlier, BARE: value} if one_saying and isinstance(earlier, dict) else value
            continue
        if earlier is not None and not isinstance(earlier, dict) and (one_saying or "kind" not in value):
            earlier = into[key] = {BARE: earlier}
        if isinstance(earlier, dict) and (
            value.get("kind") in (None, earlier.get("kind")) or earlier.get("kind") is None
        ):
            merge(earlier, value, one_saying)
        else:
            into[key] = merge({}, value, one_saying)
    return into


def with_bare(family: Family, value: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return settings with those in them that a bare text before them stands for."""
    if BARE not in value:
        return value
    rest = {name: each for name, each in value.items() if name != BARE}
    if not isinstance(value[BARE], str):
        raise ValueError(
            f"given as {plain(value[BARE])[:60]} and as a table ({other_than_bare(value)}). Give one of them."
        )
    return {**family.from_text(value[BARE]), **rest}


def other_than_bare(table: Mapping[str, Any]) -> str:
    """Return a name in a table that is not the bare value's; "" where there is none."""
    return next((str(name) for name in table if name != BARE), "")
