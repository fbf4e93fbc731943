"""Search for settings: every trial is one training with one seed, judged on the validation rows alone."""

import json
from collections.abc import Callable, Iterator, Mapping
from itertools import product
from math import prod
from pathlib import Path
from typing import Any

from mamebert.config import build
from mamebert.errors import UserError, unknown
from mamebert.extras import import_extra
from mamebert.files.disk import write_text
from mamebert.files.json_files import read_own
from mamebert.files.names import file_name
from mamebert.progress import say
from mamebert.stages.finetune.search_space import SEARCHABLE, Range
from mamebert.stages.finetune.settings import FinetuneConfig
from mamebert.training.loop import derive_seed

Chosen = dict[str, Any]
"""Values of settings, by dotted name."""
Judge = Callable[[FinetuneConfig, int], dict[str, Any]]
"""Trains with settings, as trial of a number, and returns {"valid": ..., ...}; valid None where training failed."""


def search(config: FinetuneConfig, title: str, folder: Path, judge: Judge) -> list[dict[str, Any]]:
    """Return all trials of a model; those whose file lies in `folder` are not done again."""
    folder.mkdir(exist_ok=True)
    done: list[dict[str, Any]] = []
    space = config.search.tried
    total = prod(len(v) for v in space.values() if isinstance(v, list))
    total = config.search.trials if config.search.method == "optuna" else total
    for number in range(total):
        path = trial_file(folder, title, number)
        if path.is_file():
            done.append(read_own(path))
            continue
        chosen = _proposed(config, done)
        same = next((each for each in done if each["settings"] == chosen), None)
        found = {**same, "same_as": same["trial"]} if same else judge(with_settings(config, chosen), number)
        done.append({**found, "trial": number, "settings": chosen})
        write_text(path, json.dumps(done[-1]))
        valid = "failed" if found["valid"] is None else f"valid {found['valid']:.4f}"
        say(f"{title} trial {number + 1} of {total}: {valid} with {told(chosen)}")
    return done


def best_of(trials: list[dict[str, Any]]) -> Chosen:
    """Return the settings that validated best, of equals the first; where all trainings failed, a UserError."""
    good = [each for each in trials if each["valid"] is not None]
    if not good:
        raise UserError(f"All {len(trials)} trials of the search went wrong. Lower the rates in search.space.")
    best: Chosen = max(good, key=lambda each: float(each["valid"]))["settings"]
    return best


def check_search(config: FinetuneConfig) -> Iterator[FinetuneConfig]:
    """Yield settings that show every value tried; a value that cannot be is a UserError before anything is trained."""
    if config.search.method == "none":
        yield config
        return
    if config.search.method == "optuna":
        _optuna()
    space = {name: v if isinstance(v, list) else [v.low, v.high] for name, v in config.search.tried.items()}
    first = {name: values[0] for name, values in space.items()}
    for name, values in space.items():
        yield from (with_settings(config, {**first, name: value}) for value in values)


def with_settings(config: FinetuneConfig, chosen: Chosen) -> FinetuneConfig:
    """Return the settings with some of them replaced."""
    values = config.model_dump()
    for name, value in chosen.items():
        *path, last = name.split(".")
        table: Any = values
        for part in path:
            table = table.get(part) if isinstance(table, dict) else None
        if not isinstance(table, dict):
            raise unknown("setting", name, SEARCHABLE)
        table[last] = value
    return build(type(config), values)


def trial_file(folder: Path, title: str, number: int) -> Path:
    """Return where a finished trial is kept."""
    return folder / f"{file_name(title)}-trial-{number}.json"


def told(chosen: Chosen) -> str:
    """Return settings as they are spelt on the command line."""
    return " ".join(f"{name}={json.dumps(value)}" for name, value in chosen.items())


def _proposed(config: FinetuneConfig, done: list[dict[str, Any]]) -> Chosen:
    space = config.search.tried
    if config.search.method == "optuna":
        return _suggested(space, done, derive_seed(config.seed, "search", len(done)))
    combinations = product(*(values for values in space.values() if isinstance(values, list)))
    return dict(zip(space, next(c for number, c in enumerate(combinations) if number == len(done)), strict=True))


def _suggested(space: Mapping[str, list[Any] | Range], done: list[dict[str, Any]], seed: int) -> Chosen:
    """Return what Optuna would try next; it depends on the finished trials and the seed alone, so a stop costs none."""
    optuna = _optuna()
    kinds = {name: _distribution(optuna, values) for name, values in space.items()}
    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=seed % 2**32))
    states = optuna.trial.TrialState
    for each in done:
        drawn = {name: _drawn(space[name], value) for name, value in each["settings"].items()}
        # Pruned without a value is the worst that can be.
        state = states.PRUNED if each["valid"] is None else states.COMPLETE
        known = {"params": drawn, "distributions": kinds, "state": state}
        study.add_trial(optuna.trial.create_trial(value=each["valid"], **known))
    asked = study.ask(kinds).params
    return {name: v[asked[name]] if isinstance(v, list) else asked[name] for name, v in space.items()}


def _distribution(optuna: Any, values: list[Any] | Range) -> Any:
    if isinstance(values, list):  # by place, for a value may be a list or a table
        return optuna.distributions.CategoricalDistribution(range(len(values)))
    kinds = optuna.distributions
    whole = isinstance(values.low, int) and isinstance(values.high, int)
    return (kinds.IntDistribution if whole else kinds.FloatDistribution)(values.low, values.high, log=values.log)


def _drawn(values: list[Any] | Range, value: Any) -> Any:
    return values.index(value) if isinstance(values, list) else value


def _optuna() -> Any:
    optuna = import_extra("tune", "optuna")
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna
