import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from mamebert.checkpoints.model_folder import ModelFolder
from mamebert.errors import UserError
from mamebert.files.checksums import SUMS, seal
from mamebert.serving.load import load
from mamebert.tasks import Task
from mamebert.tasks.bag.document_vectors import DocumentVectors
from mamebert.tasks.bag.folder import open_bag, save_bag
from mamebert.tasks.bag.grams import Grams
from mamebert.tasks.bag.network import WHOLE, BagNetwork
from mamebert.tasks.data.features import TaskState
from mamebert.tokenizer.encoding import Tokenizer
from mamebert.word2vec.table import VectorTable

LABELS = ("garden", "harbour", "kitchen")
TEXTS = ["The old bean holds the leaf.", "The wet boat meets the rope.", "The small pot leaves the bread."]


@pytest.fixture(scope="module")
def network(world):
    tokenizer = Tokenizer.open(world / "tokens" / "tokenizer")
    grams = Grams.learn([each.ids for each in tokenizer.encode_many(TEXTS)], longest=3)
    words = DocumentVectors.of(VectorTable.open(world / "vectors"))
    drawn = np.random.default_rng(0)
    weight, bias, inside = (drawn.normal(size=size).astype(np.float32) for size in ((len(grams.keys), 3), 3, (64, 3)))
    return BagNetwork(grams, weight, bias, tokenizer.vocab_size, words, inside)


def saved(network, world, folder):
    task = Task.find("classification")(max_length=WHOLE)
    save_bag(network, task, TaskState(LABELS, {"C": 1.0}), world / "tokens" / "tokenizer", folder)
    return folder


@pytest.fixture(scope="module")
def folder(network, world, tmp_path_factory):
    return saved(network, world, tmp_path_factory.mktemp("bag") / "model")


@pytest.fixture
def copy(folder, tmp_path):
    shutil.copytree(folder, tmp_path / "copy")
    return tmp_path / "copy"


def test_what_is_opened_gives_the_same_bits(network, folder, world):
    _, learnt, opened = open_bag(folder)
    assert learnt == TaskState(LABELS, {"C": 1.0})
    for pieces in Tokenizer.open(folder).encode_many(TEXTS):
        assert opened.scores(pieces.ids).tobytes() == network.scores(pieces.ids).tobytes()


def test_without_vectors_no_table_is_stored(network, world, tmp_path):
    bare = saved(replace(network, documents=None, document_weight=None), world, tmp_path / "bare")
    assert sorted(load_file(bare / "model.safetensors")) == [
        "classifier.bias", "classifier.weight", "grams.idf", "grams.keys",
    ]  # fmt: skip
    assert open_bag(bare)[2].documents is None
    assert len(load(bare)(TEXTS)) == 3


def test_an_answer_is_the_same_alone_and_among_others(folder):
    answer = load(folder)
    assert answer(TEXTS) == [answer(text)[0] for text in TEXTS]


def test_the_end_of_a_long_text_counts(folder):
    start = "The old bean holds the leaf. " * 400
    one, other = load(folder)([start + "The wet boat meets the rope.", start + "The small pot leaves the bread."])
    assert one["probability"] != other["probability"]


def test_what_wants_an_encoder_refuses_it_by_name(folder, mamebert, tmp_path):
    with pytest.raises(UserError, match=r"of type 'mamebert_bag', not a BERT or one of its kin\. "):
        ModelFolder.open(folder)
    rows = {"source": str(tmp_path / "rows.csv")}
    (tmp_path / "rows.csv").write_text("text,label\na,b\n", encoding="utf-8")
    for command in ({"model": str(folder), **rows}, {"model": str(folder), "method": "drop_layers", **rows}):
        verb = "compress" if "method" in command else "finetune"
        assert "mamebert_bag" in mamebert(verb, command, {"output": str(tmp_path / "out")}).mistake


def test_config_tells_that_plain_transformers_has_no_such_class(folder):
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    assert "Plain transformers has no such class" in config["note"]
    assert config["id2label"] == dict(zip("012", LABELS, strict=True))


def test_a_changed_byte_is_told(copy):
    file = copy / "model.safetensors"
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    with pytest.raises(UserError, match="is not what was written"):
        load(copy)


def without(tensors, name):
    return {other: tensor for other, tensor in tensors.items() if other != name}


HOSTILE = {
    "no keys": lambda t: without(t, "grams.keys"),
    "a table without weights": lambda t: without(t, "word_weights"),
    "something more": lambda t: {**t, "more": torch.zeros(1)},
    "another number of labels": lambda t: {**t, "classifier.bias": torch.zeros(4)},
    "columns without weights": lambda t: {**t, "classifier.weight": t["classifier.weight"][:-1].clone()},
    "keys that fall": lambda t: {**t, "grams.keys": t["grams.keys"].flip(0)},
    "keys below zero": lambda t: {**t, "grams.keys": t["grams.keys"] - (1 << 62)},
    "keys that are no whole numbers": lambda t: {**t, "grams.keys": t["grams.keys"].double()},
    "a shorter table": lambda t: {**t, "vectors": t["vectors"][:-1].clone()},
    "a flat table": lambda t: {**t, "vectors": t["vectors"].flatten()},
    "no numbers": lambda t: {**t, "vectors": t["vectors"] * torch.nan},
    "half as many bits": lambda t: {**t, "grams.idf": t["grams.idf"].half()},
    "no tensor at all": lambda t: {"more": torch.zeros(0)},
}


@pytest.mark.parametrize("how", HOSTILE)
def test_tensors_that_do_not_belong_together_are_refused_in_a_sentence(copy, how, mamebert):
    file = copy / "model.safetensors"
    save_file(HOSTILE[how](load_file(file)), file)
    seal(copy)
    assert str(copy) in mamebert("predict", copy, "a text").mistake


@pytest.mark.parametrize(
    "changes",
    [
        {"vocab_size": 10**9}, {"vocab_size": "many"}, {"vocab_size": True}, {"vocab_size": None}, {"vocab_size": 3},
        {"mamebert": None}, {"mamebert": {}}, {"mamebert": {"task": "tagging", "learnt": {"labels": list(LABELS)}}},
        {"mamebert": {"task": "classification", "learnt": [1]}},
        {"mamebert": {"task": "classification", "learnt": {"labels": ["a"]}}},
        {"mamebert": {"task": {"kind": "classification", "second_columns": ["b"]}, "learnt": {"labels": list(LABELS)}}},
        {"model_type": "bert"}, {"model_type": None},
    ],
)  # fmt: skip
def test_a_config_that_says_something_else_is_refused_in_a_sentence(copy, changes, mamebert):
    config = json.loads((copy / "config.json").read_text(encoding="utf-8"))
    (copy / "config.json").write_text(json.dumps({**config, **changes}), encoding="utf-8")
    (copy / SUMS).unlink()
    assert str(copy) in mamebert("predict", copy, "a text").mistake


def test_a_folder_without_tensors_or_tokenizer_is_refused_in_a_sentence(copy, mamebert):
    (copy / SUMS).unlink()
    (copy / "model.safetensors").rename(copy / "elsewhere.bin")
    assert "has no model.safetensors" in mamebert("predict", copy, "a text").mistake
    (copy / "elsewhere.bin").rename(copy / "model.safetensors")
    for name in ("tokenizer.json", "tokenizer_config.json", "vocab.txt"):
        (copy / name).unlink()
    assert "tokenizer" in mamebert("predict", copy, "a text").mistake
