"""Correspondence of two vocabularies: shared tokens, and the pieces that the others consist of."""

from dataclasses import dataclass

from mamebert.tokenizer.encoding import Tokenizer
from mamebert.tokenizer.foreign.description import BYTE_SPACE

INSIDE, BEGINS = "##", "▁"  # WordPiece marks pieces inside a word, SentencePiece those that begin one


@dataclass(frozen=True)
class Correspondence:
    """For every id of a new vocabulary, the ids of the old one that stand for it."""

    same: dict[int, int]
    """New id to old id, where both are the same token."""
    pieces: dict[int, list[int]]
    """New id to the old ids its text is cut into, where the old vocabulary has no such token."""
    neither: list[int]
    """New ids whose text the old vocabulary cannot write."""


def correspond(old: Tokenizer, new: Tokenizer, num_rows: int | None = None) -> Correspondence:
    """Compare two vocabularies: special tokens by what they are for, the others by text and place in the word.

    Old ids from `num_rows` on count as missing: a tokenizer may have been given tokens that its model never learnt.
    """
    rows = old.vocab_size if num_rows is None else min(num_rows, old.vocab_size)
    known = {key: number for number, key in enumerate(_keys(old)[:rows])}
    keys = _keys(new)
    same = {number: known[key] for number, key in enumerate(keys) if key in known}
    others = [number for number in range(new.vocab_size) if number not in same]
    cut = [pieces.ids.tolist() for pieces in old.encode_many(_text(keys[number]) for number in others)]
    written = {number: ids for number, ids in zip(others, cut, strict=True) if _all_known(ids, old.unk_id, rows)}
    return Correspondence(same, written, [number for number in others if number not in written])


def _text(key: tuple[str, str]) -> str:
    return "" if key[0] == "bytes" else key[1]


def _all_known(ids: list[int], unk_id: int, rows: int) -> bool:
    return bool(ids) and unk_id not in ids and max(ids) < rows


def _keys(tokenizer: Tokenizer) -> list[tuple[str, str]]:
    """Return for every token (what it is, its text)."""
    names = {number: name for name, number in tokenizer.special.items()}
    begins = tokenizer.begins_words or (BEGINS if any(token.startswith(BEGINS) for token in tokenizer.tokens) else "")
    return [
        ("special", names[number]) if number in names else _key(tokenizer, number, begins)
        for number in range(tokenizer.vocab_size)
    ]


def _key(tokenizer: Tokenizer, number: int, begins: str) -> tuple[str, str]:
    token = tokenizer.tokens[number]
    if not token:
        return f"no token {number}", ""  # an id that no token has; two of them are not the same
    if not begins:
        return ("inside", token.removeprefix(INSIDE)) if token.startswith(INSIDE) else ("begins", token)
    text = tokenizer.spelt(number).strip() if begins == BYTE_SPACE else token.removeprefix(begins)
    if not text or "\ufffd" in text:
        return ("bytes", token) if begins == BYTE_SPACE else ("begins", text)  # a space alone, or part of a character
    return ("begins" if token.startswith(begins) else "inside", text)
