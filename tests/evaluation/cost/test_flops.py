import numpy as np
import pytest
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from mamebert.encoder.model import PretrainingNetwork
from mamebert.encoder.packing import Packed
from mamebert.encoder.settings import EncoderConfig
from mamebert.evaluation.cost.flops import forward_flops, step_flops
from mamebert.kernels import torch_only
from mamebert.objectives import Objective
from mamebert.objectives.data.pretraining_batch import PretrainingBatch

SHAPE = EncoderConfig(hidden_size=64, num_hidden_layers=3, num_attention_heads=2, max_position_embeddings=32)


@pytest.mark.parametrize("frozen", [False, True])
@pytest.mark.parametrize("kind", Objective.names())
def test_the_formula_counts_what_torch_counts(kind, frozen):
    network = PretrainingNetwork(SHAPE.model_copy(update=dict(Objective.find(kind).encoder)), 500)
    network.bert.embeddings.word_embeddings.weight.requires_grad_(not frozen)
    objective = Objective.find(kind)()
    objective.equip(network)
    rng = np.random.default_rng(0)
    packed = Packed.of([rng.integers(5, 500, 16) for _ in range(4)])
    # All are asked for: torch's own path computes the last layer's queries of tokens that nobody reads, too.
    chosen = [place for place in range(64) if place % 16 or not objective.has_sentence_pairs]
    draws = torch.rand(len(chosen), objective.num_draws)
    batch = PretrainingBatch(packed, torch.tensor(chosen), packed.ids[chosen], torch.tensor([0, 1, 0, 1]), draws, (4,))
    with torch_only(), sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        objective.loss(network, batch, batch.asked).total.backward()
    assert objective.flops(network, batch) == counter.get_total_flops()


def test_the_last_layer_counts_only_where_it_is_read():
    lengths, width, inner = [10, 20], 64, 256
    whole = step_flops(SHAPE, 500, lengths, lengths, num_chosen=5)
    some = step_flops(SHAPE, 500, lengths, [2, 3], num_chosen=5)
    rows = (30 - 5) * (4 * width**2 + 4 * width * inner)  # query, output and feed-forward of 25 tokens
    scores = 4 * width * (10 * (10 - 2) + 20 * (20 - 3))  # they look at 10 and at 20
    assert whole - some == 3 * (rows + scores)


def pruned(**changes):
    return EncoderConfig(hidden_size=64, num_hidden_layers=3, num_attention_heads=4, **changes)


def test_a_forward_pass_is_a_third_of_a_step_that_learns_everything():
    head = [(5, 64, 64), (5, 64, 500)]
    assert 3 * forward_flops(SHAPE, [10, 20], [2, 3], head) == step_flops(SHAPE, 500, [10, 20], [2, 3], num_chosen=5)


def test_a_layer_that_is_gone_costs_nothing():
    whole = forward_flops(pruned(layer_heads=[4, 4, 0], layer_widths=[256, 256, 0]), [10], [10])
    assert whole == forward_flops(pruned().model_copy(update={"num_hidden_layers": 2}), [10], [10])


def test_half_the_heads_and_neurons_cost_half():
    half = pruned(layer_heads=[2, 2, 2], layer_widths=[128, 128, 128])
    assert forward_flops(pruned(), [7, 9], [7, 9]) == 2 * forward_flops(half, [7, 9], [7, 9])


def test_narrow_embeddings_cost_their_way_to_the_width():
    narrow = forward_flops(pruned(embedding_size=16), [10], [1])
    assert narrow - forward_flops(pruned(), [10], [1]) == 2 * 10 * 16 * 64
