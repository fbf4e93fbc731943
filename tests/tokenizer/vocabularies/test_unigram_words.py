"""Unigram: a frequent word is a piece, whatever its relatives."""

import random
from collections import Counter

import pytest

pytest.importorskip("sentencepiece")

from mamebert.tokenizer.learning.unigrams import learn_unigrams


def test_a_frequent_word_that_begins_no_other_is_a_piece():
    others = Counter({f"▁{a}{b}{c}": 2 for a in "bdfgl" for b in "aeiou" for c in "mnrst"})
    pieces = dict(learn_unigrams(others | Counter({"▁gach": 900, "▁orthu": 800}), 60))
    assert {"▁gach", "▁orthu"} <= pieces.keys()


def test_a_frequent_word_without_a_mark_is_a_piece_and_characters_keep_their_places():
    others = Counter({f"{a}{b}": 2 for a in "東京都大阪府" for b in "山川田村町市"})
    counts = others | Counter({"映画": 900, "ください": 800, "稀": 1})
    pieces = dict(learn_unigrams(counts, 40))
    assert {"映画", "ください"} <= pieces.keys()
    assert {character for word in counts for character in word} <= pieces.keys()
    assert len(pieces) == 40
    assert all(piece.isalpha() for piece in pieces)


def test_frequent_words_of_two_characters_are_pieces_though_a_mark_stands_before_every_word():
    """The mark alone, likely before every word, and the characters inside made such words needless."""
    rng = random.Random(0)
    kanji = [chr(0x4E00 + number) for number in range(200)]
    words = list(dict.fromkeys(rng.choice(kanji) + rng.choice(kanji) for _ in range(1000)))
    counts = Counter({f"▁{word}": 2 + 4000 // (1 + number) for number, word in enumerate(words)})
    pieces = dict(learn_unigrams(counts, 600))
    assert sum(f"▁{word}" in pieces for word in words[:100]) > 90  # it was 14
    assert {"▁", *(character for word in words for character in word)} <= pieces.keys()
    assert min(pieces, key=pieces.__getitem__) == "▁"
    assert len(pieces) == 600
    assert not [piece for piece in pieces if any(character >= "\U000f0000" for character in piece)]
