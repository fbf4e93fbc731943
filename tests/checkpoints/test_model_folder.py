import json
import os
import shutil
import time

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from mamebert.checkpoints.load import load_pretraining
from mamebert.checkpoints.model_folder import ModelFolder
from mamebert.checkpoints.weights import INDEX, WEIGHTS
from mamebert.errors import UserError
from mamebert.files.checksums import SUMS


@pytest.fixture
def model(encoders, tmp_path):
    """A copy of a pretrained folder as if it came from elsewhere, to be spoilt."""
    return shutil.copytree(encoders("N") / "model", tmp_path / "model", ignore=shutil.ignore_patterns(SUMS))


def change(model, **settings):
    config = {**json.loads((model / "config.json").read_text()), **settings}
    (model / "config.json").write_text(json.dumps(config))


def header(model, told):
    raw = json.dumps(told).encode()
    (model / WEIGHTS).write_bytes(len(raw).to_bytes(8, "little") + raw)


@pytest.mark.parametrize(
    "settings",
    [
        {"vocab_size": 30_000_000},
        {"vocab_size": 10**30},
        {"vocab_size": True},
        {"vocab_size": 2},
        {"hidden_size": 10**9},
        {"num_hidden_layers": 10**6},
        {"num_hidden_layers": 1000},
        {"intermediate_size": 50_000_000},
        {"max_position_embeddings": 10**6},
        {"type_vocab_size": 1000},
        {"num_attention_heads": 10**18},
        {"pad_token_id": 80},
        {"layer_norm_eps": "nan"},
        {"architectures": [["BertModel"]]},
        {"mamebert": []},
        {"num_attention_heads": 0},
        {"num_attention_heads": "0"},
        {"num_attention_heads": True},
        {"intermediate_size": 0},
        {"type_vocab_size": 0},
        {"num_hidden_layers": 1},
    ],
)
def test_sizes_are_compared_with_the_weights_before_anything_is_built(model, settings):
    change(model, **settings)
    begun = time.monotonic()
    with pytest.raises(UserError, match=r"config\.json"):
        ModelFolder.open(model)
    assert time.monotonic() - begun < 1


NO_SETTINGS = [
    b"[" * 100_000,
    b'{"a":' * 500 + b"1" + b"}" * 500,
    b"[]",
    b"7",
    b"\xff\xfe",
    b"",
    b'{"vocab_size": NaN}',
    b'{"layer_norm_eps": 1e999}',
    b'{"a": "\\ud800"}',
]


@pytest.mark.parametrize("raw", NO_SETTINGS)
def test_a_config_that_is_no_settings_is_told(model, raw):
    (model / "config.json").write_bytes(raw)
    with pytest.raises(UserError, match=r"config\.json is damaged"):
        ModelFolder.open(model)


@pytest.mark.parametrize("name", ["config.json", WEIGHTS])
def test_what_is_no_ordinary_file_is_not_waited_for(model, name):
    (model / name).unlink()
    os.mkfifo(model / name)
    with pytest.raises(UserError, match="no ordinary file"):
        ModelFolder.open(model)
    (model / name).unlink()
    (model / name).symlink_to("/dev/zero")
    with pytest.raises(UserError, match="no ordinary file"):
        ModelFolder.open(model)


def test_headers_that_lie_are_told(model):
    entry = {"dtype": "F32", "shape": [2**40, 2**20], "data_offsets": [0, 2**62]}
    header(model, {"bert.embeddings.word_embeddings.weight": entry})
    with pytest.raises(UserError, match="is damaged"):
        ModelFolder.open(model)
    header(model, {"bert.embeddings.word_embeddings.weight": {**entry, "shape": [2**40, 0], "data_offsets": [0, 0]}})
    with pytest.raises(UserError, match="none of its weights is as large"):
        ModelFolder.open(model)
    (model / WEIGHTS).write_bytes((2**40).to_bytes(8, "little") + b"{}")
    with pytest.raises(UserError, match="is damaged"):
        ModelFolder.open(model)


def in_two_files(model, second="model-2.safetensors"):
    tensors = load_file(model / WEIGHTS)
    names = sorted(tensors)
    parts = {"model-1.safetensors": names[::2], "model-2.safetensors": names[1::2]}
    for file, held in parts.items():
        save_file({name: tensors[name] for name in held}, model / file)
    (model / WEIGHTS).unlink()
    places = dict.fromkeys(names[::2], "model-1.safetensors") | dict.fromkeys(names[1::2], second)
    (model / INDEX).write_text(json.dumps({"metadata": {}, "weight_map": places}))


def test_weights_in_several_files_are_those_in_one(model):
    before = load_pretraining(model).state_dict()
    in_two_files(model)
    after = load_pretraining(model).state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)


@pytest.mark.parametrize("second", ["../model/model-2.safetensors", "/etc/passwd", "model-3.safetensors", "a\0b", "."])
def test_an_index_leads_nowhere_else(model, second):
    in_two_files(model, second)
    with pytest.raises(UserError, match=r"which is no safetensors file of its folder|lacks model-3"):
        ModelFolder.open(model)


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
def test_numbers_that_are_none_are_refused(model, bad):
    tensors = load_file(model / WEIGHTS)
    tensors["bert.encoder.layer.0.output.dense.weight"][3, 4] = bad
    save_file(tensors, model / WEIGHTS)
    with pytest.raises(UserError, match="NaN or infinite"):
        load_pretraining(model)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_other_floats_are_read_and_whole_numbers_are_not(model, dtype):
    tensors = load_file(model / WEIGHTS)
    save_file({name: each.to(dtype) for name, each in tensors.items()}, model / WEIGHTS)
    assert all(each.dtype == torch.float32 for each in load_pretraining(model).parameters())
    save_file({name: each.to(torch.int64) for name, each in tensors.items()}, model / WEIGHTS)
    with pytest.raises(UserError, match="int64, and weights are read from float32"):
        load_pretraining(model)


def test_the_names_of_old_are_read(model):
    before = load_pretraining(model).state_dict()
    old = {"LayerNorm.weight": "LayerNorm.gamma", "LayerNorm.bias": "LayerNorm.beta"}
    tensors = load_file(model / WEIGHTS)
    for new, name in old.items():
        tensors = {key.replace(new, name): each for key, each in tensors.items()}
    save_file(tensors, model / WEIGHTS)
    after = load_pretraining(model).state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_a_tokenizer_with_more_tokens_than_the_table_has_rows_is_refused(model):
    tensors = load_file(model / WEIGHTS)
    for name in ("bert.embeddings.word_embeddings.weight", "cls.predictions.bias"):
        tensors[name] = tensors[name][:-1].clone()
    save_file(tensors, model / WEIGHTS)
    change(model, vocab_size=79)
    with pytest.raises(UserError, match="has 80 tokens and the model's table 79 rows"):
        ModelFolder.open(model).tokenizer()


def test_a_table_of_a_model_padded_beyond_the_tokenizer_is_no_mistake(model):
    tensors = load_file(model / WEIGHTS)
    for name in ("bert.embeddings.word_embeddings.weight", "cls.predictions.bias"):
        more = torch.full((16, *tensors[name].shape[1:]), 9.0)
        tensors[name] = torch.cat([tensors[name], more])
    save_file(tensors, model / WEIGHTS)
    change(model, vocab_size=96)
    from mamebert.serving.load import load

    (found,) = load(model, "fill-mask")("The old [MASK] holds the boat .", top=200)[0]
    assert len(found) == 80
    assert np.isfinite([probability for _, probability in found]).all()


def test_weights_that_nobody_asks_for_take_no_memory(model):
    import resource

    raw = (model / WEIGHTS).read_bytes()
    size = int.from_bytes(raw[:8], "little")
    told, end = json.loads(raw[8 : 8 + size]), len(raw) - 8 - size
    told["of.another"] = {"dtype": "F32", "shape": [2**32], "data_offsets": [end, end + 2**34]}
    header(model, told)
    with (model / WEIGHTS).open("ab") as file:
        file.write(raw[8 + size :])
        file.truncate(file.tell() + 2**34)  # of nothing: the disk keeps none of it
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    load_pretraining(model)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 2**20


def test_one_weight_under_two_names_is_refused(model):
    weights = load_file(model / WEIGHTS)
    name = "bert.embeddings.LayerNorm.weight"
    save_file({**weights, name.replace("weight", "gamma"): weights[name] + 1}, model / WEIGHTS)
    with pytest.raises(UserError, match="under another name too"):
        ModelFolder.open(model)


def test_a_hundred_thousand_tensors_are_refused_at_once(model):
    told = {f"t{number}": {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]} for number in range(100_000)}
    header(model, told)
    with pytest.raises(UserError, match="100,000 tensors"):
        ModelFolder.open(model)
