"""Matrix products of one text (evaluation/cost/flops.py), from the network and its texts."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from mamebert.compression.goals import TaskGoal
from mamebert.encoder.model import PretrainingNetwork
from mamebert.encoder.packing import Packed
from mamebert.evaluation.cost.flops import forward_flops
from mamebert.kernels import torch_only
from mamebert.tasks.data.features import FIRST, Features, pack
from mamebert.tasks.network.task_network import TaskNetwork


def task_flops(network: Any, goal: TaskGoal, features: Sequence[Features]) -> int:
    """Return the mean floating-point operations of an example; of a graph, those of the network it was made from.

    The encoder's are those of its shape; a graph computes the last layer whole. The head's are counted by torch while
    it runs; recurrent layers, which torch does not count, are left out.
    """
    shape, size = network.bert.config, network.bert.vocab_size
    is_graph = not isinstance(network, TaskNetwork)
    ours = goal.network(shape, size) if is_graph else network
    batch = pack(features, range(len(features)))
    lengths = list(batch.packed.lengths)
    read_of = ours.gathered_of(batch)
    starts = torch.searchsorted(read_of.places, batch.packed.starts)
    read = starts.diff().numpy() if ours.reader.last_alone and not is_graph else lengths
    gathered = torch.zeros(len(read_of.places), len(ours.reader.numbers), shape.hidden_size)
    encoder = _bottleneck_flops(ours.bert, features) if shape.bottleneck else forward_flops(shape, lengths, read)
    return (encoder + _counted(lambda: ours.conclude(gathered, batch))) // len(features)


def words_flops(network: Any, lengths: Sequence[int]) -> int:
    """Return the mean floating-point operations of guessing one masked word in a text of these numbers of tokens."""
    shape, number = network.bert.config, len(lengths)
    read = [1] * number if isinstance(network, PretrainingNetwork) else lengths
    narrow = shape.embedding_width
    words = [(number, shape.hidden_size, narrow), (number, narrow, network.bert.vocab_size)]
    if shape.bottleneck:
        sequences = [Features([np.zeros(length, np.int64)], [FIRST]) for length in lengths]
        head = _counted(lambda: network.cls.predictions(torch.zeros(number, shape.hidden_size)))
        return (_bottleneck_flops(network.bert, sequences) + head) // number
    return forward_flops(shape, lengths, read, words) // number


def _bottleneck_flops(bert: Any, features: Sequence[Features]) -> int:
    """Count a pass whose layers no formula of ours has; each sequence by itself, for padding would be counted."""
    batches = [Packed.of([sequence]) for each in features for sequence in each.sequences]
    return _counted(lambda: [bert(batch) for batch in batches])


def _counted(call: Callable[[], object]) -> int:
    """Return the floating-point operations of the products that torch does in a call."""
    # With gradients, for answers without them take kernels that pad their rows, and that torch does not count.
    with torch.enable_grad(), torch_only(), sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        call()
    return int(counter.get_total_flops())
