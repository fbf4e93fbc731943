import json
from random import Random

import numpy as np
import pytest

from mamebert.corpus.documents import write_shard
from mamebert.errors import UserError
from mamebert.tokenizer.dropout import LONGEST, DrawnEncoder
from mamebert.tokenizer.encoding import Tokenizer
from mamebert.tokenizer.sampling import Sample
from mamebert.tokenizer.vocabularies import Vocabulary

TEXT = ["The bean grows in the garden, and the beans are green.", "Gardens (and gardeners) grow gréener béans."] * 20
ODD = [
    "", " ", "the", "beans,beans (and) greens", "xyz 豆 the豆bean", "a\u200bb \x1f c\u0301 é e\u0301", "[MASK] [UNK]",
    "the " * 50, "g" * 300, "สวัสดี" * 30, "ﬁn 👩‍🌾 gardens",
]  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("dropout")
    write_shard(made / "shard.parquet", [TEXT])
    sample = Sample.draw([made / "shard.parquet"], 10_000, 0, 1)
    for kind, size in (("bpe", 60), ("byte_bpe", 300), ("wordpiece", 60)):
        Vocabulary.model_validate({"kind": kind, "size": size}).train(sample, made / kind)
    return made


def drawn(folder, rate, seed=0, shard=0):
    encoder = DrawnEncoder(folder, rate, seed)
    encoder.begin(shard)
    return encoder


def told(pieces):
    return [(each.ids.tolist(), each.word_starts.tolist()) for each in pieces]


@pytest.mark.parametrize("kind", ["bpe", "byte_bpe"])
def test_without_dropout_words_are_cut_as_the_tokenizer_cuts_them(folder, kind):
    rng = Random(0)
    noise = ["".join(rng.choices("gardensbe .,(é豆", k=30)) for _ in range(200)]
    texts = [*ODD, *TEXT[:2], *noise]

    assert told(drawn(folder / kind, 0.0).encode_many(texts)) == told(Tokenizer.open(folder / kind).encode_many(texts))


@pytest.mark.parametrize("kind", ["bpe", "byte_bpe"])
def test_drawn_cuts_spell_the_same_text_and_begin_the_same_words(folder, kind):
    tokenizer, encoder = Tokenizer.open(folder / kind), drawn(folder / kind, 0.5)
    texts = [*TEXT[:2] * 20, "gardens,greens (beans) gréen"]
    changed = 0
    for usual, cut in zip(tokenizer.encode_many(texts), encoder.encode_many(texts), strict=True):
        spelt = [_words(tokenizer, each) for each in (usual, cut)]
        assert spelt[0] == spelt[1]
        changed += usual.ids.tolist() != cut.ids.tolist()
    assert changed > 35


def _words(tokenizer, pieces):
    parts = np.split(pieces.ids, np.flatnonzero(pieces.word_starts)[1:])
    return ["".join(tokenizer.tokens[number] for number in part) for part in parts]


@pytest.mark.parametrize("rate", [0.1, 0.3])
def test_the_share_of_changed_words_is_what_the_rate_gives(folder, rate):
    # A word of one merge stays whole where that is not left out.
    merges = [tuple(each) for each in json.loads((folder / "bpe" / "tokenizer.json").read_text())["model"]["merges"]]
    word = next(left + right for left, right in merges if left == "▁" and len(right) == 1).removeprefix("▁")
    words = [word] * 400
    shares = []
    for seed in range(20):  # each has 32 draws for the word
        cut = drawn(folder / "bpe", rate, seed).encode_many(words)
        shares.append(np.mean([len(each.ids) > 1 for each in cut]))

    assert np.mean(shares) == pytest.approx(rate, abs=4 * np.sqrt(rate * (1 - rate) / (20 * 32)))


def test_seed_and_shard_decide_and_what_came_before_does_not(folder):
    encoder = drawn(folder / "bpe", 0.3, seed=1, shard=4)
    first = told(encoder.encode_many(TEXT))
    other = drawn(folder / "bpe", 0.3, seed=1, shard=5)
    assert told(other.encode_many(TEXT)) != first
    other.begin(4)

    assert told(other.encode_many(TEXT)) == first
    assert told(drawn(folder / "bpe", 0.3, seed=2, shard=4).encode_many(TEXT)) != first


def test_long_words_are_cut_without_dropout(folder):
    long = "garden" * LONGEST
    assert told(drawn(folder / "bpe", 0.9).encode_many([long])) == told(
        Tokenizer.open(folder / "bpe").encode_many([long])
    )


def test_other_kinds_are_refused_in_a_sentence(folder):
    with pytest.raises(UserError, match=r"bpe_dropout leaves out merges.*kind=bpe or byte_bpe"):
        DrawnEncoder(folder / "wordpiece", 0.1, 0)
