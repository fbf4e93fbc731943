"""The encoder of a pretraining run: name, shape, side, time per epoch."""

from dataclasses import dataclass
from functools import cached_property
from statistics import mean, stdev

from mamebert.reports.readings.run_json import finite, first_number, value_at
from mamebert.results.pretrain import Epoch, PretrainResults
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

    @cached_property
    def results(self) -> PretrainResults:
        """Return the numbers the run ended with."""
        return PretrainResults.read(self.run.results)

    @property
    def epochs(self) -> list[Epoch]:
        """Return what was written down of each epoch."""
        return self.results.epochs

    @property
    def whole_epochs(self) -> list[Epoch]:
        """Return the epochs that were run to their end."""
        return [epoch for epoch in self.epochs if not epoch.extrapolated]

    @property
    def epochs_seen(self) -> float | None:
        """Return the epochs the finished encoder has seen; None where it stopped inside one and no share is known."""
        if self.epochs and len(self.whole_epochs) == len(self.epochs):
            return len(self.epochs)
        last = self.results.kept[-1] if self.results.kept else None
        if last and last.epoch is not None and last.step and self.results.steps is not None:
            return round(last.epoch * self.results.steps / last.step, 3)
        return None

    @property
    def extrapolated(self) -> bool:
        """Tell whether the time per epoch was reckoned from a part of one."""
        return bool(self.epochs) and not self.whole_epochs

    @property
    def seconds_per_epoch(self) -> float | None:
        """Return the mean over whole epochs, else what a part of one comes to."""
        whole = finite(epoch.seconds for epoch in self.whole_epochs)
        return mean(whole) if whole else first_number(*(epoch.seconds for epoch in self.epochs))

    @property
    def processor_seconds_per_epoch(self) -> float | None:
        """Return the processor seconds of an epoch on a CPU, which other work on the machine hardly changes."""
        each = finite(epoch.cpu_seconds for epoch in self.whole_epochs or self.epochs)
        return mean(each) if each and self.results.device == "cpu" else None

    @property
    def seconds_spread(self) -> float | None:
        """Return the standard deviation over whole epochs, where there are two or more."""
        whole = finite(epoch.seconds for epoch in self.whole_epochs)
        return stdev(whole) if len(whole) > 1 and not self.extrapolated else None


def model_name(run: Run) -> str:
    """Return the name an encoder has by its shape and by who made its embeddings: H256-L4-W."""
    if stated := PretrainResults.read(run.results).name:
        return stated
    width, depth = value_at(run.settings, "encoder.hidden_size"), value_at(run.settings, "encoder.num_hidden_layers")
    if width is None or depth is None:
        return run.final.name
    return f"H{width}-L{depth}-{'W' if value_at(run.settings, 'embeddings.vectors') else 'N'}"
