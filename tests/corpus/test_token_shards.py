import json
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mamebert.corpus.token_shards import TokenShards, read_manifest, shard_path, write_manifest, write_token_shard
from mamebert.errors import UserError

VOCAB_SIZES = (300, 70_000)
sentence = st.lists(st.tuples(st.integers(0, 299), st.booleans()), min_size=1, max_size=20).map(
    lambda pairs: ([i for i, _ in pairs], [w for _, w in pairs])
)
documents = st.lists(st.lists(sentence, min_size=1, max_size=4), max_size=4)


def make_run(folder, shards, vocab_size=300, part="train"):
    for number, shard in enumerate(shards):
        write_token_shard(shard_path(folder, part, number), shard, vocab_size)
    write_manifest(folder, vocab_size)
    return folder


@settings(deadline=None)  # files are written
@given(st.lists(documents, min_size=1, max_size=3), st.sampled_from(VOCAB_SIZES), st.data())
def test_what_is_written_comes_back_at_every_offset(shards, vocab_size, data):
    with TemporaryDirectory() as folder:
        opened = TokenShards.open(make_run(Path(folder), shards, vocab_size))
        all_documents = [document for shard in shards for document in shard]
        sentences = [each for document in all_documents for each in document]
        ids = [i for each, _ in sentences for i in each]
        words = [w for _, each in sentences for w in each]

        assert (opened.num_documents, opened.num_sentences) == (len(all_documents), len(sentences))
        assert (opened.num_tokens, opened.vocab_size) == (len(ids), vocab_size)
        assert opened.sentence_starts.tolist() == np.cumsum([0] + [len(each) for each, _ in sentences]).tolist()
        assert opened.document_starts.tolist() == np.cumsum([0] + [len(each) for each in all_documents]).tolist()
        start = data.draw(st.integers(0, len(ids)))
        end = data.draw(st.integers(start, len(ids)))
        assert opened.tokens(start, end).tolist() == ids[start:end]
        assert opened.word_starts(start, end).tolist() == words[start:end]
        assert opened.word_starts(start, end).dtype == bool


def test_ids_take_two_bytes_unless_the_vocabulary_needs_four(tmp_path):
    small = TokenShards.open(make_run(tmp_path / "small", [[[([65_535], [True])]]], vocab_size=65_536))
    large = TokenShards.open(make_run(tmp_path / "large", [[[([65_536], [True])]]], vocab_size=65_537))

    assert (small.tokens(0, 1).dtype, large.tokens(0, 1).dtype) == (np.uint16, np.uint32)
    assert large.tokens(0, 1).tolist() == [65_536]


def test_tokens_inside_a_shard_are_not_copied(tmp_path):
    shards = TokenShards.open(make_run(tmp_path, [[[([5, 6, 7], [True, False, True])]]]))

    assert np.shares_memory(shards.tokens(0, 3), shards.tokens(1, 2))
    assert not shards.tokens(0, 3).flags.writeable


def test_parts_are_read_apart(tmp_path):
    make_run(tmp_path, [[[([5, 6], [True, True])]]])
    make_run(tmp_path, [[[([7], [True])]]], part="heldout")

    assert TokenShards.open(tmp_path, "train").tokens(0, 2).tolist() == [5, 6]
    assert TokenShards.open(tmp_path, "heldout").tokens(0, 1).tolist() == [7]


@settings(deadline=None)  # files are written
@given(st.lists(documents, min_size=1, max_size=3), st.sampled_from(VOCAB_SIZES), st.data())
def test_many_ranges_come_end_to_end(shards, vocab_size, data):
    with TemporaryDirectory() as folder:
        opened = TokenShards.open(make_run(Path(folder), shards, vocab_size))
        edges = opened.sentence_starts[opened.document_starts]
        numbers = data.draw(st.lists(st.integers(0, len(edges) - 2), max_size=6)) if len(edges) > 1 else []
        starts = [data.draw(st.integers(edges[n], edges[n + 1])) for n in numbers]
        ends = [data.draw(st.integers(start, edges[n + 1])) for start, n in zip(starts, numbers, strict=True)]
        asked = np.array(starts, np.int64), np.array(ends, np.int64) - np.array(starts, np.int64)

        ids = [i for start, end in zip(starts, ends, strict=True) for i in opened.tokens(start, end)]
        words = [w for start, end in zip(starts, ends, strict=True) for w in opened.word_starts(start, end)]
        assert opened.gather(*asked).tolist() == ids
        assert opened.gather(*asked).dtype == np.int64
        assert opened.gather_word_starts(*asked).tolist() == words


@pytest.mark.parametrize("asked", [(0, 4), (1, 3), (3, 1), (-1, 2)])
def test_a_gathered_range_beyond_its_shard_is_an_error(tmp_path, asked):
    shards = TokenShards.open(make_run(tmp_path, [[[([5, 6], [True, True])]], [[([7], [True])]]]))
    with pytest.raises(IndexError, match="crosses the end"):
        shards.gather(*np.array(asked)[:, None])


def test_a_range_outside_the_tokens_is_an_error(tmp_path):
    shards = TokenShards.open(make_run(tmp_path, [[[([5], [True])]]]))

    with pytest.raises(IndexError, match="there are 1"):
        shards.tokens(0, 2)


@pytest.mark.parametrize("bad", [[[]], [[([], [])]], [[([5, 6], [True])]]])
def test_empty_or_uneven_input_is_refused(tmp_path, bad):
    with pytest.raises(ValueError, match="needs a sentence"):
        write_token_shard(tmp_path / "x.arrow", bad)


def test_a_missing_shard_is_named(tmp_path):
    make_run(tmp_path, [[[([5], [True])]], [[([6], [True])]]])
    shard_path(tmp_path, "train", 1).unlink()

    with pytest.raises(UserError, match=r"train-00001\.arrow is missing"):
        TokenShards.open(tmp_path)


def test_an_altered_shard_is_named_even_when_its_size_is_the_same(tmp_path):
    make_run(tmp_path, [[[([5], [True])]], [[([6], [True])]]])
    write_token_shard(shard_path(tmp_path, "train", 0), [[([7], [True])]], 300)

    with pytest.raises(UserError, match=r"train-00000\.arrow is not what was written"):
        TokenShards.open(tmp_path)
    assert TokenShards.open(tmp_path, check=False).tokens(0, 1).tolist() == [7]


def test_a_truncated_shard_is_named_without_reading_it(tmp_path):
    make_run(tmp_path, [[[([5], [True])]]])
    path = shard_path(tmp_path, "train", 0)
    path.write_bytes(path.read_bytes()[:-10])

    with pytest.raises(UserError, match=r"train-00000\.arrow"):
        TokenShards.open(tmp_path, check=False)


def test_a_folder_without_shards_says_what_to_give(tmp_path):
    with pytest.raises(UserError, match="mamebert tokenize"):
        TokenShards.open(tmp_path)


def test_a_damaged_manifest_is_no_traceback(tmp_path):
    make_run(tmp_path, [[[([5], [True])]]])
    (tmp_path / "tokens" / "manifest.json").write_text("{")

    with pytest.raises(UserError, match="damaged"):
        TokenShards.open(tmp_path)


def test_the_manifest_counts(tmp_path):
    make_run(tmp_path, [[[([5, 6], [True, False]), ([7], [True])], [([8], [True])]]])

    entry = read_manifest(tmp_path)["shards"][0]
    assert (entry["tokens"], entry["sentences"], entry["documents"]) == (4, 3, 2)
    assert json.loads((tmp_path / "tokens" / "manifest.json").read_text())["vocab_size"] == 300


def test_no_half_written_shard_is_left_under_a_final_name(tmp_path):
    make_run(tmp_path, [[[([5], [True])]]])

    names = sorted(p.name for p in (tmp_path / "tokens").iterdir())
    assert names == [
        "SHA256SUMS",
        "manifest.json",
        "train-00000.arrow",
    ]


def test_damaged_held_out_text_is_told_to_whoever_opens_the_text_to_train_on(tmp_path):
    write_token_shard(shard_path(tmp_path, "train", 0), [[([5], [True])]], 300)
    write_token_shard(shard_path(tmp_path, "heldout", 0), [[([6], [True])]], 300)
    write_manifest(tmp_path, 300)
    assert TokenShards.open(tmp_path).num_tokens == 1
    write_token_shard(shard_path(tmp_path, "heldout", 0), [[([7], [True])]], 300)
    with pytest.raises(UserError, match=r"heldout-00000\.arrow is not what was written"):
        TokenShards.open(tmp_path)
    shard_path(tmp_path, "heldout", 0).unlink()
    with pytest.raises(UserError, match=r"heldout-00000\.arrow is missing"):
        TokenShards.open(tmp_path)
