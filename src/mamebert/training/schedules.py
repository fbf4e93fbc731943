"""The learning rate at a step."""


def warmup_then_linear(step: int, total: int, warmup_rate: float) -> float:
    """Return the share of the peak rate at `step` (counted from 0) of `total`.

    It rises to 1 within the warm-up and falls to 0 at the end, without the small jump that BERT's own
    code makes where the two meet.
    """
    warmup = round(total * warmup_rate)
    if step < warmup:
        return (step + 1) / warmup
    return max(0.0, (total - step) / max(1, total - warmup))
