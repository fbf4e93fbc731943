"""Real sets as the tasks on texts and pairs read them."""

import os
from itertools import islice
from pathlib import Path

import pytest

from mamebert.labelled.rows import read_examples
from mamebert.recipes import plan

pytestmark = [
    pytest.mark.realdata,
    pytest.mark.skipif("MAMEBERT_DATA" not in os.environ, reason="MAMEBERT_DATA is not set"),
]
RECIPES = Path(__file__).parents[2] / "recipes"


@pytest.mark.parametrize("name", ["tasks_texts_en.toml", "tasks_texts_ja.toml"])
def test_every_set_of_the_recipe_has_texts_and_right_answers(name, monkeypatch):
    for stage in plan([str(RECIPES / name)]):
        config = stage.config()
        for part, reader in config.readers().items():
            rows = type(reader).rows
            monkeypatch.setattr(type(reader), "rows", lambda self, rows=rows: islice(rows(self), 80))
            examples, unusable = read_examples(config.task, reader)
            monkeypatch.undo()
            assert (len(examples), unusable) == (80, {}), (stage.name, part)
            assert config.task.has_sentence_pairs(examples) == bool(config.task.second_columns)
            assert len({str(example.inputs) for example in examples}) > 70
