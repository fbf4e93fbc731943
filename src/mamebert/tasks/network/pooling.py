"""Token vectors to one vector for each text (Reimers and Gurevych, 2019, section 3)."""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

import torch
from torch import Tensor, nn
from torch.nn.functional import gelu, relu
from torch.nn.functional import normalize as to_unit_length

from mamebert.checkpoints.sentence_transformers import Dense, PoolingMode
from mamebert.tasks.data.features import TaskBatch

BENDS: Mapping[str, Callable[[Tensor], Tensor]] = MappingProxyType(
    {"identity": lambda x: x, "tanh": torch.tanh, "relu": relu, "gelu": gelu, "sigmoid": torch.sigmoid}
)


class TextVectors(nn.Module):
    """One vector for each sequence of a batch: its tokens, perhaps convolved, pooled; [CLS] and [SEP] are tokens too.

    A convolution between tokens and pooling is that of Choi et al. (2021); their widths are not known, ours are a
    setting. Each width has `channels` outputs, which stand side by side, as do the vectors of several ways of pooling.
    What follows is as in `sentence-transformers`: linear layers, and the length 1.
    """

    def __init__(
        self,
        pooling: PoolingMode | Sequence[PoolingMode],
        width: int,
        cnn_widths: Sequence[int] = (),
        channels: int = 0,
        dense: Sequence[Dense] = (),
        normalize: bool = False,
    ) -> None:
        super().__init__()
        self.pooling: list[PoolingMode] = [pooling] if isinstance(pooling, str) else list(pooling)
        self.normalize = normalize
        self.convs = nn.ModuleList(nn.Conv1d(width, channels, each, padding="same") for each in cnn_widths)
        self.size = (channels * len(cnn_widths) if cnn_widths else width) * len(self.pooling)
        self.dense = nn.ModuleList()
        for each in dense:
            self.dense.append(Bent(self.size, each))
            self.size = each.out_features

    def forward(self, reads: Tensor, batch: TaskBatch) -> Tensor:
        """Return [sequences, size] of reads [reads, width]."""
        states, visible = batch.padded(reads, batch.sequence_sizes)
        if self.convs:
            across = states.transpose(1, 2)  # padded with zeros, as the ends of the longest text are
            states = relu(torch.cat([conv(across) for conv in self.convs], 1)).transpose(1, 2)
        vectors = torch.cat([pool(states, visible, mode) for mode in self.pooling], 1)
        for layer in self.dense:
            vectors = layer(vectors)
        return to_unit_length(vectors) if self.normalize else vectors


class Bent(nn.Module):
    """A linear layer and what bends it, under the names of the library's module."""

    def __init__(self, in_features: int, dense: Dense) -> None:
        super().__init__()
        self.linear = nn.Linear(in_features, dense.out_features, dense.bias)
        self.activation = BENDS[dense.activation]

    def forward(self, vectors: Tensor) -> Tensor:
        """Return [texts, out_features]."""
        return self.activation(self.linear(vectors))


def pool(states: Tensor, visible: Tensor, pooling: PoolingMode) -> Tensor:
    """Return [texts, width] of states [texts, longest, width], of which those `visible` [texts, longest] are real."""
    match pooling:
        case "cls":
            return states[:, 0]
        case "lasttoken":
            return states[torch.arange(len(states), device=states.device), visible.sum(1) - 1]
        case "max":
            return states.masked_fill(~visible[..., None], -torch.inf).amax(1)
        case "mean":
            return (states * visible[..., None]).sum(1) / visible.sum(1, keepdim=True)
        case "mean_sqrt_len_tokens":
            return (states * visible[..., None]).sum(1) / visible.sum(1, keepdim=True).sqrt()
        case "weightedmean":  # the n-th token counts n times (Muennighoff, 2022)
            weights = visible.cumsum(1) * visible
            return (states * weights[..., None]).sum(1) / weights.sum(1, keepdim=True)
