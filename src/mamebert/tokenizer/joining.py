"""The pieces of counted words: characters, and what joins the most frequent pairs, by the trainer of `tokenizers`."""

import json
from collections import Counter
from collections.abc import Iterator

import numpy as np
from tokenizers import Tokenizer as RustTokenizer
from tokenizers.models import WordPiece
from tokenizers.pre_tokenizers import WhitespaceSplit
from tokenizers.trainers import WordPieceTrainer

from mamebert.errors import UserError
from mamebert.tokenizer.learning.filled import require_filled
from mamebert.tokenizer.pieces import SPECIAL_TOKENS

MIN_ALPHABET, MAX_ALPHABET = 100, 7_000  # Japanese models of 32,000 pieces know six to seven thousand characters
COVERED = 0.995
"""Share of the text that the alphabet writes, as far as it takes no more than three quarters of the vocabulary."""
REPEATS = 10_000


def learn_pieces(counts: Counter[str], size: int, min_frequency: int, limit_alphabet: int) -> list[str]:
    """Return `size` tokens in the order of their ids, special tokens first; text that has fewer is a UserError.

    `limit_alphabet` is how many characters are kept. 0 takes a third of `size`; more where it takes more to write
    nearly all of the text, or where nothing else fills the vocabulary.
    """
    frequencies = characters_by_frequency(counts, min_frequency)
    characters, kept = list(frequencies), limit_alphabet or sensible_alphabet(list(frequencies.values()), size)
    vocab = _join_pairs(within_alphabet(counts, characters[:kept]), size, min_frequency)
    while len(vocab) > size and kept > 1 and not limit_alphabet:
        kept -= max((len(vocab) - size) // 2, 1)
        vocab = _join_pairs(within_alphabet(counts, characters[:kept]), size, min_frequency)
    while len(vocab) < size and kept < len(characters) and not limit_alphabet:
        # A character takes one place where it only begins words, two where it stands inside them too.
        more = max((size - len(vocab)) // 2, 1)
        wider = _join_pairs(within_alphabet(counts, characters[: kept + more]), size, min_frequency)
        if len(wider) > size:
            del characters[kept]  # one place is left, and this one takes two
        else:
            kept, vocab = kept + more, wider
    if len(vocab) < size:
        left_out = len(characters) - kept
        way_out = f", raise vocabulary.limit_alphabet (it leaves out {left_out:,} characters)" if left_out > 0 else ""
        require_filled(len(vocab), size, way_out)
    if len(vocab) > size:
        raise UserError(
            f"The characters alone need {len(vocab):,} pieces, more than the vocabulary's {size:,}. Set a "
            "lower vocabulary.limit_alphabet or a larger vocabulary.size."
        )
    return vocab


def sensible_alphabet(frequencies: list[int], size: int) -> int:
    """Return how many characters a vocabulary of `size` should keep, from their frequencies, the highest first."""
    least = min(max(size // 3, MIN_ALPHABET), MAX_ALPHABET)
    covered = np.cumsum(frequencies) >= COVERED * sum(frequencies)
    needed = int(np.argmax(covered)) + 1 if len(covered) else 0
    return max(least, min(needed, size * 3 // 4))


def characters_by_frequency(counts: Counter[str], min_frequency: int) -> dict[str, int]:
    """Return the characters of counted words with their frequencies, the most frequent first."""
    characters: Counter[str] = Counter()
    for word, count in counts.items():
        for character in word:
            characters[character] += count
    frequent = [character for character, count in characters.items() if count >= min_frequency]
    return {name: characters[name] for name in sorted(frequent, key=lambda name: (-characters[name], name))}


def within_alphabet(counts: Counter[str], characters: list[str]) -> Counter[str]:
    """Return the words without those that have any other character."""
    kept = set(characters)
    return Counter({word: count for word, count in counts.items() if kept.issuperset(word)})


def _join_pairs(counts: Counter[str], size: int, min_frequency: int) -> list[str]:
    """Return the tokens in the order of their ids, found by the trainer of the `tokenizers` library."""
    starts = sorted({character for word in counts for character in word})
    inside = sorted({f"##{character}" for word in counts for character in word[1:]})
    trainer = WordPieceTrainer(
        vocab_size=size,
        min_frequency=min_frequency,
        # The trainer numbers characters in the order of a random hash and breaks ties by number. Given as special
        # tokens they keep the order of this list, and the same words give the same vocabulary.
        special_tokens=[*SPECIAL_TOKENS, *starts, *inside],
        show_progress=False,
    )
    learner = RustTokenizer(WordPiece(unk_token="[UNK]"))
    learner.pre_tokenizer = WhitespaceSplit()
    learner.train_from_iterator(repeated(counts), trainer)
    vocab = json.loads(learner.to_str())["model"]["vocab"]
    return sorted(vocab, key=vocab.__getitem__)


def repeated(counts: Counter[str]) -> Iterator[str]:
    """Yield each word as often as it was counted, many in a line; a single character, in which no pair is, once."""
    # The trainer counts for itself; it cannot be given counts.
    for word, number in counts.items():
        count = number if len(word) > 1 else 1
        for _ in range(count // REPEATS):
            yield " ".join([word] * REPEATS)
        yield " ".join([word] * (count % REPEATS))
