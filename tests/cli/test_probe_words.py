"""What follows `mamebert probe`, as settings."""

import pytest

from mamebert.cli.probe_words import probe_settings
from mamebert.config.merging import BARE

TEXTS = ("--texts", "rows.jsonl")
COLUMN = ("probe.texts.text_column=sentence",)


@pytest.mark.parametrize("words", [(*TEXTS, *COLUMN), (*COLUMN, *TEXTS)])
def test_an_option_and_a_setting_of_the_same_table_stand_beside_each_other(words):
    found = probe_settings(["attention", "runs/encoder", *words])
    assert found["probe"] == {"kind": "attention", "texts": {BARE: "rows.jsonl", "text_column": "sentence"}}
    assert found["models"] == {"encoder": "runs/encoder"}
