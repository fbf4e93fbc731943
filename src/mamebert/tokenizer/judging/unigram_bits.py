"""Bits for each character of a text, by a model that knows how frequent pieces are and nothing else.

The number of pieces is not all: where there are more of them, fewer have to be told, and each takes more
bits to tell. The pieces of a text cost -log2 p, where p is the share of the piece in other text of the corpus, with so
much left for pieces that were not met as pieces were met for the first time (Witten and Bell, 1991).
"""

from collections.abc import Iterable, Sequence
from math import log2

import numpy as np

from mamebert.tokenizer.encoding import Tokenizer
from mamebert.tokenizer.pieces import Located

LEARNT_CHARACTERS = 1_000_000
"""Text that shares are taken from."""
BITS_OF_ANY_CHARACTER = log2(0x110000)
"""What it takes to tell a character of Unicode without knowing anything: the price of those that become [UNK]."""
AT_ONCE = 1_000


def bits_per_character(
    tokenizer: Tokenizer, known: Iterable[str], asked: list[str], pieces: Sequence[Located]
) -> float:
    """Return the bits that a character of the sentences `asked`, cut into `pieces`, takes after those that are `known`.

    White space is not counted; characters that lie in [UNK] take 20 bits each.
    """
    counts = np.zeros(tokenizer.vocab_size, np.int64)
    for some in _in_parts(known):
        ids = np.concatenate([each.ids for each in tokenizer.encode_many(some)])
        counts += np.bincount(ids, minlength=len(counts))
    total, met = int(counts.sum()), int((counts > 0).sum())
    left = met / max(total + met, 1) if total else 1.0
    shares = (1 - left) * counts / max(total, 1) + left / len(counts)
    bits, characters = -np.log2(shares), sum(len(part) for text in asked for part in text.split())
    found = 0.0
    for located in pieces:
        unknown = located.ids == tokenizer.unk_id
        found += float(bits[located.ids[~unknown]].sum())
        found += BITS_OF_ANY_CHARACTER * float((located.ends - located.starts)[unknown].sum())
    return round(found / max(characters, 1), 4)


def _in_parts(sentences: Iterable[str]) -> Iterable[list[str]]:
    part: list[str] = []
    characters = 0
    for sentence in sentences:
        part.append(sentence)
        characters += len(sentence)
        if len(part) == AT_ONCE:
            yield part
            part = []
        if characters >= LEARNT_CHARACTERS:
            break
    if part:
        yield part
