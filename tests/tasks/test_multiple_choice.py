import json

import numpy as np
import pytest
import torch

import mamebert
from mamebert.config import build
from mamebert.errors import UserError
from mamebert.stages.finetune import finetune
from mamebert.stages.finetune.settings import FinetuneConfig
from mamebert.tasks.data.features import Example, TaskState, Unusable, pack
from mamebert.tasks.multiple_choice import MultipleChoice
from mamebert.tokenizer.encoding import Tokenizer

ROW = {"question": "The boat meets", "choices": ["the rope", "the old tide.", "a pot"], "label": 1}


@pytest.fixture(scope="module")
def tokenizer(world):
    return Tokenizer.open(world / "vocab" / "tokenizer")


def example(task, row, number=0):
    inputs = task.inputs(row)
    return Example(inputs, task.gold(row, inputs), number)


def test_every_choice_is_a_sequence_of_stem_lead_and_choice(tokenizer):
    task = MultipleChoice(max_length=40, stem_columns=["text"], lead_columns=["question"])
    (features,) = task.features(tokenizer, [example(task, {**ROW, "text": "The old net."})], TaskState())
    cls, sep = tokenizer.cls_id, tokenizer.sep_id
    stem, lead = (tokenizer.encode(text).ids.tolist() for text in ("The old net.", ROW["question"]))
    for sequence, kinds, choice in zip(features.sequences, features.segments, ROW["choices"], strict=True):
        second = [*lead, *tokenizer.encode(choice).ids]
        assert sequence.tolist() == [cls, *stem, sep, *second, sep]
        assert kinds.tolist() == [0] * (len(stem) + 2) + [1] * (len(second) + 1)
    assert features.target.tolist() == [1]
    assert features.num_truncated == 0


def test_a_long_stem_is_cut_and_neither_its_question_nor_the_choice(tokenizer):
    task = MultipleChoice(max_length=48, stem_columns=["text"], lead_columns=["question"])
    (features,) = task.features(tokenizer, [example(task, {**ROW, "text": "The wet boat meets. " * 20})], TaskState())
    lead = tokenizer.encode(ROW["question"]).ids.tolist()
    for sequence, choice in zip(features.sequences, ROW["choices"], strict=True):
        assert len(sequence) == 48
        ending = [*lead, *tokenizer.encode(choice).ids.tolist(), tokenizer.sep_id]
        assert sequence[-len(ending) :].tolist() == ending
    whole = 20 * len(tokenizer.encode("The wet boat meets.").ids)
    kept = [list(sequence).index(tokenizer.sep_id) - 1 for sequence in features.sequences]
    assert features.num_truncated == 3 * whole - sum(kept)


@pytest.mark.parametrize(
    ("settings", "row"),
    [
        ({"choice_columns": ["a", "b", "c"]}, {"question": "Q", "a": "x", "b": "y", "c": None, "label": "1"}),
        ({"label": "text"}, {"question": "Q", "choices": ["x", "y"], "label": "y"}),
        ({"first_number": 1}, {"question": "Q", "choices": ["x", "y"], "label": 2}),
        ({}, {"question": "Q", "choices": ["x", "y"], "label": "B"}),
        ({}, {"question": "Q", "choices": "['x', 'y']", "label": "b "}),
        ({}, {"question": "Q", "choices": ["x", "y", float("nan")], "label": 1.0}),
        ({"choice_columns": ["a", "b", "c"]}, {"question": "Q", "a": "x", "b": "y", "c": "", "label": "1.0"}),
        ({"label": "text"}, {"question": "Q", "choices": ["x", "y"], "label": "y "}),
        ({"label_column": "answer"}, {"question": "Q", "choices": ("x", "y"), "answer": 1}),
        ({}, {"question": "Q", "choices": {"text": ["x", "y"], "label": ["A", "B"]}, "label": "B"}),  # as ARC has it
        ({}, {"question": "Q", "choices": {"text": ["x", "y"], "label": ["1", "2"]}, "label": "2"}),
        ({}, {"question": "Q", "choices": {"text": ["x", "y"]}, "label": 1}),
        ({"label": "text"}, {"question": "Q", "choices": {"text": ["x", "y"], "label": ["1", "2"]}, "label": "y"}),
    ],
)
def test_choices_and_labels_are_read_as_the_settings_say(settings, row):
    found = example(MultipleChoice(**settings), row)
    assert (found.inputs.choices, found.gold) == (("x", "y"), 1)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"label": 4}, "none of the choices"),
        ({"label": -1}, "none of the choices"),
        ({"label": "D"}, "none of the choices"),
        ({"label": None}, "no label"),
        ({"choices": ["one"]}, "fewer than two"),
        ({"choices": ["one", " "]}, "empty one"),
        ({"question": ""}, "no text"),
    ],
)
def test_rows_that_teach_nothing_say_why(change, why):
    with pytest.raises(Unusable, match=why):
        example(MultipleChoice(), {**ROW, **change})


def test_numbers_counted_from_1_are_asked_about():
    for label in (3, "3", 3.0):
        with pytest.raises(UserError, match=r"3 choices has the label 3.*task\.first_number = 1"):
            example(MultipleChoice(), {**ROW, "label": label})
    with pytest.raises(Unusable, match="none of the choices"):
        example(MultipleChoice(first_number=0), {**ROW, "label": 3})
    with pytest.raises(UserError, match="no number and no letter"):
        example(MultipleChoice(), {**ROW, "label": 1.5})


def test_labels_that_never_name_the_first_choice_are_asked_about():
    never = [example(MultipleChoice(), {**ROW, "label": 1 + number % 2}) for number in range(30)]
    with pytest.raises(UserError, match=r"none has the first choice.*task\.first_number = 1"):
        MultipleChoice().learn(never)
    MultipleChoice().learn(never[:10])  # may be chance
    MultipleChoice().learn([*never, example(MultipleChoice(), {**ROW, "label": 0})])
    MultipleChoice(first_number=0).learn(never)
    MultipleChoice(label="text").learn(never)


def test_a_text_that_stands_twice_is_no_label():
    with pytest.raises(Unusable, match="none of the choices"):
        example(MultipleChoice(label="text"), {**ROW, "choices": ["x", "x"], "label": "x"})


@pytest.mark.parametrize(
    ("change", "match"), [({"choices": "a, b"}, "no list of choices"), ({"label": "none"}, "number")]
)
def test_what_cannot_be_read_is_a_users_mistake(change, match):
    with pytest.raises(UserError, match=match + r".*\. "):
        example(MultipleChoice(), {**ROW, **change})


def test_the_loss_is_the_cross_entropy_among_each_rows_own_choices(tokenizer):
    task = MultipleChoice(max_length=32)
    rows = [ROW, {**ROW, "choices": ["x", "y"], "label": 0}]
    features = task.features(tokenizer, [example(task, row) for row in rows], TaskState())
    batch = pack(features, [0, 1])
    found = torch.tensor([[0.3], [-0.5], [2.0], [1.0], [-1.0]])
    expected = [torch.nn.functional.cross_entropy(found[a:b, 0], torch.tensor(g)) for a, b, g in [(0, 3, 1), (3, 5, 0)]]
    torch.testing.assert_close(task.loss(found, batch, 2).total, sum(expected) / 2)
    raws = task.raws(found, batch)
    answers = task.answers(raws, features, TaskState())
    assert [(answer["choice"], answer["text"]) for answer in answers] == [(2, "a pot"), (0, "x")]
    assert answers[1]["probability"] == pytest.approx(1 / (1 + np.exp(-2)))


@pytest.mark.usefixtures("unproved")
def test_choices_are_learnt_and_the_saved_model_makes_them(tmp_path, encoders):
    rng = np.random.default_rng(2)
    nouns, lines = ["boat", "rope", "tide", "sail", "net", "gull", "pier"], []
    for _ in range(150):
        choices = [f"the old {noun}" for noun in rng.permutation(nouns)[: rng.integers(2, 5)]]
        right = int(rng.integers(len(choices)))
        choices[right] = "the old anchor"
        lines.append({"question": "the net holds", "choices": choices, "label": right})
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    settings = {
        "model": encoders("N"),
        "source": str(tmp_path / "rows.jsonl"),
        "split": {"train": 0.6, "valid": 0.2},
        "task": {"kind": "multiple_choice", "max_length": 32},
        "training": {"epochs": 5, "batch_tokens": 512, "peak_lr": 4e-3, "precision": "float32"},
        "seeds": [1],
        "baselines": "word",
        "output": tmp_path / "choice",
    }
    run = finetune(build(FinetuneConfig, settings))
    results = json.loads((run.folder / "run.json").read_text(encoding="utf-8"))["results"]
    baselines = {each["name"]: each["scores"]["accuracy"] for each in results["baselines"]}
    assert len(baselines) == 2
    assert results["models"][0]["scores"]["accuracy"]["mean"] > max(0.9, *baselines.values())
    answer = mamebert.load(run.folder / "models" / "model")
    told = (run.folder / "answers" / "model.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [lines[json.loads(line)["row"]] for line in told]
    assert [a["choice"] for a in answer(rows)] == [json.loads(line)["choice"] for line in told]
    assert answer([("the net holds", ["the old tide", "the old anchor"])])[0]["text"] == "the old anchor"
