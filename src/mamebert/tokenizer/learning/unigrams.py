"""The pieces of a unigram language model, by the trainer of SentencePiece, which takes words with their counts."""

from collections import Counter
from collections.abc import Iterable
from io import BytesIO
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
    one which is the beginning of no other would always stand before an end, and never become a piece. A word with the
    mark of words is written twice, for it is parted there again; any other stands once before the `follower`.
    """
    if word.startswith(BEGINS):
        return f"{word}{word}\t{count}\n"
    if count == 1:  # no piece by itself, and most of the words of a large text
        return f"{word}\t2\n"
    return f"{word}\t{2 * count - 1}\n{word}{follower}\t1\n"


def _unused_character(words: Iterable[str]) -> str:
    """Return a character for private use that none of the words has."""
    used = {character for word in words for character in word}
    return next(character for code in range(0xF0000, 0xFFFFE) if (character := chr(code)) not in used)


def learn_unigrams(counts: Counter[str], size: int) -> list[tuple[str, float]]:
    """Return up to `size` pieces with their log-probabilities, the likeliest first; every character is among them."""
    import sentencepiece as spm

    model = BytesIO()
    follower = _unused_character(counts)
    with temporary_folder() as folder:
        words = Path(folder) / "words.tsv"
        lines = "".join(_lines(word, count, follower) for word, count in sorted(counts.items()))
        words.write_text(lines, encoding="utf-8", newline="\n")
        settings: dict[str, Any] = {
            "input": str(words), "input_format": "tsv", "model_writer": model, "model_type": "unigram",
            "vocab_size": size + 1 + SPARE * (follower in lines), "hard_vocab_limit": False,
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
    pieces = sorted((each for each in pieces if follower not in each[0]), key=lambda each: (-each[1], each[0]))
    spare = [piece for piece, _ in reversed(pieces) if len(piece) > 1][: max(0, len(pieces) - size)]
    return [each for each in pieces if each[0] not in spare]
