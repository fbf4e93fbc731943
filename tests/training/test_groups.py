import pytest
import torch
from torch import nn

from mamebert.config import build
from mamebert.encoder.model import Encoder
from mamebert.encoder.settings import EncoderConfig
from mamebert.errors import UserError
from mamebert.training.groups import Learning, plan_learning
from mamebert.training.loop import Losses, train
from mamebert.training.optimizer import make_optimizer
from mamebert.training.settings import Training

PEAK = 0.01
LAYER = "bert.encoder.layer."


class Network(nn.Module):
    """An encoder of three layers and a head."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        shape = EncoderConfig(hidden_size=8, num_hidden_layers=3, num_attention_heads=2, max_position_embeddings=8)
        self.bert = Encoder(shape, vocab_size=20)
        self.head = nn.Linear(8, 2)


def plan(**settings):
    return plan_learning(Network(), build(Learning, settings), PEAK)


def tops(names):
    """Return the parts that parameter names belong to."""
    return {".".join(n.split(".")[: 4 if n.startswith(LAYER) else 2 if n.startswith("bert.") else 1]) for n in names}


ALL = {"bert.embeddings", LAYER + "0", LAYER + "1", LAYER + "2", "bert.pooler", "head"}


@pytest.mark.parametrize(
    ("settings", "learning"),
    [
        ({}, ALL),
        ({"trainable": "head"}, {"bert.pooler", "head"}),
        ({"trainable": "top_layers", "top_layers": 2}, {LAYER + "1", LAYER + "2", "bert.pooler", "head"}),
        ({"trainable": "groups", "groups": {"layer.-1": 1e-3, "head": 0.1}}, {LAYER + "2", "head"}),
        ({"groups": {"layer.0": 0, "bert.pooler": 0}}, ALL - {LAYER + "0", "bert.pooler"}),
    ],
)
def test_what_learns_is_what_was_named(settings, learning):
    assert tops(plan(**settings).factors) == learning


def test_frozen_embeddings_are_the_token_table_alone():
    left_out = plan().factors.keys() - plan(embeddings="frozen").factors.keys()
    assert left_out == {"bert.embeddings.word_embeddings.weight"}


def test_the_rates_of_the_slide_are_rates():
    """Layer -2 5e-4, layer -1 1e-3, the classifier 0.1, nothing else (an SGD example of freezing)."""
    network = Network()
    settings = build(Learning, {"trainable": "groups", "groups": {"layer.-2": 5e-4, "layer.-1": 1e-3, "head": 0.1}})
    found = plan_learning(network, settings, PEAK)
    found.open(network)
    training = Training(steps=1, optimizer="sgd", peak_lr=PEAK, warmup_rate=0)
    optimizer = make_optimizer(network, training, lr_factors=found.factors)
    used = {}
    zero = [(lambda: sum((p * 0).sum() for p in network.parameters()))]
    for _ in train(network, optimizer, [zero], lambda part: Losses(part(), {}), training, 1, seed=0):
        names = {id(p): name for name, p in network.named_parameters()}
        for group in optimizer.param_groups:
            used |= {names[id(p)]: group["lr"] for p in group["params"]}
    assert tops(used) == {LAYER + "1", LAYER + "2", "head"}
    for name, rate in used.items():
        wanted = 0.1 if name.startswith("head") else 1e-3 if name.startswith(LAYER + "2") else 5e-4
        assert rate == pytest.approx(wanted)


def test_the_longest_name_that_fits_counts_and_a_layer_is_no_beginning_of_another():
    found = plan(groups={"bert.": 1e-3, "layer.1": 2e-3, "layer.1.output": 3e-3, "bert.encoder.layer.-1": 4e-3}).factors
    assert found["bert.embeddings.LayerNorm.weight"] == pytest.approx(0.1)
    assert found[LAYER + "1.attention.self.query.weight"] == pytest.approx(0.2)
    assert found[LAYER + "1.output.dense.weight"] == pytest.approx(0.3)
    assert found[LAYER + "2.output.dense.weight"] == pytest.approx(0.4)
    assert found["head.weight"] == 1


def test_rates_fall_from_the_head_down():
    found = plan(layer_decay=0.5, groups={"layer.1": PEAK}).factors
    assert {found[n] for n in found if n.startswith(("head", "bert.pooler"))} == {1}
    assert [found[f"{LAYER}{number}.output.dense.weight"] for number in (2, 1, 0)] == [0.5, 1, 0.125]
    assert found["bert.embeddings.position_embeddings.weight"] == 0.0625


def test_layers_begin_from_the_top_and_what_is_below_rests():
    network, found = Network(), plan(unfreeze_every=2)
    whole = [*network.bert.encoder.layer]
    for epoch, begun, frozen_below in ((0, 0, 4), (1, 0, 4), (2, 1, 3), (4, 2, 2), (6, 3, 1), (8, 4, 0), (20, 4, 0)):
        found.open(network, epoch)
        order = ["bert.pooler", LAYER + "2", LAYER + "1", LAYER + "0", "bert.embeddings"]
        learning = {name for name, p in network.named_parameters() if p.requires_grad}
        assert tops(learning) == {"head", *order[: begun + 1]}
        assert found.frozen_below(network, epoch) == [network.bert.embeddings, *whole][:frozen_below]
    assert found.last_begin == 8


def test_gradual_unfreezing_stops_at_what_never_learns():
    found = plan(unfreeze_every=1, trainable="top_layers", top_layers=2)
    assert found.last_begin == 2
    network = Network()
    found.open(network, 99)
    assert tops(n for n, p in network.named_parameters() if p.requires_grad) == tops(found.factors)


def test_an_encoder_without_its_pooler_learns_or_not():
    assert not plan(trainable="head").encoder_learns
    assert not plan(trainable="groups", groups={"head": 1, "bert.pooler": 1}).encoder_learns
    assert plan(trainable="groups", groups={"head": 1, "layer.0": 1}).encoder_learns
    assert plan(trainable="groups", groups={"layer.2": 1}).encoder_learns


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"groups": {"layer.3": 1}}, r"no group of parameters called 'layer.3.'. Did you mean 'layer"),
        ({"groups": {"heads": 1}}, "Did you mean 'head.'"),
        ({"groups": {"bert.encoder.layer.-4": 1}}, "no group of parameters called 'bert.encoder.layer.-4.'"),
        ({"groups": {"head": -1}}, "negative"),
        (
            {"trainable": "head", "groups": {"layer.0": 1}},
            "gives layer.0. a rate, and the other settings of learning freeze",
        ),
        ({"trainable": "top_layers"}, "Give both or neither"),
        ({"top_layers": 2}, "Give both or neither"),
        ({"trainable": "top_layers", "top_layers": 4}, "more than the 3 layers"),
        ({"trainable": "groups"}, "names no group"),
        ({"trainable": "groups", "groups": {"head": 0}}, "nothing learns"),
    ],
)
def test_a_group_that_is_not_there_is_told(settings, sentence):
    with pytest.raises(UserError, match=sentence):
        plan(**settings)


def test_muon_says_that_it_learns_at_one_rate():
    network = Network()
    with pytest.raises(UserError, match="one rate"):
        make_optimizer(network, Training(steps=1, optimizer="muon"), lr_factors=plan(layer_decay=0.9).factors)
    make_optimizer(network, Training(steps=1, optimizer="muon"), lr_factors=plan().factors)
