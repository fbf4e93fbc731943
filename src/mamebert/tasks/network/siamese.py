"""Texts read one by one by the same network, and losses that say how near their vectors should be."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import cosine_similarity, cross_entropy, normalize

from mamebert.encoder.parts import Linear
from mamebert.tasks.data.features import TaskBatch
from mamebert.tasks.data.text_vectors import Found
from mamebert.tasks.network.pooling import TextVectors


class SiameseHead(nn.Module):
    """A vector for each text; of two texts u and v perhaps also W [u; v; |u - v|] (Reimers and Gurevych, 2019)."""

    def __init__(self, vectors: TextVectors, num_labels: int) -> None:
        super().__init__()
        self.vectors = vectors
        self.classifier = Linear(3 * vectors.size, num_labels, bias=False) if num_labels else None

    def forward(self, reads: Tensor, batch: TaskBatch) -> Found:
        """Return the vectors of reads [reads, width], and the logits of pairs."""
        vectors = self.vectors(reads.float(), batch)
        if not self.classifier:
            return Found(vectors, None)
        numbers = torch.tensor(batch.num_sequences)
        first = (numbers.cumsum(0) - numbers)[numbers == 2].to(vectors.device)
        return Found(vectors, self.classifier(compared(vectors[first], vectors[first + 1])))


def compared(u: Tensor, v: Tensor) -> Tensor:
    """Return [u; v; |u - v|], [pairs, 3 size]."""
    return torch.cat([u, v, (u - v).abs()], 1)


def cosine_losses(u: Tensor, v: Tensor, targets: Tensor) -> Tensor:
    """Return for each pair the squared difference of its cosine and its target."""
    return (cosine_similarity(u, v) - targets.to(u)) ** 2


def ranking_losses(u: Tensor, v: Tensor, keys: Sequence[bytes], scale: float) -> Tensor:
    """Return for each pair the cross entropy in nats of finding v_i by u_i among all v (Henderson et al., 2017).

    Logits are `scale` times the cosines. A v whose key is that of v_i is the same text, and no wrong answer.
    """
    logits = scale * normalize(u) @ normalize(v).T
    number = {key: i for i, key in enumerate(dict.fromkeys(keys))}
    kinds = torch.tensor([number[key] for key in keys], device=u.device)
    own = torch.arange(len(keys), device=u.device)
    same = (kinds[:, None] == kinds) & (own[:, None] != own)
    return cross_entropy(logits.masked_fill(same, -torch.inf), own, reduction="none")
