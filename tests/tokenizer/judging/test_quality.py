import numpy as np
import pytest

from mamebert.tokenizer.judging.quality import longest_tokens, measure, segmentations
from mamebert.tokenizer.pieces import Located, Pieces


class Fake:
    def __init__(self, encoded):
        self.unk_id = 1
        self.tokens = ["[PAD]", "[UNK]", "bean", "##s", "豆"]
        self.encoded = encoded

    def encode_many(self, texts):
        return [Pieces(np.array(ids, np.int32), np.array(starts, bool)) for ids, starts in self.encoded]

    def encode_with_offsets(self, texts):
        spans = [[(0, 4), (4, 5), (6, 7)], [(0, 1), (2, 6)]]
        return [
            Located(ids, starts, *np.array(places).T)
            for (ids, starts), places in zip(self.encode_many(texts), spans, strict=False)
        ]

    def encode(self, text):
        return self.encode_many([text])[0]


def test_numbers_by_hand():
    # beans | 豆 ; ? | bean
    fake = Fake([([2, 3, 4], [1, 0, 1]), ([1, 2], [1, 1])])
    numbers = measure(fake, ["beans 豆", "? bean"], fake.encode_with_offsets(["beans 豆", "? bean"]))

    assert numbers["unknown_rate"] == pytest.approx(1 / 5)
    assert numbers["unknown_character_rate"] == pytest.approx(1 / 11, abs=1e-6)
    assert numbers["pieces_per_word"] == pytest.approx(5 / 4)
    assert numbers["characters_per_piece"] == pytest.approx(11 / 5)
    assert numbers["whole_word_rate"] == pytest.approx(2 / 4)  # 豆 and bean; [UNK] is no word
    assert numbers["vocab_bytes"] == 5 + 5 + 4 + 3 + 3


def test_no_text_gives_zeros():
    assert measure(Fake([]), [], [])["pieces_per_word"] == 0


def test_longest_tokens_come_first_and_marks_do_not_count():
    assert longest_tokens(Fake([]), 3) == ["[PAD]", "[UNK]", "bean"]


def test_segmentations_show_the_tokens():
    assert segmentations(Fake([([2, 3], [1, 0])]), ["beans"]) == [{"text": "beans", "tokens": ["bean", "##s"]}]
