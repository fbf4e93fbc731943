"""The time that the halves of a layer take with fewer heads and neurons, on this machine.

With one thread on a processor every time is the processor's own, so that other work on the machine hardly changes it;
else it is the clock's (`evaluation.latency.seconds_of`). What is compared is taken in turn, and medians count.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from statistics import median
from time import perf_counter
from types import MappingProxyType
from typing import Any, NamedTuple

import torch
from torch import Tensor

from mamebert.encoder.layer import Layer
from mamebert.encoder.model import Encoder, Layers
from mamebert.encoder.packing import Packed, Rows
from mamebert.encoder.settings import EncoderConfig
from mamebert.evaluation.cost.latency import in_turn, seconds_of
from mamebert.objectives.data.pretraining_batch import PretrainingBatch
from mamebert.tasks.data.features import TaskBatch, pack
from mamebert.tasks.network.task_network import TaskNetwork

FEWEST_ROUNDS, MOST_ROUNDS = 5, 200


@dataclass(frozen=True)
class Stopwatch:
    """How times are taken."""

    threads: int
    """Threads of torch; 1 counts the processor's time."""
    seconds: float
    """How long one comparison may take; every competitor gets at least FEWEST_ROUNDS rounds."""
    device: torch.device

    @property
    def clock(self) -> str:
        """Whose time it is."""
        return "processor" if self.threads == 1 and self.device.type == "cpu" else "clock"

    def compare(self, calls: Mapping[Any, Callable[[], object]]) -> dict[Any, float]:
        """Return the median seconds of each call; they take turns, after one round that does not count."""
        return {name: median(found) for name, found in self._rounds(calls).items()}

    def ratio(self, slow: Callable[[], object], fast: Callable[[], object]) -> float:
        """Return how many times as long the first takes as the second: the median over rounds.

        What slows a machine down for a while then hits both.
        """
        found = self._rounds({"slow": slow, "fast": fast})
        return median(a / b for a, b in zip(found["slow"], found["fast"], strict=True))

    @torch.inference_mode()
    def _rounds(self, calls: Mapping[Any, Callable[[], object]]) -> dict[Any, list[float]]:
        with _threads(self.threads):
            measures = {name: partial(self._seconds, call) for name, call in calls.items()}
            started = perf_counter()
            in_turn(measures, 1)
            one_round = max(1e-6, perf_counter() - started)
            return in_turn(measures, min(MOST_ROUNDS, max(FEWEST_ROUNDS, int(self.seconds / one_round))))

    def _seconds(self, call: Callable[[], object]) -> float:
        return seconds_of(partial(self._finished, call), self.threads if self.clock == "processor" else 0)

    def _finished(self, call: Callable[[], object]) -> None:
        call()
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)


class HalfTimes(NamedTuple):
    """Seconds that heads and neurons add to a layer that has neither."""

    heads: dict[int, float]
    neurons: dict[int, float]


class LatencyTable(NamedTuple):
    """The times of all layers but the last, which differ in nothing, and of the last, which may compute fewer rows."""

    inner: HalfTimes
    last: HalfTimes
    others: dict[str, float]
    """Seconds of what was measured beside them, in the same rounds."""


def latency_table(
    network: Any,
    batches: Sequence[Any],
    heads: Iterable[int],
    neurons: Iterable[int],
    stopwatch: Stopwatch,
    others: Mapping[str, Callable[[], object]] = MappingProxyType({}),
) -> LatencyTable:
    """Measure layers with so many heads and no neurons, and with so many neurons and no heads, over the batches."""
    encoder: Encoder = network.bert
    shapes = {(number, 0) for number in heads} | {(0, number) for number in neurons} | {(0, 0)}
    layers = {shape: _layer(encoder.config, *shape).to(encoder.device) for shape in shapes}
    packed = [each.packed for each in batches]
    hidden = [torch.randn(len(each.ids), encoder.config.hidden_size, device=encoder.device) for each in packed]
    inputs = list(zip([each.to(encoder.compute_dtype) for each in hidden], packed, strict=True))
    rows = [read_rows(network, each) for each in batches]
    # An inner layer and the last one without rows do the same work.
    kinds = {"inner": [None] * len(rows)} | ({} if None in rows else {"last": rows})
    calls: dict[Any, Callable[[], object]] = {
        (kind, shape): partial(_run, layer, inputs, read)
        for kind, read in kinds.items()
        for shape, layer in layers.items()
    }
    found = stopwatch.compare(calls | dict(others))
    of_kind = {kind: _half_times({shape: found[kind, shape] for shape in shapes}) for kind in kinds}
    return LatencyTable(of_kind["inner"], of_kind.get("last", of_kind["inner"]), {name: found[name] for name in others})


def answering(network: Any, batches: Sequence[Any]) -> Callable[[], object]:
    """Return what is timed of a whole network: a task's answers, or one word guessed of each text."""

    def answer() -> None:
        for batch in batches:
            if isinstance(network, TaskNetwork):
                network(batch)
            else:
                network.cls.predictions(network.bert(batch.packed, batch.packed.firsts))

    return answer


def read_rows(network: Any, batch: Any) -> Rows | None:
    """Return the rows that the last layer computes for `answering`; None where it computes all."""
    if not isinstance(network, TaskNetwork):
        return Rows(batch.packed.firsts, batch.packed)
    return Rows(batch.places, batch.packed) if network.reader.last_alone else None


def one_by_one(batch: Any) -> list[Any]:
    """Return batches with one example each."""
    if isinstance(batch, TaskBatch):
        device = batch.places.device
        return [pack(batch.features, [number]).to(device) for number in range(len(batch.features))]
    assert isinstance(batch, PretrainingBatch)
    return list(batch.parts(len(batch.packed.lengths)))


def falling(seconds: Mapping[int, float]) -> dict[int, float]:
    """Return times that do not rise as heads or neurons get fewer.

    What disturbs a measurement makes it longer, and less work takes no longer than more: where fewer were measured
    slower, the time of more is nearer to the truth.
    """
    found, least = {}, torch.inf
    for number in sorted(seconds, reverse=True):
        least = min(least, seconds[number])
        found[number] = least
    return found


def _half_times(seconds: Mapping[tuple[int, int], float]) -> HalfTimes:
    empty = seconds[0, 0]
    heads = {heads: max(0.0, took - empty) for (heads, neurons), took in seconds.items() if not neurons}
    neurons = {neurons: max(0.0, took - empty) for (heads, neurons), took in seconds.items() if not heads}
    return HalfTimes(falling(heads), falling(neurons))


def _layer(config: EncoderConfig, heads: int, neurons: int) -> Layer:
    alone = {"num_hidden_layers": 1, "layer_heads": [heads], "layer_widths": [neurons], "head_size": config.head_width}
    layer = Layers(EncoderConfig.model_validate({**config.model_dump(), **alone})).layer[0]
    assert isinstance(layer, Layer)
    return layer.eval()


def _run(layer: Layer, inputs: Sequence[tuple[Tensor, Packed]], rows: Sequence[Rows | None]) -> None:
    for (hidden, packed), read in zip(inputs, rows, strict=True):
        layer(hidden, packed, read)


@contextmanager
def _threads(number: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(number)
    try:
        yield
    finally:
        torch.set_num_threads(before)
