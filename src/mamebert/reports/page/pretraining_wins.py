"""Many sets of labelled rows at once: on how many a pretrained encoder is ahead, and of what."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from mamebert.reports.readings.finetunings import Task
from mamebert.reports.readings.outcomes import Outcome
from mamebert.reports.readings.who_is_ahead import who_is_ahead
from mamebert.reports.text.blocks import Fact


class Wins(NamedTuple):
    """The names of the sets on which the pretrained encoder is ahead, behind, or neither can be told."""

    ahead: list[str]
    behind: list[str]
    untold: list[str]

    @property
    def num_sets(self) -> int:
        """Return the number of sets that were compared."""
        return sum(map(len, self))


def over_random(task: Task) -> Outcome | None:
    """Return the best encoder's shape trained from random weights."""
    return task.twin(task.best_encoder) if task.best_encoder else None


def over_baseline(task: Task) -> Outcome | None:
    """Return the strongest baseline."""
    return task.best_baseline


OTHERS: dict[str, Callable[[Task], Outcome | None]] = {
    "the same shape from random weights": over_random,
    "the best simple baseline": over_baseline,
}


def count_wins(tasks: Sequence[Task], other: Callable[[Task], Outcome | None]) -> Wins:
    """Return how the best encoder of each task stands against another."""
    wins = Wins([], [], [])
    for task in tasks:
        best, peer = task.best_encoder, other(task)
        if best and peer:
            found = who_is_ahead(best, peer, task.chance(best, peer))
            (wins.untold if found.doubt else wins.ahead if found.ahead is best else wins.behind).append(task.name)
    return wins


def sentences_on_all(tasks: Sequence[Task]) -> list[str]:
    """Return one sentence against each kind of other."""
    kinds = len({task.kind for task in tasks})
    told = [f"{len(tasks)} sets of labelled rows, {kinds} kind{'s' if kinds > 1 else ''} of task."]
    for name, other in OTHERS.items():
        wins = count_wins(tasks, other)
        if wins.num_sets:
            behind = f", behind on {len(wins.behind)} ({', '.join(wins.behind)})" if wins.behind else ""
            untold = f", and cannot be told from it on {len(wins.untold)}" if wins.untold else ""
            told.append(
                f"Against {name}, the pretrained encoder is ahead on {len(wins.ahead)} of {wins.num_sets} sets"
                f"{behind}{untold}."
            )
    return told


def facts_on_all(tasks: Sequence[Task]) -> list[Fact]:
    """Return the counts as headline numbers."""
    found = []
    for name, other in OTHERS.items():
        wins = count_wins(tasks, other)
        if wins.num_sets:
            told = f"{len(wins.behind)} behind, {len(wins.untold)} cannot be told"
            found.append(Fact(f"Pretrained ahead of {name}", f"{len(wins.ahead)} of {wins.num_sets} sets", told))
    return found
