"""Questions put to a table of word vectors: which words lie near a given one."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from mamebert.tokenizer.pieces import SPECIAL_TOKENS
from mamebert.word2vec.table import VectorTable

Neighbours = dict[str, list[tuple[str, float]]]

# A vector learnt from fewer places is mostly chance, and chance lies near to everything in a small text.
LEAST_COUNT = 10


def neighbours(table: VectorTable, words: Sequence[str], count: int = 8) -> Neighbours:
    """Return for each word its `count` nearest words with their cosine, nearest first.

    Word pieces (##), special tokens and rare words are no neighbours. A word that is no learnt token of the
    vocabulary is left out of the answer.
    """
    ids = {token: i for i, token in enumerate(table.tokens)}
    known = [word for word in dict.fromkeys(words) if word in ids and table.learnt[ids[word]]]
    near = nearest_words(table, table.vectors[[ids[word] for word in known]], count + 1)
    return {
        word: [(token, round(cosine, 4)) for token, cosine in found if token != word][:count]
        for word, found in zip(known, near, strict=True)
    }


def nearest_words(table: VectorTable, vectors: npt.NDArray[np.float32], count: int) -> list[list[tuple[str, float]]]:
    """Return for each of the vectors [vectors, size] the `count` words nearest to it, with their cosine, nearest first.

    Word pieces (##), special tokens and rare words are none of them.
    """
    candidates = _whole_words(table)
    among, found = directions(table)[candidates], []
    for vector in vectors:
        cosines = among @ (vector / max(float(np.linalg.norm(vector)), 1e-12))
        nearest = np.argsort(-cosines, kind="stable")[:count]
        found.append([(table.tokens[candidates[k]], float(cosines[k])) for k in nearest])
    return found


def frequent_words(table: VectorTable, count: int = 12, ranks: int = 1000) -> list[str]:
    """Return up to `count` words with a meaning of their own among the `ranks` most frequent, common ones first.

    Told by spelling alone: letters only, with at least two characters other than hiragana (Japanese grammar is
    written in those), and five letters or more in alphabets, where short words are mostly grammar.
    """
    words = [table.tokens[i] for i in _whole_words(table)]
    chosen = [word for word in words if _means_something(word)][:ranks]
    if len(chosen) <= count:
        return chosen
    spaced = np.geomspace(1, len(chosen), count).round().astype(int)
    return [chosen[k - 1] for k in np.unique(np.maximum(spaced, np.arange(1, count + 1)))]


def directions(table: VectorTable) -> npt.NDArray[np.float32]:
    """Return every vector at length 1, so that a product of two is their cosine; [PAD] stays zero."""
    lengths = np.linalg.norm(table.vectors, axis=1, keepdims=True)
    unit: npt.NDArray[np.float32] = table.vectors / np.maximum(lengths, 1e-12)
    return unit


def _whole_words(table: VectorTable) -> npt.NDArray[np.int64]:
    """Return the ids of learnt, not too rare whole words, frequent ones first."""
    whole = np.array([not token.startswith("##") and token not in SPECIAL_TOKENS for token in table.tokens])
    chosen = np.flatnonzero(whole & table.learnt & (table.counts >= LEAST_COUNT))
    return chosen[np.argsort(-table.counts[chosen], kind="stable")]


def _means_something(word: str) -> bool:
    if not word.isalpha():
        return False
    unspaced = sum(ord(letter) >= 0x2E80 for letter in word)  # from here on: CJK, kana and hangul
    if unspaced:
        return sum(not "ぁ" <= letter <= "ゟ" for letter in word) >= 2
    return len(word) >= 5
