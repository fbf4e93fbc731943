"""What waits for a model: a bounded queue of single texts, of which batches are taken, oldest first."""

import asyncio
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from time import monotonic
from typing import Any

from mamebert.server.engine.refusals import Refused, too_much
from mamebert.server.settings import Limits

AROUND = 2
"""Tokens of a text besides its pieces: [CLS] and [SEP]."""
FIRST_RATIO = 0.4
"""Tokens of a character, before any text was read."""
CALM = 0.9
"""Share of what is known of ratio and speed that a new batch leaves."""


class Request:
    """Texts that were asked together, and the replies so far."""

    def __init__(self, num: int) -> None:
        self.replies: list[Any] = [None] * num
        self.left = num
        self.answered: asyncio.Future[list[Any]] = asyncio.get_running_loop().create_future()

    @property
    def is_given_up(self) -> bool:
        """Whether nobody waits for the replies any more."""
        return self.answered.done()

    def settle(self, place: int, reply: Any) -> None:
        """Keep one reply; the last one makes the request answered."""
        self.replies[place] = reply
        self.left -= 1
        if not self.left and not self.answered.done():
            self.answered.set_result(self.replies)


@dataclass(eq=False, slots=True)
class Piece:
    """One text of a request."""

    item: Mapping[str, Any]
    characters: int
    request: Request
    place: int
    since: float
    num_deaths: int = 0
    """How many workers ended while they were at work on it."""


class Waiting:
    """The queue of one model."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.pieces: deque[Piece] = deque()
        self.characters = 0
        self.characters_at_work = 0
        """Those of the texts that the worker has."""
        self.ratio = FIRST_RATIO
        self.tokens_each_second = 0.0
        self.has_some = asyncio.Event()

    def add(self, items: Sequence[Mapping[str, Any]], *, is_first: bool = False) -> Request:
        """Take a request, or raise `Refused`: for good where it is too large, for now where there is no room.

        What `is_first` is neither counted nor refused: the server asks so whether the model answers.
        """
        sizes = [_characters(item["asked"]) for item in items]
        if not is_first:
            self._require_room(sizes)
        request, now = Request(len(items)), monotonic()
        pieces = [Piece(item, size, request, n, now) for n, (item, size) in enumerate(zip(items, sizes, strict=True))]
        if is_first:
            self.pieces.extendleft(reversed(pieces))
        else:
            self.pieces.extend(pieces)
        self.characters += sum(sizes)
        self.has_some.set()
        return request

    def take(self, most_tokens: int) -> list[Piece]:
        """Return the oldest texts, of about `most_tokens` tokens; a larger one comes alone, and so does a suspect."""
        found: list[Piece] = []
        filled = 0
        while self.pieces:
            piece = self.pieces[0]
            size = self.tokens_of(piece)
            if found and (filled + size > most_tokens or piece.num_deaths or found[0].num_deaths):
                break
            self._remove_first()
            found.append(piece)
            filled += size
        self.characters_at_work += sum(piece.characters for piece in found)
        return found

    def came_back(self, pieces: Sequence[Piece]) -> None:
        """Note that the worker has these texts no more."""
        self.characters_at_work -= sum(piece.characters for piece in pieces)

    def put_back(self, pieces: Sequence[Piece]) -> None:
        """Let texts that a worker did not answer be the next ones."""
        kept = [piece for piece in pieces if not piece.request.is_given_up]
        self.pieces.extendleft(reversed(kept))
        self.characters += sum(piece.characters for piece in kept)
        if kept:
            self.has_some.set()

    def give_up(self, request: Request) -> None:
        """Forget the texts of a request that nobody waits for."""
        if any(piece.request is request for piece in self.pieces):
            self.pieces = deque(piece for piece in self.pieces if piece.request is not request)
            self.characters = sum(piece.characters for piece in self.pieces)
            if not self.pieces:
                self.has_some.clear()

    def tokens_of(self, piece: Piece) -> int:
        """Return how many tokens a text may have, by the texts before it."""
        return ceil(piece.characters * self.ratio) + AROUND

    @property
    def tokens(self) -> int:
        """How many tokens all may have that wait."""
        return ceil(self.characters * self.ratio) + AROUND * len(self.pieces)

    @property
    def seconds(self) -> float:
        """How long the last of them waits, by the speed so far; 0 where that is not known."""
        tokens = self.tokens + self.characters_at_work * self.ratio
        return tokens / self.tokens_each_second if self.tokens_each_second else 0.0

    def learn(self, pieces: Sequence[Piece], tokens: int, seconds: float) -> None:
        """Note how many tokens some texts had, and how long they took."""
        characters = sum(piece.characters for piece in pieces)
        if tokens and characters:
            self.ratio = CALM * self.ratio + (1 - CALM) * max(tokens - AROUND * len(pieces), 1) / characters
        if tokens and seconds > 0:
            old = self.tokens_each_second
            self.tokens_each_second = CALM * old + (1 - CALM) * tokens / seconds if old else tokens / seconds

    def _remove_first(self) -> None:
        self.characters -= self.pieces.popleft().characters
        if not self.pieces:
            self.has_some.clear()

    def _require_room(self, sizes: Sequence[int]) -> None:
        limits = self.limits
        if len(sizes) > limits.texts:
            raise too_much(
                f"The request has {len(sizes):,} texts, and {limits.texts:,} are taken at once. Send them in parts."
            )
        if max(sizes, default=0) > limits.characters:
            raise too_much(
                f"A text has {max(sizes):,} characters, and {limits.characters:,} are taken. Give a shorter one."
            )
        is_full = (
            len(self.pieces) + len(sizes) > limits.queue_texts
            or (self.pieces and self.characters + sum(sizes) > limits.queue_characters)
            or (self.pieces and self.seconds > limits.wait_seconds)
        )
        if is_full:
            raise Refused(
                429,
                f"{len(self.pieces):,} texts wait already, and there is no room for {len(sizes):,} more. Come again.",
                retry_after=max(1, ceil(min(self.seconds, limits.wait_seconds) / 2)),
            )


def _characters(asked: Any) -> int:
    """Return the characters of all texts in what is asked, however deep; names of columns count too."""
    if isinstance(asked, str):
        return len(asked)
    if isinstance(asked, Mapping):
        return sum(len(name) + _characters(each) for name, each in asked.items())
    if isinstance(asked, list | tuple):
        return sum(map(_characters, asked)) + len(asked)
    return 8  # a number
