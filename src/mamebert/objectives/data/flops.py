"""The cost of a step over one batch."""

import numpy as np

from mamebert.encoder.model import PretrainingNetwork
from mamebert.evaluation.cost.flops import step_flops
from mamebert.objectives import Objective, PretrainingBatch


def batch_flops(network: PretrainingNetwork, batch: PretrainingBatch, objective: Objective) -> int:
    """Return the floating-point operations of a step, matrix products only (evaluation/cost/flops.py).

    The last layer is computed at the tokens asked for and, where the objective has sentence pairs, at each [CLS]; or
    of all tokens, where it reads them.
    """
    starts = np.concatenate([[0], np.cumsum(batch.packed.lengths)])
    chosen = np.diff(np.searchsorted(batch.chosen.cpu().numpy(), starts))
    asks_pairs = objective.has_sentence_pairs
    return step_flops(
        network.bert.config,
        network.bert.vocab_size,
        batch.packed.lengths,
        np.diff(starts) if objective.reads_all_tokens else chosen + int(asks_pairs),
        num_chosen=len(batch.chosen),
        num_pairs=len(starts) - 1 if asks_pairs else 0,
        learns_output=network.cls.predictions.output_matrix.requires_grad,
    )
