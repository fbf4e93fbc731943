"""The pieces of a unigram language model, by the trainer of SentencePiece, which takes words with their counts."""

from collections import Counter
from collections.abc import Iterable, Iterator
from io import BytesIO
from itertools import chain, islice
from pathlib import Path
from typing import Any

from mamebert.errors import UserError
from mamebert.files.disk import temporary_folder

BEGINS = "▁"
"""Where SentencePiece parts words."""
THREADS = 2
"""Fixed: sums of floating-point numbers depend on it."""
SPARE = 16
"""Pieces that may go to the character that follows words, and to runs that end in it."""


def _lines(word: str, count: int, follower: str) -> str:
    """Return a word with twice its count, written so that it stands before two different things.

    SentencePiece begins with runs of characters that stand before different ones. Words are read one by one, so that
    one which is the beginning of no other would always stand before an end, and never become a piece: it stands once
    before the `follower`.
    """
    if count == 1:  # no piece by itself, and most of the words of a large text
        return f"{word}\t2\n"
    return f"{word}\t{2 * count - 1}\n{word}{follower}\t1\n"


def _unused_characters(words: Iterable[str]) -> Iterator[str]:
    """Return characters for private use that none of the words has."""
    used = {character for word in words for character in word}
    private = chain(range(0xF0000, 0xFFFFE), range(0x100000, 0x10FFFE))
    return (character for code in private if (character := chr(code)) not in used)


def learn_unigrams(counts: Counter[str], size: int) -> list[tuple[str, float]]:
    """Return up to `size` pieces with their log-probabilities, the likeliest first; every character is among them.

    The mark of a word and its first character are one to the trainer. By itself the mark would be a piece that is
    likely before every word, and whole words would not be worth a piece (docs/lab.md, 2026-12-01).
    """
    import sentencepiece as spm

    model = BytesIO()
    firsts = sorted({word[1] for word in counts if word.startswith(BEGINS) and len(word) > 1})
    follower, *unused = islice(_unused_characters(counts), len(firsts) + 1)
    begins = dict(zip(firsts, unused, strict=True))
    marked = {character: BEGINS + first for first, character in begins.items()}
    counts = Counter({_with_one_mark(word, begins): count for word, count in counts.items()})
    with temporary_folder() as folder:
        words = Path(folder) / "words.tsv"
        lines = "".join(_lines(word, count, follower) for word, count in sorted(counts.items()))
        words.write_text(lines, encoding="utf-8", newline="\n")
        settings: dict[str, Any] = {
            "input": str(words), "input_format": "tsv", "model_writer": model, "model_type": "unigram",
            "vocab_size": size + len(begins) + 1 + SPARE * (follower in lines), "hard_vocab_limit": False,
            "character_coverage": 1.0, "num_threads": THREADS,
            "add_dummy_prefix": False, "remove_extra_whitespaces": False, "normalization_rule_name": "identity",
            "split_by_unicode_script": False, "split_by_number": False, "split_by_whitespace": True,
            "unk_id": 0, "bos_id": -1, "eos_id": -1, "pad_id": -1, "minloglevel": 2, "max_sentencepiece_length": 16,
        }  # fmt: skip
        try:
            spm.SentencePieceTrainer.train(**settings)
        except (RuntimeError, OSError) as error:
            raise UserError(
                f"SentencePiece cannot learn from this text ({' '.join(str(error).split())[-160:]}). Give more "
                "text, or a vocabulary.size nearer to what the text holds."
            ) from error
    found = spm.SentencePieceProcessor(model_proto=model.getvalue())
    pieces = [(found.id_to_piece(number), found.get_score(number)) for number in range(1, found.get_piece_size())]
    pieces = [(marked.get(p[0], p[0]) + p[1:], score) for p, score in pieces if follower not in p]
    if marked and pieces:  # a mark before what begins no word here, and what stands nowhere but at the beginning
        least, there = min(score for _, score in pieces) - 1, {piece for piece, _ in pieces}
        pieces += [(each, least) for each in (BEGINS, *firsts) if each not in there]
    pieces.sort(key=lambda each: (-each[1], each[0]))
    spare = {piece for piece, _ in [p for p in reversed(pieces) if len(p[0]) > 1][: max(0, len(pieces) - size)]}
    return [each for each in pieces if each[0] not in spare]


def _with_one_mark(word: str, begins: dict[str, str]) -> str:
    return begins[word[1]] + word[2:] if word.startswith(BEGINS) and len(word) > 1 else word
