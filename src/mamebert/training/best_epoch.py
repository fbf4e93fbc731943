"""One loop for whatever learns in epochs: steps, validation, and the weights of the epoch that validated best."""

from collections.abc import Callable, Iterable, Sequence

import numpy as np
from torch import Tensor, nn

from mamebert.progress import Meter, say
from mamebert.training.interruption import stop_between_steps
from mamebert.training.loop import Step


def best_of(scores: Sequence[float], losses: Sequence[float] = ()) -> int:
    """Return the number, from 1, of the highest score; of equals that with the lowest loss, and then the first.

    A score or a loss that cannot be told is the worst.
    """
    highest = np.nan_to_num(scores, nan=-np.inf, posinf=np.inf, neginf=-np.inf)
    lowest = np.nan_to_num(losses, nan=np.inf, posinf=np.inf, neginf=-np.inf) if losses else np.zeros(len(highest))
    return int(np.lexsort((lowest, -highest))[0]) + 1


class BestEpoch:
    """Remembers what the network was after the epoch that validated best."""

    def __init__(self, network: nn.Module, unchanging: Iterable[str] = ()) -> None:
        self.network, self.unchanging = network, set(unchanging)
        """Names of the weights that no step changes, of which no copy is needed."""
        self.scores: list[float] = []
        self.losses: list[float] = []
        self._weights: dict[str, Tensor] = {}

    @property
    def number(self) -> int:
        """Of the best epoch so far, from 1."""
        return best_of(self.scores, self.losses)

    def judge(self, score: float, loss: float = 0.0) -> bool:
        """Count the score of an epoch that has just ended; return whether it is the best so far.

        A score of few rows is often the same in several epochs; the lower `loss` tells then which is surer.
        """
        self.scores.append(score)
        self.losses.append(loss)
        is_best = self.number == len(self.scores)
        if is_best:
            weights = self.network.state_dict()
            self._weights = {name: w.detach().clone() for name, w in weights.items() if name not in self.unchanging}
        return is_best

    def restore(self) -> None:
        """Give the network the weights of the best epoch; where none was judged, it stays as it is."""
        if self._weights:
            self.network.load_state_dict(self._weights, strict=not self.unchanging)


def run_epochs(
    title: str,
    expected_steps: int,
    epochs: Iterable[int],
    steps_of: Callable[[int, int], Iterable[Step]],
    is_enough: Callable[[int, int], bool],
    describe: Callable[[Step], str],
    max_steps: int = 0,
    farewell: str = "",
) -> None:
    """Take the steps of epoch after epoch, until an epoch is the last one or is enough; SIGTERM ends it between steps.

    `steps_of` an epoch, and of the number of steps taken before, yields its steps. `is_enough` is asked after each
    epoch, with the steps taken, and validates. `max_steps` may end an epoch early; 0 is no limit.
    """
    done = 0
    with Meter(title, expected_steps, "steps") as meter, stop_between_steps() as stopping:
        for epoch in epochs:
            for step in steps_of(epoch, done):
                done = step.number
                meter.advance(1, describe(step))
                if stopping.asked:
                    if farewell:
                        say(farewell)
                    stopping.raise_if_requested()
                if done == max_steps:
                    break
            if is_enough(epoch, done):
                break
