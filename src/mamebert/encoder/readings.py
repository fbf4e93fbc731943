"""Readings of an encoder: its last layer, or several layers joined, with or without an LSTM on top.

The feature-based way of using BERT (Devlin et al., 2019, section 5.3; the weighted sum is ELMo's, Peters et al., 2018),
and the BiLSTM that its ablation puts on top of an encoder that reads from left to right (Table 5, "+ BiLSTM").
"""

from collections.abc import Sequence
from typing import ClassVar, Literal, Self

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence, pad_sequence

from mamebert.config import Config
from mamebert.encoder.model import Encoder
from mamebert.encoder.packing import Packed
from mamebert.encoder.settings import EncoderConfig
from mamebert.errors import UserError

PARTS_OF_A_PAIR = 4
"""Vectors that stand side by side where a pair is read."""


class Reading(Config):
    """Which hidden states a head gets, and what becomes of them before."""

    newer: ClassVar[tuple[str, ...]] = ("lstm_over",)

    layers: list[int] | Literal["all"] = Field(default=[-1], min_length=1)
    """Layers that are read: 0 is the embeddings, 1 the first layer, -1 the last; "all" takes every one."""
    join: Literal["concat", "weighted_sum"] = "concat"
    """Several layers stand side by side, or are added with weights that are learnt: gamma * sum softmax(s)_l h_l."""
    tokens: Literal["asked", "mean", "pair"] | None = None
    """What of a layer is read: the tokens that the task asks for, [CLS] of a text; or, for tasks that read texts, the
    mean of all tokens of a sequence, which of plain transformers' classes only ModernBERT's know; or of a pair of texts
    the mean of each, how far they are apart in each dimension, and their product (Conneau et al., 2017), which none
    knows. Unset, the tokens that the task asks for, but of pairs all that where `finetune` starts from a small encoder
    without segments."""
    lstm_size: int = Field(default=0, ge=0)
    """Width, in each direction, of a two-layer BiLSTM over what is read of an example; 0 is none."""
    lstm_over: Literal["reads", "tokens"] = "reads"
    """What the BiLSTM goes along: what the task asks for, of a text its [CLS] or mean alone; or all tokens of each
    sequence, and the task then gets its states there, or their mean. So [CLS] sees a text that was read from left to
    right (BERT's ablation: Devlin et al., 2019, Table 5)."""

    @model_validator(mode="after")
    def _there_is_an_lstm(self) -> Self:
        if self.lstm_over != "reads" and not self.lstm_size:
            raise ValueError(
                "reading.lstm_over belongs to a BiLSTM. Set reading.lstm_size, such as 128, or leave it out."
            )
        if self.lstm_size and self.tokens == "pair":
            raise ValueError("reading.tokens=pair is read of layers, without a BiLSTM. Leave one of the two out.")
        return self

    @property
    def sees_all(self) -> bool:
        """Whether what is read of a text has seen all of it, in an encoder that reads from left to right too."""
        return self.tokens in ("mean", "pair") or self.lstm_over == "tokens"

    @property
    def read_of_layers(self) -> Literal["asked", "mean", "pair"]:
        """`tokens`, also where they were left open."""
        return self.tokens or "asked"

    @property
    def is_last(self) -> bool:
        """Whether the head gets the last layer as it is."""
        return self.layers == [-1] and not self.lstm_size and self.read_of_layers == "asked"

    def is_plain(self, shape: EncoderConfig) -> bool:
        """Tell whether a class of plain transformers reads an encoder so.

        All read the last layer as it is; ModernBERT's put their prediction head over a mean of it as well.
        """
        of_means = self.read_of_layers == "mean" and shape.has_prediction_head
        return self.is_last or (of_means and self.layers == [-1] and not self.lstm_size)


class Reader(nn.Module):
    """Hidden states of some layers to what a head gets; a layer that the encoder lacks is a UserError."""

    def __init__(self, reading: Reading, shape: EncoderConfig) -> None:
        super().__init__()
        self.numbers = _layer_numbers(reading, shape.num_hidden_layers)
        self.over_tokens = reading.lstm_over == "tokens"
        """Whether all tokens are gathered, for an LSTM to go along, and what is asked for is read behind it (`at`)."""
        self.tokens = reading.read_of_layers
        self.last_alone = self.numbers == [shape.num_hidden_layers] and (self.over_tokens or self.tokens == "asked")
        self.is_plain = self.last_alone and reading.join == "concat" and not reading.lstm_size
        """Whether what is read of a token is its last hidden state."""
        size = PARTS_OF_A_PAIR * shape.hidden_size if self.tokens == "pair" else shape.hidden_size
        self.width = size * (len(self.numbers) if reading.join == "concat" else 1)
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
        sides = _owners(batch.starts) * 2 + batch.segments
        means = _mean_of_each(states, sides, 2 * len(batch.lengths)).unflatten(0, (-1, 2))
        first, second = means[_owners(batch.starts)[places]].unbind(1)
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


def _layer_numbers(reading: Reading, num_layers: int) -> list[int]:
    if reading.layers == "all":
        return list(range(num_layers + 1))
    wrong = [n for n in reading.layers if not -num_layers - 1 <= n <= num_layers]
    if wrong:
        raise UserError(
            f"reading.layers names layer {wrong[0]}, and the encoder has {num_layers}. "
            f"Choose from 0 (the embeddings) to {num_layers}, or from -1 (the last) to {-num_layers - 1}."
        )
    return [n % (num_layers + 1) for n in reading.layers]
