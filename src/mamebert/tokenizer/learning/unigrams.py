"""The pieces of a unigram language model, by the trainer of SentencePiece, which takes words with their counts."""

from collections import Counter
from io import BytesIO
from pathlib import Path
from typing import Any

from mamebert.errors import UserError
from mamebert.files.disk import temporary_folder

BEGINS = "▁"
"""Where SentencePiece parts words."""
THREADS = 2
"""Fixed: sums of floating-point numbers depend on it."""


def require_trainer() -> None:
    """Raise a UserError where SentencePiece is not installed."""
    try:
        import sentencepiece  # noqa: F401
    except ModuleNotFoundError as error:
        raise UserError(
            "Unigram vocabularies need the package sentencepiece. Install it with: pip install 'mamebert[unigram]'."
        ) from error


def _line(word: str, count: int) -> str:
    """Return a word with its count, twice where it begins with the mark of words.

    SentencePiece begins with runs of characters that stand before different ones. Words are read one by one, so that
    one which is the beginning of no other would always stand before an end, and never become a piece.
    """
    return f"{word}{word}\t{count}\n" if word.startswith(BEGINS) else f"{word}\t{2 * count}\n"


def learn_unigrams(counts: Counter[str], size: int) -> list[tuple[str, float]]:
    """Return up to `size` pieces with their log-probabilities, the likeliest first; every character is among them."""
    import sentencepiece as spm

    model = BytesIO()
    with temporary_folder() as folder:
        words = Path(folder) / "words.tsv"
        lines = (_line(word, count) for word, count in sorted(counts.items()))
        with words.open("w", encoding="utf-8", newline="\n") as file:
            file.writelines(lines)
        settings: dict[str, Any] = {
            "input": str(words), "input_format": "tsv", "model_writer": model, "model_type": "unigram",
            "vocab_size": size + 1, "hard_vocab_limit": False, "character_coverage": 1.0, "num_threads": THREADS,
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
    return sorted(pieces, key=lambda each: (-each[1], each[0]))
