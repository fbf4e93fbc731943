"""Write docs/settings/ from the settings classes: a page for each command, and one for each family of kinds.

python docs/scripts/settings_pages.py
"""

import json
import re
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

from pydantic.fields import FieldInfo

from mamebert import stages
from mamebert.config import Choice, Config, meaning
from mamebert.errors import UserError
from mamebert.inspection.settings import InspectConfig
from mamebert.server.settings import ServeConfig
from mamebert.training.settings import Training

PAGES = Path(__file__).parents[1] / "settings"
ORDER = (
    "clean",
    "select",
    "vocab",
    "tokenize",
    "vectors",
    "contrast",
    "pretrain",
    "inspect",
    "finetune",
    "compress",
    "evaluate",
    "probe",
    "report",
    "serve",
)
OTHERS: dict[str, type[Config]] = {"inspect": InspectConfig, "serve": ServeConfig}
"""Commands that are no stages."""
FAMILIES = {
    "Reader": "sources",
    "Vocabulary": "vocabularies",
    "Objective": "objectives",
    "Task": "tasks",
    "Compressor": "methods",
    "Probe": "probes",
}
NOTE = "<!-- Made by docs/scripts/settings_pages.py from the settings classes. Change those, not this page. -->\n"
HEAD = "| setting | default | values | meaning |\n|---|---|---|---|"
BOUNDS = {"gt": ">", "ge": "≥", "lt": "<", "le": "≤", "min_length": "length ≥", "max_length": "length ≤"}


def pages() -> dict[str, str]:
    """Return every page by its file name."""
    families: dict[str, type[Choice]] = {}
    found = {f"{command}.md": _command(command, families) for command in _commands()}
    kinds = {f"{FAMILIES[name]}.md": _family(family) for name, family in sorted(families.items())}
    return {"index.md": _index(), **found, **kinds}


def _commands() -> list[str]:
    return sorted([*stages.names(), *OTHERS], key=lambda name: ORDER.index(name) if name in ORDER else len(ORDER))


def _settings(command: str) -> type[Config]:
    return OTHERS[command] if command in OTHERS else stages.find(command)[0]


def _index() -> str:
    rows = [f"| [`{command}`]({command}.md) | {_about(_settings(command))} |" for command in _commands()]
    return "\n".join(
        [
            "# Settings",
            "",
            NOTE,
            "A setting is written in the same words in a TOML file, on the command line, and in Python.",
            "Later ones win; `--settings` prints them in the terminal, and `--settings training` one group of them.",
            "",
            '```toml title="tiny.toml"',
            "[training]",
            "steps = 300",
            "```",
            "",
            "```bash",
            "# not run: it shows how settings are written, not a whole command",
            "mamebert pretrain tiny.toml training.peak_lr=1e-3",
            "```",
            "",
            'Some settings choose one of several kinds, each with settings of its own: `task.kind = "tagging"`, or',
            "`task=tagging` for short. The kinds have pages of their own: [sources](sources.md), "
            "[vocabularies](vocabularies.md),",
            "[objectives](objectives.md), [tasks](tasks.md) and [compression methods](methods.md).",
            "",
            "| command | |",
            "|---|---|",
            *rows,
            "",
        ]
    )


def _command(command: str, families: dict[str, type[Choice]]) -> str:
    kind = _settings(command)
    sections = list(_sections(kind, "", families))
    return "\n".join([f"# Settings of `{command}`", "", NOTE, _about(kind), "", *sections])


def _family(family: type[Choice]) -> str:
    name = FAMILIES[family.__name__]
    lines = [f"# Settings of {name}", "", NOTE, _about(family), ""]
    for kind in family.names():
        found = family.find(kind)
        lines += [f"## `{kind}`", "", _about(found), ""]
        lines += list(_sections(found, "", None, level=3))
    return "\n".join(lines)


def _sections(
    kind: type[Config],
    prefix: str,
    families: dict[str, type[Choice]] | None,
    within: Config | None = None,
    level: int = 2,
) -> Iterator[str]:
    """Yield the table of a group's own settings, then a section for each group in it."""
    rows, inner = [], []
    for name, field in kind.model_fields.items():
        group, default = _config_in(field.annotation), _default(field, within, name)
        if name == "kind":
            continue
        if group and issubclass(group, Choice) and group is group.family and group.__name__ in FAMILIES:
            if families is not None:
                families[group.__name__] = group
            page = FAMILIES[group.__name__]
            shown = _code(getattr(default, "kind", None)) if isinstance(default, Choice) else _shown(field, default)
            rows.append(_row(prefix + name, shown, f"[kinds]({page}.md)", meaning(kind, name) or _about(group)))
        elif group and group is not kind:
            inner.append((name, group, default))
        else:
            rows.append(_row(prefix + name, _shown(field, default), _values(field), meaning(kind, name)))
    if rows:
        yield from (HEAD, *rows, "")
    for name, group, default in inner:
        yield from (f"{'#' * level} `{prefix}{name}`", "", _one_line(meaning(kind, name) or _about(group)), "")
        if families is None and group is Training:
            yield from (f"[As everywhere](pretrain.md#training); the defaults here: {_code(default)}.", "")
        elif isinstance(group, type) and issubclass(group, Choice) and group is group.family:
            for each in group.names():
                yield from (f'With `{prefix}{name}.kind = "{each}"`:', "")
                yield from _sections(group.find(each), f"{prefix}{name}.", families, level=level + 1)
        else:
            yield from _sections(
                group, f"{prefix}{name}.", families, default if isinstance(default, group) else None, level + 1
            )


def _row(name: str, default: str, values: str, meaning: str) -> str:
    return f"| `{name}` | {default} | {values} | {_one_line(meaning).replace('|', '&#124;')} |"


def _default(field: FieldInfo, within: Config | None, name: str) -> Any:
    if within is not None:
        return getattr(within, name)
    return None if field.is_required() else field.get_default(call_default_factory=True)


def _shown(field: FieldInfo, default: Any) -> str:
    return "required" if field.is_required() and default is None else _code(default)


def _code(value: Any) -> str:
    if value is None:
        return "unset"
    if isinstance(value, Config):
        value = value.model_dump(mode="json", exclude_unset=True)
    return f"`{json.dumps(value, ensure_ascii=False, default=str)}`".replace("|", "&#124;")


def _values(field: FieldInfo) -> str:
    literals = (part for part in _parts(field.annotation) if get_origin(part) is Literal)
    choices = [f"`{value}`" for part in literals for value in get_args(part)]
    bounds = [
        f"{sign} {limit:g}"
        for each in field.metadata
        for name, sign in BOUNDS.items()
        if (limit := getattr(each, name, None)) is not None
    ]
    return ", ".join([*choices, *bounds])


def _parts(annotation: Any) -> list[Any]:
    if get_origin(annotation) in (Union, UnionType):
        return [part for each in get_args(annotation) if each is not NoneType for part in _parts(each)]
    return [annotation]


def _config_in(annotation: Any) -> type[Config] | None:
    """Return the group of settings that an annotation holds, in a list, a table or as it is."""
    for part in _parts(annotation):
        if isinstance(part, type) and get_origin(part) is None:
            if issubclass(part, Config):
                return part
            continue
        for inner in get_args(part):
            if not isinstance(inner, str | int | Enum) and (found := _config_in(inner)):
                return found
    return None


def _about(kind: type) -> str:
    return _one_line((kind.__doc__ or "").strip().partition("\n\n")[0])


def _one_line(text: str | None) -> str:
    return re.sub(r"\s+", " ", text or "").strip()


def main() -> None:
    """Write the pages; those of commands that are gone go too."""
    PAGES.mkdir(exist_ok=True)
    made = pages()
    for old in PAGES.glob("*.md"):
        if old.name not in made:
            old.unlink()
    for name, text in made.items():
        (PAGES / name).write_text(text.rstrip("\n") + "\n", encoding="utf-8")


if __name__ == "__main__":
    try:
        main()
    except UserError as error:
        raise SystemExit(str(error)) from error
