import json

import numpy as np
import pytest
import torch

import mamebert
from mamebert.config import build
from mamebert.encoder.readings import Reading
from mamebert.errors import UserError
from mamebert.stages.finetune import finetune
from mamebert.stages.finetune.settings import FinetuneConfig
from mamebert.tasks.classification import Classification
from mamebert.tasks.data.features import Example, pack
from mamebert.tasks.long_documents import LongDocuments
from mamebert.tasks.network.answering import raw_outputs
from mamebert.tasks.network.chunk_heads import LargestHead
from mamebert.tasks.network.task_network import TaskNetwork, start_network
from mamebert.tokenizer.encoding import Tokenizer

AGGREGATES = ["mean", "max", "mean_prob", "vote", "lstm", "transformer"]
TEXTS = ["The wet boat meets the rope. The old tide leaves the gull.", "A gull.", "The bean holds the small leaf."]
LATE = ["The anchor holds the anchor. " * 2, "The bean holds the bean. " * 2]
aggregates = pytest.mark.parametrize("aggregate", AGGREGATES)


@pytest.fixture(scope="module")
def folder(encoders):
    return encoders("N") / "model"


@pytest.fixture(scope="module")
def tokenizer(folder):
    return Tokenizer.open(folder)


def examples(*texts):
    return [Example((text,), "abc"[row % 3], row) for row, text in enumerate(texts)]


def at_work(task, folder, rows) -> tuple[TaskNetwork, list]:
    """Return a network whose weights make outputs differ, and the features of rows."""
    learnt = task.learn(examples(*TEXTS))
    torch.manual_seed(3)
    network = start_network(task, folder, learnt, Reading()).eval()
    with torch.no_grad():
        for parameter in network.head.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.2)
    return network, task.features(Tokenizer.open(folder), rows, learnt)


def probabilities(task, folder, *texts):
    network, features = at_work(task, folder, examples(*texts))
    return task.probabilities(raw_outputs(task, network, features))


@pytest.mark.parametrize(("size", "stride"), [(0, 0), (5, 0), (5, 5), (5, 2), (1, 1)])
def test_chunks_begin_a_stride_apart_and_cover_the_whole_text(tokenizer, size, stride):
    task = LongDocuments(max_length=16, chunk_tokens=size, stride=stride)
    size, stride = size or 14, stride or size or 14
    for text in TEXTS:
        whole = tokenizer.encode(text).ids.tolist()
        (found,) = task.features(tokenizer, examples(text), task.learn(examples(*TEXTS)))
        starts = range(0, max(1, len(whole) - size + stride), stride)
        chunks = [[tokenizer.cls_id, *whole[start : start + size], tokenizer.sep_id] for start in starts]
        assert [sequence.tolist() for sequence in found.sequences] == chunks
        assert starts[-1] + size >= len(whole)
        assert found.num_truncated == 0


def test_what_lies_behind_the_last_chunk_is_counted(tokenizer):
    text = "|".join(TEXTS)
    task = LongDocuments(max_length=10, chunk_tokens=4, stride=2, max_chunks=3, section_mark="|")
    (found,) = task.features(tokenizer, examples(text), task.learn(examples(*TEXTS)))
    pieces = [len(tokenizer.encode(section).ids) for section in TEXTS]
    assert len(found.sequences) == 3
    assert found.num_truncated == sum(pieces) - 8  # 4 pieces, and 2 new ones in each of the next chunks


@pytest.mark.parametrize(
    ("settings", "match"),
    [
        ({"chunk_tokens": 127}, r"longer than task\.max_length\. Set it to 129 or more"),
        ({"stride": 127}, r"are never read\. Lower task\.stride"),
        ({"chunk_tokens": 10, "stride": 11}, "are never read"),
        ({"second_columns": ["second"]}, r"is one text\. Join its columns"),
    ],
)
def test_settings_that_cannot_be_are_refused(settings, match):
    with pytest.raises(UserError, match=match):
        LongDocuments(**settings)


@aggregates
def test_company_and_padding_change_no_answer(folder, aggregate):
    task = LongDocuments(max_length=16, chunk_tokens=5, stride=3, aggregate=aggregate)
    network, features = at_work(task, folder, examples(*TEXTS))
    together = task.probabilities(raw_outputs(task, network, features))
    alone = [task.probabilities(raw_outputs(task, network, [each])) for each in features]
    np.testing.assert_allclose(together, np.concatenate(alone), atol=1e-6)
    np.testing.assert_allclose(together.sum(axis=1), 1, atol=1e-6)


@aggregates
def test_losses_of_parts_add_up_to_that_of_the_batch(folder, aggregate):
    task = LongDocuments(max_length=16, chunk_tokens=5, aggregate=aggregate, class_weights="balanced")
    network, features = at_work(task, folder, examples(*TEXTS, TEXTS[0]))
    parts = [[0, 1, 2, 3]], [[2], [0, 3], [1]]
    losses = [sum(task.loss(network(b), b, 4).total for b in (pack(features, rows) for rows in part)) for part in parts]
    torch.testing.assert_close(*losses)


def test_each_chunk_learns_the_label_of_its_document_and_documents_count_the_same(folder):
    task = LongDocuments(max_length=16, chunk_tokens=5, aggregate="mean_prob")
    network, features = at_work(task, folder, examples(*TEXTS))
    batch = pack(features, [0, 1, 2])
    logits = network(batch)
    targets = torch.tensor([row for row, each in enumerate(features) for _ in each.sequences])
    each = torch.nn.functional.cross_entropy(logits, targets, reduction="none").split(batch.counts)
    torch.testing.assert_close(task.loss(logits, batch, 3).total, torch.stack([e.mean() for e in each]).mean())


@aggregates
def test_only_what_runs_along_the_sections_knows_their_order(folder, aggregate):
    task = LongDocuments(max_length=32, section_mark="|", aggregate=aggregate)
    found = probabilities(task, folder, "|".join(TEXTS), "|".join(TEXTS[::-1]))
    knows_order = not np.allclose(found[0], found[1], atol=1e-5)
    assert knows_order == (aggregate in ("lstm", "transformer"))


def test_a_transformer_that_is_not_told_the_order_does_not_know_it(folder):
    task = LongDocuments(max_length=32, section_mark="|", aggregate="transformer", positions=False)
    found = probabilities(task, folder, "|".join(TEXTS), "|".join(TEXTS[::-1]))
    np.testing.assert_allclose(found[0], found[1], atol=1e-6)


@aggregates
def test_empty_sections_change_nothing(folder, aggregate):
    task = LongDocuments(max_length=32, section_mark="|", aggregate=aggregate)
    found = probabilities(task, folder, "|".join(TEXTS), f"||{TEXTS[0]}| |{TEXTS[1]}|{TEXTS[2]}|\n")
    np.testing.assert_allclose(found[0], found[1], atol=1e-6)


@pytest.mark.parametrize("aggregate", ["mean", "max", "mean_prob"])
def test_of_one_chunk_is_answered_what_classification_answers(folder, aggregate):
    rows = examples(*TEXTS)
    tasks = LongDocuments(max_length=32, aggregate=aggregate), Classification(max_length=32)
    (network, features), (plain, plain_features) = (at_work(task, folder, rows) for task in tasks)
    plain.load_state_dict(network.state_dict())
    assert [len(each.sequences) for each in features] == [1, 1, 1]
    found, expected = (
        task.probabilities(raw_outputs(task, *each))
        for task, each in zip(tasks, [(network, features), (plain, plain_features)], strict=True)
    )
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_the_gradient_reaches_only_the_section_with_the_largest_value(folder):
    task = LongDocuments(max_length=32, section_mark="|", aggregate="max")
    network, features = at_work(task, folder, examples("|".join(TEXTS), TEXTS[1]))
    batch = pack(features, [0, 1])
    head = LargestHead(network.bert.config, 4, None, 3).eval()
    reads = torch.tensor([[5.0, 0, 0, -3], [1, 2, 0, -2], [0, 1, 0.5, -1], [-9, -9, -9, -9]], requires_grad=True)
    head(reads, batch).sum().backward()
    reached = (reads.grad != 0).int().tolist()
    assert reached == [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 1], [1, 1, 1, 1]]


def test_chunks_vote_and_the_mean_probability_decides_among_equals():
    task = LongDocuments(aggregate="vote")
    votes = np.log([[0.4, 0.3, 0.3], [0.4, 0.3, 0.3], [0.0001, 0.0001, 0.9998]])
    equal = np.log([[0.5, 0.2, 0.3], [0.1, 0.8, 0.1]])
    found = task.probabilities([votes, equal])
    assert found.argmax(axis=1).tolist() == [0, 1]
    np.testing.assert_allclose(found.sum(axis=1), 1)
    averaged = LongDocuments(aggregate="mean_prob").probabilities([votes, equal])
    assert averaged.argmax(axis=1).tolist() == [2, 1]
    np.testing.assert_allclose(averaged[1], [0.3, 0.5, 0.2])


@pytest.fixture(scope="module")
def late_cue(tmp_path_factory):
    """Return a file of documents whose label stands in their last words, behind the first 16 tokens."""
    rng = np.random.default_rng(4)
    nouns, lines = ["boat", "rope", "tide", "sail", "net", "gull", "pier"], []
    for row in range(100):
        chosen = [f"The old {a} meets the {b}." for a, b in (rng.permutation(nouns)[:2] for _ in range(3))]
        label = "land" if row % 2 else "sea"
        lines.append({"text": " ".join([*chosen, LATE[row % 2]]), "label": label})
    file = tmp_path_factory.mktemp("late") / "rows.jsonl"
    file.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return file


def finetuned(folder, rows, output, epochs=6, learning=None, **task):
    settings = {
        "model": folder,
        "source": str(rows),
        "split": {"train": 0.64, "valid": 0.12},
        "task": {"max_length": 16, **task},
        "training": {"epochs": epochs, "peak_lr": 6e-3, "precision": "float32"},
        "batch_rows": 8,
        "learning": learning or {},
        "seeds": [1],
        "baselines": "none",
        "output": output,
    }
    run = finetune(build(FinetuneConfig, settings))
    (model,) = json.loads((run.folder / "run.json").read_text(encoding="utf-8"))["results"]["models"]
    return run.folder / "models" / "model", model["scores"]["accuracy"]["mean"], model["truncated_share"]


@pytest.mark.usefixtures("unproved")
def test_what_stands_late_is_found_in_chunks_and_not_by_cutting(folder, late_cue, tmp_path):
    _, cut, cut_share = finetuned(folder, late_cue, tmp_path / "cut", kind="classification", chunks=1)
    assert (cut < 0.75, cut_share) == (True, 1.0)
    model, whole, whole_share = finetuned(folder, late_cue, tmp_path / "max", kind="long_documents", aggregate="max")
    assert (whole > 0.95, whole_share) == (True, 0.0)
    text = "The old boat meets the rope. " * 6
    labels = [answer["label"] for answer in mamebert.load(model)([text + cue for cue in LATE])]
    assert labels == ["sea", "land"]


@pytest.mark.usefixtures("unproved")
def test_the_papers_two_steps_are_two_runs(folder, late_cue, tmp_path):
    task = {"kind": "long_documents", "chunk_tokens": 8}
    first, _, _ = finetuned(folder, late_cue, tmp_path / "first", aggregate="mean_prob", **task)
    learning = {"trainable": "groups", "groups": {"head": 1e-2}}
    second, accuracy, _ = finetuned(
        first, late_cue, tmp_path / "second", epochs=12, learning=learning, aggregate="lstm", **task
    )
    assert accuracy > 0.9
    before, after = (mamebert.load(model).network.bert.state_dict() for model in (first, second))
    assert all(torch.equal(before[name], after[name]) for name in before)
