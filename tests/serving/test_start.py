"""A process that loads a fine-tuned model and answers: without torch, and with the same bits as with it."""

import json
import os
import shutil
import subprocess
import sys
from copy import deepcopy

import numpy as np
import pytest
import torch

from mamebert.checkpoints.save import save_pretraining
from mamebert.checkpoints.weights import WEIGHTS
from mamebert.encoder.model import PretrainingNetwork
from mamebert.encoder.readings import Reading
from mamebert.encoder.settings import EncoderConfig
from mamebert.errors import UserError
from mamebert.kernels import status, torch_only
from mamebert.serving.load import load
from mamebert.tasks import Task
from mamebert.tasks.data.features import FIRST, Features, TaskState
from mamebert.tasks.masked_words.fill_mask import fill_mask
from mamebert.tasks.masked_words.ready_words import ReadyWords
from mamebert.tasks.network.answering import raw_outputs
from mamebert.tasks.network.ready_network import ReadyNetwork, open_ready
from mamebert.tasks.network.task_network import TaskNetwork, open_network, save_network
from mamebert.tokenizer.encoding import Tokenizer

NATIVELY = pytest.mark.skipif(status().path == "torch", reason=f"no native kernels here: {status().reason}")
PRECISIONS = ("float32", "bfloat16", "int8")
SMALL = {"hidden_size": 64, "num_hidden_layers": 3, "num_attention_heads": 2, "max_position_embeddings": 64}
SHAPES = {
    "bert": SMALL,
    "modernbert": {**SMALL, "preset": "modernbert", "local_attention": 8},
    "albert": {**SMALL, "preset": "albert", "embedding_size": 32},
    "roberta": {**SMALL, "preset": "roberta", "pad_token_id": 0},
    "mosaicbert": {**SMALL, "preset": "mosaicbert"},
}
TASKS = {
    "classification": ({"chunks": 3}, TaskState(("a", "b", "c"))),
    "multi_label": ({}, TaskState(("a", "b"))),
    "regression": ({}, TaskState(("label",))),
    "tagging": ({}, TaskState(("O", "B-A", "I-A"))),
}
ANSWERS = """
import json, sys, mamebert
model = mamebert.load(sys.argv[1], precision=sys.argv[2])
answers = model(json.loads(sys.argv[3]))
print(json.dumps([answers, "torch" in sys.modules]))
"""
COMMAND = """
import sys
from mamebert.cli import main
try:
    main()
except SystemExit as end:
    assert not end.code, end.code
assert "torch" not in sys.modules
"""
TEXTS = ["The old boat meets the rope.", "The small bean holds the leaf.", "The bright pot leaves the flame. " * 20, ""]


def asked(*command):
    done = subprocess.run([sys.executable, "-c", *command], capture_output=True, text=True, check=False)
    assert not done.returncode, done.stderr
    return done.stdout


@NATIVELY
@pytest.mark.parametrize("precision", PRECISIONS)
def test_torch_is_not_imported_and_no_bit_is_another(classifiers, precision):
    folder = classifiers / "models" / "W"
    answers, has_torch = json.loads(asked(ANSWERS, str(folder), precision, json.dumps(TEXTS)))
    assert not has_torch
    assert answers == load(folder, precision=precision)(TEXTS)
    task, learnt, network = open_network(folder)
    network.eval().make_ready(precision)
    model = load(folder)
    model.network = network
    assert answers == model(TEXTS)
    assert model.learnt == learnt
    assert model.task == task


@NATIVELY
def test_the_command_imports_no_torch_either(classifiers):
    told = asked(COMMAND, "predict", str(classifiers / "models" / "N"), *TEXTS[:2])
    assert [json.loads(line)["text"] for line in told.splitlines()] == TEXTS[:2]


def test_where_torch_answers_it_is_imported(classifiers):
    environment = {**os.environ, "MAMEBERT_KERNELS": "torch"}
    command = [sys.executable, "-c", ANSWERS, str(classifiers / "models" / "N"), "auto", json.dumps(TEXTS)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    answers, has_torch = json.loads(done.stdout)
    assert has_torch
    ours = load(classifiers / "models" / "N")(TEXTS)
    assert [each.get("label") for each in answers] == [each.get("label") for each in ours]


def saved(world, folder, shape, kind, reading=None):
    """Return a folder with a network of random weights for a task, and the network."""
    reading = reading or Reading()
    settings, learnt = TASKS[kind]
    task = Task.find(kind)(max_length=64, **settings)
    torch.manual_seed(1)
    size = len((world / "tokens" / "tokenizer" / "vocab.txt").read_text("utf-8").splitlines())
    network = TaskNetwork(task, EncoderConfig(**SHAPES[shape], initializer_range=0.1), size, learnt, reading).eval()
    for name, parameter in network.named_parameters():
        if name.endswith("bias"):
            torch.nn.init.normal_(parameter, std=0.1)
    save_network(network, task, learnt, reading, world / "tokens" / "tokenizer", folder)
    return task, network


def shown(kind, size):
    rng = np.random.default_rng(0)
    lengths = ([9], [40], [2], [17, 30, 5]) if kind == "classification" else ([9], [40], [2], [63])
    sequences = [[rng.integers(5, size, n) for n in each] for each in lengths]
    places = [[np.arange(len(s)) if kind == "tagging" else FIRST for s in each] for each in sequences]
    return [Features(*each) for each in zip(sequences, places, strict=True)]


@NATIVELY
@pytest.mark.parametrize(
    ("shape", "kind"), [*((shape, "classification") for shape in SHAPES), *(("bert", kind) for kind in TASKS)]
)
def test_what_is_read_from_the_file_gives_what_modules_made_ready_give(world, tmp_path, shape, kind):
    task, network = saved(world, tmp_path / "model", shape, kind)
    features = shown(kind, network.bert.vocab_size)
    for precision in PRECISIONS:
        ready, modules = open_ready(tmp_path / "model", precision), deepcopy(network)
        modules.make_ready(precision)
        assert modules.native is not None
        found, wanted = (raw_outputs(task, each, features) for each in (ready.network, modules))
        assert all(np.array_equal(a, b) for a, b in zip(found, wanted, strict=True))
        assert ready.network.bert.config == network.bert.config
        with torch_only():
            by_torch = raw_outputs(task, ready.network, features)
        nearness = {"float32": 1e-4, "bfloat16": 0.2, "int8": 0.5}[precision]
        assert all(np.allclose(a, b, atol=nearness) for a, b in zip(found, by_torch, strict=True))


@pytest.mark.parametrize("reading", [{"layers": [-1, -2]}, {"tokens": "mean"}, {"lstm_size": 8}])
def test_what_kernels_do_not_know_is_left_to_modules(world, tmp_path, reading):
    saved(world, tmp_path / "model", "bert", "classification", Reading(**reading))
    assert open_ready(tmp_path / "model", "float32") is None
    assert not isinstance(load(tmp_path / "model").network, ReadyNetwork)


@pytest.mark.parametrize(
    ("name", "change", "told"),
    [
        ("classifier.weight", lambda tensor: tensor[:2], "stores head.classifier.weight as"),
        ("classifier.bias", None, "lacks the weights classifier.bias"),
        ("classifier.weight", lambda tensor: tensor * torch.nan, "NaN or infinite"),
        ("bert.pooler.dense.weight", lambda tensor: tensor[:, :32], "stores bert.pooler.dense.weight as"),
        ("bert.pooler.dense.bias", lambda tensor: tensor + torch.inf, "NaN or infinite"),
        ("bert.encoder.layer.1.output.dense.bias", lambda tensor: tensor * torch.nan, "NaN or infinite"),
    ],
)
def test_what_does_not_fit_is_told_as_modules_tell_it(world, tmp_path, name, change, told):
    from safetensors.torch import load_file, save_file

    saved(world, tmp_path / "model", "bert", "classification")
    tensors = load_file(tmp_path / "model" / WEIGHTS)
    changed = tensors.pop(name)
    if change:
        tensors[name] = change(changed).contiguous()
    (tmp_path / "model" / "SHA256SUMS").unlink(missing_ok=True)
    save_file(tensors, tmp_path / "model" / WEIGHTS)
    with pytest.raises(UserError, match=told):
        load(tmp_path / "model")


@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16])
def test_other_types_of_numbers_are_read_as_modules_read_them(world, tmp_path, kind):
    from safetensors.torch import load_file, save_file

    saved(world, tmp_path / "model", "bert", "classification")
    tensors = {name: each.to(kind) for name, each in load_file(tmp_path / "model" / WEIGHTS).items()}
    (tmp_path / "model" / "SHA256SUMS").unlink(missing_ok=True)
    save_file(tensors, tmp_path / "model" / WEIGHTS)
    model = load(tmp_path / "model")
    _, _, network = open_network(tmp_path / "model")
    network.eval().make_ready()
    features = shown("classification", network.bert.vocab_size)
    found, wanted = (raw_outputs(model.task, each, features) for each in (model.network, network))
    assert all(np.allclose(a, b, atol=1e-5) for a, b in zip(found, wanted, strict=True))


@NATIVELY
@pytest.mark.parametrize("precision", ["auto", "int8"])
def test_words_for_a_mask_come_without_torch_too(encoders, precision):
    texts = ["The old [MASK] holds the boat.", "[MASK] [MASK]"]
    for folder in (str(encoders("N")), "mame-en"):
        answers, has_torch = json.loads(asked(ANSWERS, folder, precision, json.dumps(texts)))
        assert not has_torch
        here = load(folder, precision=precision)(texts)
        assert answers == json.loads(json.dumps(here))


@NATIVELY
@pytest.mark.parametrize("shape", SHAPES)
def test_scores_of_words_are_near_those_of_modules_alone_and_among_others(world, tmp_path, shape):
    torch.manual_seed(2)
    tokenizer = Tokenizer.open(world / "tokens" / "tokenizer")
    network = PretrainingNetwork(EncoderConfig(**SHAPES[shape], initializer_range=0.1), tokenizer.vocab_size).eval()
    torch.nn.init.normal_(network.cls.predictions.bias, std=0.1)
    save_pretraining(network, world / "tokens" / "tokenizer", tmp_path / "model")
    words = open_ready(tmp_path / "model", "float32")
    assert isinstance(words, ReadyWords)
    texts = ["The old [MASK] holds the [MASK].", "[MASK]", "The [MASK] bean meets the boat and the gull ."]
    found, wanted = (fill_mask(each, tokenizer, texts, 10_000) for each in (words, network))
    for ours, theirs in zip(found, wanted, strict=True):
        for mine, other in zip(ours, theirs, strict=True):
            assert dict(mine) == pytest.approx(dict(other), abs=1e-5)
    assert [fill_mask(words, tokenizer, [text], 10_000)[0] for text in texts] == found
    with torch_only():
        assert fill_mask(words, tokenizer, texts[1:2], 1)[0][0][0][1] == pytest.approx(found[1][0][0][1], abs=1e-5)


@pytest.mark.parametrize(
    ("name", "change"),
    [("cls.predictions.bias", lambda tensor: tensor * torch.nan), ("cls.predictions.transform.dense.bias", None)],
)
def test_a_head_of_words_that_lacks_something_is_told_of(encoders, tmp_path, name, change):
    from safetensors.torch import load_file, save_file

    shutil.copytree(encoders("N") / "model", tmp_path / "model")
    tensors = load_file(tmp_path / "model" / WEIGHTS)
    changed = tensors.pop(name)
    if change:
        tensors[name] = change(changed)
    (tmp_path / "model" / "SHA256SUMS").unlink(missing_ok=True)
    save_file(tensors, tmp_path / "model" / WEIGHTS)
    with pytest.raises(UserError, match="NaN or infinite" if change else f"lacks the weights {name}"):
        load(tmp_path / "model", "fill-mask")
