"""What a fine-tuning run tells: labels, split, and how models and baselines did on the test part."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from statistics import mean, stdev
from typing import Any

from mamebert.reports.encoders import Pretrained
from mamebert.reports.numbers import is_number
from mamebert.reports.paper_tables import is_livedoor
from mamebert.reports.records import dig, first_number, listed, numbers
from mamebert.runs import Run


@dataclass(frozen=True)
class Outcome:
    """A model or a baseline on the test part of a task."""

    name: str
    accuracy: float
    spread: float | None
    num_seeds: int
    macro_f1: float | None
    epoch: float | None
    """Pretraining epochs its encoder had seen when it was kept on the way; None for a finished encoder."""
    seen_test_text: bool
    seconds: float | None
    """Per seed."""
    pretrained: Pretrained | None = None

    @property
    def short(self) -> str:
        """Return the name for a sentence."""
        return self.pretrained.short if self.pretrained else self.name

    @classmethod
    def of(cls, record: Mapping[str, Any], pretrained: Pretrained | None = None) -> "Outcome | None":
        """Read a record of the finetune stage; None where it has no accuracy."""
        seeds = [s for s in listed(record, "seeds") if is_number(dig(s, "accuracy"))]
        each = [s["accuracy"] for s in seeds]
        accuracy = next(
            (v for v in (dig(record, "accuracy_mean"), dig(record, "accuracy")) if is_number(v)),
            mean(each) if each else None,
        )
        if accuracy is None:
            return None
        spread = dig(record, "accuracy_spread", stdev(each) if len(each) > 1 else None)
        return cls(
            name=pretrained.name if pretrained else str(record.get("name", "model")),
            accuracy=accuracy,
            spread=spread if len(each) != 1 and is_number(spread) else None,
            num_seeds=len(each),
            macro_f1=first_number(dig(record, "macro_f1_mean"), dig(record, "macro_f1"), _mean(seeds, "macro_f1")),
            epoch=dig(record, "epoch"),
            seen_test_text=bool(record.get("seen_test_text")),
            seconds=first_number(dig(record, "seconds"), _mean(seeds, "seconds")),
            pretrained=pretrained,
        )


@dataclass(frozen=True)
class Task:
    """One fine-tuning run: labels, split, models and baselines."""

    run: Run
    models: list[Outcome]
    baselines: list[Outcome]

    @property
    def labels(self) -> list[str]:
        """Return the labels, in the order of the run."""
        return [str(label) for label in listed(self.run.results, "labels")]

    @property
    def is_livedoor(self) -> bool:
        """Tell whether the paper's tables can stand beside this task."""
        return is_livedoor(self.labels)

    @property
    def num_test(self) -> int:
        """Return the number of test rows; 0 where it was not written down."""
        return sum(n for n in dig(self.run.results, "split.test", {}).values() if is_number(n))

    @property
    def truncated(self) -> float | None:
        """Return the share of rows longer than the encoders read at once: the largest of its models."""
        shares = numbers([self.run.results, *listed(self.run.results, "models")], "truncated_share")
        return max(shares, default=None)

    @property
    def title(self) -> str:
        """Return the task's name for a heading: what is read and how many classes there are."""
        columns = " + ".join(str(c) for c in listed(self.run.results, "columns"))
        classes = f"{len(self.labels)} classes" if self.labels else dig(self.run.results, "task", "task")
        corpus = "Livedoor news, " if self.is_livedoor else ""
        return f"{corpus}{classes}" + (f" from {columns}" if columns else "")

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


def _mean(records: list[Any], key: str) -> float | None:
    values = numbers(records, key)
    return mean(values) if values else None
