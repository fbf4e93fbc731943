"""Pairs of segments as BERT's create_pretraining_data.py makes them (Devlin et al., 2019), all documents at once.

There a document is read from front to back: sentences are gathered until a pair is full, cut in two at random, and in
half of the cases the second part is replaced by text from another document; what was replaced is read again for the
next pair. Here every document takes its first pair at the same time, then its second, and so on. Other questions about
pairs show the two parts in the wrong order too (ALBERT; Lan et al., 2020), or only so.
"""

from collections.abc import Sequence
from typing import Literal

import numpy as np

from mamebert.corpus.token_shards import TokenShards
from mamebert.objectives.data.examples import Examples

Relation = Literal["next", "previous", "random"]
"""How the second segment of a pair stands to the first: it follows it, comes before it, or is from another document."""
NEXT: Relation = "next"
PREVIOUS: Relation = "previous"
RANDOM: Relation = "random"

# A longer document is read in sections of so many pairs: all would wait for the last pair of the longest one.
SECTION_PAIRS = 32


def make_pairs(
    shards: TokenShards, room: int, short_rate: float, rng: np.random.Generator, relations: Sequence[Relation]
) -> Examples:
    """Return one pass over the corpus; two segments of a pair have `room` tokens together, or less.

    A share `short_rate` of the documents is cut into pairs of some shorter size. All `relations` are drawn equally
    often, and a pair's label is the place of its own in them. A single sentence has nothing that follows: its second
    segment is random, so that more pairs are than are drawn, or if none may be, its own second half.
    """
    starts, place = shards.sentence_starts, {each: number for number, each in enumerate(relations)}
    document, sentence, last = _sections(shards, SECTION_PAIRS * room)
    short = rng.random(len(sentence)) < short_rate
    target = np.where(short, rng.integers(2, room + 1, len(sentence)), room)
    found = []
    while len(sentence):
        after = _reaching(starts, sentence, last, target)
        gathered = after - sentence
        middle = sentence + 1 + (rng.random(len(sentence)) * (gathered - 1)).astype(np.int64)
        label = _drawn(relations, gathered == 1, rng)
        random, previous = (label == place.get(each, -1) for each in (RANDOM, PREVIOUS))
        a, b, end = starts[sentence], starts[middle], starts[after]
        halved = (gathered == 1) & ~random
        b[halved] = (a + (end - a + 1) // 2)[halved]
        size = b - a
        b[random], end[random] = _elsewhere(shards, document[random], (target - size)[random], rng)
        pairs = np.stack([a, b], axis=1), np.stack([size, end - b], axis=1)
        found.append((*(np.where(previous[:, None], each[:, ::-1], each) for each in pairs), label))
        sentence = np.where(random, middle, after)  # what a random text has replaced is used by the next pair
        more = sentence < last
        document, sentence, last, target = document[more], sentence[more], last[more], target[more]
    begun, sizes, labels = (np.concatenate(column) for column in zip(*found, strict=True))
    whole = sizes.min(axis=1) > 0  # a sentence of one token has no second half
    begun, sizes, labels = begun[whole], sizes[whole], labels[whole]
    return Examples(*shorten(begun, sizes, np.full(len(begun), room), rng), labels)


def _drawn(relations: Sequence[Relation], alone: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return a label for each pair: int64 [pairs]; `alone` bool [pairs] tells where only one sentence is left."""
    first_in_code = [relations.index(each) for each in (RANDOM, PREVIOUS, NEXT) if each in relations]
    place = (rng.random(len(alone), dtype=np.float32) * len(relations)).astype(np.int64)
    drawn: np.ndarray = np.array(first_in_code)[place]
    return np.where(alone, relations.index(RANDOM), drawn) if RANDOM in relations else drawn


def shorten(
    starts: np.ndarray, sizes: np.ndarray, room: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Return starts and sizes [pairs, 2] of which the two segments together have at most `room` [pairs] tokens.

    The longer of the two loses a token, again and again; how many from its front and how many from its end
    is left to chance.
    """
    excess = np.maximum(sizes.sum(axis=1) - room, 0)
    a, b = sizes.T
    from_longer = np.minimum(excess, abs(a - b))
    shared = excess - from_longer
    lost = np.stack(
        [shared // 2 + np.where(a > b, from_longer, 0), shared - shared // 2 + np.where(a > b, 0, from_longer)], axis=1
    )
    from_front = (rng.random(lost.shape) * (lost + 1)).astype(np.int64)
    return starts + from_front, sizes - lost


def _sections(shards: TokenShards, num_tokens: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Cut documents into sections of about `num_tokens`; return document, first and last-but-one sentence of each."""
    starts = shards.sentence_starts
    edges = starts[shards.document_starts]
    pieces = np.maximum(1, np.diff(edges) // num_tokens)
    document = np.repeat(np.arange(len(pieces)), pieces)
    number = np.arange(len(document)) - np.repeat(np.cumsum(pieces) - pieces, pieces)
    first = np.where(
        number == 0, shards.document_starts[document], np.searchsorted(starts, edges[document] + number * num_tokens)
    )
    last = np.append(first[1:], shards.num_sentences)
    kept = first < last  # a sentence longer than a section leaves one without a beginning
    return document[kept], first[kept], last[kept]


def _elsewhere(shards: TokenShards, document: np.ndarray, wanted: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return whole sentences, together `wanted` tokens or more, from other documents: first token and end [2, n]."""
    starts, documents = shards.sentence_starts, shards.document_starts
    other = rng.integers(0, shards.num_documents - 1, len(document))
    other += other >= document
    first, end = documents[other], documents[other + 1]
    sentence = first + (rng.random(len(first)) * (end - first)).astype(np.int64)
    return np.stack([starts[sentence], starts[_reaching(starts, sentence, end, np.maximum(wanted, 1))]])


def _reaching(starts: np.ndarray, first: np.ndarray, end: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Return the sentences before which `wanted` tokens have been gathered from `first` on, at most `end`.

    A binary search among the next `wanted` sentences, all of which have a token: much faster than one among all,
    because they lie together in memory.
    """
    goal, reached = starts[first] + wanted, first
    for step in reversed(range(int(wanted.max(initial=1)).bit_length())):
        further = np.minimum(reached + (1 << step), end)
        reached = np.where(starts[further] < goal, further, reached)
    after: np.ndarray = np.minimum(reached + 1, end)
    return after
