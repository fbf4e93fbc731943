"""Unigram: a frequent word is a piece, whatever its relatives."""

from collections import Counter

import pytest

pytest.importorskip("sentencepiece")

from mamebert.tokenizer.learning.unigrams import learn_unigrams


def test_a_frequent_word_that_begins_no_other_is_a_piece():
    others = Counter({f"▁{a}{b}{c}": 2 for a in "bdfgl" for b in "aeiou" for c in "mnrst"})
    pieces = dict(learn_unigrams(others | Counter({"▁gach": 900, "▁orthu": 800}), 60))
    assert {"▁gach", "▁orthu"} <= pieces.keys()
