"""Words that could stand in the place of a word: guessed by a masked language model, or near it as a vector."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch

from mamebert.encoder.model import PretrainingNetwork
from mamebert.encoder.packing import Packed
from mamebert.progress import Meter
from mamebert.tokenizer.encoding import Tokenizer
from mamebert.tokenizer.pieces import Located
from mamebert.word2vec.neighbours import directions, nearest_words
from mamebert.word2vec.table import VectorTable

BATCH_TOKENS = 8192


class Word(NamedTuple):
    """A word of a text that has a meaning of its own."""

    start: int
    end: int
    """text[start:end] is the word."""
    pieces: range
    """Which pieces of the text it is."""


def content_words(text: str, located: Located) -> list[Word]:
    """Return the words of a text in order, without those that mean little.

    Those are told by a list of English ones, and in Japanese by being written in hiragana alone.
    """
    firsts = np.flatnonzero(located.word_starts).tolist()
    ends = [*firsts[1:], len(located.ids)]
    words = [
        Word(int(located.starts[first]), int(located.ends[end - 1]), range(first, end))
        for first, end in zip(firsts, ends, strict=True)
    ]
    return [word for word in words if _means_something(text[word.start : word.end])]


class Guesser:
    """A masked language model that is asked for a word while it reads the text as it is beside the masked one."""

    def __init__(self, network: PretrainingNetwork, tokenizer: Tokenizer, count: int, at_once: int = 1) -> None:
        self.network, self.tokenizer, self.count, self.at_once = network.eval(), tokenizer, count, at_once
        self.longest = (network.bert.config.max_position_embeddings - 2 - len(tokenizer.between)) // 2
        """Pieces of a text that it can read twice; words behind them are not asked for."""

    @torch.no_grad()
    def guesses(
        self, texts: Sequence[npt.NDArray[np.int32]], places: Sequence[Sequence[int]]
    ) -> list[dict[int, list[str]]]:
        """Return, for each of the `places` (pieces) of each text (ids), the likeliest other tokens, the best first.

        Shown is [CLS] masked [SEP] original [SEP]. Pieces of words (##) and marks are no words and left out.
        """
        found: list[dict[int, list[str]]] = [{} for _ in texts]
        asked = list(self._passes(texts, places))
        asked.sort(key=lambda each: -len(texts[each[0]]))
        with Meter("augmentation: words guessed", sum(len(masked) for _, masked in asked), "words") as meter:
            for batch in self._batches(asked, texts):
                for (number, place), words in self._ask(batch, texts):
                    found[number][place] = words
                meter.advance(sum(len(masked) for _, masked in batch))
        return found

    def _passes(
        self, texts: Sequence[npt.NDArray[np.int32]], places: Sequence[Sequence[int]]
    ) -> Iterator[tuple[int, list[int]]]:
        """Yield which pieces of which text are masked together: places far from each other."""
        for number, of_text in enumerate(places):
            asked = [place for place in of_text if place < self.longest]
            step = -(-len(asked) // self.at_once)
            yield from ((number, asked[first::step]) for first in range(step))

    def _batches(
        self, asked: list[tuple[int, list[int]]], texts: Sequence[npt.NDArray[np.int32]]
    ) -> Iterator[list[tuple[int, list[int]]]]:
        batch: list[tuple[int, list[int]]] = []
        for each in asked:
            # The first of a batch is its longest.
            if batch and (len(batch) + 1) * (2 * min(self.longest, len(texts[batch[0][0]])) + 3) > BATCH_TOKENS:
                yield batch
                batch = []
            batch.append(each)
        if batch:
            yield batch

    def _ask(
        self, batch: list[tuple[int, list[int]]], texts: Sequence[npt.NDArray[np.int32]]
    ) -> Iterator[tuple[tuple[int, int], list[str]]]:
        shown = [self._shown(texts[number][: self.longest], masked) for number, masked in batch]
        packed = Packed.of([ids for ids, _ in shown], [kinds for _, kinds in shown]).to(self.network.bert.device)
        places = torch.cat(
            [start + 1 + torch.tensor(masked) for start, (_, masked) in zip(packed.firsts.cpu(), batch, strict=True)]
        ).to(packed.ids.device)
        scores = self.network.cls.predictions(self.network.bert(packed, places))
        best = iter(scores.topk(min(self.count, scores.shape[-1])).indices.tolist())
        for number, masked in batch:
            for place in masked:
                yield (number, place), self._words(next(best), int(texts[number][place]))

    def _shown(
        self, text: npt.NDArray[np.int32], masked: Sequence[int]
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Return ids and segments; `masked` rises."""
        hidden = text.copy()
        hidden[list(masked)] = self.tokenizer.mask_id
        between = self.tokenizer.between
        first = [[self.tokenizer.cls_id], hidden, between]
        ids = np.concatenate([*first, text, [self.tokenizer.sep_id]]).astype(np.int64)
        return ids, (np.arange(len(ids)) >= len(text) + 1 + len(between)).astype(np.int64)

    def _words(self, ids: Sequence[int], own: int) -> list[str]:
        skipped, known = {own, *self.tokenizer.special_ids}, self.tokenizer.vocab_size  # a table may have more rows
        words = [self.tokenizer.word(i) for i in ids if i not in skipped and i < known]
        return [word for word in words if any(map(str.isalnum, word))]


def near_words(
    table: VectorTable, words: Sequence[str], pieces: Sequence[Sequence[str]], count: int
) -> list[list[str]]:
    """Return for each word the `count` words nearest to it as vectors, nearest first; none where it has no vector.

    A word that is no token of the table lies where the mean of its pieces does (as in Bojanowski et al., 2017).
    """
    ids, unit = {token: i for i, token in enumerate(table.tokens)}, directions(table)
    rows = [
        [ids[token] for token in ([word.lower()] if word.lower() in ids else parts) if token in ids]
        for word, parts in zip(words, pieces, strict=True)
    ]
    learnt = [[i for i in each if table.learnt[i]] for each in rows]
    known = [number for number, each in enumerate(learnt) if each]
    found: list[list[str]] = [[] for _ in words]
    if known:
        means = np.stack([unit[learnt[number]].mean(0) for number in known])
        for number, near in zip(known, nearest_words(table, means, count + 1), strict=True):
            found[number] = [token for token, _ in near if token != words[number].lower()][:count]
    return found


def _means_something(word: str) -> bool:
    from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

    if not any(map(str.isalnum, word)) or word.lower() in ENGLISH_STOP_WORDS:
        return False
    return not all("ぁ" <= letter <= "ゟ" for letter in word)
