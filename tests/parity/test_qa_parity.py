"""Span answers and choices: the same weights give the logits, the loss and the answers of plain transformers."""

import numpy as np
import pytest
import torch
from torch.testing import assert_close

from mamebert.checkpoints.save import save_pretraining
from mamebert.checkpoints.verify import verify
from mamebert.encoder.model import PretrainingNetwork
from mamebert.encoder.readings import Reading
from mamebert.encoder.settings import EncoderConfig
from mamebert.tasks.data.features import Example, TaskState, pack
from mamebert.tasks.multiple_choice import MultipleChoice
from mamebert.tasks.network.answering import raw_outputs
from mamebert.tasks.network.task_network import TaskNetwork, open_network, plain_logits, save_network
from mamebert.tasks.span_qa import SpanQa
from mamebert.tokenizer.encoding import Tokenizer

transformers = pytest.importorskip("transformers")

CONTEXT = "The old boat meets the tide. A small gull leaves the pier; the wet net holds the rope. " * 3
QA = SpanQa(max_length=48, stride=16)
CHOICE = MultipleChoice(max_length=40)
CLOSE = {"atol": 1e-5, "rtol": 1e-5}


def scramble(network):
    torch.manual_seed(7)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.1)
    return network.eval()


SHAPE = EncoderConfig(hidden_size=32, num_hidden_layers=2, num_attention_heads=4, max_position_embeddings=64)


@pytest.fixture(scope="module")
def start(world, tmp_path_factory):
    """Return an encoder's folder."""
    folder = tmp_path_factory.mktemp("encoder") / "model"
    vocabulary = world / "vocab" / "tokenizer"
    save_pretraining(scramble(PretrainingNetwork(SHAPE, Tokenizer.open(vocabulary).vocab_size)), vocabulary, folder)
    return folder


@pytest.fixture(scope="module")
def tokenizer(start):
    return Tokenizer.open(start)


@pytest.fixture(scope="module")
def saved(start, tmp_path_factory):
    """Return folders of ours with random weights, by task."""
    folders = {}
    for task in (QA, CHOICE):
        network = scramble(TaskNetwork(task, SHAPE, Tokenizer.open(start).vocab_size, TaskState(), Reading()))
        folders[task.kind] = tmp_path_factory.mktemp(task.kind) / "model"
        save_network(network, task, TaskState(), Reading(), start, folders[task.kind])
    return folders


@pytest.fixture(scope="module")
def questions(tokenizer):
    rows = [
        {
            "question": f"What {text}?",
            "context": CONTEXT,
            "answers": [{"text": text, "answer_start": CONTEXT.index(text)}],
        }
        for text in ("tide", "small gull", "net holds the rope")
    ]
    examples = [Example(QA.inputs(row), QA.gold(row, QA.inputs(row)), number) for number, row in enumerate(rows)]
    return QA.features(tokenizer, examples, TaskState())


def tensors(sequences, kinds):
    return {
        "input_ids": torch.tensor(np.stack(sequences)),
        "token_type_ids": torch.tensor(np.stack(kinds)),
    }


@torch.no_grad()
def span_logits(theirs, features):
    """Return what plain transformers says to each sequence alone, as our own raw outputs: [tokens, 2]."""
    outs = [theirs(**tensors([s], [k])) for s, k in zip(features.sequences, features.segments, strict=True)]
    return np.concatenate([torch.stack([o.start_logits[0], o.end_logits[0]], 1).numpy() for o in outs])


def test_both_folders_pass_the_proof_in_a_fresh_process(saved):
    assert max(verify(list(saved.values()), plain_logits).values()) <= 1e-5


def test_span_logits_and_answers_are_those_of_transformers(saved, questions):
    theirs = transformers.BertForQuestionAnswering.from_pretrained(saved["span_qa"]).eval()
    expected = [span_logits(theirs, each) for each in questions]
    task, learnt, network = open_network(saved["span_qa"])
    found = raw_outputs(task, network.eval(), questions)
    for ours, their in zip(found, expected, strict=True):
        np.testing.assert_allclose(ours, their, atol=1e-5, rtol=1e-5)
    ours, their = (task.answers(raws, questions, learnt) for raws in (found, expected))
    for a, b in zip(ours, their, strict=True):
        assert (a["text"], a["start"], a["end"]) == (b["text"], b["start"], b["end"])
        assert a["score"] == pytest.approx(b["score"], abs=1e-5)


@torch.no_grad()
def test_span_loss_is_that_of_transformers(saved, questions):
    theirs = transformers.BertForQuestionAnswering.from_pretrained(saved["span_qa"]).eval()
    task, _, network = open_network(saved["span_qa"])
    batch = pack(questions, range(len(questions)))
    ours = task.loss(network.eval()(batch), batch, sum(map(task.num_asked, questions))).total
    each = [
        theirs(
            **tensors([sequence], [kinds]), start_positions=torch.tensor([start]), end_positions=torch.tensor([end])
        ).loss
        for features in questions
        for sequence, kinds, (start, end) in zip(
            features.sequences, features.segments, features.target.tolist(), strict=True
        )
    ]
    assert len(each) > len(questions)
    assert_close(ours, torch.stack(each).mean(), **CLOSE)


def test_a_question_answerer_of_transformers_opens_here(tmp_path, start, questions, tokenizer):
    theirs = scramble(transformers.BertForQuestionAnswering.from_pretrained(start))
    theirs.save_pretrained(tmp_path)
    task, learnt, network = open_network(tmp_path)
    assert isinstance(task, SpanQa)
    for ours, features in zip(raw_outputs(task, network.eval(), questions), questions, strict=True):
        np.testing.assert_allclose(ours, span_logits(theirs, features), atol=1e-5, rtol=1e-5)
    asked = Example(task.inputs({"question": "What?", "context": CONTEXT}), None, 0)
    features = task.features(tokenizer, [asked], learnt)
    (answer,) = task.answers(raw_outputs(task, network, features), features, learnt)
    assert CONTEXT[answer["start"] : answer["end"]] == answer["text"] != ""


CHOICES = {"question": "The boat meets", "choices": ["the old tide.", "the rope", "a"], "label": 0}


@torch.no_grad()
@pytest.mark.parametrize("whose", ["ours", "theirs"])
def test_choices_have_the_logits_and_the_loss_of_transformers(tmp_path, saved, start, tokenizer, whose):
    if whose == "ours":
        folder = saved["multiple_choice"]
        theirs = transformers.BertForMultipleChoice.from_pretrained(folder).eval()
    else:
        folder = tmp_path
        theirs = scramble(transformers.BertForMultipleChoice.from_pretrained(start))
        theirs.save_pretrained(tmp_path)
    task, learnt, network = open_network(folder)
    assert isinstance(task, MultipleChoice)
    inputs = task.inputs(CHOICES)
    features = task.features(tokenizer, [Example(inputs, 2, 0)], learnt)
    longest = max(map(len, features[0].sequences))
    pad = [
        [np.pad(row, (0, longest - len(row))) for row in rows] for rows in (features[0].sequences, features[0].segments)
    ]
    batch = {name: value[None] for name, value in tensors(*pad).items()}
    mask = torch.tensor([[[1] * len(s) + [0] * (longest - len(s)) for s in features[0].sequences]])
    out = theirs(**batch, attention_mask=mask, labels=torch.tensor([2]))
    packed = pack(features, [0])
    found = network.eval()(packed)
    assert_close(found[:, 0], out.logits[0], **CLOSE)
    assert_close(task.loss(found, packed, 1).total, out.loss, **CLOSE)
    (answer,) = task.answers(task.raws(found, packed), features, learnt)
    assert answer["choice"] == int(out.logits[0].argmax())
