import json
import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file

from mamebert.checkpoints.load import load_pretraining
from mamebert.checkpoints.model_folder import model_folder, read_config
from mamebert.encoder.readings import Reading
from mamebert.errors import UserError
from mamebert.files.checksums import SUMS
from mamebert.tasks.classification import Classification
from mamebert.tasks.data.features import TaskState
from mamebert.tasks.network.task_network import open_network, start_network


def start_classifier(folder, **settings):
    return start_network(Classification(max_length=32), folder, TaskState(("a", "b", "c")), Reading(), **settings)


@pytest.fixture
def model(encoders, tmp_path):
    """A copy of a pretrained folder as if it came from elsewhere, to be spoilt."""
    return shutil.copytree(encoders("N") / "model", tmp_path / "model", ignore=shutil.ignore_patterns(SUMS))


def change(model, **settings):
    config = {**json.loads((model / "config.json").read_text()), **settings}
    (model / "config.json").write_text(json.dumps({k: v for k, v in config.items() if v is not None}))


def test_a_run_folder_stands_for_the_model_in_it(encoders, classifiers):
    assert model_folder(encoders("N")) == model_folder(encoders("N") / "model") == encoders("N") / "model"
    with pytest.raises(UserError, match=r"several models\. Name one: .*models/N, .*models/W"):
        model_folder(classifiers)


def test_a_folder_without_a_model_is_told(tmp_path):
    with pytest.raises(UserError, match=r"no config\.json.*output of pretrain or finetune"):
        model_folder(tmp_path)


def test_a_pickle_is_never_loaded(model):
    (model / "model.safetensors").rename(model / "pytorch_model.bin")
    with pytest.raises(UserError, match="is a pickle, which can run code, and is never loaded"):
        load_pretraining(model)
    (model / "pytorch_model.bin").unlink()
    with pytest.raises(UserError, match=r"has no model\.safetensors"):
        load_pretraining(model)


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"model_type": "xlnet"}, "of type 'xlnet', not a BERT"),
        ({"hidden_act": "silu"}, "'hidden_act' cannot be"),
        ({"position_embedding_type": "relative_key"}, "'relative_key' positions"),
        ({"is_decoder": True}, "a decoder"),
        ({"vocab_size": None}, "no vocab_size"),
        ({"num_attention_heads": 5}, "cannot be split between 5 heads"),
        ({"hidden_size": "wide"}, "cannot be"),
        ({"intermediate_size": 96}, r"as \(128, 32\), and its config.json asks for \(96, 32\)"),
        ({"vocab_size": 81}, "word_embeddings"),
        ({"num_hidden_layers": 3}, r"lacks the weights bert\.encoder\.layer\.2"),
    ],
)
@pytest.mark.parametrize("open_it", [load_pretraining, start_classifier])
def test_another_kind_or_shape_is_refused_never_loaded_half(model, settings, sentence, open_it):
    change(model, **settings)
    with pytest.raises(UserError, match=sentence):
        open_it(model)


@pytest.mark.parametrize("spoil", [lambda b: b[:-7], lambda b: b[:5], lambda b: b"", lambda b: b"\xff" * 100])
def test_damaged_weights_are_told(model, spoil):
    path = model / "model.safetensors"
    path.write_bytes(spoil(path.read_bytes()))
    with pytest.raises(UserError, match=r"model\.safetensors is damaged .* Download or save it again"):
        load_pretraining(model)


def test_a_damaged_config_is_told(model):
    (model / "config.json").write_text("{")
    with pytest.raises(UserError, match=r"config\.json is damaged"):
        read_config(model)


def test_a_missing_part_is_named(model):
    tensors = load_file(model / "model.safetensors")
    del tensors["cls.predictions.transform.dense.weight"]
    save_file(tensors, model / "model.safetensors")
    with pytest.raises(UserError, match=r"lacks the weights cls\.predictions\.transform\.dense\.weight"):
        load_pretraining(model)
    assert start_classifier(model).head.classifier.out_features == 3  # which has no need of it


def test_an_encoder_answers_no_task(encoders):
    with pytest.raises(UserError, match=r"BertForPreTraining, which answers no task\. Fine-tune it first"):
        open_network(encoders("N"))


def test_a_classifier_starts_from_the_encoder_with_a_last_layer_of_its_own(encoders):
    torch.manual_seed(1)
    first = start_classifier(encoders("N"))
    torch.manual_seed(2)
    second = start_classifier(encoders("N"))
    saved = load_file(encoders("N") / "model" / "model.safetensors")
    for name, parameter in first.named_parameters():
        if name.startswith("bert."):
            assert torch.equal(parameter, saved[name])
    assert not torch.equal(first.head.classifier.weight, second.head.classifier.weight)


def test_random_weights_keep_the_shape_and_nothing_else(encoders):
    saved = load_file(encoders("N") / "model" / "model.safetensors")
    network = start_classifier(encoders("N"), random_weights=True)
    found = {name: p for name, p in network.named_parameters() if name.startswith("bert.") and p.ndim > 1}
    assert {name: p.shape for name, p in found.items()} == {name: saved[name].shape for name in found}
    assert not any(torch.equal(p, saved[name]) for name, p in found.items())


def test_dropout_is_that_of_the_folder_unless_another_is_asked_for(encoders):
    assert start_classifier(encoders("N")).head.dropout.p == 0.1
    assert start_classifier(encoders("N"), dropout=0.0).head.dropout.p == 0.0


def test_half_precision_weights_become_float32(model):
    tensors = {name: value.bfloat16() for name, value in load_file(model / "model.safetensors").items()}
    save_file(tensors, model / "model.safetensors")
    network = load_pretraining(model)
    assert all(p.dtype == torch.float32 for p in network.parameters())
