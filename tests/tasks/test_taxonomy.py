import json

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

import mamebert
from mamebert.config import build
from mamebert.encoder.readings import Reading
from mamebert.errors import UserError
from mamebert.stages.finetune import finetune
from mamebert.stages.finetune.settings import FinetuneConfig
from mamebert.tasks import Parts
from mamebert.tasks.data.features import Example, TaskState, pack
from mamebert.tasks.network.answering import raw_outputs
from mamebert.tasks.network.task_network import open_network, save_network, start_network
from mamebert.tasks.taxonomy import Taxonomy
from mamebert.tokenizer.encoding import Tokenizer

NOUNS = {
    "garden": ["bean", "leaf", "root", "seed"],
    "harbour": ["boat", "rope", "tide", "sail"],
    "kitchen": ["pot", "flame", "salt", "bread"],
}
PATHS = [f"{world}.{noun}" for world, nouns in NOUNS.items() for noun in nouns]
UNSEEN = ["garden.seed", "harbour.sail", "kitchen.bread"]


def made(paths, num_each, seed):
    """Return texts whose words are their path's last part among others of everywhere."""
    rng, examples = np.random.default_rng(seed), []
    for path in paths:
        noun = path.split(".")[1]
        for _ in range(num_each):
            other = rng.choice(["holds the", "meets the old", "leaves the wet"])
            text = f"The {rng.choice(['small', 'bright'])} {noun} {other} {noun}."
            examples.append(Example((text,), path, len(examples)))
    return examples


@pytest.fixture(scope="module")
def folder(encoders):
    return encoders("N") / "model"


@pytest.fixture(scope="module")
def started(folder):
    task = Taxonomy(labels=PATHS, max_length=24)
    learnt = task.learn(made([path for path in PATHS if path not in UNSEEN], 2, 0))
    torch.manual_seed(0)
    return task, learnt, start_network(task, folder, learnt, Reading())


def test_paths_are_read_as_words():
    assert Taxonomy().words_of("rec.sport.hockey") == "rec - sport - hockey"
    assert Taxonomy(path_separator="/").words_of("/a b/c.d/") == "a b - c.d"


def test_paths_are_those_of_training_rows_or_all_that_are_named():
    rows = [Example(("A",), path, 0) for path in "aba"]
    assert Taxonomy().learn(rows) == TaskState(("a", "b"), {"seen": ["a", "b"]})
    assert Taxonomy(labels=["c", "b", "a"]).learn(rows) == TaskState(("c", "b", "a"), {"seen": ["a", "b"]})
    with pytest.raises(UserError, match="path"):
        Taxonomy(labels=["a", "c"]).learn(rows)
    with pytest.raises(UserError, match="two classes"):
        Taxonomy(labels=["a", "c"]).learn(rows[:1])
    with pytest.raises(UserError, match="twice"):
        Taxonomy(labels=["a", "a"])
    assert Taxonomy().unseen([Example(("A",), "z", 0)], TaskState(("a",))) == {
        "a path that neither task.labels nor a training row has": 1
    }


def test_the_loss_is_the_cosine_term_and_the_hinges_of_other_seen_paths(folder):
    task = Taxonomy(labels=["a", "b", "c", "d"], margin=0.25)
    learnt = TaskState(("a", "b", "c", "d"), {"seen": ["a", "b", "c"]})
    rows = [Example(("A gull.",), gold, 0) for gold in ("a", "never told")]
    batch = pack(task.features(Tokenizer.open(folder), rows, learnt), [0, 1])
    found = torch.tensor([[0.5, 0.4, 0.1, 0.9], [0.5, 0.4, 0.1, 0.9]], requires_grad=True)
    total = task.loss(found, batch, 2).total
    assert total.item() == pytest.approx((1 - 0.5 + (0.25 - 0.5 + 0.4)) / 2)
    total.backward()
    assert found.grad[0, 3] == 0
    assert not found.grad[1].any()


def test_path_vectors_are_those_of_the_encoder_at_the_start_and_never_learn(started, folder, tmp_path):
    task, learnt, network = started
    before = network.head.paths.clone()
    torch.testing.assert_close(before.norm(dim=1), torch.ones(len(PATHS)))
    assert "head.paths" not in dict(network.named_parameters())
    batch = pack(task.features(Tokenizer.open(folder), made(PATHS[:2], 1, 0), learnt), [0, 1])
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-2)
    task.loss(network.train()(batch), batch, 2).total.backward()
    optimizer.step()
    save_network(network, task, learnt, Reading(), folder, tmp_path / "saved")
    assert torch.equal(load_file(tmp_path / "saved" / "head.safetensors")["paths"], before)
    assert torch.equal(open_network(tmp_path / "saved")[2].head.paths, before)
    again = start_network(task, folder, learnt, Reading())
    assert torch.equal(again.head.paths, before)
    assert again.training


def test_random_weights_read_the_paths_too(started, folder):
    task, learnt, _ = started
    network = start_network(task, folder, learnt, Reading(), random_weights=True)
    assert network.head.paths.abs().sum() > 0


def test_held_out_paths_teach_nothing_and_are_measured_apart(folder):
    task = Taxonomy(held_out=["c"])
    rows = [Example(("A gull.",), gold, row) for row, gold in enumerate("abcc")]
    learnt = task.learn(rows)
    assert learnt == TaskState(("a", "b", "c"), {"seen": ["a", "b"]})
    features = task.features(Tokenizer.open(folder), rows, learnt)
    assert [task.num_asked(each) for each in features] == [1, 1, 0, 0]
    found = torch.rand(4, 3, requires_grad=True)
    task.loss(found, pack(features, range(4)), 2).total.backward()
    assert [bool(row.any()) for row in found.grad] == [True, True, False, False]
    assert not found.grad[:, 2].any()
    answers = [{"paths": [[path, 1.0]]} for path in "abca"]
    scores = {each.name: each.score for each in task.measures(rows, answers)}
    assert (scores["recall@1"], scores["held_out_recall@1"], len(scores)) == (1, 0.5, 6)
    peers = {peer.name: peer.answers[0]["paths"] for peer in task.baselines(Parts(rows, rows, rows), "word", 0)}
    assert [len(paths) for paths in peers.values()] == [2, 3, 2]
    with pytest.raises(UserError, match="path"):
        Taxonomy(held_out=["z"]).learn(rows)


def test_paths_without_training_rows_are_found(started, folder):
    task, learnt, _ = started
    torch.manual_seed(1)
    network, tokenizer = start_network(task, folder, learnt, Reading(), dropout=0.0), Tokenizer.open(folder)
    train = made([path for path in PATHS if path not in UNSEEN], 8, 1)
    features = task.features(tokenizer, train, learnt)
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3)
    for step in range(30):
        rows = np.random.default_rng(step).permutation(len(train))[:24].tolist()
        batch = pack(features, rows)
        optimizer.zero_grad()
        task.loss(network.train()(batch), batch, len(rows)).total.backward()
        optimizer.step()
    recall = {}
    for name, paths in (("seen", sorted(set(PATHS) - set(UNSEEN))), ("unseen", UNSEEN)):
        test = made(paths, 6, 2)
        shown = task.features(tokenizer, test, learnt)
        recall[name] = {
            each.name: each.score
            for each in task.measures(test, task.answers(raw_outputs(task, network, shown), shown, learnt))
        }
    assert recall["seen"]["recall@1"] > 0.9
    assert recall["unseen"]["recall@3"] > 0.6  # chance is 3 of 12
    assert recall["unseen"]["recall@5"] >= recall["unseen"]["recall@3"]


def test_answers_are_the_best_paths_first():
    task, learnt = Taxonomy(), TaskState(tuple("abcdefg"))
    (answer,) = task.answers([np.array([0.1, 0.9, -1, 0.3, 0.2, 0, 0.5], np.float32)], [], learnt)
    assert [path for path, _ in answer["paths"]] == ["b", "g", "d", "e", "a"]
    assert answer["paths"][0][1] == pytest.approx(0.9)
    scores = {m.name: m.score for m in task.measures([Example(("A",), "d", 0)], [answer])}
    assert scores == {"recall@1": 0, "recall@3": 1, "recall@5": 1}


def test_simple_peers_rank_paths_and_label_words_find_unseen_ones():
    task = Taxonomy(labels=PATHS)
    train, test = made([path for path in PATHS if path not in UNSEEN], 4, 0), made(UNSEEN, 3, 1)
    peers = {peer.name: peer.answers for peer in task.baselines(Parts(train, train, test), "word", 0)}
    assert list(peers) == ["most frequent classes", "TF-IDF cosine with label words", "TF-IDF centroids"]
    assert all(len(answer["paths"]) == 5 for answers in peers.values() for answer in answers)
    scores = {name: task.measures(test, answers)[0].score for name, answers in peers.items()}
    assert scores == {"most frequent classes": 0, "TF-IDF cosine with label words": 1, "TF-IDF centroids": 0}
    assert len(list(task.baselines(Parts(train, train, test), "none", 0))) == 1


def test_the_stage_trains_and_the_saved_folder_answers(world, encoders, tmp_path, unproved):
    settings = {
        "model": encoders("N"),
        "source": str(world / "rows.jsonl"),
        "split": {"train": 0.6, "valid": 0.2},
        "task": {"kind": "taxonomy", "max_length": 32},
        "training": {"epochs": 12, "batch_tokens": 256, "peak_lr": 1e-3, "precision": "float32"},
        "seeds": [1],
        "baselines": "word",
        "output": tmp_path / "run",
    }
    run = finetune(build(FinetuneConfig, settings))
    assert run.results["measure"] == "recall@1"
    assert run.results["models"][0]["scores"]["recall@1"]["mean"] > 0.5  # the most frequent class: 0.375
    kept = json.loads((run.folder / "answers" / "model.jsonl").read_text(encoding="utf-8").splitlines()[0])
    texts = [json.loads(line)["text"] for line in (world / "rows.jsonl").read_text(encoding="utf-8").splitlines()]
    model = mamebert.load(run.folder)
    (answer,) = model(texts[kept["row"]])
    assert answer == model(texts)[kept["row"]]  # bit for bit, alone and among others
    assert dict(answer["paths"]) == pytest.approx(dict(kept["paths"]), abs=1e-6)  # modules made those that were kept
