"""Encoders that are not quite BERT, from scratch to a folder of plain transformers."""

import json

import pytest

from mamebert.config import build
from mamebert.serving.load import load
from mamebert.stages.pretrain import pretrain
from mamebert.stages.pretrain.settings import PretrainConfig


@pytest.mark.slow
@pytest.mark.parametrize(
    ("encoder", "objective", "architecture"),
    [
        ({"shared": "all", "embedding_size": 16}, "masked_lm_nsp", "AlbertForPreTraining"),
        ({"shared": "attention"}, "masked_lm", "BertForPreTraining"),
        ({"embedding_size": 16}, "masked_lm", "ElectraForMaskedLM"),
        ({"type_vocab_size": 0}, "masked_lm", "DistilBertForMaskedLM"),
    ],
)
def test_a_kin_of_bert_is_pretrained_and_opens_in_transformers(encoder, objective, architecture, world, tiny, tmp_path):
    asked = {"kind": objective, "max_length": 32}
    base = {**tiny, "shards": world / "tokens", "objective": asked}
    shape = {**tiny["encoder"], **encoder}
    run = pretrain(build(PretrainConfig, {**base, "encoder": shape, "output": tmp_path / "run"}))
    assert run.results["verified"]["largest_difference"] < 1e-5
    config = json.loads((run.folder / "model" / "config.json").read_text())
    assert config["architectures"] == [architecture]
    (words,) = load(run.folder, "fill-mask")("The old [MASK] holds the boat .", top=3)
    assert len(words[0]) == 3
    start = {**base, "encoder": {}, "start": str(run.folder), "output": tmp_path / "more"}
    assert pretrain(build(PretrainConfig, start)).results["start"]["new_heads"] == []
