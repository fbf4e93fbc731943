"""Masking of held-out text, the same whatever an encoder is trained with: losses of all runs can be compared."""

from collections.abc import Iterator

from mamebert.corpus.token_shards import TokenShards
from mamebert.objectives import Objective
from mamebert.objectives.data.batches import EpochOfBatches
from mamebert.objectives.data.pretraining_batch import PretrainingBatch

HELD_OUT_MASKS = {"mask_rate": 0.15, "mask_token_rate": 0.8, "random_token_rate": None, "mask_unit": "token"}
HELD_OUT_BATCH = 8192  # tokens


def held_out_batches(
    objective: Objective, shards: TokenShards, special: dict[str, int], num_tokens: int
) -> Iterator[PretrainingBatch]:
    """Yield batches of about `num_tokens` held-out tokens: the same for every run of these shards."""
    objective = objective.model_copy(update=HELD_OUT_MASKS)
    plan = EpochOfBatches(objective, shards, special, HELD_OUT_BATCH, seed=0, epoch=0)
    yield from (plan[number] for number in range(min(-(-num_tokens // HELD_OUT_BATCH), len(plan))))
