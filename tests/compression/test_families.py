"""Every method on encoders that are no BERTs: it works as on any other, or says in a sentence that it cannot."""

from copy import deepcopy
from dataclasses import replace

import numpy as np
import pytest
import torch

from mamebert.compression.bench import RowsBench
from mamebert.compression.methods import Compressor
from mamebert.compression.opening import open_form
from mamebert.encoder.settings import EncoderConfig
from mamebert.errors import UserError
from mamebert.tasks.network.answering import raw_outputs
from mamebert.tokenizer.encoding import Tokenizer

BRIEF = {"epochs": 1, "batch_tokens": 1024, "peak_lr": 1e-3, "precision": "float32"}
ANYWHERE = {
    "distil": {"layers": 2, "training": BRIEF},
    "drop_layers": {"drop": 1, "training": BRIEF},
    "dynamic_int8": {},
    "half_precision": {},
    "prune_vocabulary": {},
    "q8bert": {"training": BRIEF},
    "qbert": {"groups": 4, "shards": 2, "shard_tokens": 64, "power_steps": 2, "training": BRIEF},
    "tinybert": {"num_hidden_layers": 2, "intermediate": BRIEF, "prediction": BRIEF},
}
"""Methods that leave layers as they are built, with settings that take a second on a toy."""
OF_BERT = {
    "bibert": {"training": BRIEF},
    "distilbert": {"layers": 2, "training": BRIEF},
    "early_bird": {"training": BRIEF, "min_steps": 3},
    "prune_heads_and_neurons": {"training": BRIEF},
    "share": {"embedding_size": 16, "training": BRIEF},
}
"""Some of those that know BERT's layers alone."""
FAMILIES = {
    "modernbert": {"preset": "modernbert", "local_attention": 8},
    "mosaicbert": {"preset": "mosaicbert"},
    "roberta": {"preset": "roberta"},
}
REFUSE = {"modernbert", "mosaicbert"}
"""Families whose layers are not BERT's."""
ROUNDED = {("dynamic_int8", "onnx_int8"): 0.1, ("q8bert", "onnx_int8"): 0.02, ("q8bert", "plain"): 0.1,
           ("qbert", "plain"): 0.1}  # fmt: skip
works = [(family, kind) for family in FAMILIES for kind in (ANYWHERE if family in REFUSE else {**ANYWHERE, **OF_BERT})]


@pytest.fixture
def subject(classifier, family):
    shape = {"hidden_size": 32, "num_hidden_layers": 4, "num_attention_heads": 4, "max_position_embeddings": 64}
    config = EncoderConfig(**FAMILIES[family], initializer_range=0.1, **shape)
    torch.manual_seed(3)
    return replace(classifier, network=classifier.goal.network(config, classifier.bert.vocab_size))


@pytest.fixture
def bench(subject, toys, tmp_path):
    return RowsBench(deepcopy(subject), 1, tmp_path, torch.device("cpu"), toys.rows)


@pytest.mark.parametrize("kind", sorted({*Compressor.names()} - {*ANYWHERE}))
@pytest.mark.parametrize("family", sorted(REFUSE))
def test_what_changes_berts_layers_says_so(family, kind, subject, bench):
    method = Compressor.find(kind)
    assert method.reaches_into_layers
    if "task" in method.works_on:
        with pytest.raises(UserError, match=f"{kind} changes layers as BERT builds them"):
            method().check(subject, bench)


@pytest.mark.slow
@pytest.mark.parametrize(("family", "kind"), works)
def test_what_works_is_saved_and_answers_the_same(family, kind, subject, bench, tmp_path):
    method = Compressor.find(kind)(**{**ANYWHERE, **OF_BERT}[kind])
    method.check(subject, bench)
    small = method.compress(deepcopy(subject), bench)
    small.network.eval()

    def outputs(each):
        features = each.goal.task.features(Tokenizer.open(each.folder), bench.rows["valid"][:10], each.goal.learnt)
        return np.concatenate(raw_outputs(each.goal.task, each.network, features), axis=None)

    expected = outputs(small)
    for form in method.save(small, tmp_path / "model"):
        opened = open_form(tmp_path / "model", form)
        opened.subject.folder = opened.tokenizer_folder
        np.testing.assert_allclose(outputs(opened.subject), expected, atol=ROUNDED.get((kind, form.name), 1e-4))


@pytest.mark.parametrize("family", ["modernbert"])
def test_a_layer_that_would_be_of_another_kind_is_not_moved(family, subject, bench):
    with pytest.raises(UserError, match="Layer 1 cannot stand in the place of layer 0"):
        Compressor.find("drop_layers")(strategy="bottom", drop=1).check(subject, bench)
