"""What pretraining does where the settings say nothing: by the size of an encoder that begins with new weights.

What is given always wins, and an encoder with a `start` keeps what that has. With BERT-base's values small encoders
stay bags of words. The measurements behind each number are in docs/lab.md (2026-11-30).
"""

from math import sqrt
from typing import Any

from mamebert.encoder.first_positions import PositionEmbeddings, can_look_at_neighbours
from mamebert.encoder.settings import EncoderConfig
from mamebert.objectives import Objective
from mamebert.training.settings import Training

FIRST_WEIGHTS = 0.55
"""Standard deviation of first weights times the root of the width: 0.02 at BERT-base's 768, 0.049 at 128. With 0.02
there attention has scores of about nothing, and new word vectors are short beside positions."""
MASK_RATE = 0.4
"""Share of the tokens asked for: with BERT's 0.15 small encoders learn order in three times the steps."""
RATE, LOWEST_RATE, HIGHEST_RATE = 0.256, 1e-3, 2e-3
"""Peak learning rate times the width, and its bounds: AdamW learns at 2e-3 with a width of 128, and stuck with 256."""


def decide(
    encoder: EncoderConfig,
    objective: Objective,
    positions: PositionEmbeddings | None,
    training: Training,
    words_are_new: bool,
) -> dict[str, dict[str, Any]]:
    """Return values for what the settings of new weights leave open, by group.

    `words_are_new` tells that word embeddings are drawn too; `positions` is None where nothing is said of them.
    """
    found: dict[str, dict[str, Any]] = {name: {} for name in ("encoder", "objective", "positions", "training")}
    if not encoder.is_small:
        return found
    found["encoder"] = _open(encoder, hidden_dropout_prob=0.0)
    begins_near = positions is None and can_look_at_neighbours(encoder) and not encoder.is_decoder
    if encoder.positions == "rotary" or (begins_near and words_are_new):
        found["encoder"] |= _open(encoder, initializer_range=first_weights(encoder.hidden_size))
    if objective.asks_small_for_more and objective.last_mask_rate is None:
        found["objective"] = _open(objective, mask_rate=MASK_RATE)
    if begins_near:
        found["positions"] = {"init": "sinusoidal", "heads": "neighbours", "frozen": words_are_new}
    found["training"] = _open(training, peak_lr=peak_lr(encoder.hidden_size))
    return found


def first_weights(width: int) -> float:
    """Return the standard deviation of first weights where nothing else lets attention begin, to three digits."""
    return round(FIRST_WEIGHTS / sqrt(width), 3)


def peak_lr(width: int) -> float:
    """Return the highest learning rate."""
    return min(HIGHEST_RATE, max(LOWEST_RATE, RATE / width))


def _open(settings: EncoderConfig | Objective | Training, **values: Any) -> dict[str, Any]:
    return {name: value for name, value in values.items() if name not in settings.model_fields_set}
