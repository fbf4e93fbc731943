"""What a head gets of an encoder: hidden states of some layers, joined."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence, pad_sequence

from mamebert.encoder.model import Encoder
from mamebert.encoder.packing import Packed
from mamebert.encoder.readings import Reading
from mamebert.encoder.settings import EncoderConfig


class Reader(nn.Module):
    """Hidden states of some layers to what a head gets; a layer that the encoder lacks is a UserError."""

    def __init__(self, reading: Reading, shape: EncoderConfig) -> None:
        super().__init__()
        self.numbers = reading.numbers(shape.num_hidden_layers)
        self.over_tokens = reading.lstm_over == "tokens"
        """Whether all tokens are gathered, for an LSTM to go along, and what is asked for is read behind it (`at`)."""
        self.tokens = reading.read_of_layers
        self.last_alone = self.numbers == [shape.num_hidden_layers] and (self.over_tokens or self.tokens == "asked")
        self.width = reading.width(shape)
        if reading.join == "weighted_sum":
            self.scores = nn.Parameter(torch.zeros(len(self.numbers)))
            self.gamma = nn.Parameter(torch.ones(()))
        if reading.lstm_size:
            self.lstm = nn.LSTM(self.width, reading.lstm_size, 2, batch_first=True, bidirectional=True)
            self.width = 2 * reading.lstm_size

    def gather(self, bert: Encoder, batch: Packed, places: Tensor) -> Tensor:
        """Return [places, layers, hidden_size] in float32: the part that does not learn when the encoder does not."""
        if self.last_alone:
            last: Tensor = bert(batch, places)
            return last.float()[:, None]
        states = list(bert.hidden_states(batch))
        return self.pick(states, batch, places)

    def pick(self, states: Sequence[Tensor], batch: Packed, places: Tensor) -> Tensor:
        """Return [places, layers, hidden_size] in float32 of the hidden states [tokens, hidden_size] of all layers."""
        return torch.stack([self.of_tokens(states[number], batch, places) for number in self.numbers], 1).float()

    def of_tokens(self, states: Tensor, batch: Packed, places: Tensor) -> Tensor:
        """Return the rows of [tokens, ...] at `places`, or what stands for the sequence or the pair of each place."""
        if self.tokens == "asked" or self.over_tokens:
            return states[places]
        if self.tokens == "mean":
            return _means(states, batch.starts, places)
        owners = _owners(batch.starts)
        means = _mean_of_each(states, owners * 2 + batch.segments, 2 * len(batch.lengths)).unflatten(0, (-1, 2))
        first, second = means[owners[places]].unbind(1)
        return torch.cat([first, second, (first - second).abs(), first * second], -1)

    def at(self, states: Tensor, starts: Tensor, places: Tensor) -> Tensor:
        """Return what is read at `places`, or means, of the states [tokens, width] of an LSTM over all tokens.

        `starts` [sequences + 1] is where each sequence begins, and the end.
        """
        return _means(states, starts, places) if self.tokens == "mean" else states[places]

    def forward(self, gathered: Tensor, counts: Sequence[int]) -> Tensor:
        """Return [reads, width]; `counts` are the reads of each example, which an LSTM goes along."""
        if hasattr(self, "scores"):
            joined = self.gamma * torch.einsum("l,rlh->rh", self.scores.softmax(0), gathered)
        else:
            joined = gathered.flatten(1)
        return self._run_along(joined, counts) if hasattr(self, "lstm") else joined

    def _run_along(self, reads: Tensor, counts: Sequence[int]) -> Tensor:
        padded = pad_sequence(list(reads.split(list(counts))), batch_first=True)
        packed = pack_padded_sequence(padded, torch.tensor(counts), batch_first=True, enforce_sorted=False)
        states, _ = pad_packed_sequence(self.lstm(packed)[0], batch_first=True)
        return torch.cat([rows[:count] for rows, count in zip(states, counts, strict=True)])


def _means(states: Tensor, starts: Tensor, places: Tensor) -> Tensor:
    """Return for each place the mean of [tokens, ...] over the sequence it lies in."""
    owners = _owners(starts)
    return _mean_of_each(states, owners, len(starts) - 1)[owners[places]]


def _owners(starts: Tensor) -> Tensor:
    """Return int64 [tokens]: the sequence of each."""
    return torch.repeat_interleave(torch.arange(len(starts) - 1, device=starts.device), starts.diff())


def _mean_of_each(states: Tensor, owners: Tensor, number: int) -> Tensor:
    """Return float32 [number, ...]: the mean of the rows of each owner, 0 where one has none."""
    counts = owners.bincount(minlength=number).clamp(min=1)
    sums = states.new_zeros(number, *states.shape[1:], dtype=torch.float32).index_add(0, owners, states.float())
    return sums / counts.view(-1, *[1] * (states.ndim - 1))
