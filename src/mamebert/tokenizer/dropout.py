"""BPE-dropout: merges are left out at random, so that a word is not always cut alike (Provilkov et al., 2020).

Each time a word stands in a text, a number is drawn for it; the seed, the word and that number decide how it is cut.
So a process that knows nothing of others cuts as they do, and what was cut is remembered.
"""

from collections.abc import Iterable, Sequence
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any

import numpy as np

from mamebert.errors import UserError
from mamebert.tokenizer.cutting import align_words, split_words
from mamebert.tokenizer.encoding import Tokenizer
from mamebert.tokenizer.files import read_about
from mamebert.tokenizer.foreign.guarded import open_rust
from mamebert.tokenizer.learning.as_encoded import parts_of
from mamebert.tokenizer.marked_words import are_rules_of_marked_words
from mamebert.tokenizer.pieces import Pieces
from mamebert.tokenizer.words import Cuts, WordEncoder

NUM_WAYS = 32
"""Times that a word is cut anew; a word that stands in the text more often meets them again."""
LONGEST = 100
"""Characters of a part of a word; the time grows with their square, and longer ones are cut without dropout."""
_WAYS = [chr(0xF0000 + number) for number in range(NUM_WAYS)]  # before a word, the number drawn for it


class DrawnEncoder:
    """Encodes by a vocabulary of kind bpe or byte_bpe, each merge left out at `rate` wherever it could be made."""

    def __init__(self, folder: Path, rate: float, seed: int) -> None:
        """Open the tokenizer of a folder; one of another kind is a UserError."""
        require_merges(folder)
        description, self.rate, self.seed = read_about(folder, "tokenizer.json"), rate, seed
        self._rust = open_rust(folder / "tokenizer.json", description)
        self._ids: dict[str, int] = description["model"]["vocab"]
        self._unknown = Tokenizer.open(folder).unk_id
        self._ranks = {pair: rank for rank, pair in enumerate(map(_pair, description["model"]["merges"]))}
        self._words = WordEncoder(self._split, align_words, self._cut, {})
        self.begin(0)

    def begin(self, shard: int) -> None:
        """Draw from here on as for a document shard, whatever was drawn before."""
        self._numbers = np.random.default_rng([self.seed, shard])

    def encode_many(self, texts: Iterable[str]) -> list[Pieces]:
        """Return the pieces of each text, special tokens read as text."""
        return self._words.encode_many(texts, "text")

    def _split(self, text: str) -> list[str]:
        words = split_words(text)
        numbers = self._numbers.integers(NUM_WAYS, size=len(words)).tolist()
        return [_WAYS[number] + word for number, word in zip(numbers, words, strict=True)]

    def _cut(self, drawn: Sequence[str]) -> Cuts:
        random = [Random(f"{self.seed}/{word}") for word in drawn]  # each number of each word has its own
        lengths, ids, starts = np.zeros(len(drawn), np.int64), [], []
        for number, part in parts_of([word[1:] for word in drawn], self._rust):
            pieces = self._joined(part, random[number])
            lengths[number] += len(pieces)
            ids += [self._ids.get(piece, self._unknown) for piece in pieces]
            starts += [True] + [False] * (len(pieces) - 1)
        spans = np.zeros((len(ids), 2), np.int32)  # nobody asks where they lie
        return Cuts(lengths, np.array(ids, np.int32), np.array(starts, bool), spans)

    def _joined(self, part: str, random: Random) -> list[str]:
        """Return the pieces of a part of a word: of the merges that are not left out the earliest learnt is made."""
        pieces, rate = list(part), self.rate if len(part) <= LONGEST else 0.0
        while True:
            found = [(self._ranks[pair], place) for place, pair in enumerate(pairwise(pieces)) if pair in self._ranks]
            place = next((place for _, place in sorted(found) if random.random() >= rate), None)
            if place is None:
                return pieces
            pieces[place : place + 2] = [pieces[place] + pieces[place + 1]]


def require_merges(folder: Path) -> None:
    """Raise a UserError where merges cannot be left out: the tokenizer is of another kind than bpe and byte_bpe."""
    description = read_about(folder, "tokenizer.json")
    if description.get("model", {}).get("type") != "BPE" or not are_rules_of_marked_words(description):
        raise UserError(
            f"bpe_dropout leaves out merges, and {folder} has none that are made within words between spaces. Give "
            "what `mamebert vocab` makes with vocabulary.kind=bpe or byte_bpe (words=whitespace), or set bpe_dropout=0."
        )


def _pair(merge: Any) -> tuple[str, str]:
    left, right = merge.split(" ") if isinstance(merge, str) else merge
    return left, right
