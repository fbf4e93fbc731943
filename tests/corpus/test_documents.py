import pytest

from mamebert.corpus.documents import DocumentWriter, document_shards, read_shard
from mamebert.errors import UserError


def test_documents_come_back_in_order_from_all_shards(tmp_path):
    documents = [[f"Bean {number}.", "豆。"] for number in range(30)]
    with DocumentWriter(tmp_path, shard_characters=40) as writer:
        for document in documents:
            writer.add(document, sum(map(len, document)))
    assert len(document_shards(tmp_path)) == writer.num_shards > 1
    assert [document for shard in document_shards(tmp_path) for document in read_shard(shard)] == documents


def test_shards_of_a_killed_run_are_taken_away(tmp_path):
    with DocumentWriter(tmp_path, 1000) as writer:
        writer.add(["old"], 3)
    with DocumentWriter(tmp_path, 1000):
        pass
    with pytest.raises(UserError, match="holds no documents"):
        document_shards(tmp_path)


def test_an_error_writes_no_last_shard(tmp_path):
    def half():
        with DocumentWriter(tmp_path, 1000) as writer:
            writer.add(["half"], 4)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        half()
    assert not list(tmp_path.rglob("*.parquet"))
