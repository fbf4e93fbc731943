"""Passages that are longer than a sequence, shown in overlapping windows (Devlin et al., 2019: SQuAD)."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from mamebert.tokenizer.pieces import Located

Numbers = npt.NDArray[np.int64]

ABSENT = 0
"""Where start and end of an answer are that a window does not show: at [CLS]."""


class Window(NamedTuple):
    """The pieces of a passage that one sequence shows: `start` to before `end`."""

    start: int
    end: int


class Shown(NamedTuple):
    """A passage as the sequences of a question show it; piece i is text[places.starts[i]:places.ends[i]]."""

    text: str
    places: Located
    windows: list[Window]
    offset: int
    """Tokens of each sequence before the window: [CLS] question [SEP]."""

    @property
    def sizes(self) -> list[int]:
        """Tokens of each sequence: what stands before the window, the window, and [SEP]."""
        return [self.offset + window.end - window.start + 1 for window in self.windows]


def cut_windows(num_pieces: int, room: int, stride: int) -> list[Window]:
    """Return windows of up to `room` pieces which begin `stride` pieces apart and end with the passage.

    The stride is at most half the room, so that every piece but those at both ends has neighbours in some window.
    """
    return windows_every(num_pieces, room, max(1, min(stride, room // 2)))


def windows_every(num_pieces: int, room: int, step: int) -> list[Window]:
    """Return windows of up to `room` pieces which begin `step` pieces apart (1 to `room`) and end with the text."""
    starts = range(0, max(1, num_pieces - room + step), step)
    return [Window(start, min(start + room, num_pieces)) for start in starts]


def widest_context(windows: Sequence[Window]) -> Numbers:
    """Return for each piece the window with most context for it: min(left, right) + 0.01 * length, of equals the first.

    This is how BERT's own code (run_squad.py) has every piece scored only once.
    """
    pieces = np.arange(windows[-1].end)
    starts, ends = (np.array(sides)[:, None] for sides in zip(*windows, strict=True))
    context = np.minimum(pieces - starts, ends - 1 - pieces)
    widest: Numbers = np.where(context >= 0, context + 0.01 * (ends - starts), -1).argmax(0)
    return widest


def pieces_of(places: Located, start: int, end: int) -> tuple[int, int] | None:
    """Return the first and the last piece of the fewest that cover the characters; None where no piece lies there."""
    first = int(np.searchsorted(places.ends, start, side="right"))
    last = int(np.searchsorted(places.starts, end, side="left")) - 1
    return (first, last) if first <= last else None


def positions(shown: Shown, span: tuple[int, int] | None) -> Numbers:
    """Return [windows, 2]: the tokens of each sequence at which the answer begins and ends, `ABSENT` where outside."""
    found = np.full((len(shown.windows), 2), ABSENT)
    for row, window in enumerate(shown.windows):
        if span and window.start <= span[0] and span[1] < window.end:
            found[row] = np.add(span, shown.offset - window.start)
    return found
