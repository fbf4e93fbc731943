import numpy as np
import pytest
import torch

from mamebert.encoder.readings import Reading
from mamebert.errors import UserError
from mamebert.tasks import Parts
from mamebert.tasks.data.features import Example, TaskState, Unusable, pack
from mamebert.tasks.network.task_network import start_network
from mamebert.tasks.regression import Regression
from mamebert.tokenizer.encoding import Tokenizer


def examples(golds, texts=("A gull.",)):
    return [Example(tuple(texts), gold, row) for row, gold in enumerate(golds)]


def test_a_number_may_be_written_and_what_is_none_is_told():
    task = Regression()
    assert [task.gold({"label": value}, None) for value in (3, "2.5", " 1e-2 ")] == [3.0, 2.5, 0.01]
    assert Regression(label_columns=["a", "b"]).gold({"a": "1", "b": 2}, None) == [1.0, 2.0]
    for value in (None, "", "nan", float("inf")):
        with pytest.raises(Unusable, match="number"):
            task.gold({"label": value}, None)
    with pytest.raises(UserError, match=r"column 'label' holds 'high', which is no number\. Name another column"):
        task.gold({"label": "high"}, None)


def test_numbers_that_are_all_the_same_cannot_be_learnt():
    with pytest.raises(UserError, match=r"same 'b'\. Give rows with different numbers"):
        Regression(label_columns=["a", "b"]).learn(examples([[1, 5], [2, 5]]))
    with pytest.raises(UserError, match="A place has two numbers"):
        Regression(geolocation=True)


def test_an_untrained_head_answers_about_the_mean(encoders):
    task, folder = Regression(max_length=64, label_columns=["a", "b"]), encoders("N") / "model"
    rows = examples([[100, -3], [200, -5], [300, -7]])
    learnt = task.learn(rows)
    assert learnt.chosen == {"mean": [200, -5], "spread": pytest.approx([81.65, 1.633], rel=1e-3)}
    network = start_network(task, folder, learnt, Reading()).eval()
    features = task.features(Tokenizer.open(folder), rows, learnt)
    found = network(pack(features, range(3))).detach()
    torch.testing.assert_close(found, torch.tensor([[200.0, -5.0]] * 3), atol=0.5, rtol=0)


def test_the_loss_is_the_mean_squared_error_in_units_of_the_training_variance(world):
    task, golds = Regression(label_columns=["a", "b"]), np.array([[100.0, -3], [200, -5], [300, -7]])
    rows = examples(golds.tolist())
    batch = pack(task.features(Tokenizer.open(world / "vocab" / "tokenizer"), rows, task.learn(rows)), range(3))
    found = torch.randn(3, 2)
    expected = (((found.numpy() - golds) ** 2) / golds.var(axis=0)).mean()
    assert float(task.loss(found, batch, 3).total) == pytest.approx(expected, rel=1e-5)


def test_one_number_is_answered_alone_and_several_by_name():
    raws = [np.array([[1.5, 2.5]], np.float32)]
    assert Regression().answers([raws[0][:, :1]], [], TaskState(("label",))) == [{"number": 1.5}]
    assert Regression().answers(raws, [], TaskState(("a", "b"))) == [{"numbers": {"a": 1.5, "b": 2.5}}]


def test_places_are_judged_by_their_distance():
    task = Regression(label_columns=["lat", "lon"], geolocation=True)
    golds = [[45.0, 16.0], [44.0, 18.0], [43.0, 21.0]]
    found = [{"numbers": {"lat": lat + 1, "lon": lon}} for lat, lon in golds]
    scores = {each.name: each.score for each in task.measures(examples(golds), found)}
    assert list(scores) == ["pearson", "spearman", "mean_km", "median_km"]
    assert scores["mean_km"] == pytest.approx(111.2, abs=0.1)
    assert scores["median_km"] == pytest.approx(111.2, abs=0.1)


def test_simple_peers_answer_with_numbers_and_the_cosine_keeps_the_range():
    rng = np.random.default_rng(0)
    words = ["bean", "leaf", "root", "seed", "boat", "rope", "tide", "sail"]

    def made(num_rows):
        pairs = [(rng.choice(words, 4, replace=False), rng.choice(words, 4, replace=False)) for _ in range(num_rows)]
        return [
            Example((" ".join(a), " ".join(b)), 2.0 + len(set(a) & set(b)), row) for row, (a, b) in enumerate(pairs)
        ]

    task, parts = Regression(second_columns=["second"]), Parts(made(80), made(20), made(30))
    peers = {peer.name: peer.answers for peer in task.baselines(parts, "word", 0)}
    assert list(peers) == ["mean", "TF-IDF + ridge regression", "TF-IDF cosine"]
    scores = {name: task.measures(parts.test, answers)[0].score for name, answers in peers.items()}
    assert scores["mean"] == 0
    assert min(scores["TF-IDF + ridge regression"], scores["TF-IDF cosine"]) > 0.7
    low, high = (get(e.gold for e in parts.train) for get in (min, max))
    assert all(low <= answer["number"] <= high for answer in peers["TF-IDF cosine"])
    assert [peer.name for peer in task.baselines(parts, "none", 0)] == ["mean"]
