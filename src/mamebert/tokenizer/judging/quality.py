"""The fit of a tokenizer to a text, in numbers that can be compared between tokenizers."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from mamebert.tokenizer.encoding import Tokenizer
from mamebert.tokenizer.pieces import Located


def measure(tokenizer: Tokenizer, texts: list[str], pieces: Sequence[Located]) -> dict[str, float]:
    """Return how `tokenizer` cuts `texts`, by the `pieces` that it has made of them.

    `unknown_rate`: share of pieces that are [UNK]; `unknown_character_rate`: share of the characters that lie in them,
    which tells of long words that become a single [UNK]; `pieces_per_word` (fertility); `characters_per_piece`;
    `whole_word_rate`: share of words that are one known piece; `vocab_bytes`: UTF-8 bytes of all tokens. White space
    is not counted.
    """
    ids = np.concatenate([np.empty(0, np.int32), *(each.ids for each in pieces)])
    starts = np.concatenate([np.empty(0, bool), *(each.word_starts for each in pieces)])
    ends = np.append(starts[1:], True)
    unknown = ids == tokenizer.unk_id
    lengths = np.concatenate([np.empty(0, np.int64), *(each.ends - each.starts for each in pieces)])
    num_words, num_pieces = max(int(starts.sum()), 1), max(len(ids), 1)
    characters = sum(len(part) for text in texts for part in text.split())
    return {
        "unknown_rate": round(int(unknown.sum()) / num_pieces, 6),
        "unknown_character_rate": round(int(lengths[unknown].sum()) / max(characters, 1), 6),
        "pieces_per_word": round(len(ids) / num_words, 4),
        "characters_per_piece": round(characters / num_pieces, 4),
        "whole_word_rate": round(int((starts & ends & ~unknown).sum()) / num_words, 4),
        "vocab_bytes": sum(len(token.encode()) for token in tokenizer.tokens),
    }


def longest_tokens(tokenizer: Tokenizer, number: int = 20) -> list[str]:
    """Return the longest tokens, the longest first."""
    return sorted(tokenizer.tokens, key=lambda token: (-len(token.removeprefix("##")), token))[:number]


def segmentations(tokenizer: Tokenizer, texts: list[str]) -> list[dict[str, Any]]:
    """Return each text beside its tokens."""
    return [
        {"text": text, "tokens": [tokenizer.tokens[number] for number in tokenizer.encode(text).ids]} for text in texts
    ]
