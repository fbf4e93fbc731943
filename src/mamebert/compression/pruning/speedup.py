"""Cutting a network until it is so many times as fast as another, losing as little as can be (ZipLM)."""

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass
from math import floor
from typing import Any, NamedTuple

import numpy as np
import torch

from mamebert.compression.contract import Subject
from mamebert.compression.pruning.latency_table import Stopwatch, answering, latency_table
from mamebert.compression.pruning.layer_halves import Half, cut_to, prune_halves, sizes, stitch
from mamebert.compression.pruning.level_search import Costs, Found, Levels, choose_levels, search_levels
from mamebert.compression.pruning.uneven_shapes import keep
from mamebert.errors import UserError
from mamebert.progress import say

JUDGING_BATCHES = 4  # the search asks for a loss dozens of times
TRIES = 6
LEAST, AIM, MOST = 1.01, 1.025, 1.04
"""Times the target: a network measured between the first and the last is taken, and the next try aims in between.
Another measurement of the same network differs by about a hundredth."""


class Race:
    """Whole networks against one, as they answer the same batches."""

    def __init__(self, network: Any, batches: Sequence[Any], stopwatch: Stopwatch) -> None:
        self.network, self.batches, self.stopwatch = network, batches, stopwatch
        emptied = deepcopy(network)
        nothing: list[list[int]] = [[]] * network.bert.config.num_hidden_layers
        keep(emptied.bert, nothing, nothing)
        self.calls = {"whole": answering(network, batches), "emptied": answering(emptied, batches)}
        """The network, and the same without heads and neurons: embeddings, normalisations and the head."""

    def most(self) -> float:
        """Return the speed-up of a network without heads and neurons."""
        return self.stopwatch.ratio(self.calls["whole"], self.calls["emptied"])

    def speedup(self, network: Any) -> float:
        """Return how many times as fast another network is."""
        return self.stopwatch.ratio(self.calls["whole"], answering(network, self.batches))

    def refuse_beyond(self, target: float, most: float) -> None:
        """Raise a UserError where a target is more than can be."""
        if most < target:
            raise UserError(
                f"A speed-up of {target:g} cannot be met here: embeddings, normalisations and the head take so long "
                f"that without any head or neuron the model would be {floor(100 * most) / 100:g} times as fast. "
                "Ask for less, or drop layers."
            )

    @property
    def about(self) -> dict[str, Any]:
        """What is timed, and by which clock."""
        lengths = [n for batch in self.batches for n in batch.packed.lengths]
        return {
            "tokens": sum(lengths),
            "sequences": len(lengths),
            "batches": len(self.batches),
            "threads": self.stopwatch.threads,
            "clock": self.stopwatch.clock,
        }


class Cut(NamedTuple):
    """A network that was tried."""

    network: Any
    promised: float
    """Speed-up by the table of times."""
    measured: float
    """Speed-up of the whole network."""
    loss: float

    def is_better(self, other: "Cut | None", target: float) -> bool:
        """Whether it is to be taken rather than the other: it meets the target, with less loss; or is nearer to it."""
        if other is None or (self.measured >= LEAST * target) != (other.measured >= LEAST * target):
            return other is None or self.measured > other.measured
        return self.loss < other.loss if self.measured >= LEAST * target else self.measured > other.measured


class Search(NamedTuple):
    """How long is searched."""

    seed: int
    num_starts: int
    num_steps: int


def cut_until(subject: Subject, target: float, batches: Sequence[Any], race: Race, search: Search) -> Cut:
    """Return the subject's network cut until it is `target` times as fast as the one of the race.

    The sum of a table's times knows nothing of what its parts have to do with each other, so whole networks are timed,
    and what the table is asked for is moved until they meet the target or TRIES are over; then the fastest is returned.
    A target beyond all levels is a UserError.
    """
    problem = _Problem.of(subject, batches, race)
    race.refuse_beyond(target, problem.promised(problem.smallest))
    asked, best, coefficients = target, None, None
    for _ in range(TRIES):
        found = problem.solve(asked, search, coefficients)
        levels = found.levels if found else problem.smallest
        tried = problem.cut(subject, levels, race)
        say(f"ziplm: {tried.measured:.2f} times as fast where {target:g} is asked for, loss {tried.loss:.4f}")
        best = tried if tried.is_better(best, target) else best
        if LEAST <= tried.measured / target <= MOST or found is None:
            break
        asked, coefficients = asked * AIM * target / tried.measured, found.coefficients
    assert best is not None
    return best


@dataclass
class _Problem:
    """Halves at levels, with what each costs and how long it takes."""

    halves: list[Half]
    errors: Costs
    times: Costs
    whole_seconds: float
    """Of the network that is raced against."""
    rest_seconds: float
    """Of the same without heads and neurons."""
    subject: Subject
    """A copy, whose weights the judging changes."""
    biases: list[torch.Tensor]
    batches: Sequence[Any]

    @classmethod
    def of(cls, subject: Subject, batches: Sequence[Any], race: Race) -> "_Problem":
        halves = prune_halves(subject, batches)
        errors = [np.array([snapshot.error for snapshot in half.snapshots]) for half in halves]
        scratch = Subject(deepcopy(subject.network), subject.goal, subject.folder)
        biases = [half.output(scratch.bert).bias.detach().clone() for half in halves]
        times, others = _times(subject.network, halves, race)
        seconds = others["whole"], others["emptied"]
        return cls(halves, errors, times, *seconds, scratch, biases, batches[:JUDGING_BATCHES])

    @property
    def smallest(self) -> Levels:
        """The level of each half at which nothing is left of it."""
        return tuple(len(time) - 1 for time in self.times)

    def promised(self, levels: Levels) -> float:
        """Return the speed-up that the times add up to."""
        took = sum(float(time[level]) for time, level in zip(self.times, levels, strict=True))
        return self.whole_seconds / (self.rest_seconds + took)

    def solve(self, speedup: float, search: Search, coefficients: Any = None) -> Found | None:
        """Return levels that promise the speed-up: searched for, or those that coefficients give."""
        budget = self.whole_seconds / speedup - self.rest_seconds
        if coefficients is None:
            return search_levels(self.errors, self.times, budget, self.loss, *search)
        costs = [factor * error for factor, error in zip(coefficients, self.errors, strict=True)]
        levels = choose_levels(costs, self.times, budget)
        return None if levels is None else Found(levels, coefficients, self.loss(levels))

    @torch.no_grad()
    def loss(self, levels: Levels) -> float:
        """Return the mean loss by the right answers of the network at these levels."""
        encoder = self.subject.bert
        for half, bias in zip(self.halves, self.biases, strict=True):
            half.output(encoder).bias.copy_(bias)
        stitch(encoder, self.halves, levels)
        return float(np.mean([float(self.subject.goal.loss(self.subject.network, b).total) for b in self.batches]))

    def cut(self, subject: Subject, levels: Levels, race: Race) -> Cut:
        """Return a network of its own at these levels, timed."""
        network = deepcopy(subject.network)
        cut_to(network.bert, self.halves, levels)
        return Cut(network, self.promised(levels), race.speedup(network), self.loss(levels))


def _times(network: Any, halves: Sequence[Half], race: Race) -> tuple[list[Any], dict[str, float]]:
    """Return the seconds of each half at each of its levels, as arrays, and those of the race's networks."""
    kinds = {True: {0}, False: {0}}
    for half in halves:
        kinds[half.is_attention] |= {len(each.kept) for each in half.snapshots}
    table = latency_table(network, race.batches, kinds[True], kinds[False], race.stopwatch, race.calls)
    last = len(sizes(network.bert)[0]) - 1
    found = []
    for half in halves:
        of_layer = table.last if half.layer == last else table.inner
        seconds = of_layer.heads if half.is_attention else of_layer.neurons
        found.append(np.array([seconds[len(each.kept)] for each in half.snapshots]))
    return found, table.others
