"""The reports of a running pretraining: a line of progress, metrics.jsonl, loss.svg, and TensorBoard if asked for."""

from collections import deque
from dataclasses import dataclass
from time import monotonic
from types import TracebackType
from typing import Any, Self

import torch

from mamebert.evaluation.cost.energy import EnergyMeter
from mamebert.evaluation.cost.memory import peak_memory
from mamebert.evaluation.cost.peak_flops import Peak, product_peak
from mamebert.files.disk import write_text
from mamebert.progress import Meter
from mamebert.ranks import is_main_process
from mamebert.reports.plots.loss_plot import LossPlot
from mamebert.reports.text.number_format import count, percent
from mamebert.results.pretrain import Energy, ProductPeak, TrainingCost
from mamebert.runs import Run
from mamebert.stages.pretrain.progress_counts import Counters
from mamebert.stages.pretrain.tensorboard import Board
from mamebert.training.loop import Step

SECONDS_BETWEEN_PICTURES = 30.0
SECONDS_BEFORE_MFU = 10.0  # measuring the machine takes a second, too long for a run that is over in ten
RECENT_SECONDS = 30.0


class Throughput:
    """Tokens and operations a second over the last half minute of steps; what lies between steps is not in it."""

    def __init__(self) -> None:
        self._steps: deque[tuple[float, int, int]] = deque()
        self._seconds = 0.0
        self.seconds_in_all = 0.0

    def add(self, seconds: float, tokens: int, flops: int) -> None:
        """Count a step."""
        self._steps.append((seconds, tokens, flops))
        self._seconds += seconds
        self.seconds_in_all += seconds
        while self._seconds - self._steps[0][0] >= RECENT_SECONDS:
            self._seconds -= self._steps.popleft()[0]

    @property
    def tokens_per_second(self) -> float:
        """Return the rate of tokens."""
        return sum(tokens for _, tokens, _ in self._steps) / max(self._seconds, 1e-9)

    @property
    def flops_per_second(self) -> float:
        """Return the rate of floating-point operations."""
        return sum(flops for _, _, flops in self._steps) / max(self._seconds, 1e-9)


@dataclass(frozen=True)
class Hardware:
    """Where a training runs."""

    device: torch.device
    precision: torch.dtype
    processes: int


class TrainingMonitor:
    """Everything that is said of one pretraining between its first step and its last; a context."""

    def __init__(
        self, run: Run, name: str, total_steps: int, done: int, place: Hardware, tensorboard: bool = False
    ) -> None:
        """Begin, or go on after `done` steps: what was told of those is in the run's metrics.jsonl."""
        self.run, self.total_steps, self.place = run, total_steps, place
        self.pace, self._energy, self._plot = Throughput(), EnergyMeter(place.device), LossPlot(name)
        self._meter = Meter(f"pretrain {name}", total_steps, "steps", done=done)
        self._peak: Peak | None = None
        self._pictured = monotonic()
        self._board = Board(run.folder / "tensorboard", done + 1) if tensorboard and is_main_process() else None
        for line in run.metrics():
            self._plot.add(line)

    def __enter__(self) -> Self:
        """Start the clock."""
        self._meter.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Say the last figures and draw the last picture."""
        self._meter.__exit__(kind, error, trace)
        if self._board:
            self._board.close()
        if error is None:  # another error, such as a full disk, must not be hidden by one here
            self._draw(running=False)

    def step(self, step: Step, tokens: int, flops: int, seconds: float) -> None:
        """Tell of a step that took `seconds`."""
        self.pace.add(seconds, tokens, flops)
        if self._peak is None and is_main_process() and self.pace.seconds_in_all > SECONDS_BEFORE_MFU:
            self._peak = product_peak(self.place.device, self.place.precision, torch.get_num_threads())
        self._meter.advance(1, f"loss {step.loss:.3f}  lr {step.lr:.1e}  {self._speed('  ')}")

    def record(self, **line: Any) -> None:
        """Write a line of metrics.jsonl, and what follows from it."""
        if "loss" in line:
            line["tokens_per_second"] = round(self.pace.tokens_per_second)
        self.run.record(**line)
        self._energy.read()
        self._plot.add(line)
        if self._board:
            self._board.add(line)
        if monotonic() - self._pictured >= SECONDS_BETWEEN_PICTURES:
            self._draw(running=True)

    def summary(self, counted: Counters) -> TrainingCost:
        """Return what the finished run cost, for its results."""
        memory = peak_memory(self.place.device)
        busy = counted.cpu_seconds / max(counted.seconds, 1e-9)
        power = self._energy.power(busy * self.place.processes, memory * self.place.processes / 1e9)
        return TrainingCost(
            flops=counted.flops,
            mfu=self._share_of_peak(counted.flops / max(counted.seconds, 1e-9)),
            product_peak=ProductPeak(flops=self._peak.flops, source=self._peak.source) if self._peak else None,
            peak_memory_bytes=memory,
            energy=Energy(
                kilowatt_hours=power.watts * counted.seconds / 3.6e6,
                watts=round(power.watts, 1),
                source=power.source,
            )
            if power
            else None,
        )

    def _share_of_peak(self, flops_per_second: float) -> float | None:
        return round(flops_per_second / (self._peak.flops * self.place.processes), 4) if self._peak else None

    def _speed(self, between: str) -> str:
        share = self._share_of_peak(self.pace.flops_per_second)
        parts = [f"{self.pace.tokens_per_second:,.0f} tokens/s", f"MFU {percent(share)}" if share is not None else ""]
        return between.join(part for part in parts if part)

    def _draw(self, running: bool) -> None:
        self._pictured = monotonic()
        if not is_main_process():
            return
        left = f"{self._meter.left} left" if self._meter.left else ""
        told = [
            f"step {count(self._meter.done)} of {count(self._meter.total or self.total_steps)}",
            self._speed(" · "),
            left,
        ]
        picture = self._plot.draw(" · ".join(part for part in told if part), running)
        if picture:
            write_text(self.run.folder / "loss.svg", picture)
