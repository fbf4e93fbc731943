"""Scores of every word as the head of every other, and of relations between them (Dozat and Manning, 2017)."""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from mamebert.encoder.parts import Linear
from mamebert.tasks.data.features import TaskBatch, as_array
from mamebert.tasks.network.named_biaffine import Tree


class Parsed(NamedTuple):
    """What is known of sentences before a tree is chosen; word 0 of each is the root, the others count from 1."""

    arcs: Tensor
    """float32 [sentences, words, words]: how well the word of the last axis is the head of the one before it."""
    visible: Tensor
    """bool [sentences, words]: where a sentence has a word, the root included."""
    dependents: Tensor
    """float32 [rows, label_size + 1]: the roots and words of all sentences as those that depend, behind each a 1."""
    heads: Tensor
    """float32 [rows, label_size + 1]: the same as those on which others depend."""
    relations: Tensor
    """float32 [labels, label_size + 1, label_size + 1]: bilinear, linear and constant part of each relation's score."""

    def trees(self) -> list[Tree]:
        """Return the same in arrays, of each sentence by itself."""
        sizes = self.visible.sum(1).tolist()
        relations = as_array(self.relations)
        parts = (as_array(rows.split(sizes)[n]) for n in range(len(sizes)) for rows in (self.dependents, self.heads))
        return [
            Tree(as_array(arcs)[:size, :size], next(parts), next(parts), relations)
            for arcs, size in zip(self.arcs, sizes, strict=True)
        ]

    @property
    def words(self) -> Tensor:
        """Where there is a word that is no root: bool [sentences, words]."""
        return self.visible & (torch.arange(self.visible.shape[1], device=self.visible.device) > 0)

    def labels(self, heads: Tensor) -> Tensor:
        """Return float32 [all words, labels]: how well each relation fits between the words and these heads.

        `heads` are int64 [all words]: numbers within the sentences.
        """
        sizes = self.visible.sum(1)
        roots = torch.repeat_interleave(sizes.cumsum(0) - sizes, sizes - 1)
        dependents = self.dependents[self.words[self.visible]]
        return torch.einsum("wd,lde,we->wl", dependents, self.relations, self.heads[roots + heads])


class BiaffineHead(nn.Module):
    """s_ij = d_iᵀ U h_j + h_jᵀ u for arcs; the like with a matrix for each relation for labels."""

    def __init__(self, width: int, arc_size: int, label_size: int, num_labels: int, dropout: float) -> None:
        super().__init__()
        self.arc_dependent, self.arc_head = (_layer(width, arc_size, dropout) for _ in range(2))
        self.label_dependent, self.label_head = (_layer(width, label_size, dropout) for _ in range(2))
        # All scores equal at first: no head and no relation is favoured by chance.
        self.arc = nn.Parameter(torch.zeros(arc_size + 1, arc_size))
        self.relation = nn.Parameter(torch.zeros(num_labels, label_size + 1, label_size + 1))

    def forward(self, reads: Tensor, batch: TaskBatch) -> Parsed:
        """Return the scores; of each example's reads [reads, width] the first is the root, and then come words."""
        words = pooled(reads, batch)
        sizes = [1 + len(each.notes.sizes) for each in batch.features]
        dependents, visible = batch.padded(_with_one(self.arc_dependent(words)), sizes)
        heads, _ = batch.padded(self.arc_head(words), sizes)
        arcs = torch.einsum("bwd,de,bve->bwv", dependents, self.arc, heads)
        itself = torch.eye(arcs.shape[1], dtype=torch.bool, device=arcs.device)
        arcs = arcs.masked_fill(~visible[:, None] | itself, -torch.inf)
        of_label = _with_one(self.label_dependent(words)), _with_one(self.label_head(words))
        return Parsed(arcs, visible, *of_label, self.relation)


def pooled(reads: Tensor, batch: TaskBatch) -> Tensor:
    """Return one row for each root and each word: the mean of what is read of it."""
    sizes = torch.from_numpy(np.concatenate([[1, *each.notes.sizes] for each in batch.features])).to(reads.device)
    if len(sizes) == len(reads):
        return reads
    owner = torch.repeat_interleave(torch.arange(len(sizes), device=reads.device), sizes)
    sums = torch.zeros(len(sizes), reads.shape[1], dtype=reads.dtype, device=reads.device).index_add(0, owner, reads)
    return sums / sizes[:, None]


def _layer(width: int, size: int, dropout: float) -> nn.Module:
    return nn.Sequential(Linear(width, size), nn.LeakyReLU(0.1), nn.Dropout(dropout))


def _with_one(vectors: Tensor) -> Tensor:
    return torch.cat([vectors, torch.ones_like(vectors[..., :1])], -1)
