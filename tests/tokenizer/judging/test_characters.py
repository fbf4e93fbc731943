"""A loss for each token as bits for each character, which compares vocabularies."""

from math import log

import numpy as np
import pytest

from mamebert.corpus.documents import write_shard
from mamebert.tokenizer.encoding import Tokenizer
from mamebert.tokenizer.judging.characters import TextLength, length_of
from mamebert.tokenizer.judging.unigram_bits import BITS_OF_ANY_CHARACTER
from mamebert.tokenizer.sampling import Sample
from mamebert.tokenizer.vocabularies import Vocabulary

TEXT = ["Väike õunapuu kasvab järve ääres, 1234 – «naïve» café!", "Wächst das Bäumchen? Ja, ſehr schön…"] * 20


def characters(text):
    return len("".join(text.split()))


def test_bits_are_the_nats_of_all_tokens_over_all_characters():
    assert TextLength(tokens=10, characters=40, unknown=0).bits_per_character(8 * log(2)) == pytest.approx(2.0)
    # One vocabulary tells twelve characters in three tokens of four bits, another in twelve of one: no difference.
    coarse, fine = TextLength(3, 12, 0), TextLength(12, 12, 0)
    assert coarse.bits_per_character(4 * log(2)) == pytest.approx(fine.bits_per_character(log(2)))


def test_what_is_unknown_is_dear_though_it_is_easily_guessed():
    found = TextLength(tokens=4, characters=10, unknown=1).bits_per_character(0.0)
    assert found == pytest.approx(BITS_OF_ANY_CHARACTER / 10)
    assert TextLength(0, 0, 0).bits_per_character(1.0) == 0


@pytest.mark.parametrize(("kind", "size"), [("wordpiece", 100), ("bpe", 60), ("byte_bpe", 300), ("unigram", 60)])
def test_tokens_have_the_characters_of_the_text_whatever_the_kind(tmp_path, kind, size):
    write_shard(tmp_path / "shard.parquet", [TEXT])
    sample = Sample.draw([tmp_path / "shard.parquet"], 10_000, 0, 1)
    if kind == "unigram":
        pytest.importorskip("sentencepiece")
    Vocabulary.model_validate({"kind": kind, "size": size, "min_frequency": 1}).train(sample, tmp_path / "tokenizer")
    tokenizer = Tokenizer.open(tmp_path / "tokenizer")
    for text in TEXT[:2]:
        ids = tokenizer.encode(text).ids
        assert length_of(tokenizer, ids) == TextLength(len(ids), characters(text), 0)


def test_japanese_is_counted_in_words_by_mecab(japanese):
    text = "東京の冬は空気が乾いて寒い。"
    assert length_of(japanese.ours, japanese.ours.encode(text).ids).characters == len(text)


def test_unknown_words_are_one_character_and_other_special_tokens_none(spaced):
    tokenizer = spaced.ours
    ids = np.array([tokenizer.cls_id, *tokenizer.encode("bean").ids, tokenizer.unk_id, tokenizer.sep_id])
    assert length_of(tokenizer, ids) == TextLength(len(ids) - 2, 5, 1)
