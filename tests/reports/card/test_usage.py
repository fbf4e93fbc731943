"""The code on a card of a model made smaller does what it says."""

import json

import pytest

from mamebert.reports.card.usage import example_rows, plain_code, uses
from mamebert.results.labelled import RowsResults
from mamebert.runs import Run


def test_a_class_for_choices_is_asked_a_question_with_its_choices(tmp_path, monkeypatch, capsys):
    from transformers import BertConfig, BertForMultipleChoice, BertTokenizer

    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "vocab.txt").write_text("[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n", encoding="utf-8")
    BertTokenizer(str(folder / "vocab.txt")).save_pretrained(folder)
    sizes = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 8}
    BertForMultipleChoice(BertConfig(vocab_size=5, **sizes)).save_pretrained(folder)
    monkeypatch.chdir(tmp_path)
    capsys.readouterr()
    exec(plain_code("BertForMultipleChoice", "model"), {})
    assert "logits=tensor([[" in capsys.readouterr().out


def test_rows_are_those_that_the_task_reads():
    row = {"question": "…", "choices": ["…", "…"]}
    assert json.loads(example_rows(RowsResults(example=row, columns=["question", "choices"]))) == [row]
    assert json.loads(example_rows(RowsResults(columns=["a", "b"]))) == [{"a": "…", "b": "…"}]  # of a run from before


@pytest.mark.parametrize("beside", [None, "onnx/model_head.safetensors"])
def test_a_graph_that_ends_before_the_head_is_opened_with_what_has_the_head(make, tmp_path, beside):
    forms = [
        make["form"]("compact", opens_with="mamebert"),
        make["form"]("onnx", "onnx/model.onnx", opens_with="onnxruntime"),
    ]
    run = Run.open(make["write_run"](tmp_path / "run", **make["compression"](["distil"], forms=forms)))
    (tmp_path / "model" / "onnx").mkdir(parents=True)
    if beside:
        (tmp_path / "model" / beside).write_bytes(b"")
    found = [use.code for use in uses(run, tmp_path / "model")]
    assert len(found) == (1 if beside else 2)
    assert "mamebert.load" in found[0]
    assert beside or "onnxruntime" in found[1]
