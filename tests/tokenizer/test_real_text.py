import lzma
import os
from itertools import islice
from pathlib import Path

import pytest

from mamebert.corpus.documents import write_shard
from mamebert.tokenizer.encoding import Tokenizer
from mamebert.tokenizer.judging.quality import measure
from mamebert.tokenizer.sampling import Sample
from mamebert.tokenizer.vocabularies.wordpiece import Wordpiece

pytestmark = [
    pytest.mark.realdata,
    pytest.mark.skipif("MAMEBERT_DATA" not in os.environ, reason="MAMEBERT_DATA names no folder"),
]
FILES = {
    "japanese": ("raw-jawiki-mini/jawiki_jaquad_train_contexts.txt.xz", {"words": "mecab", "size": 8_000}),
    "english": ("raw-enwiki/enwiki_excellent_2018.txt.xz", {"size": 8_000}),
    "english lowered": ("raw-enwiki/enwiki_excellent_2018.txt.xz", {"size": 6_000, "lowercase": True}),
    "irish": ("raw-irish/ga_health_covid.txt.xz", {"size": 4_000}),
}


@pytest.mark.parametrize("language", FILES)
def test_a_thousand_real_sentences_get_the_ids_of_plain_transformers(language, tmp_path):
    from transformers import AutoTokenizer

    name, settings = FILES[language]
    with lzma.open(Path(os.environ["MAMEBERT_DATA"]) / name, "rt", encoding="utf-8") as file:
        lines = [line.strip() for line in islice(file, 6_000) if line.strip()]
    write_shard(tmp_path / "shard.parquet", [lines])
    sample = Sample.draw([tmp_path / "shard.parquet"], 10**7, seed=0, processes=1)
    Wordpiece.model_validate(settings).train(sample, tmp_path / "tokenizer")
    ours = Tokenizer.open(tmp_path / "tokenizer")
    theirs = AutoTokenizer.from_pretrained(tmp_path / "tokenizer", local_files_only=True)

    encoded = ours.encode_many(lines[:1_000], special="token")
    expected = theirs(lines[:1_000], add_special_tokens=False)["input_ids"]
    differing = [line for line, a, b in zip(lines, encoded, expected, strict=False) if a.ids.tolist() != b]

    assert not differing
    held = sample.held()
    quality = measure(ours, held, ours.encode_with_offsets(held))
    assert quality["unknown_rate"] < 0.01
    assert quality["whole_word_rate"] > 0.6
