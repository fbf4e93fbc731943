"""Hidden states of an encoder that does not learn: computed once for each example and kept."""

from collections.abc import Mapping, Sequence
from time import monotonic
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from mamebert.progress import say
from mamebert.tasks.data.batching import batches
from mamebert.tasks.data.features import Features, TaskBatch, pack
from mamebert.tasks.network.task_network import TaskNetwork


class HasFeatures(Protocol):
    """Examples as the network reads them."""

    @property
    def features(self) -> Sequence[Features]:
        """The examples."""


class HiddenStates:
    """What a head reads of examples, in float32, without dropout."""

    @torch.no_grad()
    def __init__(self, network: TaskNetwork, features: Sequence[Features], batch_tokens: int = 16_384) -> None:
        started = monotonic()
        network.eval()
        self.network = network
        self.ends = np.cumsum([_num_reads(network, each) for each in features])
        order = np.argsort([-each.num_tokens for each in features], kind="stable").tolist()
        reader, width = network.reader, network.bert.config.hidden_size
        self.table = torch.empty(int(self.ends[-1]), len(reader.numbers), width, device=network.device)
        for rows in batches(features, order, batch_tokens):
            batch = pack(features, rows).to(network.device)
            self.table[self._places(batch)] = network.gather(batch)
        self.seconds = monotonic() - started

    def gather(self, batch: TaskBatch) -> Tensor:
        """Return what `TaskNetwork.gather` does: [reads, layers, hidden_size] in the order of the examples."""
        return self.table[self._places(batch)]

    def _places(self, batch: TaskBatch) -> Tensor:
        counts = np.array(self.network.gathered_of(batch).counts)
        # Every run of places begins where the one before ends; what is added moves it to its own beginning.
        moved = self.ends[batch.rows] - np.cumsum(counts)
        return torch.from_numpy(np.repeat(moved, counts) + np.arange(counts.sum())).to(self.table.device)


def keep_hidden_states(network: TaskNetwork, parts: Mapping[str, HasFeatures], most: int) -> dict[str, HiddenStates]:
    """Return the hidden states of parts, one after the other as long as all fit into `most` bytes; it is told."""
    each = 4 * len(network.reader.numbers) * network.bert.config.hidden_size
    kept: dict[str, HiddenStates] = {}
    left_out = []
    for name, part in parts.items():
        size = each * sum(_num_reads(network, features) for features in part.features)
        if size <= most:
            kept[name] = HiddenStates(network, part.features)
            most -= size
        else:
            left_out.append(f"{name} ({size / 1e6:,.0f} MB)")
    if left_out:
        say(
            "Hidden states of some parts do not fit into learning.cache_bytes and are computed each time: "
            + ", ".join(left_out)
        )
    return kept


def _num_reads(network: TaskNetwork, features: Features) -> int:
    return features.num_tokens if network.reader.over_tokens else sum(map(len, features.places))
