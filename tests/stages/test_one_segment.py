"""Encoders that know one segment only: every stage runs to its end, the proof in a fresh process included."""

import json

import pytest

from mamebert.serving.load import load

TEXT, OTHER = "The old boat meets the rope.", "The small bean holds the leaf."
ROWS = {
    "texts": ({"kind": "classification"}, {"text": TEXT}, ["label"], ["sea", "land"]),
    "pairs": (
        {"kind": "classification", "text_columns": ["text", "other"]},
        {"text": TEXT, "other": OTHER},
        ["label"],
        ["same", "not"],
    ),
    "span_qa": (
        {"kind": "span_qa"},
        {"question": "What meets it?", "context": TEXT},
        ["answers"],
        [[{"text": word, "answer_start": TEXT.index(word)}] for word in ("boat", "rope")],
    ),
    "multiple_choice": (
        {"kind": "multiple_choice"},
        {"question": TEXT, "choices": [TEXT, OTHER]},
        ["label"],
        [0, 1],
    ),
}


@pytest.fixture(scope="module", params=["masked_lm", "masked_lm_nsp"])
def one_segment(request, world, tiny, tmp_path_factory):
    from mamebert.config import build
    from mamebert.stages.pretrain import pretrain
    from mamebert.stages.pretrain.settings import PretrainConfig

    settings = {
        **tiny,
        "encoder": {**tiny["encoder"], "type_vocab_size": 1},
        "objective": {"kind": request.param, "max_length": 32},
        "shards": world / "tokens",
        "output": tmp_path_factory.mktemp("one") / "encoder",
    }
    return pretrain(build(PretrainConfig, settings)).folder


@pytest.mark.parametrize("name", ROWS)
def test_an_encoder_of_one_segment_learns_every_kind_of_task_and_answers(one_segment, name, mamebert, tmp_path):
    assert load(one_segment, "fill-mask")("The old [MASK] holds the boat.")
    task, row, (column,), golds = ROWS[name]
    rows = [{**row, column: golds[number % 2], "n": number} for number in range(20)]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(each) + "\n" for each in rows))
    settings = {
        "models": {"one": str(one_segment)},
        "source": str(tmp_path / "rows.jsonl"),
        "split": {"train": 0.4, "valid": 0.3},
        "task": {**task, "max_length": 32},
        "training": {"epochs": 1, "batch_tokens": 128, "precision": "float32"},
        "seeds": [1],
        "baselines": "none",
        "output": str(tmp_path / "out"),
    }
    said = mamebert("finetune", settings)
    assert said.code == 0, said
    assert (tmp_path / "out" / "run.json").is_file()
    answered = mamebert("predict", tmp_path / "out", "--file", tmp_path / "rows.jsonl")
    assert answered.code == 0, answered
    assert len(answered.out.splitlines()) == len(rows)
