"""What a head gets of an encoder, in arrays: `tasks/network/reader.py` is the same for what learns."""

from collections.abc import Iterator, Mapping
from typing import Any, Literal, NamedTuple, Self

import numpy as np

from mamebert.encoder.named.one_call import in_one_call
from mamebert.encoder.named.parameters import Shapes
from mamebert.encoder.readings import Reading
from mamebert.encoder.settings import EncoderConfig
from mamebert.kernels.packed_encoder import Ints, PackedEncoder
from mamebert.kernels.ready_weights import Floats, floats_of

SCORES, GAMMA = "reader.scores", "reader.gamma"
"""The weights of a weighted sum, by their names."""


class ReadyReading(NamedTuple):
    """Hidden states of some layers, or means of them, joined."""

    numbers: list[int]
    """The layers, of which 0 are the embeddings."""
    tokens: Literal["asked", "mean", "pair"]
    factors: Floats | None
    """[layers]: what each counts in a sum; None where they stand side by side."""
    is_last_state: bool
    """Whether what is read of a token is its last hidden state."""

    @classmethod
    def of(cls, reading: Reading, config: EncoderConfig, weights: Mapping[str, Any]) -> Self | None:
        """Return a reading with its weights among `weights`; None where it has an LSTM."""
        if reading.lstm_size:
            return None
        factors = None
        if reading.join == "weighted_sum":
            scores, gamma = floats_of(weights[SCORES]), floats_of(weights[GAMMA])
            if scores is None or gamma is None:
                return None
            shares = np.exp(scores - scores.max())
            factors = gamma * shares / shares.sum()
        depth = config.num_hidden_layers
        return cls(reading.numbers(depth), reading.read_of_layers, factors, reading.is_last_state(depth))

    def __call__(
        self,
        packed: PackedEncoder,
        about: tuple[EncoderConfig, int],
        batch: tuple[Ints, Ints, Ints],
        places: Ints,
        order: Ints,
    ) -> Floats | None:
        """Return [reads, width] of the tokens at rising `places` [reads], in the `order` [reads]; as `in_one_call`."""
        ids, segments, starts = batch
        asked = places if self.tokens == "asked" and len(places) < len(ids) else None
        states = in_one_call(packed, about, batch, asked, layers=self.numbers)
        if states is None:
            return None
        if self.tokens == "asked":
            found = states.transpose(1, 0, 2)[order]
        else:
            owners = np.searchsorted(starts, places[order], "right") - 1
            each = _means(states, starts) if self.tokens == "mean" else _pairs(states, segments, starts)
            found = each[owners]
        return found.reshape(len(found), -1) if self.factors is None else np.einsum("l,rlh->rh", self.factors, found)


def reading_shapes(reading: Reading, config: EncoderConfig) -> Shapes:
    """Return the shapes of a reading's weights, by their names."""
    if reading.join != "weighted_sum":
        return {}
    return {SCORES: (len(reading.numbers(config.num_hidden_layers)),), GAMMA: ()}


def _means(states: Floats, starts: Ints) -> Floats:
    """Return the mean of each sequence's states [layers, tokens, ...]: [sequences, layers, ...]."""
    return np.stack([states[:, start:end].sum(1) / np.float32(end - start) for start, end in _ends(starts)])


def _pairs(states: Floats, segments: Ints, starts: Ints) -> Floats:
    """Return the means of both texts of each sequence, how far they are apart, and their product, side by side."""
    sides = [[_mean(states, start, segments[start:end] == side) for start, end in _ends(starts)] for side in (0, 1)]
    first, second = map(np.stack, sides)
    return np.concatenate([first, second, np.abs(first - second), first * second], -1)


def _mean(states: Floats, start: int, chosen: Any) -> Floats:
    """Return the mean of the chosen of some tokens from `start` on, [layers, ...]; 0 where there is none."""
    rows = states[:, start + np.flatnonzero(chosen)]
    return np.asarray(rows.sum(1) / np.float32(max(1, rows.shape[1])))


def _ends(starts: Ints) -> Iterator[tuple[int, int]]:
    return zip(starts[:-1].tolist(), starts[1:].tolist(), strict=True)
