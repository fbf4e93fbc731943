import json
import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file

from mamebert.checkpoints import verify as module
from mamebert.checkpoints.layouts.bert import Bert
from mamebert.checkpoints.save import save_pretraining
from mamebert.checkpoints.verify import TOLERANCE, NotTheSame, verify
from mamebert.encoder.model import PretrainingNetwork
from mamebert.encoder.settings import EncoderConfig
from mamebert.tasks.network.task_network import plain_logits


@pytest.fixture
def folders(encoders, classifiers):
    """One of every kind that we save."""
    return [
        encoders("N") / "model",
        encoders("N") / "kept" / "step-000000006",
        encoders("W") / "model",
        classifiers / "models" / "W",
    ]


def test_one_folder_that_transformers_reads_otherwise_is_found_among_those_that_are_the_same(
    folders, tmp_path, monkeypatch
):
    tampered = shutil.copytree(folders[0], tmp_path / "tampered", ignore=shutil.ignore_patterns("SHA256SUMS"))
    load = module.load_pretraining

    def differs(folder):
        network = load(folder)
        network.cls.predictions.bias.data[7] += 1e-3 if folder == tampered else 0
        return network

    monkeypatch.setattr(module, "load_pretraining", differs)
    with pytest.raises(NotTheSame, match=r"tampered: logits in plain transformers differ by 0\.001"):
        verify([*folders[:-1], tampered])


@pytest.mark.slow
def test_what_we_save_opens_in_plain_transformers_with_the_same_logits(folders):
    *encoders, task = folders
    found = verify(encoders) | verify([task], plain_logits)
    assert list(found) == [str(folder) for folder in folders]
    assert max(found.values()) <= TOLERANCE == 1e-5


@pytest.mark.slow
def test_a_weight_that_transformers_misses_is_not_the_same(encoders, tmp_path):
    tampered = shutil.copytree(
        encoders("N") / "model", tmp_path / "tampered", ignore=shutil.ignore_patterns("SHA256SUMS")
    )
    tensors = load_file(tampered / "model.safetensors")
    tensors["bert.encoder.layer.0.surplus.weight"] = tensors.pop("bert.encoder.layer.0.attention.self.query.weight")
    save_file(tensors, tampered / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(NotTheSame, match=r"could not open one of .*tampered"):
        verify([tampered])


@pytest.mark.slow
def test_a_config_that_means_something_else_is_not_the_same(encoders, tmp_path, monkeypatch):
    tampered = shutil.copytree(
        encoders("N") / "model", tmp_path / "tampered", ignore=shutil.ignore_patterns("SHA256SUMS")
    )
    config = json.loads((tampered / "config.json").read_text())
    (tampered / "config.json").write_text(json.dumps({**config, "hidden_act": "relu"}))
    read = Bert.read
    monkeypatch.setattr(Bert, "read", lambda self, config: read(self, {**config, "hidden_act": "gelu"}))
    with pytest.raises(NotTheSame, match="differ by"):
        verify([tampered])


@pytest.mark.slow
def test_rounding_in_a_wide_encoder_with_large_logits_is_no_difference(tmp_path):
    torch.manual_seed(0)
    network = PretrainingNetwork(EncoderConfig(hidden_size=1024, num_hidden_layers=4), 4000)
    with torch.no_grad():
        network.bert.embeddings.word_embeddings.weight.mul_(4)  # as after long training
        for name, parameter in network.named_parameters():
            if "layer." in name and parameter.ndim > 1:
                parameter.mul_(1.5)
    save_pretraining(network, tmp_path, tmp_path / "wide")
    assert verify([tmp_path / "wide"])[str(tmp_path / "wide")] < 1e-4
