import numpy as np
import pytest

from mamebert.corpus import frequencies
from mamebert.corpus.frequencies import token_counts
from mamebert.corpus.token_shards import TokenShards, shard_path, write_manifest, write_token_shard


@pytest.fixture
def shards(tmp_path):
    rng = np.random.default_rng(0)
    for number in range(3):
        documents = [[(rng.integers(0, 7, 40), [True] * 40)] for _ in range(5)]
        write_token_shard(shard_path(tmp_path, "train", number), documents, 9)
    write_manifest(tmp_path, 9)
    return TokenShards.open(tmp_path)


def test_every_token_of_a_small_text_is_counted(shards, monkeypatch):
    monkeypatch.setattr(frequencies, "RUN", 70)  # runs cross shards
    ids = shards.tokens(0, shards.num_tokens)
    assert token_counts(shards).tolist() == [int((ids == word).sum()) for word in range(9)]


def test_of_a_large_text_about_as_many_are_counted_as_asked_for_from_beginning_to_end(shards, monkeypatch):
    monkeypatch.setattr(frequencies, "RUN", 10)
    ids = shards.tokens(0, 600)
    wanted = np.concatenate([ids[start : start + 10] for start in range(0, 600, 60)])
    assert token_counts(shards, about=100).tolist() == np.bincount(wanted, minlength=9).tolist()
