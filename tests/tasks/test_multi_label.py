import numpy as np
import pytest
import torch

from mamebert.errors import UserError
from mamebert.tasks import Parts
from mamebert.tasks.data.features import Example, TaskState, Unusable, pack
from mamebert.tasks.multi_label import MultiLabel
from mamebert.tokenizer.encoding import Tokenizer


def examples(*golds):
    return [Example(("A gull.",), gold, row) for row, gold in enumerate(golds)]


def logits(*chances):
    return [np.log(np.array([row]) / (1 - np.array([row]))) for row in chances]


@pytest.mark.parametrize(
    ("settings", "value", "labels"),
    [
        ({}, ["b", "a", "b"], ["a", "b"]),
        ({}, [], []),
        ({}, "a;b", ["a;b"]),
        ({}, 7, ["7"]),
        ({"label_separator": ";"}, "b; a;", ["a", "b"]),
        ({"label_separator": ";"}, [1, 2], ["1", "2"]),
        ({}, "['b', 'a']", ["a", "b"]),
        ({"label_separator": ","}, '["b, c", "a"]', ["a", "b, c"]),
        ({}, ["a ", None, "a"], ["a"]),
        ({}, [3, 12], ["12", "3"]),
        ({"label_names": ["x", "y", "z"]}, [0, 1, 1.0], ["y", "z"]),
        ({"label_names": ["x", "y"]}, "[1, 0]", ["x"]),
        ({"label_names": ["x", "y"]}, [False, False], []),
        ({"path_separator": "."}, "comp.sys.mac", ["comp", "comp.sys", "comp.sys.mac"]),
        ({"path_separator": "/", "label_separator": ","}, "a/b,a/c", ["a", "a/b", "a/c"]),
    ],
)
def test_labels_are_a_list_or_a_text_and_paths_have_beginnings(settings, value, labels):
    assert MultiLabel(**settings).gold({"labels": value}, None) == labels


@pytest.mark.parametrize("value", [None, ""])
def test_an_empty_field_has_no_labels_where_an_empty_list_is_an_answer(value):
    with pytest.raises(Unusable, match="no labels"):
        MultiLabel().gold({"labels": value}, None)


@pytest.mark.parametrize("value", [[0, 1, 1, 0], [0, 0], [1.0, 1.0], [True, False, True], "[0, 0, 1]"])
def test_a_vector_of_0_and_1_is_no_list_of_labels(value):
    with pytest.raises(UserError, match=r"looks like 0 or 1 for each label.*task\.label_names"):
        MultiLabel().gold({"labels": value}, None)


def test_a_vector_of_two_labels_that_are_never_both_or_none_is_found_in_learning():
    with pytest.raises(UserError, match=r"has the same labels \(0, 1\).*task\.label_names"):
        MultiLabel().learn(examples(["0", "1"], ["0", "1"]))


@pytest.mark.parametrize("value", [[0, 1], [0, 1, 2], "a", ["a", "b", "c"], None])
def test_a_vector_has_a_number_for_each_name(value):
    with pytest.raises((UserError, Unusable), match=r"has 3 names\. Give every row 0 or 1|no labels"):
        MultiLabel(label_names=["x", "y", "z"]).gold({"labels": value}, None)


@pytest.mark.parametrize(
    ("value", "match"), [("['a' 'b']", "no whole list"), ([["a"]], "no single"), ({"a": 1}, "no single")]
)
def test_labels_that_cannot_be_read_are_refused(value, match):
    with pytest.raises(UserError, match=match):
        MultiLabel().gold({"labels": value}, None)


def test_without_any_label_there_is_nothing_to_learn():
    with pytest.raises(UserError, match="No training row has a label in 'labels'"):
        MultiLabel().learn(examples([], []))


def test_the_loss_is_that_of_transformers(world):
    task, rows = MultiLabel(), examples(["a"], [], ["a", "c"], ["b"])
    learnt = task.learn(rows)
    batch = pack(task.features(Tokenizer.open(world / "vocab" / "tokenizer"), rows, learnt), range(4))
    found = torch.randn(4, 3)
    expected = torch.nn.BCEWithLogitsLoss()(found, torch.tensor([[1.0, 0, 0], [0, 0, 0], [1, 0, 1], [0, 1, 0]]))
    torch.testing.assert_close(task.loss(found, batch, 4).total, expected)


def test_the_threshold_is_that_of_the_validation_rows():
    task, learnt = MultiLabel(), TaskState(("a", "b"))
    raws, gold = logits([0.3, 0.1], [0.05, 0.4], [0.1, 0.2]), examples(["a"], ["b"], [])
    assert [each["labels"] for each in task.answers(raws, [], learnt)] == [[], [], []]
    chosen = task.choose(raws, [], gold, learnt)
    assert 0.2 < chosen.chosen["threshold"] <= 0.3
    answers = task.answers(raws, [], chosen)
    assert [each["labels"] for each in answers] == [["a"], ["b"], []]
    assert answers[1]["probabilities"] == [pytest.approx(0.4)]
    assert task.measures(gold, answers)[0].score == 1


def test_the_likeliest_label_stands_first():
    (answer,) = MultiLabel().answers(logits([0.7, 0.2, 0.9]), [], TaskState(("a", "b", "c")))
    assert answer["labels"] == ["c", "a"]


def test_a_label_never_seen_is_counted_and_counts_as_missed():
    task, learnt, rows = MultiLabel(), TaskState(("a", "b")), examples(["a", "new"], ["b"])
    assert task.unseen(rows, learnt) == {"a label that no training row has": 1}
    found = task.choose(logits([0.9, 0.1], [0.1, 0.9]), [], rows, learnt)
    answers = task.answers(logits([0.9, 0.1], [0.1, 0.9]), [], found)
    assert task.measures(rows, answers)[0].score == pytest.approx(2 * 2 / (2 + 3))


def test_simple_peers_answer_with_sets():
    rng = np.random.default_rng(0)
    words = ["bean", "leaf", "boat", "rope"]

    def made(num_rows):
        rows = [sorted(rng.choice(words, rng.integers(1, 4), replace=False).tolist()) for _ in range(num_rows)]
        return [Example((" ".join(labels) + " pot",), labels, row) for row, labels in enumerate(rows)]

    parts = Parts(made(60), made(20), made(20))
    frequent, svm = MultiLabel().baselines(parts, "word", 0)
    assert len({tuple(each["labels"]) for each in frequent.answers}) == 1
    assert MultiLabel().measures(parts.test, svm.answers)[0].score > 0.95
    assert [peer.name for peer in MultiLabel().baselines(parts, "none", 0)] == ["most frequent set"]
