"""What every objective leaves, opened by plain transformers in a fresh process."""

import torch

from mamebert.checkpoints.verify import TOLERANCE, verify
from mamebert.config import build
from mamebert.encoder.model import PretrainingNetwork
from mamebert.encoder.settings import EncoderConfig
from mamebert.objectives import Objective

BODY = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "max_position_embeddings": 48}


def test_the_folders_of_every_objective_open_and_give_the_same_numbers(world, tmp_path):
    folders = []
    for kind in Objective.names():
        objective = Objective.find(kind)()
        torch.manual_seed(0)
        network = PretrainingNetwork(build(EncoderConfig, {**BODY, **objective.encoder}), 80)
        objective.equip(network)
        folders += objective.save(network, world / "tokens" / "tokenizer", tmp_path / kind / "model")
    assert {folder.name for folder in folders} == {"model", "model-generator"}
    found = verify(folders)
    assert found.keys() == set(map(str, folders))
    assert max(found.values()) <= TOLERANCE
