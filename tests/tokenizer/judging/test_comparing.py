"""Figures by which vocabularies of different kinds and sizes are compared."""

from math import log2
from types import SimpleNamespace

import numpy as np
import pytest

from mamebert.errors import UserError
from mamebert.tokenizer.judging.boundaries import agreement, marked
from mamebert.tokenizer.judging.unigram_bits import BITS_OF_ANY_CHARACTER, bits_per_character
from mamebert.tokenizer.pieces import Located, Pieces


class Pairs:
    """A tokenizer that cuts words every `every` characters; unknown is whatever it was not told."""

    unk_id = 0

    def __init__(self, every, known):
        self.every, self.ids = every, {piece: number for number, piece in enumerate(["[UNK]", *known])}
        self.vocab_size = len(self.ids)

    def encode_with_offsets(self, texts):
        return [self._cut(text) for text in texts]

    def encode_many(self, texts):
        return [Pieces(each.ids, each.word_starts) for each in self.encode_with_offsets(texts)]

    def _cut(self, text):
        spans, place = [], 0
        for word in text.split():
            start = text.index(word, place)
            spans += [(n, min(n + self.every, start + len(word))) for n in range(start, start + len(word), self.every)]
            place = start + len(word)
        ids = [self.ids.get(text[a:b], 0) for a, b in spans]
        starts, ends = zip(*spans, strict=True) if spans else ((), ())
        return Located(np.array(ids, np.int32), np.ones(len(ids), bool), np.array(starts), np.array(ends))


def bits(tokenizer, known, asked):
    return bits_per_character(tokenizer, known, asked, tokenizer.encode_with_offsets(asked))


def test_bits_are_those_of_the_shares_of_pieces():
    tokenizer = Pairs(1, "ab")
    # Six pieces of two kinds: two eighths are left for what was not met, spread over three tokens.
    share = lambda count: (1 - 2 / 8) * count / 6 + (2 / 8) / 3  # noqa: E731
    expected = -(log2(share(4)) + log2(share(2))) / 2
    assert bits(tokenizer, ["aaaa", "bb"], ["a b"]) == pytest.approx(expected, abs=1e-4)


def test_what_is_unknown_is_dear_however_few_pieces_it_takes():
    tokenizer = Pairs(2, ["ab"])
    assert bits(tokenizer, ["abab"], ["xy"]) == pytest.approx(BITS_OF_ANY_CHARACTER, abs=1e-4)
    assert bits(tokenizer, ["abab"], ["ab"]) < 1
    assert bits(tokenizer, [], []) == 0


def test_borders_are_compared_where_no_space_shows_them():
    rows = [{"text": "abcd ef", "words": ["ab", "cd", "e", "f"]}]  # borders at 2 and 6; the space at 4 is no secret
    found = agreement(Pairs(2, []), rows)
    assert (found.gold, found.pieces, found.both) == (2, 1, 1)
    assert (found.recall, found.precision, found.f1) == (0.5, 1.0, 0.6667)


def test_words_that_do_not_spell_their_text_are_left_out_and_counted():
    rows = [{"text": "du pain", "words": ["de", "le", "pain"]}, {"morphemes": [["抽象", "代数"], ["学"]]}]
    found = agreement(Pairs(1, []), rows)
    assert (found.sentences, found.left_out) == (1, 1)
    assert marked(rows[1]) == ("抽象代数学", {2, 4})


def test_rows_without_words_are_a_mistake():
    with pytest.raises(UserError, match="rows with words in a list"):
        agreement(SimpleNamespace(), [{"text": "no words"}])
