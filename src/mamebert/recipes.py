"""A recipe: whole pipelines in one TOML file, a table for each stage, in order.

    output = "runs/demo"

    [corpus]
    command = "clean"              # a table called like its command needs no such line
    sources = ["texts/*.txt"]

    [encoder_w]
    like = "encoder_n"             # begin with the settings of another table
    embeddings.vectors = "@vectors"  # @NAME is the folder another table makes

    [variants.large]               # chosen by variant=large
    encoder_n.encoder.hidden_size = 1024  # with `command` among them, a stage's settings are all of them new

Stages that a variant changes, and those that build on them, go to a folder of their own; the others are shared.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mamebert.config import build, is_file, merge, read_file, read_settings, with_environment
from mamebert.errors import UserError, unknown
from mamebert.files.names import check_names, file_name, path_of
from mamebert.preflight.ahead import Ahead, refuse, tried
from mamebert.runs import StageConfig, State
from mamebert.stages import find, of

RESERVED = ("output", "seed", "variants")


@dataclass(frozen=True)
class PlannedStage:
    """A stage with everything but its inputs checked."""

    name: str
    command: str
    settings: dict[str, Any]
    depends_on: list[str]

    def config(self) -> StageConfig:
        """Return the checked settings; what is wrong is told with the stage's name."""
        try:
            return build(find(self.command)[0], self.settings)
        except UserError as error:
            raise UserError(f"[{self.name}] {error}") from error


@dataclass
class Prospect:
    """What is known of a stage before the first one of its recipe is begun."""

    stage: PlannedStage
    config: StageConfig
    state: State = "new"
    refusals: list[UserError] = field(default_factory=list)
    why_again: str = ""
    """What was made anew, or will be, of what a finished stage has read, so that it is done again."""
    outlook: str = ""
    """What it will take, in a few words; "" where that is not known cheaply."""


def look_ahead(planned: Iterable[PlannedStage]) -> Iterator[Prospect]:
    """Yield what is known of each stage, in seconds and without training: its inputs are opened, nothing is made."""
    ahead = Ahead()
    for stage in planned:
        found = Prospect(stage, stage.config())
        found.refusals = list(tried(lambda f=found: setattr(f, "state", ahead.state(f.config))))
        if found.state == "again":
            found.why_again = ahead.run_of(found.config).why_again()
        if found.state != "finished":
            check, outlook = of(stage.command, "check"), of(stage.command, "outlook")
            seen = {str(each): each for each in (*found.refusals, *(check(found.config, ahead) if check else ()))}
            found.refusals = list(seen.values())
            found.outlook = outlook(found.config, ahead) if outlook and not seen else ""
        yield found
        if found.state != "finished":
            ahead.add(found.config)


def refuse_ahead(prospects: Iterable[Prospect]) -> None:
    """Raise everything that would be refused, with the names of the stages."""
    refuse(UserError(f"[{each.stage.name}] {why}") for each in prospects for why in each.refusals)


def plan(words: Iterable[str]) -> list[PlannedStage]:
    """Read a recipe file and `stage.key=value` changes; return its stages in order, all checked."""
    words = list(words)
    files = [word for word in words if "=" not in word or is_file(word)]
    if len(files) != 1:
        raise UserError(
            "`mamebert run` takes one recipe. Give one TOML file, then changes such as encoder_n.training.steps=300."
        )
    recipe = read_file(Path(files[0]))
    changes = read_settings(word for word in words if word not in files)
    variant = changes.pop("variant", None)
    tables = {name: table for name, table in recipe.items() if name not in RESERVED}
    if not tables:
        raise UserError(f"{files[0]} has no stages. Write a table for each, such as [clean].")
    _refuse_what_is_no_table(recipe, tables, changes)
    chosen = _variant(recipe, variant)
    _refuse_names_of_no_folder(tables, recipe.get("variants", {}))
    for name in (*chosen, *changes):
        if name not in tables and name not in RESERVED:
            raise unknown("stage in this recipe", name, tables)
    asked = {"output": f"runs/{Path(files[0]).stem}", "seed": 0, **recipe, **chosen, **changes}
    output, seed = _folder(_resolve(asked["output"], "output", {}, [])), asked["seed"]

    stages: dict[str, PlannedStage] = {}
    touched: set[str] = set()
    for name in tables:
        own = _with_likes(name, tables, chosen, changes)
        needs: list[str] = []
        folders = {n: Path(s.settings["output"]) for n, s in stages.items()}
        settings = _resolve(own, name, folders, needs)
        command = settings.pop("command", name)
        if chosen.keys() & set(_lineage(name, tables)) or touched & set(needs):
            touched.add(name)
        place = output / str(variant) / name if name in touched else output / name
        stages[name] = PlannedStage(name, command, {"seed": seed, "output": str(place), **settings}, needs)
    refuse(why for stage in stages.values() for why in tried(stage.config))
    return list(stages.values())


def _folder(value: Any) -> Path:
    if isinstance(value, dict | list):
        raise UserError(f'output = {value!r} is not a folder. Write a text: output = "runs/demo".')
    try:
        return path_of(str(value))
    except ValueError as error:
        raise UserError(f"output: {error}") from error


def _refuse_what_is_no_table(recipe: dict[str, Any], tables: dict[str, Any], changes: dict[str, Any]) -> None:
    """Raise a UserError where a value stands in place of a stage's settings, or of those that a variant changes."""
    if not isinstance(variants := recipe.get("variants", {}), dict):
        raise UserError(f"variants = {variants!r} names no variants. Write a table for each, as in [variants.large].")
    for name, variant in variants.items():
        if not isinstance(variant, dict):
            raise UserError(f"variants.{name} = {variant!r} is no variant. Write tables: [variants.{name}.STAGE].")
    for name, table in tables.items():
        if not isinstance(table, dict):
            raise UserError(f"{name} = {table!r} is not a stage. Stages are tables, as in [{name}].")
    of_variants = ((f"variants.{name}.", variant) for name, variant in variants.items())
    for place, group in (("", changes), *of_variants):
        for name, table in group.items():
            if name not in ("output", "seed") and not isinstance(table, dict):
                raise UserError(f"{place}{name} = {table!r} is no setting of a stage. Write {place}{name}.KEY = VALUE.")


def _refuse_names_of_no_folder(tables: Iterable[str], variants: Iterable[str]) -> None:
    """Raise a UserError unless every table and variant can be the folder it stands for."""
    for name in (*tables, *variants):
        if file_name(name) != name:
            raise UserError(f"[{name}] cannot be the name of a folder. Write letters, digits, - and _ instead.")
    try:
        check_names("table", [*tables, *variants])  # the folder of a variant lies among those of the stages
    except ValueError as error:
        raise UserError(str(error)) from error


def _variant(recipe: dict[str, Any], name: Any) -> dict[str, Any]:
    variants = recipe.get("variants", {})
    if name is None:
        return {}
    if str(name) not in variants:
        raise unknown("variant in this recipe", str(name), variants or ["(it has none)"])
    return dict(variants[str(name)])


def _lineage(name: str, tables: dict[str, Any]) -> list[str]:
    """Return a stage and those it is `like`, one after the other."""
    like = tables[name].get("like")
    return [name, *(_lineage(like, tables) if like else [])]


def _with_likes(name: str, tables: dict[str, Any], chosen: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """Lay a stage's own settings over those of the table it is `like`, each with its variant and changes."""
    table = dict(tables[name])
    like = table.pop("like", None)
    if like is None:
        settings: dict[str, Any] = {"command": table.get("command", name)}
    elif like in list(tables)[: list(tables).index(name)]:
        settings = _with_likes(like, tables, chosen, changes)
    else:
        raise UserError(f"[{name}] is like {like!r}, which is no earlier table. Name a table above it.")
    for later in (table, chosen.get(name, {}), changes.get(name, {})):
        if "command" in later:
            settings = {}  # a variant that names the command writes the whole stage anew
        merge(settings, later)
    return settings


def _resolve(value: Any, stage: str, folders: dict[str, Path], needs: list[str]) -> Any:
    """Replace every "@NAME" and "@NAME/inside" by the folder that stage makes."""
    if isinstance(value, dict):
        return {key: _resolve(item, stage, folders, needs) for key, item in value.items()}
    if isinstance(value, list):
        return [_resolve(item, stage, folders, needs) for item in value]
    value = with_environment(value, stage)
    if isinstance(value, str) and value.startswith("@"):
        name, _, inside = value[1:].partition("/")
        if name not in folders:
            raise UserError(f"[{stage}] {unknown('earlier stage', name, folders or ['(none)'])}")
        needs.append(name)
        return str(folders[name] / inside) if inside else str(folders[name])
    return value
