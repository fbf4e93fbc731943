"""Token vectors to one vector for each text (Reimers and Gurevych, 2019, section 3)."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import relu

from mamebert.checkpoints.sentence_transformers import Pooling
from mamebert.tasks._features import TaskBatch


class TextVectors(nn.Module):
    """One vector for each sequence of a batch: its tokens, perhaps convolved, pooled; [CLS] and [SEP] are tokens too.

    A convolution between tokens and pooling is that of Choi et al. (2021); their widths are not known, ours are a
    setting. Each width has `channels` outputs, which stand side by side.
    """

    def __init__(self, pooling: Pooling, width: int, cnn_widths: Sequence[int] = (), channels: int = 0) -> None:
        super().__init__()
        self.pooling = pooling
        self.convs = nn.ModuleList(nn.Conv1d(width, channels, each, padding="same") for each in cnn_widths)
        self.size = channels * len(cnn_widths) if cnn_widths else width

    def forward(self, reads: Tensor, batch: TaskBatch) -> Tensor:
        """Return [sequences, size] of reads [reads, width]."""
        states, visible = batch.padded(reads, batch.sequence_sizes)
        if self.convs:
            across = states.transpose(1, 2)  # padded with zeros, as the ends of the longest text are
            states = relu(torch.cat([conv(across) for conv in self.convs], 1)).transpose(1, 2)
        return pool(states, visible, self.pooling)


def pool(states: Tensor, visible: Tensor, pooling: Pooling) -> Tensor:
    """Return [texts, width] of states [texts, longest, width], of which those `visible` [texts, longest] are real."""
    if pooling == "cls":
        return states[:, 0]
    if pooling == "max":
        return states.masked_fill(~visible[..., None], -torch.inf).amax(1)
    return (states * visible[..., None]).sum(1) / visible.sum(1, keepdim=True)
