"""The cost of a step over one batch."""

import numpy as np

from mamebert.encoder.model import PretrainingNetwork
from mamebert.evaluation.cost.flops import step_flops
from mamebert.objectives.data.pretraining_batch import PretrainingBatch


def batch_flops(network: PretrainingNetwork, batch: PretrainingBatch, num_answers: int, reads_all: bool = False) -> int:
    """Return the floating-point operations of a step, matrix products only (evaluation/cost/flops.py).

    The last layer is computed at the tokens asked for and, where every pair of segments has one of `num_answers`
    answers, at each [CLS]; 0 is no such question. Or of all tokens, where they are read.
    """
    starts = np.concatenate([[0], np.cumsum(batch.packed.lengths)])
    chosen = np.diff(np.searchsorted(batch.chosen.cpu().numpy(), starts))
    return step_flops(
        network.bert.config,
        network.bert.vocab_size,
        batch.packed.lengths,
        np.diff(starts) if reads_all else chosen + int(num_answers > 0),
        num_chosen=len(batch.chosen),
        num_pairs=len(starts) - 1 if num_answers else 0,
        num_answers=num_answers,
        learns_output=network.cls.predictions.output_matrix.requires_grad,
    )
