"""Write src/mamebert/__init__.pyi: what a type checker knows of `import mamebert`, from the settings classes.

python docs/scripts/typed_face.py

Paths may be given as texts, groups of settings as dictionaries, and the only item of some lists without the list:
pydantic takes all this when a script runs, but no declaration of a field can say so to a type checker. The stub does,
with a typed dictionary for each group. What is read back from a field has the type that the class declares.
"""

import inspect
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path, PurePath
from types import NoneType
from typing import Any, Literal, get_args, get_origin

from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

import mamebert
from mamebert.config import Changes, Choice, Config
from mamebert.config.spellings import alternatives, is_plain
from mamebert.errors import UserError

STUB = Path(__file__).parents[2] / "src" / "mamebert" / "__init__.pyi"
HEAD = '''# Made by docs/scripts/typed_face.py from the settings classes. Change those, not this file.
"""mamebert as type checkers see it: paths may be texts, and groups of settings dictionaries."""
'''
ONE_OF_SEVERAL = {"models": "model"}
"""Fields for several things with names; where there is one, it needs no name and is given under this one."""


class Stub:
    """The stub, written from the public names down to whatever these refer to."""

    def __init__(self) -> None:
        self.imports: set[tuple[str, str]] = set()
        self.parts: dict[str, list[str]] = {}
        self.made_of: dict[str, type] = {}

    def text(self) -> str:
        """Return the whole stub; `ruff format` breaks its lines."""
        commands = [line for name in mamebert.__all__ for line in self.public(name)]
        return "\n".join(
            [
                HEAD,
                "from collections.abc import Mapping, Sequence",
                "from pathlib import Path",
                "from typing import Any, Literal, Required, TypeAlias, TypedDict",
                "",
                *self.imported_lines(),
                "",
                f"__all__ = {json.dumps(mamebert.__all__)}",
                "",
                "__version__: str",
                "",
                *commands,
                *(line for part in self.parts.values() for line in part),
                "",
            ]
        )

    def public(self, name: str) -> list[str]:
        """Return what the stub says of a public name besides its import: how the settings of a command are given."""
        found = getattr(mamebert, name)
        if not isinstance(found, type):
            self.imports.add((found.__module__, f"{name} as {name}"))
            return []
        self.imports.add((found.__module__, f"{name} as _{name}"))
        return [
            f"class {name}(_{name}):",
            f'    """{inspect.cleandoc(found.__doc__ or "").partition(chr(10))[0]}"""',
            "",
            "    def __init__(",
            "        self,",
            "        *,",
            *(f"        {each}," for each in self.parameters(found)),
            "    ) -> None: ...",
            "",
        ]

    def parameters(self, kind: type[Config]) -> list[str]:
        """Return the settings of a command as parameters, those that must be given first."""
        needed, others = [], []
        for name, field in kind.model_fields.items():
            taken = self.taken(kind, name, field)
            if name in ONE_OF_SEVERAL:
                others += [f"{name}: {taken} = ...", f"{ONE_OF_SEVERAL[name]}: str | Path = ..."]
            elif field.is_required():
                needed.append(f"{name}: {taken}")
            else:
                others.append(f"{name}: {taken} = {_written(field)}")
        return [*needed, *others]

    def taken(self, kind: type[Config], name: str, field: FieldInfo) -> str:
        """Return the type of all that may be given for a setting."""
        for each in field.metadata:
            if isinstance(each, Changes):
                return self.alias(f"_{each.family.__name__}Changes", each.family, self.changes)
        default = None if field.is_required() else field.get_default(call_default_factory=True)
        return _either(self.given(_before(kind, name, field), getattr(default, "kind", "")))

    def given(self, annotation: Any, default: str = "") -> list[str]:
        """Return the types that a value may have before it is checked; `default` is the kind meant without one."""
        meant = alternatives(annotation)
        found = [each for part in meant for each in self.one(part, default)]
        if len(meant) == 1 and get_origin(meant[0]) is list and is_plain(*get_args(meant[0])):
            found = [*self.given(*get_args(meant[0])), *found]
        return [*found, "None"] if NoneType in get_args(annotation) else found

    def one(self, kind: Any, default: str) -> list[str]:
        """Return the types that stand for one type."""
        if kind is Any:
            return ["Any"]
        if get_origin(kind) is None:
            return self.of_class(kind, default)
        if get_origin(kind) is Literal:
            return [_literal(get_args(kind))]
        inner = [_either(self.given(each)) for each in get_args(kind)]
        told = {
            list: [f"Sequence[{', '.join(inner)}]"],
            dict: [f"Mapping[{', '.join(inner)}]"],
            tuple: [f"tuple[{', '.join(inner)}]", f"list[{_either(inner)}]"],
        }
        return told[get_origin(kind)]

    def of_class(self, kind: type, default: str) -> list[str]:
        """Return the types that stand for a class."""
        if issubclass(kind, Choice) and kind is kind.family:
            unsaid = [self.kind(kind.find(default), said=False)] if default and default not in kind.kinds_unsaid else []
            return [self.alias(f"_Any{kind.__name__}", kind, self.choice), *unsaid]
        if issubclass(kind, Config):
            return [self.imported(kind), self.settings(kind)]
        return ["str", "Path"] if issubclass(kind, PurePath) else [kind.__name__]

    def choice(self, family: type[Choice]) -> list[str]:
        """Return what may be given where a kind is to be chosen: an object, a dictionary or a text."""
        kinds = [self.kind(family.find(name), said=name not in family.kinds_unsaid) for name in family.names()]
        is_kind = family.from_text.__func__ is Choice.from_text.__func__  # type: ignore[attr-defined]
        return [self.imported(family), *kinds, *([_literal(family.names())] if is_kind else ["str", "Path"])]

    def changes(self, family: type[Choice]) -> list[str]:
        """Return what may be given for some settings of whatever kind."""
        return [*(self.kind(family.find(name), said=False) for name in family.names()), _literal(family.names())]

    def settings(self, kind: type[Config]) -> str:
        """Return the name of the typed dictionary of a group of settings, or of a kind without `kind`."""
        name = f"_{kind.__name__}Settings"
        if self.is_new(name, kind):
            fields = {each: field for each, field in kind.model_fields.items() if each != "kind"}
            taken = {each: self.taken(kind, each, field) for each, field in fields.items()}
            needed = {each: f"Required[{taken[each]}]" for each, field in fields.items() if field.is_required()}
            lines = [f"    {each}: {spelt}" for each, spelt in (taken | needed).items()]
            self.parts[name] = [f"class {name}(TypedDict, total=False):", *(lines or ["    pass"]), ""]
        return name

    def kind(self, kind: type[Choice], said: bool) -> str:
        """Return the name of the typed dictionary of a kind's settings, which say which kind it is or need not."""
        base, name = self.settings(kind), f"_{kind.__name__}{'' if said else 'ByDefault'}"
        if self.is_new(name, kind):
            spelt = _literal([kind.model_fields["kind"].default])
            line = f"    kind: Required[{spelt}]" if said else f"    kind: {spelt}"
            self.parts[name] = [f"class {name}({base}, total=False):", line, ""]
        return name

    def alias(self, name: str, family: type[Choice], of: Any) -> str:
        """Return a name for the types that `of` gives for a family."""
        if self.is_new(name, family):
            self.parts[name] = [f"{name}: TypeAlias = {_either(of(family))}", ""]
        return name

    def is_new(self, name: str, kind: type) -> bool:
        """Tell whether a name is met for the first time, and keep it for a class."""
        is_new = name not in self.made_of
        if self.made_of.setdefault(name, kind) is not kind:
            raise TypeError(f"{self.made_of[name]} and {kind} have one name. Call one of them otherwise.")
        return is_new

    def imported_lines(self) -> Iterator[str]:
        """Yield the imports as a formatter has them: one line for each module, and one for each other name."""
        for module in sorted({module for module, _ in self.imports}):
            names = sorted(name for each, name in self.imports if each == module)
            if own := [name for name in names if " as " not in name]:
                yield f"from {module} import {', '.join(own)}"
            yield from (f"from {module} import {name}" for name in names if " as " in name)

    def imported(self, kind: type) -> str:
        """Return the name of a class that the stub imports."""
        self.is_new(kind.__name__, kind)
        self.imports.add((kind.__module__, kind.__name__))
        return kind.__name__


def _before(kind: type[Config], name: str, field: FieldInfo) -> Any:
    """Return what a setting takes: what its validator says that reads it before it is checked, or else its type."""
    for each in kind.__pydantic_decorators__.field_validators.values():
        if name in each.info.fields and each.info.json_schema_input_type is not PydanticUndefined:
            return each.info.json_schema_input_type
    return field.annotation


def _either(types: list[str]) -> str:
    found = list(dict.fromkeys(types))
    return " | ".join([*(each for each in found if each != "None"), *(["None"] if "None" in found else [])])


def _literal(values: Any) -> str:
    return f"Literal[{', '.join(map(_spelt, values))}]"


def _written(field: FieldInfo) -> str:
    plain = field.default is None or isinstance(field.default, str | int | float)
    return _spelt(field.default) if plain and field.default_factory is None else "..."


def _spelt(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else repr(value)


def main() -> None:
    """Write the stub, formatted."""
    STUB.write_text(Stub().text(), encoding="utf-8")
    subprocess.run([sys.executable, "-m", "ruff", "format", "-q", str(STUB)], check=True)


if __name__ == "__main__":
    try:
        main()
    except UserError as error:
        raise SystemExit(str(error)) from error
