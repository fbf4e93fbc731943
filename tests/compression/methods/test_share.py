"""ALBERT's sharing, by converting a model that is there."""

import json
from copy import deepcopy
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch.testing import assert_close

from mamebert.compression.contract import Subject
from mamebert.compression.goals import TaskGoal
from mamebert.compression.methods.share import NORM, PROJECTION, TABLES, Share, converted, narrowed
from mamebert.config import build
from mamebert.encoder.packing import Packed
from mamebert.encoder.readings import Reading
from mamebert.encoder.settings import EncoderConfig
from mamebert.errors import UserError
from mamebert.tasks.classification import Classification
from mamebert.tasks.data.features import TaskState
from mamebert.training.settings import Training


@pytest.fixture
def subject():
    """A classifier that has learnt nothing."""
    goal = TaskGoal(Classification(), TaskState(("a", "b")), Reading())
    shape = EncoderConfig(
        hidden_size=32, num_hidden_layers=4, num_attention_heads=4, max_position_embeddings=64, initializer_range=0.1
    )
    torch.manual_seed(3)
    return Subject(goal.network(shape, 60), goal, Path())


def shape_of(subject, **changes):
    return subject.bert.config.model_copy(update=changes)


def packed():
    rng = np.random.default_rng(0)
    return Packed.of([rng.integers(5, 60, n) for n in (20, 9, 3)])


def hidden(subject):
    subject.network.eval()
    with torch.no_grad():
        return subject.bert(packed())


def like_the_first(subject, groups):
    """Give every layer the weights of the first of its group."""
    layers = subject.bert.encoder.layer
    size = len(layers) // groups
    for number, layer in enumerate(layers):
        layer.load_state_dict(deepcopy(layers[number // size * size].state_dict()))


@pytest.mark.parametrize("start", ["mean", "first"])
@pytest.mark.parametrize(("mode", "groups"), [("all", 1), ("groups", 2), ("attention", 1), ("ffn", 1)])
def test_layers_that_are_alike_lose_nothing(subject, mode, groups, start):
    like_the_first(subject, groups)
    before = hidden(subject)
    smaller = converted(subject, shape_of(subject, shared=mode, num_hidden_groups=groups), start)
    assert_close(hidden(smaller), before, atol=1e-5, rtol=1e-4)
    assert sum(p.numel() for p in smaller.network.parameters()) < sum(p.numel() for p in subject.network.parameters())


def test_shared_weights_are_the_mean_of_a_group_or_its_first(subject):
    weights = [layer.output.dense.weight.detach().clone() for layer in subject.bert.encoder.layer]
    shape = shape_of(subject, shared="groups", num_hidden_groups=2)
    for start, expected in (("mean", (weights[2] + weights[3]) / 2), ("first", weights[2])):
        layers = converted(subject, shape, start).bert.encoder.layer
        assert layers[2].output is layers[3].output
        assert_close(layers[3].output.dense.weight.detach(), expected)


def test_sharing_one_half_leaves_the_other(subject):
    before = [layer.intermediate.dense.weight.detach().clone() for layer in subject.bert.encoder.layer]
    layers = converted(subject, shape_of(subject, shared="attention"), "mean").bert.encoder.layer
    assert layers[0].attention is layers[3].attention
    assert all(torch.equal(layer.intermediate.dense.weight, each) for layer, each in zip(layers, before, strict=True))


def test_tables_of_low_rank_become_narrow_without_loss(subject):
    parameters = dict(subject.network.named_parameters())
    torch.manual_seed(0)
    basis = torch.randn(10, 32)
    with torch.no_grad():
        for name in TABLES:
            parameters[name].copy_(
                torch.randn(len(parameters[name]), 10) @ basis + torch.randn(len(parameters[name]), 1)
            )
        parameters[f"{NORM}weight"].uniform_(0.5, 2)
        parameters[f"{NORM}bias"].normal_()
    before = hidden(subject)
    narrow = converted(subject, shape_of(subject, embedding_size=12), "mean")
    assert narrow.bert.embeddings.word_embeddings.weight.shape[1] == 12
    assert_close(hidden(narrow), before, atol=1e-4, rtol=1e-3)


def test_a_narrow_table_is_the_nearest_of_its_rank(subject):
    old = dict(subject.network.named_parameters())
    found = narrowed(old, 9)
    tables = torch.cat([old[name].detach() for name in TABLES]).double()
    centred = tables - tables.mean(1, keepdim=True)
    back = found[f"{PROJECTION}weight"].double() / old[f"{NORM}weight"].detach().double()[:, None] * (9 / 32) ** 0.5
    gap = torch.cat([found[name] for name in TABLES]).double() @ back.T - centred
    assert_close((gap**2).sum(), (torch.linalg.svdvals(centred)[8:] ** 2).sum(), rtol=1e-4, atol=1e-6)


def test_a_wider_table_keeps_more(subject):
    before = hidden(subject)
    gaps = [
        float((hidden(converted(subject, shape_of(subject, embedding_size=width), "mean")) - before).norm())
        for width in (4, 12, 24, 31)
    ]
    assert gaps == sorted(gaps, reverse=True)


def test_a_classifier_becomes_an_albert_that_is_healed(classifier, rows_bench, quick, tmp_path):
    method = Share(embedding_size=16, training=Training(epochs=6, **quick))
    method.check(classifier, rows_bench)
    raw = converted(classifier, shape_of(classifier, shared="all", embedding_size=16), "mean")
    before = rows_bench.score(raw)
    albert = method.compress(classifier, rows_bench)
    assert rows_bench.score(albert) >= max(before, 0.9)
    assert albert.notes == {"shared": "all", "groups": 1, "embedding_size": 16}
    (form,) = method.save(albert, tmp_path / "albert")
    assert form.opens_with == "transformers AlbertForSequenceClassification"
    config = json.loads((tmp_path / "albert" / "config.json").read_text())
    assert (config["model_type"], config["embedding_size"], config["num_hidden_groups"]) == ("albert", 16, 1)


def test_an_encoder_is_healed_too(encoder, text_bench, quick, tmp_path):
    method = Share(mode="none", embedding_size=16, teach=0.5, training=Training(steps=30, **quick))
    raw = converted(encoder, shape_of(encoder, embedding_size=16), "mean")
    electra = method.compress(encoder, text_bench)
    assert text_bench.score(electra) > text_bench.score(raw)
    (form,) = method.save(electra, tmp_path / "electra")
    assert form.opens_with == "transformers ElectraForMaskedLM"


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"mode": "groups", "num_groups": 3}, r"4 layers cannot be split into 3 groups of one size.*from 1, 2, 4\."),
        ({"embedding_size": 32}, "embedding_size 32 does not make a table narrower that is 32 wide"),
    ],
)
def test_what_does_not_fit_the_model_is_told_before_anything_is_done(settings, sentence, subject):
    with pytest.raises(UserError, match=sentence):
        Share(**settings).check(subject, SimpleNamespace(teacher=subject))


def test_what_is_shared_already_is_not_shared_again(subject):
    albert = converted(subject, shape_of(subject, shared="all"), "mean")
    with pytest.raises(UserError, match="shares weights already"):
        Share().check(albert, SimpleNamespace(teacher=albert))


def test_layers_of_different_sizes_cannot_be_one(subject):
    subject.bert.config = shape_of(subject, layer_widths=[128, 64, 128, 128])
    with pytest.raises(UserError, match=r"different neurons\. Share before pruning them"):
        Share(mode="ffn").check(subject, SimpleNamespace(teacher=subject))
    Share(mode="attention").check(subject, SimpleNamespace(teacher=subject))


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [({"num_groups": 2}, "num_groups means nothing with mode=all"), ({"mode": "none"}, "Nothing is shared")],
)
def test_settings_that_mean_nothing_are_told(settings, sentence):
    with pytest.raises(UserError, match=sentence):
        build(Share, settings)
