"""Encoders that are not quite BERT, from scratch to a folder of plain transformers."""

import json
import signal

import pytest
import torch
from safetensors.torch import load_file

from mamebert.config import build
from mamebert.errors import UserError
from mamebert.serving.load import load
from mamebert.stages.pretrain import pretrain
from mamebert.stages.pretrain.settings import PretrainConfig
from mamebert.stages.pretrain.steps import PretrainingSteps
from mamebert.word2vec.table import VectorTable


@pytest.mark.slow
@pytest.mark.parametrize(
    ("encoder", "objective", "architecture"),
    [
        ({"shared": "all", "embedding_size": 16}, "masked_lm_nsp", "AlbertForPreTraining"),
        ({"preset": "albert"}, "masked_lm_sop", "AlbertForPreTraining"),
        ({"preset": "mobilebert", "num_attention_heads": 1}, "masked_lm_nsp", "MobileBertForPreTraining"),
        ({"shared": "attention"}, "masked_lm", "BertForPreTraining"),
        ({"embedding_size": 16}, "masked_lm", "ElectraForMaskedLM"),
        ({"type_vocab_size": 0}, "masked_lm", "DistilBertForMaskedLM"),
        ({"preset": "modernbert", "local_attention": 16}, "masked_lm", "ModernBertForMaskedLM"),
        ({"preset": "roberta"}, "masked_lm", "RobertaForMaskedLM"),
        ({"size": "tiny", "hidden_size": 32, "num_attention_heads": 2}, "masked_lm", "BertForPreTraining"),
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


def test_a_mosaicbert_says_that_no_plain_class_opens_it(world, tiny, tmp_path, capsys):
    encoder = {**tiny["encoder"], "preset": "mosaicbert"}
    asked = {"kind": "masked_lm", "max_length": 32}
    base = {**tiny, "shards": world / "tokens", "objective": asked, "encoder": encoder, "output": tmp_path / "run"}
    run = pretrain(build(PretrainConfig, base))
    said = capsys.readouterr()
    told = "No class of plain transformers holds this encoder (positions=alibi, ffn=gated): its folder opens with"
    assert told in said.err + said.out
    assert json.loads((run.folder / "model" / "config.json").read_text())["model_type"] == "mamebert"
    card = (run.folder / "model" / "README.md").read_text()
    assert "Plain `transformers` has no class for it" in card
    assert "from transformers" not in card
    (words,) = load(run.folder, "fill-mask")("The old [MASK] holds the boat .", top=3)
    assert len(words[0]) == 3


def modern(tiny, world, tmp_path, **more):
    encoder = {**tiny["encoder"], "preset": "modernbert", "local_attention": 16, **more.pop("encoder", {})}
    objective = {"kind": "masked_lm", "max_length": 32}
    base = {**tiny, "shards": world / "tokens", "objective": objective, "output": tmp_path / "run"}
    return build(PretrainConfig, {**base, "encoder": encoder, **more})


def test_a_modernbert_with_fixed_word_vectors_goes_on_as_if_never_stopped(tiny, world, tmp_path, unproved, monkeypatch):
    vectors = {"vectors": world / "vectors"}
    whole = pretrain(modern(tiny, world, tmp_path, embeddings=vectors, output=tmp_path / "whole"))
    settings = modern(tiny, world, tmp_path, embeddings=vectors)
    measure = PretrainingSteps.measure
    with monkeypatch.context() as patch:
        patch.setattr(PretrainingSteps, "measure", lambda steps: signal.raise_signal(signal.SIGINT) or measure(steps))
        with pytest.raises(KeyboardInterrupt):
            pretrain(settings)
    run = pretrain(settings)
    one, other = (load_file(each.folder / "model" / "model.safetensors") for each in (whole, run))
    assert one.keys() == other.keys()
    assert all(torch.equal(one[name], other[name]) for name in one)
    table = VectorTable.open(world / "vectors").scaled("unit")
    assert torch.equal(one["model.embeddings.tok_embeddings.weight"], torch.from_numpy(table))
    assert not (run.folder / "model" / "head.safetensors").exists()


def test_a_modernbert_is_asked_for_words_alone(tiny, world, tmp_path):
    asked = {"kind": "masked_lm_nsp", "max_length": 32}
    with pytest.raises(UserError, match=r"no pooler to answer\. Set objective\.kind=masked_lm"):
        modern(tiny, world, tmp_path, objective=asked)


def test_angles_have_no_first_values(tiny, world, tmp_path):
    with pytest.raises(UserError, match="Leave positions out"):
        modern(tiny, world, tmp_path, positions={"init": "sinusoidal"})
