"""A run on labelled rows as the page tells it: its task, its rows, its models and its baselines."""

from dataclasses import dataclass, replace
from functools import cached_property

from mamebert.reports.readings.outcomes import Outcome, fair
from mamebert.reports.readings.paper_tables import is_livedoor
from mamebert.reports.readings.run_json import finite
from mamebert.reports.text.names import task_name
from mamebert.reports.text.number_format import is_number
from mamebert.results.labelled import LabelledResults
from mamebert.runs import Run


@dataclass(frozen=True)
class Task:
    """One run on labelled rows: its task, its rows, models and baselines."""

    run: Run
    models: list[Outcome]
    baselines: list[Outcome]

    @cached_property
    def results(self) -> LabelledResults:
        """Return the numbers the run ended with."""
        return LabelledResults.read(self.run.results)

    @property
    def name(self) -> str:
        """Return the name of the run's folder, which as a rule is that of the data set."""
        return self.run.final.name

    @property
    def kind(self) -> str:
        """Return what is done: "Classification", "Span QA"."""
        return task_name(self.results.task or "task")

    @property
    def measure(self) -> str:
        """Return the measure that the task goes by."""
        return self.results.measure

    @property
    def measures(self) -> list[str]:
        """Return every measure that some model or baseline has, the leading one first."""
        found = [name for tested in (*self.models, *self.baselines) for name in tested.scores]
        return list(dict.fromkeys([self.measure, *found]))

    @property
    def labels(self) -> list[str]:
        """Return the labels, in the order of the run."""
        return self.results.labels

    @property
    def is_livedoor(self) -> bool:
        """Tell whether the paper's tables can stand beside this task."""
        return self.results.task == "classification" and is_livedoor(self.labels)

    def num_rows(self, part: str) -> int:
        """Return the number of rows of a part; 0 where it was not written down."""
        return self.results.rows.get(part, 0)

    @property
    def truncated(self) -> float | None:
        """Return the share of rows longer than the encoders read at once: the largest of its models."""
        return max(finite(model.truncated_share for model in self.results.models), default=None)

    @property
    def title(self) -> str:
        """Return the task's name for a heading: what is read, and what is told of it."""
        columns = " + ".join(self.results.columns)
        of_classes = self.kind == "Classification" and self.labels
        kind = f"{len(self.labels)} classes" if of_classes else self.kind
        corpus = "Livedoor news, " if self.is_livedoor else ""
        return f"{corpus}{kind}" + (f" from {columns}" if columns else "")

    @cached_property
    def final(self) -> list[Outcome]:
        """Return each model once: after its last pretraining epoch."""
        last: dict[tuple[str, bool], Outcome] = {}
        for model in self.models:
            key = (model.name, model.seen_test_text)
            before = last.get(key)
            if before is None or (before.epoch is not None and (model.epoch is None or model.epoch > before.epoch)):
                last[key] = model
        return list(last.values())

    @property
    def encoders(self) -> list[Outcome]:
        """Return the finished models that began as pretrained encoders; fair ones alone where there are some."""
        return fair([model for model in self.final if not model.random_weights])

    @property
    def best_encoder(self) -> Outcome | None:
        """Return the best of `encoders`."""
        return max(self.encoders, key=lambda model: model.value, default=None)

    @property
    def best_baseline(self) -> Outcome | None:
        """Return the strongest baseline."""
        return max(fair([b for b in self.baselines if not b.knows_answers]), key=lambda peer: peer.value, default=None)

    def twin(self, model: Outcome) -> Outcome | None:
        """Return the same shape trained from random weights."""
        twins = [t for t in self.final if t.random_weights and t.record == f"{model.record}-random"]
        return twins[0] if twins else None

    def chance(self, a: Outcome, b: Outcome) -> float | None:
        """Return the p-value of the difference between two models, where it was computed."""
        for pair in self.results.comparisons:
            if {pair.a, pair.b} == {a.record, b.record} and is_number(pair.p):
                return pair.p
        return None

    def shown(self, record: str) -> str:
        """Return the name on the page of what has this name in the run's results."""
        return next((t.name for t in (*self.final, *self.baselines) if t.record == record), record)

    @property
    def by_epoch(self) -> dict[str, list[Outcome]]:
        """Return the models tested after several pretraining epochs, in the order of the epochs."""
        found: dict[str, dict[float, Outcome]] = {}
        for model in sorted(self.models, key=lambda m: m.epoch is None):
            epoch = model.epoch
            if epoch is None and model.pretrained:
                epoch = model.pretrained.epochs_seen  # the finished encoder is the one after its last epoch
            if epoch:
                found.setdefault(model.name, {}).setdefault(epoch, replace(model, epoch=epoch))
        return {name: [each[epoch] for epoch in sorted(each)] for name, each in found.items()}
