"""What is read of a folder without torch gives what modules give, and what does not fit is left to them."""

from copy import deepcopy
from dataclasses import replace

import numpy as np
import pytest
import torch
from tests.serving.random_models import PAIRS, READINGS, SHAPES, TASKS, VECTORS, saved

from mamebert.checkpoints.weights import WEIGHTS
from mamebert.errors import UserError
from mamebert.kernels import status, torch_only
from mamebert.serving.load import load
from mamebert.tasks.data.features import FIRST, Features
from mamebert.tasks.data.words import Sentence
from mamebert.tasks.dependency_parsing import Shown
from mamebert.tasks.network.answering import raw_outputs
from mamebert.tasks.network.ready_network import ReadyNetwork, open_ready
from mamebert.tasks.network.task_network import open_network

NATIVELY = pytest.mark.skipif(status().path == "torch", reason=f"no native kernels here: {status().reason}")
PRECISIONS = ("float32", "bfloat16", "int8")


def shown(task, size):
    rng = np.random.default_rng(0)
    is_pair = task.kind in ("sentence_embeddings", "multiple_choice")
    has_chunks = task.kind in ("classification", "long_documents")
    several = ([17, 30, 5], [8]) if is_pair or has_chunks else ([63],)
    lengths = ([9], [40], [2], *several, [12, 50])
    sequences = [[rng.integers(5, size, n) for n in each] for each in lengths[: None if is_pair else 4]]
    is_pooled = task.kind in ("sentence_embeddings", "taxonomy") and getattr(task, "pooling", None) != ["cls"]
    every = task.reads == "every" or is_pooled
    places = [[np.arange(len(s)) if every else FIRST for s in each] for each in sequences]
    halves = [[(np.arange(len(s)) > len(s) // 2).astype(np.int64) for s in each] for each in sequences]
    found = [Features(*each) for each in zip(sequences, places, halves, strict=True)]
    if task.kind != "dependency_parsing":
        return found
    return [replace(each, notes=Shown(Sentence([], None), [1] * (each.num_tokens - 1))) for each in found]


CASES = [
    *((shape, "classification", {}, {}, None) for shape in SHAPES),
    *(("bert", kind, {}, {}, None) for kind in TASKS),
    *(("bert", "classification", each, {}, None) for name, each in READINGS.items() if "pair" not in name),
    *((shape, "classification", each, PAIRS, None) for shape in ("bert", "roberta") for each in READINGS.values()),
    *(("modernbert", kind, {"layers": "all"}, {}, None) for kind in ("tagging", "span_qa")),
    ("modernbert", "span_qa", {}, {}, None),
    *(("modernbert", "long_documents", {}, {"aggregate": each}, None) for each in ("max", "vote")),
    ("modernbert", "classification", {"tokens": "mean"}, {}, None),
    ("modernbert", "multiple_choice", {"tokens": "pair", "layers": [0, 2]}, {}, None),
    *(("bert", "sentence_embeddings", {}, *each) for each in VECTORS.values()),
    ("albert", "sentence_embeddings", {"layers": [-1, -2], "join": "weighted_sum"}, *VECTORS["labelled"]),
]


@NATIVELY
@pytest.mark.parametrize(("shape", "kind", "reading", "settings", "learnt"), CASES)
def test_what_is_read_from_the_file_gives_what_modules_made_ready_give(
    world, tmp_path, shape, kind, reading, settings, learnt
):
    task, network = saved(world, tmp_path / "model", shape, kind, reading, settings, learnt)
    features = shown(task, network.bert.vocab_size)
    with torch_only():
        by_torch = raw_outputs(task, network, features)
    for precision in PRECISIONS:
        ready, modules = open_ready(tmp_path / "model", precision), deepcopy(network)
        modules.make_ready(precision)
        assert modules.native is not None
        found, wanted = (raw_outputs(task, each, features) for each in (ready.network, modules))
        assert all(np.array_equal(a, b) for a, b in zip(found, wanted, strict=True))
        alone = [raw_outputs(task, ready.network, [each])[0] for each in features]
        assert all(np.array_equal(a, b) for a, b in zip(found, alone, strict=True))
        assert ready.network.bert.config == network.bert.config
        nearness = {"float32": 1e-5, "bfloat16": 0.2, "int8": 0.5}[precision]
        if kind == "dependency_parsing" and precision != "float32":  # a tree is another or it is not
            continue
        assert all(np.allclose(a, b, atol=nearness, rtol=nearness) for a, b in zip(found, by_torch, strict=True))


@pytest.mark.parametrize(
    ("kind", "reading", "settings"),
    [
        ("classification", {"lstm_size": 8}, {}),
        ("long_documents", {}, {"aggregate": "lstm"}),
        ("sentence_embeddings", {}, {"cnn_widths": [1, 3], "cnn_channels": 8}),
        ("sentence_embeddings", {}, {"dense": [{"out_features": 16, "activation": "sigmoid"}]}),
    ],
)
def test_what_kernels_do_not_know_is_left_to_modules(world, tmp_path, kind, reading, settings):
    saved(world, tmp_path / "model", "bert", kind, reading, settings)
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
    features = shown(model.task, network.bert.vocab_size)
    found, wanted = (raw_outputs(model.task, each, features) for each in (model.network, network))
    assert all(np.allclose(a, b, atol=1e-5) for a, b in zip(found, wanted, strict=True))
