"""The runs behind a page, and the questions that its sections put to them.

Every answer bears with missing keys: an older or shorter run shows what it has.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from mamebert.reports.readings.ablations import Choice, choices
from mamebert.reports.readings.finetunings import Task
from mamebert.reports.readings.outcomes import Outcome
from mamebert.reports.readings.pretrainings import Pretrained, model_name
from mamebert.results.labelled import LabelledResults, TestedModel
from mamebert.runs import Run


@dataclass(frozen=True)
class Story:
    """All runs of a page, in the order they are told."""

    runs: list[Run]

    def of(self, command: str) -> list[Run]:
        """Return the runs of one stage."""
        return [run for run in self.runs if run.command == command]

    @cached_property
    def pretrained(self) -> list[Pretrained]:
        """Return the encoders; two of one name are told apart by their folders."""
        runs = self.of("pretrain")
        names = [model_name(run) for run in runs]
        alone = (
            sorted(name.rpartition("-")[2] for name in names) == ["N", "W"]
            and len({name.rpartition("-")[0] for name in names}) == 1
        )
        unique = [
            name if names.count(name) == 1 else f"{run.final.name}: {name}"
            for run, name in zip(runs, names, strict=True)
        ]
        return [Pretrained(run, name, alone) for run, name in zip(runs, unique, strict=True)]

    @property
    def shapes(self) -> dict[str, list[Pretrained]]:
        """Return the encoders by shape: N and W of one shape stand together."""
        found: dict[str, list[Pretrained]] = {}
        for model in self.pretrained:
            found.setdefault(model.shape, []).append(model)
        return found

    @property
    def pairs(self) -> list[tuple[Pretrained, Pretrained]]:
        """Return (N, W) of every shape that has both."""
        sides = [{model.side: model for model in models} for models in self.shapes.values()]
        return [(both["N"], both["W"]) for both in sides if {"N", "W"} <= both.keys()]

    @cached_property
    def choices(self) -> list[Choice]:
        """Return the choices of settings that several seeds were pretrained with; empty unless there are two."""
        return choices(self.pretrained, self.runs)

    @cached_property
    def tasks(self) -> list[Task]:
        """Return the runs on labelled rows."""
        return [self._task(run) for run in self.runs if run.command in ("finetune", "evaluate")]

    @property
    def beside_paper(self) -> bool:
        """Tell whether a task of the page is the paper's."""
        return any(task.is_livedoor for task in self.tasks)

    def _task(self, run: Run) -> Task:
        results = LabelledResults.read(run.results)
        models = _present(Outcome.of(m, results.measure, self._pretrained_of(m)) for m in results.models)
        return Task(run, models, _present(Outcome.of_baseline(b, results.measure) for b in results.baselines))

    def _pretrained_of(self, model: TestedModel) -> Pretrained | None:
        path, name = Path(model.path or ""), model.name
        inside = [m for m in self.pretrained if path.absolute().is_relative_to(m.run.final.absolute())]
        named = [m for m in self.pretrained if name in (m.name, model_name(m.run))]
        sided = [m for m in self.pretrained if name and m.side == name]
        return next((found[0] for found in (inside, named, sided) if len(found) == 1), None)


def _present(items: Iterable[Outcome | None]) -> list[Outcome]:
    return [item for item in items if item is not None]
