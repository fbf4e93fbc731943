"""What gives rise to doubt in how a fine-tuning went: too few steps, or a best epoch at either end."""

from collections.abc import Sequence

import numpy as np

from mamebert.results.labelled import SeedResult

FEW_STEPS = 100
"""A head and an encoder learn next to nothing in fewer: 300 sentences of CoNLL-2003 in 12 steps, entity F1 0.03."""


def doubts(seeds: Sequence[SeedResult]) -> list[str]:
    """Return a sentence for each doubt about the trainings of one model; as a rule none."""
    trained = [seed for seed in seeds if seed.num_steps]  # a convex fit takes no steps
    found = []
    if trained and (steps := min(seed.num_steps for seed in trained)) < FEW_STEPS:
        found.append(
            f"It took {steps} steps, and fewer than {FEW_STEPS} seldom teach anything. "
            "Raise training.epochs, or lower batch_rows."
        )
    several = [seed for seed in trained if len(seed.valid_by_epoch) > 1]
    if several and all(seed.best_epoch == _first(seed) for seed in several):
        found.append(
            "The first epoch validated best: what came after did harm, or nothing was learnt at all. "
            "Try a lower training.peak_lr, or more validation rows."
        )
    if several and all(map(_still_learns, several)):
        found.append(
            "The last epoch validated best, and the loss was still falling. Raise training.epochs, or training.peak_lr."
        )
    return found


def _first(seed: SeedResult) -> int:
    return seed.validated_epochs[0] if seed.validated_epochs else 1


def _still_learns(seed: SeedResult) -> bool:
    """Tell whether both the score and the loss were best at the end."""
    numbers, losses = seed.validated_epochs, seed.valid_loss_by_epoch
    return bool(numbers) and seed.best_epoch == numbers[-1] and int(np.argmin(losses)) == len(losses) - 1
