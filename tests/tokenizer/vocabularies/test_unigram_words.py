"""Unigram: a frequent word is a piece, whatever its relatives."""

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
