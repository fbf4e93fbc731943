import errno
import json

import pytest
import torch
from safetensors import SafetensorError, safe_open

from mamebert.checkpoints.load import load_pretraining
from mamebert.checkpoints.save import save_pretraining
from mamebert.encoder.model import PretrainingNetwork
from mamebert.encoder.readings import Reading
from mamebert.encoder.settings import EncoderConfig
from mamebert.errors import UserError
from mamebert.files.disk import partial
from mamebert.tasks.network.task_network import open_network, save_network


@pytest.fixture
def network(encoders):
    return load_pretraining(encoders("N"))


def test_saving_what_was_loaded_gives_the_same_file(network, encoders, tmp_path):
    before = encoders("N") / "model"
    save_pretraining(network, before, tmp_path / "again")
    for name in ("model.safetensors", "config.json", "vocab.txt", "tokenizer.json", "tokenizer_config.json"):
        assert (tmp_path / "again" / name).read_bytes() == (before / name).read_bytes()


def test_a_tied_table_is_stored_once(encoders):
    with safe_open(encoders("N") / "model" / "model.safetensors", "pt") as file:
        assert "cls.predictions.decoder.weight" not in set(file.keys())
        assert file.metadata() == {"format": "pt"}


def test_plain_transformers_cuts_texts_to_what_the_encoder_reads(encoders):
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(encoders("N") / "model", local_files_only=True)
    assert tokenizer.model_max_length == 64
    assert len(tokenizer("bean " * 200, truncation=True)["input_ids"]) == 64


def test_labels_and_settings_of_a_task_are_written_down(classifiers):
    config = json.loads((classifiers / "models" / "N" / "config.json").read_text())
    assert config["id2label"] == {"0": "garden", "1": "harbour", "2": "kitchen"}
    assert config["problem_type"] == "single_label_classification"
    about = config["mamebert"]
    assert (about["task"]["kind"], about["task"]["max_length"]) == ("classification", 32)
    assert about["task"]["text_columns"] == ["text"]
    assert about["learnt"]["labels"] == ["garden", "harbour", "kitchen"]
    assert sum(about["learnt"]["chosen"]["rows"]) == 48


def test_writing_over_a_model_replaces_it_whole(network, classifiers, encoders, tmp_path):
    save_pretraining(network, encoders("N") / "model", tmp_path / "model")
    task, learnt, classifier = open_network(classifiers / "models" / "N")
    save_network(classifier, task, learnt, Reading(), encoders("N") / "model", tmp_path / "model")
    assert json.loads((tmp_path / "model" / "config.json").read_text())["architectures"] == [
        "BertForSequenceClassification"
    ]
    assert not partial(tmp_path / "model").exists()


@pytest.mark.parametrize(
    "error",
    [OSError(errno.ENOSPC, "full"), SafetensorError("I/O error: No space left on device (os error 28)")],
)
def test_a_full_disk_leaves_the_earlier_model(network, encoders, tmp_path, monkeypatch, error):
    save_pretraining(network, encoders("N") / "model", tmp_path / "model")
    before = (tmp_path / "model" / "model.safetensors").read_bytes()

    def full(*_, **__):
        raise error

    monkeypatch.setattr("safetensors.torch.save_file", full)
    with pytest.raises(UserError, match="The disk is full"):
        save_pretraining(network, encoders("N") / "model", tmp_path / "model")
    assert (tmp_path / "model" / "model.safetensors").read_bytes() == before


def test_what_the_answers_about_pairs_mean_is_saved_and_a_plain_class_gets_two_of_three(world, tmp_path):
    shape = EncoderConfig(hidden_size=16, num_hidden_layers=1, num_attention_heads=1, max_position_embeddings=32)
    network = PretrainingNetwork(shape, 80)
    network.cls.ask_for(("next", "previous", "random"))
    save_pretraining(network, world / "tokens" / "tokenizer", tmp_path / "model")
    assert json.loads((tmp_path / "model" / "config.json").read_text())["sentence_relations"] == ["next", "random"]
    saved = load_pretraining(tmp_path / "model").cls.seq_relationship.weight
    assert torch.equal(saved, network.cls.seq_relationship.weight[[0, 2]])
