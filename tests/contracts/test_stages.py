"""What every stage promises: its file is its command, its settings explain themselves and survive saving."""

import inspect
import re
from pathlib import Path

import pytest

from mamebert import stages
from mamebert.config import Choice, Config, build, describe, meaning
from mamebert.config.groups import group_in
from mamebert.preflight.ahead import Ahead
from mamebert.runs import StageConfig

# Settings without a default. A new stage that needs some fails here until it has a line.
NEEDED = {
    "clean": {"sources": "corpus/*.txt"},
    "select": {"corpus": "clean", "source": "rows.csv"},
    "vocab": {"corpus": "clean"},
    "tokenize": {"corpus": "clean", "tokenizer": "vocab"},
    "vectors": {"shards": "tokens"},
    "contrast": {"shards": "tokens"},
    "pretrain": {"shards": "tokens", "training": {"steps": 10}},
    "finetune": {"model": "encoder", "source": "rows.csv"},
    "report": {"runs": ["clean"]},
    "evaluate": {"model": "classifier", "source": "rows.csv"},
    "probe": {"model": "encoder", "probe": {"kind": "minimal_pairs", "pairs": "pairs.jsonl"}},
    "compress": {"model": "classifier", "method": {"kind": "drop_layers"}},
}

pytestmark = pytest.mark.parametrize("command", stages.names())


def groups(kind: type[Config]):
    """Yield a settings class and all that are inside it, every kind of a choice included."""
    yield kind
    for field in kind.model_fields.values():
        inner = group_in(field.annotation)
        if inner and issubclass(inner, Choice) and inner is inner.family:
            for each in inner.names():
                yield from groups(inner.find(each))
        elif inner:
            yield from groups(inner)


def test_the_file_the_function_and_the_settings_have_one_name(command):
    kind, function = stages.find(command)
    file = Path(inspect.getfile(function))
    assert function.__name__ == command == kind.command
    assert command == (file.parent.name if file.stem == "__init__" else file.stem)
    assert kind.__name__ == f"{command.capitalize()}Config"
    assert issubclass(kind, StageConfig)


def test_it_tells_beforehand_what_it_would_refuse(command, tmp_path):
    kind, _ = stages.find(command)
    check, ahead = stages.of(command, "check"), Ahead()
    config = build(kind, {"output": tmp_path / "out", **NEEDED[command]})
    found = [str(each) for each in check(config, ahead)]
    assert any("There is no f" in each or "No file" in each for each in found), found
    assert not list(tmp_path.iterdir())


def test_it_says_what_it_does(command):
    _, function = stages.find(command)
    first = inspect.getdoc(inspect.getmodule(function)).splitlines()[0]
    assert re.fullmatch(rf"`mamebert {command}`: .+ in, .+ out\.", first)
    assert inspect.getdoc(function)


def test_its_settings_survive_saving(command):
    kind, _ = stages.find(command)
    config = build(kind, {"output": "somewhere", "seed": 3, **NEEDED[command]})
    saved = config.model_dump(mode="json")
    again = build(kind, saved)
    assert again == config
    assert again.model_dump(mode="json") == saved


def test_every_setting_has_a_meaning(command):
    for group in groups(stages.find(command)[0]):
        assert inspect.getdoc(group), group
        for name, field in group.model_fields.items():
            inner = group_in(field.annotation)
            if name not in ("kind", "command") and not inner:
                assert meaning(group, name), f"{group.__name__}.{name}"
                assert meaning(group, name).rstrip().endswith((".", "!", "?", ")")), f"{group.__name__}.{name}"


def test_its_settings_can_be_listed(command):
    kind, _ = stages.find(command)
    listed = "\n".join(describe(kind))
    assert all(name in listed for name in kind.model_fields)
    assert not re.search(r"^ *$", listed, re.MULTILINE)
