"""Vocabularies are saved without `transformers`, as it saves them."""

import subprocess
import sys

import pytest
from transformers import AutoTokenizer

from mamebert.corpus.documents import write_shard
from mamebert.tokenizer.sampling import Sample
from mamebert.tokenizer.vocabularies import Vocabulary

TEXT = ["The bean grows in the garden, and the beans are green.", "小さな豆が庭で育っている。"] * 20


@pytest.mark.parametrize(
    ("kind", "size", "words"), [("wordpiece", 70, "whitespace"), ("bpe", 60, "whitespace"), ("wordpiece", 60, "mecab")]
)
def test_a_saved_vocabulary_is_what_transformers_saves_again(tmp_path, kind, size, words):
    if words == "mecab":
        pytest.importorskip("fugashi")
    write_shard(tmp_path / "shard.parquet", [TEXT])
    sample = Sample.draw([tmp_path / "shard.parquet"], 10_000, 0, 1)
    vocabulary = {"kind": kind, "size": size, "words": words, "min_frequency": 1}
    Vocabulary.model_validate(vocabulary).train(sample, tmp_path / "ours")
    AutoTokenizer.from_pretrained(tmp_path / "ours").save_pretrained(tmp_path / "theirs")

    for name in {each.name for each in (tmp_path / "theirs").iterdir()}:
        ours, theirs = ((tmp_path / who / name).read_text(encoding="utf-8") for who in ("ours", "theirs"))
        assert _without_origin(ours) == _without_origin(theirs)


def _without_origin(text):
    return [line for line in text.splitlines() if '"is_local"' not in line and '"local_files_only"' not in line]


def test_nothing_that_learns_or_encodes_imports_what_takes_long():
    code = "import sys, mamebert.tokenizer.shards, mamebert.tokenizer.vocabularies.wordpiece as w, "
    code += "mamebert.tokenizer.vocabularies.bpe; print({'torch', 'transformers', 'pandas'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
