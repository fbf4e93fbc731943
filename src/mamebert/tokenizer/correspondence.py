"""Correspondence of two vocabularies: shared tokens, and the pieces that the others consist of."""

from dataclasses import dataclass

from mamebert.tokenizer.encoding import Tokenizer

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
    cut = [pieces.ids.tolist() for pieces in old.encode_many(keys[number][1] for number in others)]
    written = {number: ids for number, ids in zip(others, cut, strict=True) if _all_known(ids, old.unk_id, rows)}
    return Correspondence(same, written, [number for number in others if number not in written])


def _all_known(ids: list[int], unk_id: int, rows: int) -> bool:
    return bool(ids) and unk_id not in ids and max(ids) < rows


def _keys(tokenizer: Tokenizer) -> list[tuple[str, str]]:
    """Return for every token (what it is, its text)."""
    names = {number: name for name, number in tokenizer.special.items()}
    marks_begins = any(token.startswith(BEGINS) for token in tokenizer.tokens)
    return [
        ("special", names[number]) if number in names else _key(token, number, marks_begins)
        for number, token in enumerate(tokenizer.tokens)
    ]


def _key(token: str, number: int, marks_begins: bool) -> tuple[str, str]:
    if not token:
        return f"no token {number}", ""  # an id that no token has; two of them are not the same
    if marks_begins:
        return ("begins", token.removeprefix(BEGINS)) if token.startswith(BEGINS) else ("inside", token)
    return ("inside", token.removeprefix(INSIDE)) if token.startswith(INSIDE) else ("begins", token)
