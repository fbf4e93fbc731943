"""The encoder of a pretraining run: name, shape, side, time per epoch."""

from dataclasses import dataclass
from statistics import mean, stdev
from typing import Any

from mamebert.reports.readings.run_json import first_number, listed, numbers, value_at
from mamebert.reports.text.number_format import is_number
from mamebert.runs import Run


@dataclass(frozen=True)
class Pretrained:
    """One encoder of the comparison."""

    run: Run
    name: str
    """Its name on the page, such as H256-L4-W."""
    alone: bool = False
    """Whether the page tells of one shape only."""

    @property
    def short(self) -> str:
        """Return the name for a sentence: N or W where there is one shape only."""
        return self.side if self.alone and self.side else self.name

    @property
    def shape(self) -> str:
        """Return the name without its side: H256-L4."""
        return self.name.rpartition("-")[0] if self.side else self.name

    @property
    def side(self) -> str:
        """Return N (embeddings learnt), W (fixed by word2vec), or nothing."""
        last = self.name.rpartition("-")[2]
        return last if last in ("N", "W") else ""

    @property
    def results(self) -> dict[str, Any]:
        """Return the numbers the run ended with."""
        return self.run.results

    @property
    def epochs(self) -> list[dict[str, Any]]:
        """Return what was written down of each epoch."""
        return [epoch for epoch in listed(self.results, "epochs") if isinstance(epoch, dict)]

    @property
    def whole_epochs(self) -> list[dict[str, Any]]:
        """Return the epochs that were run to their end."""
        whole = self.epochs[:-1] if value_at(self.results, "partial_epoch") else self.epochs
        return [epoch for epoch in whole if not epoch.get("extrapolated")]

    @property
    def epochs_seen(self) -> float | None:
        """Return the epochs the finished encoder has seen; None where it stopped inside one and no share is known."""
        if self.epochs and len(self.whole_epochs) == len(self.epochs):
            return len(self.epochs)
        for kept in listed(self.results, "kept")[-1:]:
            steps = value_at(self.results, "steps")
            if is_number(kept.get("epoch")) and is_number(kept.get("step")) and is_number(steps):
                return float(round(kept["epoch"] * steps / kept["step"], 3))
        return None

    @property
    def extrapolated(self) -> bool:
        """Tell whether the time per epoch was reckoned from a part of one."""
        return bool(
            value_at(
                self.results, "extrapolated", not self.whole_epochs and any(e.get("extrapolated") for e in self.epochs)
            )
        )

    @property
    def seconds_per_epoch(self) -> float | None:
        """Return the stated seconds per epoch, else the mean over whole epochs, else what a part of one comes to."""
        whole = numbers(self.whole_epochs, "seconds")
        parts = numbers([e for e in self.epochs if e.get("extrapolated")], "seconds")
        return first_number(value_at(self.results, "seconds_per_epoch"), mean(whole) if whole else None, *parts)

    @property
    def processor_seconds_per_epoch(self) -> float | None:
        """Return the processor seconds of an epoch on a CPU, which other work on the machine hardly changes."""
        each = numbers(self.whole_epochs, "cpu_seconds") or numbers(self.epochs, "cpu_seconds")
        return mean(each) if each and value_at(self.results, "device") == "cpu" else None

    @property
    def seconds_spread(self) -> float | None:
        """Return the standard deviation over whole epochs, where there are two or more."""
        whole = numbers(self.whole_epochs, "seconds")
        return stdev(whole) if len(whole) > 1 and not self.extrapolated else None


def model_name(run: Run) -> str:
    """Return the name an encoder has by its shape and by who made its embeddings: H256-L4-W."""
    stated = value_at(run.results, "name")
    if stated:
        return str(stated)
    width, depth = value_at(run.settings, "encoder.hidden_size"), value_at(run.settings, "encoder.num_hidden_layers")
    if width is None or depth is None:
        return run.final.name
    return f"H{width}-L{depth}-{'W' if value_at(run.settings, 'embeddings.vectors') else 'N'}"
