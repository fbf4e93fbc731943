"""Pairs of segments as BERT's create_pretraining_data.py makes them (Devlin et al., 2019), all documents at once.

There a document is read from front to back: sentences are gathered until a pair is full, cut in two at random, and in
half of the cases the second part is replaced by text from another document; what was replaced is read again for the
next pair. Here every document takes its first pair at the same time, then its second, and so on.
"""

import numpy as np

from mamebert.corpus.token_shards import TokenShards
from mamebert.objectives import Examples

IS_NEXT, IS_RANDOM = 0, 1

# A longer document is read in sections of so many pairs: all would wait for the last pair of the longest one.
SECTION_PAIRS = 32


def make_pairs(shards: TokenShards, room: int, short_rate: float, rng: np.random.Generator) -> Examples:
    """Return one pass over the corpus; two segments of a pair have `room` tokens together, or less.

    A share `short_rate` of the documents is cut into pairs of some shorter size. More than half of the
    pairs have a random second segment: a single sentence has nothing that follows.
    """
    starts = shards.sentence_starts
    document, sentence, last = _sections(shards, SECTION_PAIRS * room)
    short = rng.random(len(sentence)) < short_rate
    target = np.where(short, rng.integers(2, room + 1, len(sentence)), room)
    found = []
    while len(sentence):
        after = _reaching(starts, sentence, last, target)
        gathered = after - sentence
        middle = sentence + 1 + (rng.random(len(sentence)) * (gathered - 1)).astype(np.int64)
        random = (gathered == 1) | (rng.random(len(sentence), dtype=np.float32) < 0.5)
        a, b, end = starts[sentence], starts[middle], starts[after]
        size = b - a
        b[random], end[random] = _elsewhere(shards, document[random], (target - size)[random], rng)
        found.append((a, b, size, end - b, random))
        sentence = np.where(random, middle, after)  # what a random text has replaced is used by the next pair
        more = sentence < last
        document, sentence, last, target = document[more], sentence[more], last[more], target[more]
    a, b, size_a, size_b, random = (np.concatenate(column) for column in zip(*found, strict=True))
    begun, sizes = np.stack([a, b], axis=1), np.stack([size_a, size_b], axis=1)
    return Examples(*shorten(begun, sizes, np.full(len(a), room), rng), np.where(random, IS_RANDOM, IS_NEXT))


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
