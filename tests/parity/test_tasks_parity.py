"""BertForSequenceClassification of plain transformers and our tasks: the same answers, both ways."""

import numpy as np
import pytest
import torch
from torch.testing import assert_close

import mamebert
from mamebert.encoder.readings import Reading
from mamebert.tasks import Task
from mamebert.tasks.data.features import Example, pack
from mamebert.tasks.network.task_network import open_network, save_network, start_network
from mamebert.tokenizer.encoding import Tokenizer

transformers = pytest.importorskip("transformers")

CLOSE = {"atol": 1e-5, "rtol": 1e-5}
PROBLEMS = {
    "classification": "single_label_classification",
    "multi_label": "multi_label_classification",
    "regression": "regression",
}
GOLD = {"classification": "abcab", "multi_label": [["a"], [], ["b", "c"], ["c"], ["a", "b"]], "regression": range(5)}
PAIRS = [
    ("The old bean holds the leaf.", "A wet boat."),
    ("The bright pot leaves the flame. " * 9, "The small gull meets the net."),
    ("A rope.", "The wet salt holds the old spoon. " * 7),
    ("The tide [SEP] the pier", "Ünknown, words? 豆"),
    ("The oven.", "The oven."),
]


def scramble(network):
    torch.manual_seed(3)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.1)
    return network.eval()


@pytest.fixture(scope="module")
def start(encoders):
    return encoders("N") / "model"


def padded(features):
    """Return the sequences of examples as transformers wants them."""
    rows = [torch.from_numpy(np.asarray(each.sequences[0])).long() for each in features]
    kinds = [torch.from_numpy(np.asarray(each.segments[0])).long() for each in features]
    ones = [torch.ones(len(row), dtype=torch.long) for row in rows]
    names = ("input_ids", "token_type_ids", "attention_mask")
    parts = (rows, kinds, ones)
    return {n: torch.nn.utils.rnn.pad_sequence(p, batch_first=True) for n, p in zip(names, parts, strict=True)}


def their_answers(kind, logits, labels):
    chances = logits.softmax(-1) if kind == "classification" else logits.sigmoid()
    for row, found in zip(chances, logits, strict=True):
        if kind == "regression":
            yield {"number": float(found)}
        elif kind == "classification":
            yield {"label": labels[int(row.argmax())], "probability": float(row.max())}
        else:
            order = [int(i) for i in row.argsort(descending=True) if row[i] >= 0.5]
            yield {"labels": [labels[i] for i in order], "probabilities": [float(row[i]) for i in order]}


def assert_answers(ours, theirs):
    for found, expected in zip(ours, theirs, strict=True):
        assert found.keys() == expected.keys()
        for name, value in expected.items():
            assert found[name] == (value if name in ("label", "labels") else pytest.approx(value, abs=1e-5))


@torch.no_grad()
@pytest.mark.parametrize("kind", PROBLEMS)
def test_ours_opens_in_transformers_and_says_the_same_with_its_own_tokenizer(kind, start, tmp_path):
    task = Task.find(kind)(second_columns=["second"], max_length=48)
    examples = [Example(pair, gold, n) for n, (pair, gold) in enumerate(zip(PAIRS, GOLD[kind], strict=True))]
    learnt = task.learn(examples)
    network = scramble(start_network(task, start, learnt, Reading()))
    save_network(network, task, learnt, Reading(), start, tmp_path / "ours")
    theirs = transformers.AutoModelForSequenceClassification.from_pretrained(tmp_path / "ours").eval()
    assert theirs.config.problem_type == PROBLEMS[kind]
    assert tuple(theirs.config.id2label.values()) == learnt.labels
    tokenizer = transformers.AutoTokenizer.from_pretrained(tmp_path / "ours", local_files_only=True)
    inputs = tokenizer(*map(list, zip(*PAIRS, strict=True)), truncation=True, max_length=48, padding=True,
                       return_tensors="pt", split_special_tokens=True)  # fmt: skip
    logits = theirs(**inputs).logits
    features = task.features(Tokenizer.open(tmp_path / "ours"), examples, learnt)
    assert_close(network(pack(features, range(len(features)))), theirs(**padded(features)).logits, **CLOSE)
    assert_answers(mamebert.load(tmp_path / "ours")(PAIRS), their_answers(kind, logits, theirs.config.id2label))


@torch.no_grad()
@pytest.mark.parametrize(
    ("kind", "says_what_it_is"),
    # Without a word on it, several outputs are one label out of several.
    [*((kind, True) for kind in PROBLEMS), *((kind, False) for kind in PROBLEMS if kind != "multi_label")],
)
def test_a_folder_of_transformers_opens_with_its_kind_and_the_same_logits(kind, says_what_it_is, start, tmp_path):
    num_labels = 1 if kind == "regression" else 3
    shape = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
    problem = PROBLEMS[kind] if says_what_it_is else None
    config = transformers.BertConfig(
        vocab_size=80, max_position_embeddings=64, num_labels=num_labels, problem_type=problem, **shape
    )
    theirs = scramble(transformers.BertForSequenceClassification(config))
    theirs.save_pretrained(tmp_path)
    transformers.AutoTokenizer.from_pretrained(start, local_files_only=True).save_pretrained(tmp_path)
    task, learnt, network = open_network(tmp_path)
    assert (task.kind, task.max_length, len(learnt.labels)) == (kind, 64, num_labels)
    asked = [*PAIRS, *((first,) for first, _ in PAIRS)]
    examples = [Example(texts, None, n) for n, texts in enumerate(asked)]
    features = task.features(Tokenizer.open(tmp_path), examples, learnt)
    logits = theirs(**padded(features)).logits
    assert_close(network.eval()(pack(features, range(len(features)))), logits, **CLOSE)
    expected = list(their_answers(kind, logits, theirs.config.id2label))
    answer = mamebert.load(tmp_path)
    assert_answers(answer(asked), expected)
    assert_answers(answer([first for first, _ in PAIRS]), expected[len(PAIRS) :])
    assert_answers(answer([{"text": a, "second": b} for a, b in PAIRS]), expected[: len(PAIRS)])
    assert answer([("", "A gull.")]) == [{"unanswered": "one of the two texts empty"}]
