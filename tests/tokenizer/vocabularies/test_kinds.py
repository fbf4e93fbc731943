"""What only the newer kinds of vocabulary do."""

import subprocess
import sys

import numpy as np
import pytest

from mamebert.config import build
from mamebert.corpus.documents import write_shard
from mamebert.errors import UserError
from mamebert.tokenizer.correspondence import correspond
from mamebert.tokenizer.encoding import Tokenizer
from mamebert.tokenizer.sampling import Sample
from mamebert.tokenizer.vocabularies import Vocabulary
from mamebert.tokenizer.vocabularies.byte_bpe import ByteBpe

TEXT = ["The bean grows in the garden, and the beans are green.", "Gardens (and gardeners) grow greener beans."] * 20
CODE = """
import sys
from pathlib import Path
from mamebert.tokenizer.sampling import Sample
from mamebert.tokenizer.vocabularies import Vocabulary
sample = Sample.draw([Path(sys.argv[1])], 10000, 0, 1)
for kind, size in (("bpe", 50), ("byte_bpe", 280), ("unigram", 36)):
    Vocabulary.model_validate({"kind": kind, "size": size}).train(sample, Path(sys.argv[2]) / kind)
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("kinds")
    write_shard(made / "shard.parquet", [TEXT])
    for number in range(2):
        command = [sys.executable, "-c", CODE, str(made / "shard.parquet"), str(made / str(number))]
        subprocess.run(command, check=True)
    return made


@pytest.mark.parametrize("kind", ["bpe", "byte_bpe", "unigram"])
def test_fresh_processes_write_the_same_bytes(folder, kind):
    first, second = ({p.name: p.read_bytes() for p in (folder / n / kind).iterdir()} for n in ("0", "1"))
    assert first == second
    assert set(first) == {"tokenizer.json", "tokenizer_config.json", "vocab.txt"}


def test_a_word_behind_a_space_is_told_from_one_behind_a_bracket(folder):
    tokenizer = Tokenizer.open(folder / "0" / "bpe")
    spaced, bracketed = (tokenizer.encode(text) for text in ("the gardens", "the (gardens"))
    assert tokenizer.tokens[spaced.ids[np.flatnonzero(spaced.word_starts)[1]]].startswith("▁")
    assert not tokenizer.tokens[bracketed.ids[np.flatnonzero(bracketed.word_starts)[2]]].startswith("▁")


@pytest.mark.parametrize("kind", ["bpe", "byte_bpe", "unigram"])
def test_words_have_their_tokens_and_are_read_as_plain_transformers_reads_them(folder, kind):
    from transformers import AutoTokenizer

    tokenizer, plain = Tokenizer.open(folder / "0" / kind), AutoTokenizer.from_pretrained(folder / "0" / kind)
    words = [word for word in ("in", "the", "and", "grow") if len(tokenizer.encode_words([[word]])[0][0]) == 1]
    assert words
    for word in words:
        number = tokenizer.whole_words[word]
        assert tokenizer.encode(f"bean {word} bean").ids[np.flatnonzero(tokenizer.encode("bean").ids)[-1] + 1] == number
        assert tokenizer.spelt(number) == plain.decode([number])
        assert tokenizer.spelt(number).strip() == word


@pytest.mark.parametrize("kind", ["bpe", "byte_bpe", "unigram"])
def test_the_sign_of_a_space_stays_with_a_word_of_thai(tmp_path, kind):
    write_shard(tmp_path / "shard.parquet", [["เราไปตลาด แม่ซื้อปลา และผัก", "แม่ไปตลาด เราซื้อผัก BERTและปลา"] * 20])
    sample = Sample.draw([tmp_path / "shard.parquet"], 10_000, 0, 1)
    Vocabulary.model_validate({"kind": kind, "size": {"byte_bpe": 290}.get(kind, 36)}).train(sample, tmp_path / kind)
    tokenizer = Tokenizer.open(tmp_path / kind)
    pieces = tokenizer.encode("แม่ไปตลาด เราซื้อผัก BERTและปลา")

    assert pieces.word_starts.sum() == 4
    assert tokenizer.decode(pieces.ids) == "แม่ไปตลาด เราซื้อผัก BERTและปลา"


def test_nothing_is_unknown_in_bytes(folder):
    tokenizer = Tokenizer.open(folder / "0" / "byte_bpe")
    assert tokenizer.unk_id not in tokenizer.encode("豆 ñ 🫘").ids
    assert tokenizer.decode(tokenizer.encode("豆 ñ 🫘").ids) == "豆 ñ 🫘"


def test_too_few_places_for_all_bytes_are_refused():
    with pytest.raises(UserError, match=r"Set vocabulary\.size=261"):
        build(ByteBpe, {"size": 200})


def test_rows_of_shared_words_are_found_between_kinds(folder):
    old, new = (Tokenizer.open(folder / "0" / kind) for kind in ("bpe", "byte_bpe"))
    found = correspond(old, new)
    shared = {new.spelt(n).strip() for n in found.same if n not in new.special_ids}
    assert {"t", "the"} & shared
    number = new.tokens.index("Ġthe")
    assert old.tokens[found.same[number]] == "▁the"


def test_words_encoded_one_by_one_are_those_of_the_text(folder):
    for kind in ("bpe", "byte_bpe", "unigram"):
        tokenizer = Tokenizer.open(folder / "0" / kind)
        words = ["the", "bean", "grows"]
        together = np.concatenate(tokenizer.encode_words([words])[0])
        assert together.tolist() == tokenizer.encode(" ".join(words)).ids.tolist()


def test_unigram_without_its_package_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "sentencepiece", None)
    with pytest.raises(UserError, match=r"mamebert\[unigram\]"):
        Vocabulary.model_validate("unigram").check()


def test_an_unigram_vocabulary_saved_as_wordpiece_knows_every_word(tmp_path):
    write_shard(tmp_path / "shard.parquet", [TEXT])
    sample = Sample.draw([tmp_path / "shard.parquet"], 10**6, seed=0, processes=1)
    Vocabulary.model_validate({"kind": "unigram", "matching": "longest", "size": 40}).train(sample, tmp_path / "t")
    tokenizer = Tokenizer.open(tmp_path / "t")
    assert tokenizer.unk_id not in np.concatenate([tokenizer.encode(text).ids for text in TEXT[:2]])
    assert any(token.startswith("##") for token in tokenizer.tokens)


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "size"), [("bpe", 60), ("byte_bpe", 300), ("unigram", 40)])
def test_a_model_is_learnt_and_asked_with_every_kind(world, tiny, tmp_path, kind, size, unproved):
    import mamebert
    from mamebert.stages import find

    def stage(command, **settings):
        wanted, work = find(command)
        return work(build(wanted, {"output": tmp_path / command, **settings})).folder

    vocabulary = {"kind": kind, "size": size, "min_frequency": 1}
    vocab = stage("vocab", corpus=world / "clean", vocabulary=vocabulary, processes=1)
    shards = stage("tokenize", corpus=world / "clean", tokenizer=vocab, heldout_rate=0.1, processes=1)
    training = {"steps": 3, "batch_tokens": 256, "precision": "float32"}
    objective = {"max_length": 32, "mask_unit": "word"}
    encoder = stage("pretrain", **{**tiny, "shards": shards, "objective": objective, "training": training})
    made = stage(
        "finetune",
        models={"N": encoder},
        source=str(world / "rows.jsonl"),
        split={"train": 0.4, "valid": 0.2},
        task={"max_length": 32},
        training={"epochs": 1, "batch_tokens": 64, "precision": "float32"},
        seeds=[1],
        baselines="none",
    )
    model = mamebert.load(next(made.rglob("config.json")).parent)
    assert len(model(["The bean grew in the garden.", "豆"])) == 2
