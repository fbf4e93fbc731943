"""What every stage promises of its results: they have a table of their own, written strictly and read leniently."""

import json
from importlib import import_module
from pathlib import Path

import pytest

from mamebert import stages
from mamebert.config import build
from mamebert.results.entry import Entry
from mamebert.runs import Run

KEPT = Path(__file__).parents[2] / "recipes" / "results"
"""Records of runs of all versions, without text."""


def table(command: str) -> type[Entry]:
    return getattr(import_module(f"mamebert.results.{command}"), f"{command.capitalize()}Results")


def kept_runs():
    """Yield command and results of every run whose numbers are kept."""
    for path in sorted(KEPT.glob("*.json")):
        for record in json.loads(path.read_text(encoding="utf-8"))["stages"]:
            yield record["command"], record["results"]


def without_null(value):
    """Return nested tables without what is not told."""
    if isinstance(value, dict):
        return {name: without_null(each) for name, each in value.items() if each is not None}
    return [without_null(each) for each in value] if isinstance(value, list) else value


def entries_in(kind: type[Entry]):
    """Yield a table and all tables of its module."""
    module = import_module(kind.__module__)
    yield from (each for each in vars(module).values() if isinstance(each, type) and issubclass(each, Entry))


@pytest.mark.parametrize("command", stages.names())
def test_a_command_has_a_table_of_results_whose_every_field_may_be_missing(command):
    for kind in entries_in(table(command)):
        assert kind.__doc__
        assert not [name for name, field in kind.model_fields.items() if field.is_required()]


def test_every_run_that_is_kept_opens_whatever_version_made_it():
    runs = list(kept_runs())
    assert len(runs) > 50
    for command, results in runs:
        assert table(command).read(results).written()


def test_nothing_that_this_version_declares_is_lost_or_changed_by_reading():
    for command, results in kept_runs():
        if "measure" in results or command != "finetune":  # the first version named scores otherwise
            assert without_null(table(command).read(results).written()) == without_null(results)


def check(run: Run) -> None:
    """Fail where a run has something that its table does not declare, or of another kind than it declares."""
    # Tuples are lists in JSON, so types are those of reading; what a stage writes was checked strictly before.
    assert table(run.command).model_validate(run.results, strict=False).written() == run.results


@pytest.mark.parametrize("name", ["clean", "vocab", "tokens", "vectors"])
def test_what_is_made_of_text_has_the_declared_results(world, name):
    check(Run.open(world / name))


def test_encoders_and_classifiers_have_the_declared_results(encoders, classifiers):
    for folder in (encoders("N"), encoders("W"), classifiers):
        check(Run.open(folder))


@pytest.mark.parametrize(
    ("command", "settings"),
    [
        ("contrast", {"shards": "tokens", "vectors": "vectors", "tokens": 2000, "pairs": 8}),
        ("evaluate", {"model": "classifiers/models/N", "source": "rows.jsonl"}),
        ("probe", {"model": "encoder-N", "probe": {"kind": "minimal_pairs", "pairs": "pairs.jsonl"}}),
        ("report", {"runs": ["clean", "encoder-N", "classifiers"]}),
        (
            "compress",
            {
                "model": "classifiers/models/N",
                "method": {"kind": "drop_layers", "drop": 1, "training": {"epochs": 1, "batch_tokens": 256}},
                "seeds": [1],
                "measure_seconds": 0.1,
            },
        ),
    ],
)
def test_what_is_made_of_models_has_the_declared_results(
    world, classifiers, tmp_path, monkeypatch, unproved, command, settings
):
    monkeypatch.chdir(world)
    kind, work = stages.find(command)
    check(work(build(kind, {**settings, "output": tmp_path / "out"})))
