"""Encoders of tokenizers that were made elsewhere: by the `tokenizers` library, or in Python by `transformers`."""

import re
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from tokenizers import Tokenizer as RustTokenizer

from mamebert.tokenizer.foreign.description import require_few_holes
from mamebert.tokenizer.foreign.guarded import complaints_told
from mamebert.tokenizer.foreign.watch import Watch
from mamebert.tokenizer.offsets import align_folded, find_pieces, strip_spaces
from mamebert.tokenizer.pieces import Located, Pieces, Special, mend

_SIGNS = re.compile("^##|^▁+|@@$|</w>$")

CANNOT_ENCODE = "The tokenizer cannot encode one of these texts"


class RustEncoder:
    """Encodes as `tokenizer.json` says."""

    def __init__(self, tokenizer: RustTokenizer, has_patterns: bool = False) -> None:
        """`has_patterns` tells of regular expressions of its own, whose time nobody knows before they are tried."""
        self._tokenizer, self._watch = tokenizer, Watch() if has_patterns else None

    def encode_many(self, texts: Iterable[str], special: Special) -> list[Pieces]:
        """Return the pieces of each text, several texts at once."""
        encodings = self._encode([mend(text) for text in texts], special)
        return [Pieces(np.array(each.ids, np.int32), word_starts(each.word_ids)) for each in encodings]

    def encode_with_offsets(self, texts: Iterable[str]) -> list[Located]:
        """Return the pieces of each text, special tokens read as text, and where they lie, as the library says."""
        texts = [mend(text) for text in texts]
        encodings = self._encode(texts, "text")
        return [
            _locate(text, np.array(each.ids, np.int32), word_starts(each.word_ids), each.offsets)
            for text, each in zip(texts, encodings, strict=True)
        ]

    def _encode(self, texts: list[str], special: Special) -> list[Any]:
        self._tokenizer.encode_special_tokens = special == "text"
        with complaints_told(CANNOT_ENCODE):
            if self._watch:
                return self._watch.encode(self._at_once, texts)
            return self._at_once(texts)

    def _at_once(self, texts: list[str]) -> list[Any]:
        found: list[Any] = self._tokenizer.encode_batch(texts, add_special_tokens=False)
        return found


class SlowEncoder:
    """Encodes by a `transformers` tokenizer that exists in Python only; words are told by "##"."""

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer
        self._inside = np.array([token.startswith("##") for token in tokens_of(tokenizer)])

    def encode_many(self, texts: Iterable[str], special: Special) -> list[Pieces]:
        """Return the pieces of each text."""
        return [self._encode(mend(text), special) for text in texts]

    def _encode(self, text: str, special: Special) -> Pieces:
        with complaints_told(CANNOT_ENCODE):
            tokens = self._tokenizer.tokenize(text, split_special_tokens=special == "text")
            ids = np.array(self._tokenizer.convert_tokens_to_ids(tokens), np.int32)
        return Pieces(ids, ~self._inside[ids])

    def encode_with_offsets(self, texts: Iterable[str]) -> list[Located]:
        """Return the pieces of each text, special tokens read as text, and where they seem to lie."""
        return [self._locate(mend(text)) for text in texts]

    def _locate(self, text: str) -> Located:
        ids, starts = self._encode(text, "text")
        aligned = align_folded(text)
        tokens = self._tokenizer.convert_ids_to_tokens(ids.tolist())
        spans = find_pieces(aligned.text, [self._surface(token) for token in tokens])
        return _locate(text, ids, starts, aligned.take(spans))

    def _surface(self, token: str) -> str:
        """Return the text of a token without the signs for spaces and for the inside of words."""
        if token == self._tokenizer.unk_token:
            return ""
        return align_folded(_SIGNS.sub("", token)).text.strip()


def tokens_of(tokenizer: Any) -> list[str]:
    """Return the token of each id of a `transformers` tokenizer."""
    return by_id(tokenizer.get_vocab())


def by_id(vocab: dict[str, int]) -> list[str]:
    """Return the tokens in the order of their ids; an id without token gets an empty one.

    No token at all, or far more ids than tokens, is a ValueError.
    """
    require_few_holes(vocab)
    tokens = [""] * (max(vocab.values()) + 1)
    for token, number in vocab.items():
        tokens[number] = token
    return tokens


def word_starts(words: Sequence[int | None]) -> Any:
    """Return whether each piece begins a word, from the word number of each (None: a special token)."""
    numbers = np.array([-1 if word is None else word for word in words], np.int64)
    starts = np.ones(len(numbers), bool)
    starts[1:] = (numbers[1:] != numbers[:-1]) | (numbers[1:] < 0)
    return starts


def _locate(text: str, ids: Any, starts: Any, spans: Sequence[tuple[int, int]]) -> Located:
    places = np.array(spans, np.int64).reshape(-1, 2)
    return Located(ids, starts, *strip_spaces(text, places[:, 0], places[:, 1]))
