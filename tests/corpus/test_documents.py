import subprocess
import sys

import pyarrow as pa
import pytest

from mamebert.corpus import columns
from mamebert.corpus.columns import lists_of_texts
from mamebert.corpus.documents import SCHEMA, DocumentWriter, document_shards, read_shard
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


def test_a_column_of_lists_is_what_arrow_makes_of_them():
    documents = [["bean", "", "豆を煮た。"], [], ["é😀"]]
    assert lists_of_texts(documents).to_pylist() == documents
    assert lists_of_texts([]).to_pylist() == []
    table = pa.Table.from_arrays([lists_of_texts(documents)], schema=SCHEMA)
    assert table.equals(pa.table({"sentences": documents}, schema=SCHEMA))


def test_no_shard_takes_more_text_than_a_column_has_places_for(monkeypatch):
    monkeypatch.setattr(columns, "MOST_BYTES", 10)
    with pytest.raises(UserError, match="shard_characters"):
        lists_of_texts([["bean soup", "豆"]])


def test_writing_documents_takes_no_pandas(tmp_path):
    code = "import sys; from pathlib import Path; from mamebert.corpus.documents import write_shard; "
    code += f"write_shard(Path({str(tmp_path)!r}) / 'x.parquet', [['a']]); sys.exit('pandas' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
