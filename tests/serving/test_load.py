import shutil

import numpy as np
import pandas as pd
import pytest
import torch

import mamebert
from mamebert.errors import UserError, unknown
from mamebert.serving.load import FillMask, Model, load

TEXTS = ["The old boat meets the rope.", "The small bean holds the leaf.", "The bright pot leaves the flame. " * 30]


def test_a_folder_answers_what_it_was_made_for(encoders, classifiers):
    assert isinstance(mamebert.load(encoders("N")), FillMask)
    assert isinstance(mamebert.load(str(classifiers / "models" / "W")), Model)


def test_fill_mask_takes_one_text_or_several(encoders):
    model = load(encoders("W"))
    one = model("The [MASK] .")
    assert one == model(["The [MASK] ."])
    assert len(model(["[MASK] [MASK]", "[MASK]"], top=3)[0]) == 2
    assert all(len(mask) == 3 for mask in model("[MASK]", top=3)[0])


@pytest.mark.parametrize("name", ["N", "W"])
def test_answers_are_those_of_the_transformers_pipeline(classifiers, name):
    from transformers import pipeline

    folder = classifiers / "models" / name
    fitting = [text for text in TEXTS if len(text) < 99]  # the pipeline cuts the others, and we read on
    theirs = pipeline("text-classification", model=str(folder), device="cpu")(fitting)
    for ours, expected in zip(load(folder)(fitting), theirs, strict=True):
        assert ours["label"] == expected["label"]
        assert ours["probability"] == pytest.approx(expected["score"], abs=1e-5)


@pytest.mark.parametrize("name", ["N", "W"])
def test_a_long_text_is_answered_by_the_mean_of_what_transformers_says_of_its_chunks(classifiers, name):
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    folder, text = classifiers / "models" / name, "The bright pot leaves the flame. " * 20
    tokenizer = AutoTokenizer.from_pretrained(folder)
    ids, room = tokenizer(text, add_special_tokens=False)["input_ids"], 30
    starts = [min(start, len(ids) - room) for start in range(0, len(ids), room)]  # the last moves back, to be as long
    chunks = [[tokenizer.cls_token_id, *ids[start : start + room], tokenizer.sep_token_id] for start in starts]
    with torch.no_grad():
        logits = AutoModelForSequenceClassification.from_pretrained(folder)(torch.tensor(chunks)).logits
    expected = logits.mean(0).softmax(-1)
    [ours] = load(folder)([text])
    assert 1 < len(starts) <= 8
    assert ours["probability"] == pytest.approx(float(expected.max()), abs=1e-5)


@pytest.mark.parametrize("num_labels", [2, 3])
def test_a_classifier_saved_by_transformers_answers_with_its_own_label_names(encoders, tmp_path, num_labels):
    from transformers import BertConfig, BertForSequenceClassification, pipeline

    shape = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
    config = BertConfig(vocab_size=80, max_position_embeddings=40, num_labels=num_labels, **shape)
    BertForSequenceClassification(config).save_pretrained(tmp_path)
    for name in ("tokenizer.json", "tokenizer_config.json", "vocab.txt"):
        shutil.copy(encoders("N") / "model" / name, tmp_path)
    theirs = pipeline("text-classification", model=str(tmp_path), device="cpu")(TEXTS[:2])
    ours = load(tmp_path)(TEXTS[:2])
    assert [a["label"] for a in ours] == [a["label"] for a in theirs]
    assert all(a["label"].startswith("LABEL_") for a in ours)


def test_a_text_alone_texts_in_a_list_and_rows_are_all_understood(classifiers):
    model = load(classifiers / "models" / "N")
    answers = model(TEXTS)
    assert model(TEXTS[0]) == model({"text": TEXTS[0], "id": 7}) == answers[:1]
    assert model(iter(TEXTS)) == model([[text] for text in TEXTS]) == model([{"text": t} for t in TEXTS]) == answers
    assert model([]) == []


def test_a_text_without_anything_is_not_answered_and_keeps_its_place(classifiers):
    model = load(classifiers / "models" / "N")
    answers = model(["", TEXTS[0], None, " \n", TEXTS[1]])
    assert [answers[i] for i in (0, 2, 3)] == [{"unanswered": "no text"}] * 3
    assert [answers[i]["label"] for i in (1, 4)] == [a["label"] for a in model(TEXTS[:2])]
    assert model("") == [{"unanswered": "no text"}]


def test_in_int8_answers_are_near_and_the_same_in_any_batch(classifiers, encoders):
    exact, model = (load(classifiers / "models" / "N", precision=each) for each in ("float32", "int8"))
    answers = model(TEXTS)
    assert [a["label"] for a in answers] == [a["label"] for a in exact(TEXTS)]
    off = [abs(a["probability"] - b["probability"]) for a, b in zip(answers, exact(TEXTS), strict=True)]
    assert 0 < max(off) < 0.05
    assert answers == [model(text)[0] for text in TEXTS] == list(reversed(model(TEXTS[::-1])))
    words = load(encoders("N"), precision="int8")(["The old [MASK] ."])
    assert words != load(encoders("N"))(["The old [MASK] ."])


def test_a_precision_that_nothing_has_is_refused(classifiers, world, mamebert):
    model = classifiers / "models" / "N"
    with pytest.raises(UserError, match="no precision called 'int4'"):
        load(model, precision="int4")
    assert "int4" in mamebert("predict", str(model), "--precision", "int4", "A boat.").mistake
    assert mamebert("predict", str(model), "--precision", "int8", "A boat.").code == 0


def test_a_row_without_a_column_that_others_have_is_not_answered(classifiers):
    model = load(classifiers / "models" / "N")
    rows = [{"text": TEXTS[0]}, {"title": "a"}, {"text": TEXTS[1]}]
    answers = list(model.stream(iter(rows), at_a_time=1))
    assert answers == model(rows)
    assert answers[1] == {"unanswered": "no column 'text'"}
    assert [answers[i] for i in (0, 2)] == model(TEXTS[:2])


def test_what_is_no_text_is_refused(classifiers):
    model = load(classifiers / "models" / "N")
    with pytest.raises(UserError, match=r"'7' is not a text\. Give texts"):
        model([7])
    with pytest.raises(UserError, match=r"There are 2 texts in one item, and the task reads text\."):
        model([["a", "b"]])
    with pytest.raises(UserError, match="no column called 'text'"):
        model({"title": "a"})


@pytest.mark.parametrize("asked", [7, None, 1.5, b"bean"])
def test_what_is_neither_texts_nor_a_list_of_them_is_refused(encoders, classifiers, asked):
    for model in (load(classifiers / "models" / "N"), load(encoders("N"))):
        with pytest.raises(UserError, match=r"is not a text\. Give texts"):
            model(asked)


def test_fill_mask_refuses_what_is_no_text(encoders):
    with pytest.raises(UserError, match=r"'None' is not a text"):
        load(encoders("N"))(["A [MASK] .", None])


def test_cells_without_a_value_are_not_answered(classifiers):
    model = load(classifiers / "models" / "N")
    nothing = [float("nan"), np.nan, pd.NA, {"text": None}, {"text": np.nan}, [None]]
    assert model(nothing) == [{"unanswered": "no text"}] * len(nothing)
    assert model(pd.Series([TEXTS[0], None]))[1] == {"unanswered": "no text"}


def test_load_says_what_it_wants(encoders):
    with pytest.raises(UserError, match=r"'None' is not a path"):
        load(None)
    with pytest.raises(UserError, match=r"no kind of model called 'words'"):
        load(encoders("N"), "words")
    with pytest.raises(UserError, match=r"no column called 'text'\. There is none at all"):
        raise unknown("column", "text", [])


def test_what_a_model_cannot_do_is_told_with_the_stage_that_can(encoders, classifiers):
    with pytest.raises(UserError, match=r"BertForPreTraining, which does not do this\. Give the output of finetune"):
        load(encoders("N"), "task")
    with pytest.raises(UserError, match=r"which does not do this\. Give the output of pretrain"):
        load(classifiers / "models" / "N", "fill-mask")
    with pytest.raises(UserError, match="no device 'cuda:77'"):
        load(encoders("N"), device="cuda:77")
