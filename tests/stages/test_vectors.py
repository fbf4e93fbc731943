import json

import numpy as np
import pytest

from mamebert.corpus.token_shards import shard_path, write_manifest, write_token_shard
from mamebert.errors import UserError
from mamebert.runs import Run
from mamebert.stages import vectors as stage
from mamebert.stages.vectors import VectorsConfig, vectors
from mamebert.word2vec.cbow import Cbow
from mamebert.word2vec.table import VectorTable

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
ANIMALS, KITCHEN = ["madra", "capall", "éanlaith", "lachan"], ["citin", "scian", "pláta", "cupán"]
TOKENS = [*SPECIAL, *ANIMALS, *KITCHEN, "tostach"]
CBOW = Cbow(vector_size=12, sample=0, processes=1)


@pytest.fixture
def shards(tmp_path):
    """A `tokenize` run in which animals are spoken of among animals and kitchen things among kitchen things."""
    folder = tmp_path / "shards"
    rng = np.random.default_rng(1)
    documents = [
        [(rng.integers(0, 4, size=8) + start, [True] * 8) for _ in range(4)] for start in rng.choice([5, 9], 300)
    ]
    write_token_shard(shard_path(folder, "train", 0), documents, len(TOKENS))
    write_manifest(folder, len(TOKENS))
    (folder / "tokenizer").mkdir()
    (folder / "tokenizer" / "vocab.txt").write_text("".join(t + "\n" for t in TOKENS), encoding="utf-8")
    (folder / "tokenizer" / "tokenizer_config.json").write_text('{"tokenizer_class": "BertTokenizer"}')
    record = {"id": "made-up", "command": "tokenize", "settings": {}, "sources": []}
    (folder / "run.json").write_text(json.dumps(record))
    return folder


def config(shards, **changes):
    return VectorsConfig(**{"output": shards.parent / "vectors", "shards": shards, "cbow": CBOW} | changes)


def test_the_run_holds_a_table_and_the_numbers_for_the_report(shards):
    run = vectors(config(shards))
    table = VectorTable.open(run.folder)
    results = Run.open(run.final).results

    assert table.vectors.shape == (len(TOKENS), 12)
    assert table.learnt.tolist() == [False] * 5 + [True] * 8 + [False]
    assert results == run.results
    assert results["coverage"]["missing"] == ["tostach"]
    assert results["tokens_per_second"] > 0
    assert {name for name, _ in results["neighbours"]["capall"][:3]} == set(ANIMALS) - {"capall"}
    assert {name for name, _ in results["neighbours"]["scian"][:3]} == set(KITCHEN) - {"scian"}
    assert sorted(path.name for path in run.folder.iterdir()) == [
        ".lock",
        "SHA256SUMS",
        "run.json",
        "tokenizer",
        "vectors.safetensors",
        "vocab.txt",
    ]


def test_words_asked_for_are_shown_and_unknown_ones_named(shards, capsys):
    run = vectors(config(shards, probe_words=["madra", "tostach", "asal"]))

    assert list(run.results["neighbours"]) == ["madra"]
    assert run.results["probe_words_unknown"] == ["tostach", "asal"]
    assert "No vector was learnt for tostach, asal" in capsys.readouterr().err


def test_a_finished_run_is_not_done_again(shards, monkeypatch):
    first = vectors(config(shards))
    monkeypatch.setattr(stage, "train_cbow", lambda *args, **kwargs: pytest.fail("learnt again"))

    assert vectors(config(shards)).results == first.results


def test_a_run_stopped_in_the_middle_and_started_again_gives_the_same_table(shards, monkeypatch):
    def stop(*args, scratch_folder):
        (scratch_folder / "cbow_slice.txt").write_text("00001 00002\n")
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(stage, "train_cbow", stop)
        with pytest.raises(KeyboardInterrupt):
            vectors(config(shards))
    assert not (shards.parent / "vectors").exists()

    resumed = vectors(config(shards))
    straight = vectors(config(shards, output=shards.parent / "straight"))
    tables = [VectorTable.open(run.folder).vectors for run in (resumed, straight)]
    np.testing.assert_array_equal(*tables)
    assert not (resumed.folder / "cbow_slice.txt").exists()


def test_shards_that_are_not_there_are_a_sentence(shards):
    with pytest.raises(UserError, match="There is no folder"):
        vectors(config(shards / "nowhere"))
