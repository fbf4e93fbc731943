"""Dropping whole layers."""

import pytest
import torch

from mamebert.compression.methods.drop_layers import DropLayers, dropped, least_contributing
from mamebert.compression.pruning.layers import keep_layers
from mamebert.errors import UserError


@pytest.mark.parametrize(
    ("strategy", "gone"),
    [
        ("top", {8, 9, 10, 11}),
        ("bottom", {0, 1, 2, 3}),
        ("odd_alternate", {11, 9, 7, 5}),
        ("even_alternate", {10, 8, 6, 4}),
        ("symmetric", {4, 5, 6, 7}),
    ],
)
def test_of_twelve_layers_four_go_as_in_the_paper(strategy, gone):
    assert set(dropped(strategy, 12, 4)) == gone


def test_those_that_change_least_go_first_and_never_all():
    assert least_contributing([0.99, 0.5, 0.97, 0.98], 0.96) == [0, 3, 2]
    assert least_contributing([0.99, 0.5, 0.97, 0.98], 0.96, most=1) == [0]
    assert len(least_contributing([1.0, 1.0], 0.9)) == 1


def test_keeping_every_layer_changes_nothing(classifier, rows_bench):
    batch = rows_bench.batches(1)[0]
    kept = keep_layers(classifier, range(4))
    with torch.no_grad():
        assert torch.equal(
            kept.goal.outputs(kept.network.eval(), batch), classifier.goal.outputs(classifier.network, batch)
        )


def test_the_layers_that_stay_are_those_of_the_model(classifier):
    kept = keep_layers(classifier, [0, 3])
    assert kept.bert.config.num_hidden_layers == 2
    assert torch.equal(
        kept.bert.encoder.layer[1].output.dense.weight, classifier.bert.encoder.layer[3].output.dense.weight
    )


def test_a_third_dropped_and_trained_again_keeps_95_percent(classifier, rows_bench, quick):
    before = rows_bench.score(classifier)
    smaller = DropLayers(drop=1, training={"epochs": 4, **quick}).compress(classifier, rows_bench)
    assert smaller.notes["layers_kept"] == [0, 1, 2]
    assert rows_bench.score(smaller) >= 0.95 * before


def test_a_pretrained_encoder_loses_layers_without_learning(encoder, text_bench):
    before = text_bench.score(encoder)
    smaller = DropLayers(strategy="contribution", threshold=0.01, drop=1, recover=False).compress(encoder, text_bench)
    assert len(smaller.notes["cosines"]) == 4
    assert smaller.bert.config.num_hidden_layers == 3
    assert text_bench.score(smaller) < before


def test_not_every_layer_can_go(classifier, rows_bench):
    with pytest.raises(UserError, match="Drop fewer"):
        DropLayers(drop=4).check(classifier, rows_bench)
    with pytest.raises(UserError, match="every second"):
        dropped("odd_alternate", 4, 3)


@pytest.mark.parametrize("sharing", [{"shared": "all"}, {"shared": "groups", "num_hidden_groups": 2}])
def test_layers_of_an_albert_go_and_it_stays_one(classifier, sharing):
    from dataclasses import replace

    from mamebert.checkpoints.layouts import layout_for

    shape = type(classifier.bert.config)(
        hidden_size=32, num_hidden_layers=4, num_attention_heads=4, embedding_size=16, pooler_act="tanh", **sharing
    )
    albert = replace(classifier, network=classifier.goal.network(shape, 80))
    kept = keep_layers(albert, [0, 2, 3])
    assert layout_for(kept.bert.config).kind == "albert"
    for new, old in zip(kept.bert.encoder.layer, [0, 2, 3], strict=True):
        assert torch.equal(new.output.dense.weight, albert.bert.encoder.layer[old].output.dense.weight)
