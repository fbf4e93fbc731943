"""Token shards whose tokens can be recognised."""

import numpy as np
import pytest

from mamebert.corpus.token_shards import TokenShards, shard_path, write_manifest, write_token_shard

VOCAB = 1001


@pytest.fixture
def make_shards(tmp_path_factory):
    """Return a function that writes documents, given as sentence lengths for each shard.

    Token values count up, and value 5 + i goes on with a word where i % 3 is 2.
    """

    def make(*shards):
        folder = tmp_path_factory.mktemp("shards")
        value = 0
        for number, documents in enumerate(shards):
            made = []
            for lengths in documents:
                document = []
                for n in lengths:
                    places = np.arange(value, value + n)
                    document.append((5 + places % (VOCAB - 5), places % 3 != 2))
                    value += n
                made.append(document)
            write_token_shard(shard_path(folder, "train", number), made, VOCAB)
        write_manifest(folder, VOCAB)
        return TokenShards.open(folder)

    return make


@pytest.fixture
def shards(make_shards):
    """Forty documents of about 150 tokens in two shards."""
    rng = np.random.default_rng(0)
    documents = [rng.integers(1, 30, rng.integers(1, 20)).tolist() for _ in range(40)]
    return make_shards(documents[:25], documents[25:])
