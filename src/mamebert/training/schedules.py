"""The learning rate at a step: it rises in the warm-up, and then falls to zero in one of several ways."""

from math import cos, pi, sqrt

from mamebert.training.settings import Training


def share_of_peak(step: int, total: int, settings: Training) -> float:
    """Return the learning rate at `step` (counted from 0) of `total`, as a share of the peak rate.

    The warm-up meets what follows without the small jump that BERT's own code makes there. Steps beyond `total`,
    which is an estimate where a training is as long as so many epochs, have rate 0.
    """
    warmup = round(total * settings.warmup_rate)
    if step < warmup:
        return (step + 1) / warmup
    falling = total - warmup
    if settings.schedule == "warmup_stable_decay":
        falling = round(total * settings.decay_rate)
    left = min(1.0, max(0, total - step) / max(1, falling))
    match settings.schedule:
        case "linear":
            return left
        case "cosine":
            return (1 - cos(pi * left)) / 2
        case "warmup_stable_decay":
            return 1 - sqrt(1 - left)
