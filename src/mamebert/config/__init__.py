"""Settings: a TOML file, `key=value` pairs and a Python call build one dictionary, checked once."""

import json
import os
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from importlib import import_module
from itertools import islice
from pathlib import Path
from pkgutil import iter_modules
from string import Template
from types import UnionType
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeVar, cast, dataclass_transform, get_args, get_origin

from pydantic import BaseModel, ConfigDict, Field, GetCoreSchemaHandler, ValidationError, model_validator
from pydantic_core import ErrorDetails, core_schema

from mamebert.config.spellings import as_declared, as_written
from mamebert.errors import BadSettings, UserError, unknown
from mamebert.files.json_files import parse, read_bytes
from mamebert.files.names import path_of

if TYPE_CHECKING:
    from pydantic._internal._model_construction import ModelMetaclass
else:
    ModelMetaclass = type(BaseModel)

C = TypeVar("C", bound="Config")
_EXPECTED = {
    **dict.fromkeys(("int_parsing", "int_type", "int_from_float", "int_parsing_size"), "a whole number is expected"),
    **dict.fromkeys(("float_parsing", "float_type"), "a number is expected"),
    "finite_number": "a finite number is expected",
    **dict.fromkeys(("bool_parsing", "bool_type"), "true or false is expected"),
    **dict.fromkeys(("string_type", "string_sub_type"), "a text is expected"),
    "path_type": "a path is expected",
}
MOST_LINES = 4  # of a group that is listed among others
BARE = ""  # in a table of settings: the value that stood in its place before, `task=tagging` before `task.measure=...`
# NUL, and halves of characters: bytes of a command line that are not UTF-8 come as these. Files may have such names.
UNWRITABLE = re.compile("[\0\ud800-\udfff]")


@dataclass_transform(kw_only_default=True, frozen_default=True, field_specifiers=(Field,))
class _Explaining(ModelMetaclass):
    """Makes a mistake in settings that are spelt in Python the sentence that it is on the command line.

    The decorator tells type checkers, which do not inherit it from pydantic's own, that fields are what can be given.
    """

    if not TYPE_CHECKING:  # a checker would believe this signature, which takes everything

        def __call__(cls, *given: Any, **settings: Any) -> Any:
            try:
                return super().__call__(*given, **settings)
            except ValidationError as error:
                raise BadSettings(_explain(cast("type[Config]", cls), error, settings)) from error


class Config(BaseModel, metaclass=_Explaining):
    """A group of settings. Every field is declared once, with its default, bounds and meaning."""

    model_config = ConfigDict(
        allow_inf_nan=False,
        extra="forbid",
        frozen=True,
        polymorphic_serialization=True,
        use_attribute_docstrings=True,
        validate_default=True,
    )

    @model_validator(mode="before")
    @classmethod
    def _a_choice_without_kind_keeps_the_default_kind(cls, values: Any) -> Any:
        if not isinstance(values, Mapping):
            return values
        filled = dict(values)
        for name, field in cls.model_fields.items():
            given = filled.get(name)
            if isinstance(given, Mapping) and not {"kind", BARE} & given.keys() and not field.is_required():
                default = field.get_default(call_default_factory=True)
                if isinstance(default, Choice):
                    filled[name] = {"kind": default.kind, **given}
        return filled

    @model_validator(mode="before")
    @classmethod
    def _nothing_is_a_value_and_a_table(cls, values: Any) -> Any:
        for name, given in values.items() if isinstance(values, Mapping) else ():
            field = cls.model_fields.get(name)
            inner = _config_in(field.annotation) if field else None
            if isinstance(given, Mapping) and BARE in given and not (inner and issubclass(inner, Choice)):
                other = f"{name}.{_other_than_bare(given)}".rstrip(".")
                raise ValueError(
                    f"{name} is given as {_plain(given[BARE])[:60]} and as a table ({other}). Give one of them."
                )
        return values

    @model_validator(mode="before")
    @classmethod
    def _texts_and_numbers_can_be_written(cls, values: Any) -> Any:
        for path, text in walk(values) if isinstance(values, Mapping) else ():
            if isinstance(text, int) and not -(2**63) <= text < 2**63:
                raise ValueError(f"{str(path)[:60]} is larger than a number of 64 bits. Give a smaller one.")
            for each in (path, text):
                if isinstance(each, str | Path) and (bad := UNWRITABLE.search(str(each))) and not os.path.exists(each):
                    raise ValueError(
                        f"{path[:60]!r} holds the character U+{ord(bad[0]):04X}, which no name and no text can hold in "
                        "a file. Leave it out."
                    )
        return values

    @model_validator(mode="before")
    @classmethod
    def _a_number_may_be_a_text(cls, values: Any) -> Any:
        if not isinstance(values, Mapping):
            return values
        fields = cls.model_fields
        return {n: as_declared(fields[n].annotation, v) if n in fields else v for n, v in values.items()}


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
        if isinstance(value, str):
            value = cls.family.from_text(value)
        if cls is cls.family and isinstance(value, Mapping):
            value = _with_bare(cls.family, value)
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


def _with_bare(family: type[Choice], value: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return settings with those in them that a bare text before them stands for."""
    if BARE not in value:
        return value
    rest = {name: each for name, each in value.items() if name != BARE}
    if not isinstance(value[BARE], str):
        raise ValueError(
            f"given as {_plain(value[BARE])[:60]} and as a table ({_other_than_bare(value)}). Give one of them."
        )
    return {**family.from_text(value[BARE]), **rest}


def _other_than_bare(table: Mapping[str, Any]) -> str:
    return next((str(name) for name in table if name != BARE), "")


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
            return cls(path_of(value))


def build(kind: type[C], settings: Mapping[str, Any]) -> C:
    """Check `settings` and return the object; what is wrong comes back as one UserError."""
    if not isinstance(settings, Mapping):  # as a file may have it
        raise UserError(f"Settings are expected, and {_plain(settings)[:60]} is none. Give names and values.")
    try:
        return kind.model_validate(dict(settings))
    except ValidationError as error:
        raise UserError(_explain(kind, error, settings)) from error


def read_settings(words: Iterable[str]) -> dict[str, Any]:
    """Merge settings files (TOML, or the run.json of an earlier run) and `key=value` pairs; later wins.

    Pairs that follow each other say one thing, in whatever order: `a.size=1 a.kind=x` is `a.kind=x a.size=1`.
    """
    merged: dict[str, Any] = {}
    pairs: dict[str, Any] = {}
    for word in words:
        if "=" in word and not is_file(word):
            merge(pairs, parse_pair(word), one_saying=True)
        else:
            merge(merged, pairs)
            pairs = {}
            merge(merged, read_file(Path(word)))
    return merge(merged, pairs)


def is_file(word: str) -> bool:
    """Tell whether a word of the command line is the name of a file; one that cannot be a name is none."""
    return os.path.isfile(word)  # Path.is_file fails at values too long for a name


def with_environment(value: Any, stage: str = "") -> Any:
    """Replace ${NAME} in every text of some settings by the environment variable NAME; $$ stands for a dollar sign."""
    if isinstance(value, Mapping):
        return {key: with_environment(item, stage) for key, item in value.items()}
    if isinstance(value, list):
        return [with_environment(item, stage) for item in value]
    if not isinstance(value, str) or "${" not in value:
        return value
    where = f"[{stage}] " if stage else ""
    try:
        return Template(value).substitute(os.environ)
    except KeyError as error:
        name = error.args[0]
        raise UserError(
            f"{where}{value!r} needs the environment variable {name}. Set it: export {name}=/some/folder"
        ) from error
    except ValueError as error:
        raise UserError(
            f"{where}{value!r} is not a text with ${{NAME}} in it ({error}). Write $$ for a dollar sign."
        ) from error


def read_file(path: Path) -> dict[str, Any]:
    """Return the settings in a TOML file or in a run.json."""
    if not path.is_file():
        raise UserError(f"There is no settings file {path}. Give a TOML file, a run.json or key=value pairs.")
    try:
        raw = read_bytes(path)
        if path.suffix != ".json":
            return tomllib.loads(raw.decode())
        record = parse(raw, finite=False, whole=False)
        return dict(record.get("settings", record))
    except (ValueError, AttributeError, TypeError, RecursionError, OSError) as error:
        raise UserError(
            f'{path} cannot be read as settings: {error}. Fix that line; a text stands in quotes: name = "bean".'
        ) from error


def parse_pair(word: str) -> dict[str, Any]:
    """Turn `training.steps=300` into {"training": {"steps": 300}}; the value is read as TOML, as JSON, or as text."""
    key, _, text = word.partition("=")
    value = _value(key, text)
    names = _names_in(key)
    if not all(name.strip() for name in names):
        raise UserError(f"{word[:60]} does not name a setting. Write NAME=VALUE, such as training.steps=300.")
    for name in reversed(names):
        value = {name: value}
    return value  # type: ignore[no-any-return]


def _names_in(key: str) -> list[str]:
    """Return the parts of a dotted name; one with a dot in it stands in quotes, as in TOML: models."bert-v1.2"."""
    if not {'"', "'"} & set(key):
        return key.strip().split(".")
    try:
        table: Any = tomllib.loads(f"{key} = 0")
    except (ValueError, RecursionError) as error:
        raise UserError(
            f'{key} is not the name of a setting ({error}). A name with a dot in it stands in quotes: "a.b".'
        ) from error
    names = []
    while isinstance(table, dict):
        ((name, table),) = table.items()
        names.append(name)
    return names


def _value(key: str, text: str) -> Any:
    """Read a value; what begins as a table, or a list of them, and is none is a UserError: no text begins so."""
    try:
        return as_written(tomllib.loads(f"value = {text}")["value"], text)
    except (ValueError, RecursionError) as error:  # ValueError also at a number of more digits than Python reads
        because = error
    if text.lstrip().startswith(("{", "[", '"')):
        try:
            return json.loads(text)
        except (ValueError, RecursionError):
            pass
    if text.lstrip().startswith("{") or re.match(r"\s*\[\s*\{", text):
        raise UserError(
            f"{key}={text[:60]} cannot be read as a table: {because}. Write it as TOML, {key}='{{kind = \"x\"}}', "
            f'or as JSON, {key}=\'{{"kind": "x"}}\'.'
        )
    return text


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


def walk(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield (dotted name, value) for every leaf of settings, in declaration order."""
    if isinstance(value, Config):
        value = {name: getattr(value, name) for name in type(value).model_fields}
    if isinstance(value, Mapping):
        for name, item in value.items():
            yield from walk(item, f"{path}.{name}" if path else str(name))
    elif isinstance(value, list | tuple):
        for number, item in enumerate(value):
            yield from walk(item, f"{path}.{number}")
    else:
        yield path, value


def described(kind: type[Config], asked: str = "") -> Iterator[str]:
    """Yield the help of all settings in brief, a line for each group; of those `asked` for, or of "all", in full.

    `asked` is the name of a setting or a group, however deep (training.peak_lr), or of one kind of a choice
    (task.tagging), or how such names begin (training.peak). Where none does so it is a UserError.
    """
    if asked == "all":
        yield from describe(kind)
    elif asked:
        yield from _below(kind, asked.split("."))
    else:
        yield from _brief(kind)


def _brief(kind: type[Config]) -> Iterator[str]:
    for name, field in kind.model_fields.items():
        inner = _config_in(field.annotation)
        alone = list(describe(kind, only=name))
        if inner and len(alone) > MOST_LINES:
            number = sum(not line.strip().startswith("with ") for line in alone) // 2
            yield f"{name}.*  {number} settings: --settings {name}"
            yield f"    {_one_line(field.description or inner.__doc__)}"
        else:
            yield from alone


def _below(kind: type[Config], names: list[str], prefix: str = "", within: Config | None = None) -> Iterator[str]:
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
            yield from describe(kind, prefix, within, only=each)
        return
    field = kind.model_fields[name]
    inner = _config_in(field.annotation)
    if not deeper:
        yield from describe(kind, prefix, within, only=name)
    elif inner is None:
        raise UserError(f"{prefix}{name} is a single setting, with none in it. Ask for --settings {prefix}{name}.")
    elif issubclass(inner, Choice) and inner is inner.family:
        if deeper == ["kind"]:
            yield from islice(describe(kind, prefix, within, only=name), 2)
        else:
            yield from _below_choice(inner, deeper, f"{prefix}{name}.")
    else:
        is_given = within is not None and name in within.model_fields_set
        default = getattr(within, name) if is_given else field.get_default(call_default_factory=True)
        yield from _below(inner, deeper, f"{prefix}{name}.", default if isinstance(default, Config) else None)


def _below_choice(family: type[Choice], names: list[str], prefix: str) -> Iterator[str]:
    """Yield the help of one kind, of a setting in it, or of a setting in every kind that has it."""
    first, *deeper = names
    if first in family.names():
        yield from _below(family.find(first), deeper, prefix) if deeper else describe(family.find(first), prefix)
        return
    fields = {each: family.find(each).model_fields.keys() - {"kind"} for each in family.names()}
    whose: dict[tuple[str, ...], list[str]] = {}
    for each, known in fields.items():
        if not deeper and each.startswith(first):
            whose[tuple(describe(family.find(each), prefix))] = [each]
        elif first in known or (not deeper and any(name.startswith(first) for name in known)):
            whose.setdefault(tuple(_below(family.find(each), names, prefix)), []).append(each)
    if not whose:
        known_names = {*fields, *(name for known in fields.values() for name in known)}
        raise unknown("setting or kind", f"{prefix}{first}", [f"{prefix}{name}" for name in known_names])
    for lines, kinds in whose.items():
        yield f"with {prefix}kind = {' or '.join(map(repr, kinds))}:"
        yield from (f"    {line}" for line in lines)


def describe(kind: type[Config], prefix: str = "", within: Config | None = None, only: str = "") -> Iterator[str]:
    """Yield the help text of every setting: name, default, bounds, choices and meaning.

    Defaults are those of the fields, or those that `within`, a group's own default, has instead.
    """
    for name, field in kind.model_fields.items():
        if only and name != only:
            continue
        inner = _config_in(field.annotation)
        required = field.is_required() and within is None
        default = None if required else field.get_default(call_default_factory=True)
        if within is not None and name in within.model_fields_set:
            default = getattr(within, name)
        if inner and issubclass(inner, Choice) and inner is inner.family:
            shown = "(required)" if required else f"= {getattr(default, 'kind', None)!r}"
            yield f"{prefix}{name}.kind {shown}  one of: {', '.join(inner.names())}"
            yield f"    {_one_line(field.description or inner.__doc__)}"
            for each in inner.names():
                yield f"    with {name}.kind = {each!r}:"
                yield from (f"    {line}" for line in describe(inner.find(each), f"{prefix}{name}."))
        elif inner:
            yield from describe(inner, f"{prefix}{name}.", default if default != _as_declared(inner) else None)
        elif name != "kind":
            shown = "(required)" if required else f"= {_plain(default)}"
            bounds = "".join(f"  {bound}" for bound in map(_bound, field.metadata) if bound)
            yield f"{prefix}{name} {shown}{bounds}{_choices(field.annotation)}"
            yield f"    {_one_line(field.description)}"


def _as_declared(kind: type[Config]) -> Config | None:
    try:
        return kind()
    except UserError:  # something in it must be given
        return None


def _plain(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)


def _one_line(text: str | None) -> str:
    return " ".join((text or "").split())


def _config_in(annotation: Any) -> type[Config] | None:
    parts = get_args(annotation) if isinstance(annotation, UnionType) or get_origin(annotation) else (annotation,)
    return next((p for p in parts if isinstance(p, type) and issubclass(p, Config)), None)


def _choices(annotation: Any) -> str:
    names = get_args(annotation) if get_origin(annotation) is Literal else ()
    return f"  one of: {', '.join(map(str, names))}" if names else ""


def _bound(mark: Any) -> str:
    signs = {"gt": ">", "ge": ">=", "lt": "<", "le": "<="}
    return " ".join(f"{sign} {getattr(mark, name)}" for name, sign in signs.items() if hasattr(mark, name))


def _explain(kind: type[Config], error: ValidationError, settings: Mapping[str, Any]) -> str:
    return " ".join(dict.fromkeys(_sentence(kind, detail, settings) for detail in error.errors()[:3]))


def _sentence(kind: type[Config], detail: ErrorDetails, settings: Mapping[str, Any]) -> str:
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
    return f"The setting {name!r} cannot be {_plain(detail['input'])[:200]}: {_expected(kind, detail, place)}"


def _expected(kind: type[Config], detail: ErrorDetails, place: list[str]) -> str:
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


def _deeper(kind: type[Config], place: list[str], settings: Any) -> list[str]:
    """Return the settings of the groups beside one that is not there, if they are called as it is."""
    found = []
    for name in _names_beside(kind, place, settings):
        group = _kind_at(kind, name.split("."), settings)
        if group and group is not kind and place[-1] in group.model_fields:
            found.append(f"{name}.{place[-1]}")
    return found


def _groups_in(kind: type[Config], place: list[str]) -> list[str]:
    """Return the names in a group of settings that are groups themselves."""
    current: type[Config] | None = kind
    for part in place:
        field = current.model_fields.get(part) if current else None
        current = _config_in(field.annotation) if field else None
    fields = current.model_fields if current else {}
    return [
        name
        for name, field in fields.items()
        if (inner := _config_in(field.annotation)) and not issubclass(inner, Choice)
    ]


def _kinds_with(kind: type[Config], place: list[str], settings: Any) -> list[str]:
    """Return the other kinds of a choice that have the setting which the chosen kind has not."""
    beside = _kind_at(kind, place[:-1], settings)
    if beside is None or not issubclass(beside, Choice):
        return []
    family: type[Choice] = beside.family
    return [each for each in family.names() if place[-1] in family.find(each).model_fields]


def _names_beside(kind: type[Config], place: list[str], settings: Any) -> list[str]:
    current = _kind_at(kind, place[:-1], settings)
    parent = ".".join(place[:-1])
    return [f"{parent}.{name}" if parent else name for name in (current.model_fields if current else ())]


def _kind_at(kind: type[Config], place: list[str], settings: Any) -> type[Config] | None:
    """Return the class of the group of settings in a place, of the kind that is chosen there."""
    current: type[Config] | None = kind
    for part in place:
        if part.isdigit():  # an item of a list; a single one may stand without its list
            settings = settings[int(part)] if isinstance(settings, list | tuple) else settings
        else:
            field = current.model_fields.get(part) if current else None
            current = _config_in(field.annotation) if field else None
            default = field.get_default(call_default_factory=True) if field else None
            settings = settings.get(part) if isinstance(settings, Mapping) else None
        if current and issubclass(current, Choice) and isinstance(settings, Mapping):
            told = _with_bare(current.family, settings)
            chosen = told.get("kind") or current.family.kind_unsaid(told) or getattr(default, "kind", "")
            current = current.find(str(chosen))
    return current
