import json
import random

import numpy as np
import pytest
import torch
from tests.conftest import ADJECTIVES, VERBS, WORLDS
from torch.nn.functional import cross_entropy

import mamebert
from mamebert.config import build
from mamebert.encoder.readings import Reading
from mamebert.errors import UserError
from mamebert.evaluation.baselines.fitting import Part
from mamebert.evaluation.baselines.trees import chains, most_frequent_distance
from mamebert.stages.finetune import finetune
from mamebert.stages.finetune.settings import FinetuneConfig
from mamebert.tasks.data.features import IGNORE_INDEX, Example, TaskState, pack
from mamebert.tasks.dependency_parsing import DependencyParsing
from mamebert.tasks.network.answering import raw_outputs
from mamebert.tasks.network.biaffine import BiaffineHead, Parsed, pooled
from mamebert.tasks.network.task_network import start_network
from mamebert.tokenizer.encoding import Tokenizer

LEARNT = TaskState(("dep", "obj", "root"), {"most_frequent": "dep"})


@pytest.fixture(scope="module")
def folder(encoders):
    return encoders("N") / "model"


@pytest.fixture(scope="module")
def tokenizer(folder):
    return Tokenizer.open(folder)


def chain(size, label="dep"):
    """Return a sentence in which every word hangs on the one before."""
    gold = {"heads": list(range(size)), "deprels": ["root", *[label] * (size - 1)]}
    return Example(tuple(random.Random(size).choices(["boat", "gullrope", "x"], k=size)), gold, 0)


def parsed(*arcs):
    """Return scores for sentences of one size, with the relation that has the number of the head."""
    scores = torch.tensor(np.array(arcs), dtype=torch.float32)
    size = scores.shape[1]
    relations = torch.zeros(size, 1, size)
    relations[:, 0] = torch.eye(size)
    visible = torch.ones(len(arcs), size, dtype=torch.bool)
    return Parsed(scores, visible, torch.ones(len(arcs) * size, 1), torch.eye(size).repeat(len(arcs), 1), relations)


def batch_of(task, tokenizer, examples):
    features = task.features(tokenizer, examples, LEARNT)
    return pack(features, range(len(features)))


def test_cls_is_read_as_root_and_words_at_their_first_pieces(tokenizer):
    words = ("unheardof", "boat", "gullrope")
    (found,) = DependencyParsing().features(tokenizer, [Example(words, None, 0)], LEARNT)
    ids = [tokenizer.cls_id, *(pieces[0] for pieces in tokenizer.encode_words([words])[0])]
    assert found.places[0][0] == 0
    assert found.sequences[0][found.places[0]].tolist() == ids


def test_the_mean_of_the_pieces_of_a_word_is_that_word(tokenizer):
    words = ("unheardof", "boat", "gullrope")
    batch = batch_of(DependencyParsing(word_vector="mean"), tokenizer, [Example(words, None, 0)])
    reads = torch.randn(len(batch.places), 5)
    sizes = [1, *map(len, tokenizer.encode_words([words])[0])]
    assert sizes[1] > 1
    expected = torch.stack([part.mean(0) for part in reads.split(sizes)])
    torch.testing.assert_close(pooled(reads, batch), expected)


def test_arc_scores_are_those_of_the_paper(tokenizer):
    torch.manual_seed(1)
    batch = batch_of(DependencyParsing(), tokenizer, [chain(3), chain(5)])
    head = BiaffineHead(8, 6, 4, 3, dropout=0.5).eval()
    with torch.no_grad():
        head.arc.normal_()
        head.relation.normal_()
    reads = torch.randn(len(batch.places), 8)
    found = head(reads, batch)
    words = reads[4:]  # those of the second sentence
    d, h = head.arc_dependent(words), head.arc_head(words)
    expected = d @ head.arc[:-1] @ h.T + (h @ head.arc[-1])[None]
    apart = ~torch.eye(6, dtype=torch.bool)
    torch.testing.assert_close(found.arcs[1][apart], expected[apart])
    assert (found.arcs[0, :, 4:] == -torch.inf).all()  # padding is nobody's head
    d, h = head.label_dependent(words), head.label_head(words)
    u = head.relation
    expected = (
        torch.einsum("d,lde,e->l", d[2], u[:, :-1, :-1], h[4])
        + u[:, :-1, -1] @ d[2]
        + u[:, -1, :-1] @ h[4]
        + u[:, -1, -1]
    )
    heads = torch.tensor([0, 1, 2, 0, 4, 2, 3, 4])  # of three words, and of five
    torch.testing.assert_close(found.labels(heads)[4], expected)


def test_a_tree_is_answered_where_the_best_heads_go_round_in_a_circle(tokenizer):
    batch = batch_of(DependencyParsing(), tokenizer, [chain(3)])
    arcs = [[0, 0, 0, 0], [1, 0, 9, 0], [5, 9, 0, 0], [2, 0, 8, 0]]
    found = parsed(arcs)
    greedy = found.arcs[0, 1:].argmax(1).tolist()
    assert greedy == [2, 1, 2]
    (raw,) = DependencyParsing().raws(found, batch)
    assert raw[:, 0].tolist() == [2, 0, 2]
    assert raw[:, 1].tolist() == [2, 0, 2]  # relations are those to the heads of the tree


def test_one_word_hangs_on_the_root_even_where_all_would_like_to(tokenizer):
    batch = batch_of(DependencyParsing(), tokenizer, [chain(3)])
    (raw,) = DependencyParsing().raws(parsed([[0, 0, 0, 0], [9, 0, 2, 0], [10, 2, 0, 0], [9, 0, 3, 0]]), batch)
    assert raw[:, 0].tolist() == [2, 0, 2]


def test_scores_of_the_right_tree_give_full_marks(tokenizer):
    task = DependencyParsing()
    examples = [chain(size) for size in (1, 2, 7)]
    features = task.features(tokenizer, examples, LEARNT)
    raws = [each.target for each in features]
    las, uas = task.measures(examples, task.answers(raws, features, LEARNT))
    assert (las.name, las.score, uas.name, uas.score) == ("las", 1.0, "uas", 1.0)


def test_the_loss_is_that_of_the_right_heads_and_their_relations(tokenizer):
    torch.manual_seed(2)
    task = DependencyParsing()
    examples = [chain(4, "obj"), chain(2, "new")]
    batch = batch_of(task, tokenizer, examples)
    head = BiaffineHead(8, 6, 4, 3, dropout=0.0)
    with torch.no_grad():
        head.arc.normal_()
        head.relation.normal_()
    found = head(torch.randn(len(batch.places), 8), batch)
    labels = found.labels(torch.tensor([head for example in examples for head in example.gold["heads"]]))
    expected, number = 0.0, 0
    for row, example in enumerate(examples):
        for word, (to, name) in enumerate(zip(example.gold["heads"], example.gold["deprels"], strict=True)):
            expected += cross_entropy(found.arcs[row, word + 1], torch.tensor(to))
            if name in LEARNT.labels:
                expected += cross_entropy(labels[number], torch.tensor(LEARNT.labels.index(name)))
            number += 1
    torch.testing.assert_close(task.loss(found, batch, 6).total, expected / 6)


def test_words_that_do_not_fit_are_counted_and_answered_all_the_same(tokenizer):
    task, example = DependencyParsing(max_length=8), chain(30)
    (found,) = task.features(tokenizer, [example], LEARNT)
    pieces = tokenizer.encode_words([example.inputs])[0]
    kept = len(found.notes.sizes)
    assert 0 < kept < 30
    assert found.num_truncated == sum(map(len, pieces)) - 6
    assert task.num_asked(found) == kept
    (answer,) = task.answers([found.target], [found], LEARNT)
    assert len(answer["heads"]) == len(answer["deprels"]) == 30
    assert answer["heads"][kept:] == list(range(kept, 30))
    assert set(answer["deprels"][kept:]) == {"dep"}


def test_a_head_that_was_cut_off_is_not_learnt(tokenizer):
    gold = {"heads": [*range(2, 31), 0], "deprels": [*["dep"] * 29, "root"]}
    (found,) = DependencyParsing(max_length=8).features(tokenizer, [Example(("boat",) * 30, gold, 0)], LEARNT)
    assert found.target[-1].tolist() == [IGNORE_INDEX, IGNORE_INDEX]
    assert found.target[:-1, 0].tolist() == list(range(2, 1 + len(found.target)))


@pytest.mark.parametrize("word_vector", ["first", "mean"])
def test_company_in_a_batch_changes_no_tree(tokenizer, folder, word_vector):
    torch.manual_seed(4)
    task = DependencyParsing(max_length=64, word_vector=word_vector)
    network = start_network(task, folder, LEARNT, Reading())
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.2)
    features = task.features(tokenizer, [chain(size) for size in (1, 9, 2, 7)], LEARNT)
    together = raw_outputs(task, network, features)
    alone = [raw_outputs(task, network, [each])[0] for each in features]
    assert [raw.shape for raw in together] == [(1, 2), (9, 2), (2, 2), (7, 2)]
    for a, b in zip(together, alone, strict=True):
        assert a.tolist() == b.tolist()


@pytest.mark.parametrize(
    "row",
    [
        {"words": "a b", "heads": [0, 0], "deprels": "root root"},
        {"words": "a b", "heads": [2, 1], "deprels": "x y"},
        {"words": "a b", "heads": ["0", "x"], "deprels": "x y"},
        {"words": "a b", "heads": [0, 3], "deprels": "x y"},
        {"words": "a b", "heads": [0], "deprels": "x y"},
        {"words": "a b", "heads": [0, 1], "deprels": "x"},
        {"words": "a b", "heads": [0, 1]},
    ],
)
def test_what_is_no_tree_is_the_users_mistake(row):
    task = DependencyParsing()
    with pytest.raises(UserError, match=r"\. "):
        task.gold(row, task.inputs(row))


def test_peers_hang_words_on_neighbours_or_at_their_usual_distance():
    train = Part([["the", "boat", "sinks"]] * 3, [([2, 3, 0], ["det", "nsubj", "root"])] * 3)
    test = Part([["the", "wet", "boat", "sinks"]], [([3, 3, 4, 0], ["det", "amod", "nsubj", "root"])])
    (heads, deprels) = chains(train, train, test).answers[0]
    assert heads == [2, 3, 4, 0]
    assert [deprels[0], deprels[2], deprels[3]] == ["det", "nsubj", "root"]
    (heads, _) = most_frequent_distance(train, train, test).answers[0]
    assert [heads[0], heads[2], heads[3]] == [2, 4, 0]
    backwards = Part([["a", "b", "c"]], [([0, 1, 2], ["root", "x", "x"])])
    assert chains(backwards, backwards, test).answers[0][0] == [0, 1, 2, 3]


def invent_trees(num_rows, seed):
    """Return "The old boat holds the rope ." with its tree; the adjective may be missing."""
    rng = random.Random(seed)
    for _ in range(num_rows):
        a, b = rng.sample(WORLDS[rng.choice(list(WORLDS))], 2)
        if rng.random() < 0.5:
            words, heads = ["The", rng.choice(ADJECTIVES), a], [3, 3, 4]
            deprels = ["det", "amod", "nsubj"]
        else:
            words, heads, deprels = ["The", a], [2, 3], ["det", "nsubj"]
        verb = len(words) + 1
        yield {
            "words": [*words, rng.choice(VERBS), "the", b, "."],
            "heads": [*heads, 0, verb + 2, verb, verb],
            "deprels": [*deprels, "root", "det", "obj", "punct"],
        }


def test_trees_are_learnt_saved_and_found_in_a_bare_text(encoders, tmp_path):
    for name, rows in (("train", invent_trees(120, 1)), ("test", invent_trees(40, 2))):
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    settings = {
        "models": {"N": encoders("N")},
        "train": str(tmp_path / "train.jsonl"),
        "test": str(tmp_path / "test.jsonl"),
        "task": {"kind": "dependency_parsing", "max_length": 32, "arc_size": 32, "label_size": 16},
        "training": {"epochs": 8, "batch_tokens": 128, "peak_lr": 5e-3, "precision": "float32"},
        "seeds": [1],
        "output": tmp_path / "run",
    }
    run = finetune(build(FinetuneConfig, settings))
    scores = run.results["models"][0]["scores"]
    assert run.results["measure"] == "las"
    assert scores["las"]["mean"] > 0.95
    assert scores["las"]["mean"] > max(peer["scores"]["las"] for peer in run.results["baselines"])
    assert run.results["verified"]["largest_difference"] < 1e-5
    (answer,) = mamebert.load(run.folder / "models" / "N")("The old boat holds the rope.")
    assert answer == {
        "words": ["The", "old", "boat", "holds", "the", "rope", "."],
        "heads": [3, 3, 4, 0, 6, 4, 4],
        "deprels": ["det", "amod", "nsubj", "root", "det", "obj", "punct"],
    }
