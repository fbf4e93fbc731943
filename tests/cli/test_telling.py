"""What is said when a stage is done."""

import json
from types import SimpleNamespace

import pytest

from mamebert.cli import telling


@pytest.mark.parametrize(
    ("command", "architecture", "verb"),
    [
        ("pretrain", "BertForPreTraining", "fill-mask"),
        ("compress", "ModernBertForMaskedLM", "fill-mask"),
        ("compress", "BertForSequenceClassification", "predict"),
        ("finetune", "BertForTokenClassification", "predict"),
    ],
)
def test_a_model_is_told_with_the_command_that_uses_it(tmp_path, monkeypatch, capsys, command, architecture, verb):
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "config.json").write_text(json.dumps({"architectures": [architecture]}))
    monkeypatch.setattr(telling.Run, "open", lambda folder: SimpleNamespace(command=command))
    telling.tell_models(tmp_path)
    assert f"Use it: mamebert {verb} {tmp_path / 'model'}" in capsys.readouterr().err
