from collections import Counter

import pytest

from mamebert.corpus.documents import write_shard
from mamebert.errors import UserError
from mamebert.tokenizer.sampling import FEW_CHARACTERS, Sample, ShardSize


def shards_of(folder, *shards):
    paths = [folder / f"{number:05d}.parquet" for number in range(len(shards))]
    for path, documents in zip(paths, shards, strict=True):
        write_shard(path, documents)
    return paths


@pytest.fixture
def shards(tmp_path):
    numbered = [[[f"word{shard}x{number} common" for number in range(50)]] * 2 for shard in range(3)]
    return shards_of(tmp_path, *numbered)


def test_sentences_kept_aside_are_not_learnt_from(shards):
    sample = Sample.draw(shards, 10**6, seed=0, processes=1)
    held = sample.held()

    assert len(held) == 3 * 10
    assert sample.count_words("whitespace")["common"] == 300 - 30


def test_the_sample_keeps_to_its_bound(shards):
    total = sum(size.characters for size in Sample.draw(shards, 10**6, 0, 1).sizes)
    sample = Sample.draw(shards, total // 3, seed=0, processes=1)

    assert sample.rate == pytest.approx(1 / 3, abs=0.01)
    assert 60 < sample.count_words("whitespace")["common"] < 120


def test_a_seed_fixes_the_sample_and_processes_do_not_matter(shards, monkeypatch):
    monkeypatch.setitem(FEW_CHARACTERS, "whitespace", 0)

    def draw(seed, processes):
        sample = Sample.draw(shards, 3_000, seed, processes)
        return sample.count_words("whitespace"), sample.held()

    assert draw(1, 1) == draw(1, 2)
    assert draw(1, 1) != draw(2, 1)


def test_sizes_count_documents_sentences_and_characters(tmp_path):
    sample = Sample.draw(shards_of(tmp_path, [["豆", "ab"], ["c"]]), 100, 0, 1)

    assert sample.sizes == (ShardSize(documents=2, sentences=3, characters=4),)


def test_a_single_sentence_is_learnt_from(tmp_path):
    sample = Sample.draw(shards_of(tmp_path, [["one bean"]]), 100, 0, 1)

    assert (sample.count_words("whitespace"), sample.held()) == (Counter(one=1, bean=1), [])


def test_no_text_is_said_so(tmp_path):
    with pytest.raises(UserError, match="no text"):
        Sample.draw(shards_of(tmp_path, []), 100, 0, 1)


def test_japanese_words_are_counted(tmp_path):
    pytest.importorskip("fugashi")
    sample = Sample.draw(shards_of(tmp_path, [["犬が好き。"]]), 100, 0, 1)

    assert sample.count_words("mecab") == Counter(["犬", "が", "好き", "。"])
