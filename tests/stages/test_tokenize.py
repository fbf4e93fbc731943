import hashlib
import json
import os
import shutil
from collections import namedtuple

import pytest

from mamebert.config import build
from mamebert.corpus.documents import write_shard
from mamebert.corpus.token_shards import TokenShards, shard_path
from mamebert.errors import UserError
from mamebert.stages.tokenize import TokenizeConfig, tokenize
from mamebert.tokenizer.encoding import Tokenizer
from mamebert.tokenizer.sampling import Sample
from mamebert.tokenizer.vocabularies import Vocabulary

VOCAB = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "[", "]", "a", "bean", "##s", "the", "grow", ".", "MASK"]
SENTENCES = ["the beans grow.", "a bean", "the [MASK] grows.", "grow beans grow", "\u200b", "unknown beans."]


@pytest.fixture(scope="module")
def tokenizer_folder(tmp_path_factory):
    from transformers import BertTokenizer

    folder = tmp_path_factory.mktemp("tokenizer")
    BertTokenizer(vocab={token: i for i, token in enumerate(VOCAB)}, do_lower_case=False).save_pretrained(folder)
    (folder / "model.safetensors").write_bytes(b"weights")
    return folder


@pytest.fixture
def corpus(tmp_path):
    for shard in range(3):
        documents = [[SENTENCES[(shard + i + j) % 6] for j in range(1 + i % 3)] for i in range(40)]
        write_shard(tmp_path / "corpus" / "documents" / f"{shard:05d}.parquet", documents)
    return tmp_path / "corpus"


def config(corpus, tokenizer_folder, output="tokens", **settings):
    given = {"corpus": corpus, "tokenizer": tokenizer_folder, "output": corpus.parent / output, "processes": 1}
    return build(TokenizeConfig, {**given, **settings})


def digest(folder):
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in (folder / "tokens").iterdir()}


def test_every_sentence_is_there_and_special_tokens_are_text(corpus, tokenizer_folder):
    run = tokenize(config(corpus, tokenizer_folder, heldout_rate=0))
    shards = TokenShards.open(run.final)
    tokenizer = Tokenizer.open(shards.tokenizer_folder)

    first = [
        i for sentence in ("the beans grow.", "a bean", "the [MASK] grows.") for i in tokenizer.encode(sentence).ids
    ]
    start, end = shards.sentence_starts[0], shards.sentence_starts[len(first)]
    assert shards.tokens(start, end).tolist()[:5] == [VOCAB.index(t) for t in ("the", "bean", "##s", "grow", ".")]
    assert shards.word_starts(start, end).tolist()[:5] == [True, True, False, True, True]
    assert not {2, 3, 4} & set(shards.tokens(0, shards.num_tokens).tolist())
    assert run.results["empty_sentences_dropped"] > 0
    assert run.results["sentences"] + run.results["empty_sentences_dropped"] == sum(1 + i % 3 for i in range(40)) * 3
    assert shards.num_documents == 120 - run.results["empty_documents_dropped"]
    assert 0 < run.results["unknown_rate"] < 0.5


def test_documents_kept_apart_are_whole_and_few(corpus, tokenizer_folder):
    run = tokenize(config(corpus, tokenizer_folder, heldout_rate=0.2))
    heldout, train = run.results["heldout"], run.results["train"]

    assert 10 < heldout["documents"] < 40
    assert heldout["documents"] + train["documents"] == run.results["documents"]
    assert TokenShards.open(run.final, "heldout").num_tokens == heldout["tokens"]


def test_tokens_kept_apart_are_bounded_but_not_none(corpus, tokenizer_folder):
    run = tokenize(config(corpus, tokenizer_folder, heldout_rate=0.5, max_heldout_tokens=1))

    assert (run.results["heldout"]["documents"], run.results["heldout"]["sentences"]) == (2, 2)


@pytest.mark.parametrize(("files", "parted"), [(1, 1), (2, 1), (3, 2)])
def test_of_a_long_document_the_end_is_kept_apart(files, parted, tmp_path, tokenizer_folder):
    """A file of sentences is one document: none was held out of one such file, and of three a third of the text."""
    sentences = [SENTENCES[i % 2] for i in range(400)]
    for number in range(files):
        write_shard(tmp_path / "corpus" / "documents" / f"{number:05d}.parquet", [sentences])
    run = tokenize(config(tmp_path / "corpus", tokenizer_folder))

    apart, learnt = (TokenShards.open(run.final, part) for part in ("heldout", "train"))
    assert apart.num_documents == parted
    assert 0.04 < apart.num_tokens / run.results["tokens"] / parted <= 0.06
    assert apart.num_sentences + learnt.num_sentences == run.results["sentences"] == 400 * files
    assert (run.results["documents"], run.results["empty_documents_dropped"]) == (files, 0)
    tokenizer = Tokenizer.open(apart.tokenizer_folder)
    ids = [i for sentence in sentences for i in tokenizer.encode(sentence).ids]
    assert apart.tokens(0, apart.num_tokens).tolist() == ids[-apart.num_tokens // parted :] * parted


def test_a_text_of_one_sentence_is_learnt_from(tmp_path, tokenizer_folder):
    write_shard(tmp_path / "corpus" / "documents" / "00000.parquet", [[SENTENCES[0]]])
    run = tokenize(config(tmp_path / "corpus", tokenizer_folder))
    assert (run.results["train"]["sentences"], run.results["heldout"]["sentences"]) == (1, 0)


def test_processes_do_not_matter(corpus, tokenizer_folder, monkeypatch):
    monkeypatch.setattr("mamebert.stages.tokenize.FEW_CHARACTERS", 0)
    one = tokenize(config(corpus, tokenizer_folder, "one"))
    two = tokenize(config(corpus, tokenizer_folder, "two", processes=2))

    assert digest(one.final) == digest(two.final)


@pytest.fixture(scope="module")
def merges(tmp_path_factory):
    folder = tmp_path_factory.mktemp("merges")
    write_shard(folder / "shard.parquet", [SENTENCES * 20])
    sample = Sample.draw([folder / "shard.parquet"], 10_000, 0, 1)
    Vocabulary.model_validate({"kind": "bpe", "size": 40}).train(sample, folder / "tokenizer")
    return folder / "tokenizer"


def test_dropout_does_not_depend_on_processes_nor_on_being_broken_off(corpus, merges, monkeypatch):
    monkeypatch.setattr("mamebert.stages.tokenize.FEW_CHARACTERS", 0)
    one = tokenize(config(corpus, merges, "one", bpe_dropout=0.3))
    monkeypatch.setattr("mamebert.stages.tokenize.write_manifest", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        tokenize(config(corpus, merges, "two", bpe_dropout=0.3, processes=2))
    monkeypatch.undo()
    shard_path(corpus.parent / "two.partial", "train", 1).unlink()
    two = tokenize(config(corpus, merges, "two", bpe_dropout=0.3))

    assert digest(one.final) == digest(two.final)


def test_dropout_is_for_training_text_and_seeded(corpus, merges):
    runs = {
        name: TokenShards.open(tokenize(config(corpus, merges, name, heldout_rate=0.3, **settings)).final, part)
        for name, part, settings in (
            ("plain", "train", {}), ("held", "heldout", {}), ("again", "train", {"bpe_dropout": 0.0}),
            ("drawn", "train", {"bpe_dropout": 0.3}), ("drawn_held", "heldout", {"bpe_dropout": 0.3}),
            ("drawn_again", "train", {"bpe_dropout": 0.3}),
        )
    }  # fmt: skip
    ids = {name: shards.tokens(0, shards.num_tokens).tolist() for name, shards in runs.items()}

    assert ids["plain"] == ids["again"]
    assert ids["drawn"] == ids["drawn_again"]
    assert len(ids["drawn"]) > len(ids["plain"])
    assert ids["held"] == ids["drawn_held"]


def test_dropout_of_other_kinds_is_refused_before_anything_is_made(corpus, tokenizer_folder):
    with pytest.raises(UserError, match="kind=bpe or byte_bpe"):
        tokenize(config(corpus, tokenizer_folder, bpe_dropout=0.1))
    assert not (corpus.parent / "tokens").exists()


def test_a_run_broken_off_goes_on_and_ends_alike(corpus, tokenizer_folder, monkeypatch):
    whole = tokenize(config(corpus, tokenizer_folder, "whole"))
    monkeypatch.setattr("mamebert.stages.tokenize.write_manifest", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        tokenize(config(corpus, tokenizer_folder))
    monkeypatch.undo()
    working = corpus.parent / "tokens.partial"
    shard_path(working, "heldout", 2).unlink()  # killed between the two files of the last shard
    os.utime(shard_path(working, "train", 0), (1, 1))
    run = tokenize(config(corpus, tokenizer_folder))

    assert digest(run.final) == digest(whole.final)
    assert shard_path(run.final, "train", 0).stat().st_mtime == 1  # not written again
    assert run.results["tokens"] == whole.results["tokens"]


def test_only_the_tokenizer_is_copied_from_a_model_folder(corpus, tokenizer_folder):
    run = tokenize(config(corpus, tokenizer_folder))

    assert {path.name for path in (run.final / "tokenizer").iterdir()} == {
        "SHA256SUMS",
        "tokenizer.json",
        "tokenizer_config.json",
    }


def test_no_space_is_said_before_starting(corpus, tokenizer_folder, monkeypatch):
    usage = namedtuple("usage", "total used free")(10**9, 10**9, 1000)
    monkeypatch.setattr("shutil.disk_usage", lambda _: usage)
    with pytest.raises(UserError, match="Token shards need about"):
        tokenize(config(corpus, tokenizer_folder))
    assert not list((corpus.parent / "tokens.partial").glob("tokens/*"))


def test_a_folder_without_tokenizer_is_no_traceback(corpus):
    with pytest.raises(UserError, match="no tokenizer"):
        tokenize(config(corpus, corpus))


def test_text_without_tokens_is_refused(tmp_path, tokenizer_folder):
    write_shard(tmp_path / "corpus" / "documents" / "00000.parquet", [["\u200b"]])
    with pytest.raises(UserError, match="No document has a token"):
        tokenize(config(tmp_path / "corpus", tokenizer_folder))


def test_a_shard_that_a_kill_left_without_its_record_is_counted_all_the_same(corpus, tokenizer_folder, monkeypatch):
    monkeypatch.setattr("mamebert.stages.tokenize.write_manifest", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        tokenize(config(corpus, tokenizer_folder))
    monkeypatch.undo()
    metrics = corpus.parent / "tokens.partial" / "metrics.jsonl"
    lines = metrics.read_text().splitlines(keepends=True)
    metrics.write_text("".join(lines[:-1]))
    shard_path(corpus.parent / "tokens.partial", "train", 0).unlink()
    run = tokenize(config(corpus, tokenizer_folder))
    assert sorted(line["shard"] for line in run.metrics()) == [0, 1, 2]
    assert sum(line["tokens"] for line in run.metrics()) == run.results["tokens"]


def test_the_tokenizer_of_a_model_with_more_tokens_than_its_table_is_refused(world, encoders, tmp_path):
    model = tmp_path / "model"
    shutil.copytree(encoders("N") / "model", model)
    (model / "SHA256SUMS").unlink()
    told = json.loads((model / "config.json").read_text())
    (model / "config.json").write_text(json.dumps({**told, "vocab_size": told["vocab_size"] - 1}))
    with pytest.raises(UserError, match=r"has \d+ tokens and the model's table \d+ rows"):
        tokenize(TokenizeConfig(output=tmp_path / "out", corpus=world / "clean", tokenizer=model))
