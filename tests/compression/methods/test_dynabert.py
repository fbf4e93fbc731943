"""Networks of many widths and depths in one."""

from copy import deepcopy

import pytest
import torch
from torch.testing import assert_close

from mamebert.compression.methods.dynabert import Dynabert, ElasticLoss
from mamebert.compression.pruning.importance import importance
from mamebert.compression.pruning.supernet import Elastic, Size, extract, first_at, layers_at, states_to_match
from mamebert.config import build
from mamebert.encoder.settings import EncoderConfig
from mamebert.errors import UserError


def test_layers_are_those_of_the_paper():
    assert layers_at(1.0, 12) == list(range(12))
    assert layers_at(0.5, 12) == [0, 2, 4, 6, 8, 10]
    assert layers_at(0.75, 12) == [0, 1, 2, 4, 5, 6, 8, 9, 10]
    assert layers_at(0.75, 4) == [0, 1, 2]
    assert states_to_match(0.5, 4) == [0, 2, 4]


def test_widths_take_the_first():
    config = EncoderConfig(hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=10)
    heads, neurons = first_at(0.5, config)
    assert heads == [[0, 1]] * 2
    assert neurons == [[0, 1, 2, 3, 4]] * 2


def test_heads_that_a_width_does_not_divide_and_depths_without_a_layer_are_refused():
    config = EncoderConfig(hidden_size=33, num_hidden_layers=2, num_attention_heads=3)
    with pytest.raises(UserError, match=r"does not part 3 attention heads evenly\. Choose widths among 0\.333"):
        first_at(0.5, config)
    with pytest.raises(UserError, match="leaves none of 2 layers"):
        layers_at(0.2, 2)


def test_what_is_wanted_must_learn():
    with pytest.raises(UserError, match=r"width 0\.3 is not among"):
        build(Dynabert, {"width": 0.3})
    with pytest.raises(UserError, match="cannot hold 2"):
        build(Dynabert, {"depths": [1.0, 2.0], "depth": 1.0})


@pytest.mark.parametrize("size", [Size(1.0, 1.0), Size(0.5, 1.0), Size(0.25, 0.5), Size(1.0, 0.75)])
def test_a_part_that_runs_inside_equals_the_one_taken_out(classifier, rows_bench, size):
    batch = rows_bench.batches(1)[0]
    classifier.network.eval()
    taken = extract(classifier, size)
    taken.network.eval()
    with torch.no_grad():
        inside = Elastic(classifier).states(batch, size.width, [size.depth])[0]
        outside = list(taken.bert.hidden_states(batch.packed))
    assert len(inside) == len(outside) == len(layers_at(size.depth, 4)) + 1
    for a, b in zip(inside, outside, strict=True):
        assert_close(a, b, atol=1e-6, rtol=1e-6)
    assert not classifier.bert.gates
    assert classifier.bert.config == rows_bench.teacher.bert.config


def test_the_gradients_of_all_parts_reach_the_shared_weights(classifier, rows_bench):
    batch = rows_bench.batches(1)[0]
    elastic, weight = Elastic(classifier), classifier.bert.encoder.layer[0].intermediate.dense.weight
    half = weight.shape[0] // 2
    elastic.states(batch, 0.5, [0.5])[0][-1].square().sum().backward()
    assert weight.grad[:half].abs().sum() > 0
    assert weight.grad[half:].abs().sum() == 0
    assert classifier.bert.encoder.layer[1].intermediate.dense.weight.grad is None  # not one of those at half depth


def test_nothing_is_lost_where_a_student_is_its_teacher(classifier, rows_bench):
    batch = rows_bench.batches(1)[0]
    classifier.network.eval()

    def taught(batch):
        return {1.0: [state.detach() for state in classifier.bert.hidden_states(batch.packed)]}

    same = ElasticLoss(classifier, rows_bench.teacher, taught, [1.0], [1.0], 0.1)(batch)
    assert same.total.item() < 1e-7  # float32's rounding
    narrower = ElasticLoss(classifier, rows_bench.teacher, lambda b: {0.5: taught(b)[1.0]}, [0.5], [1.0], 0.1)(batch)
    assert narrower.total.item() > 1e-4


SMALL = {"batch_tokens": 256, "peak_lr": 2e-3, "precision": "float32"}
METHOD = Dynabert(
    width=0.5,
    depth=0.75,
    widths=[0.5, 1.0],
    depths=[0.75, 1.0],
    calibration_batches=2,
    training={"steps": 6, **SMALL},
    depth_training={"steps": 4, **SMALL},
)


def test_parts_learn_together_and_one_comes_out(classifier, rows_bench):
    before = rows_bench.score(classifier)
    cut = rows_bench.score(extract(deepcopy(classifier), Size(0.5, 0.75)))
    made = METHOD.compress(classifier, rows_bench)
    config = rows_bench.teacher.bert.config
    assert made.bert.config.num_hidden_layers == 3
    assert made.bert.config.heads_by_layer == [config.num_attention_heads // 2] * 3
    assert made.bert.config.intermediate_size == config.intermediate_size // 2
    scores = made.notes["valid_by_width_and_depth"]
    assert set(scores) == {"0.5 x 0.75", "0.5 x 1", "1 x 0.75", "1 x 1"}
    assert scores["0.5 x 0.75"] == round(rows_bench.score(made), 6)
    assert scores["0.5 x 0.75"] >= cut
    assert scores["1 x 1"] >= 0.9 * before


def test_the_best_heads_and_neurons_come_first_and_the_function_stays(classifier, rows_bench):
    batches = rows_bench.batches(2)
    still = {"steps": 1, **SMALL, "peak_lr": 1e-12}
    method = METHOD.model_copy(update={"width": 1.0, "depth": 1.0, "training": METHOD.training.model_validate(still)})
    method = method.model_copy(update={"depths": [1.0]})
    made = method.compress(deepcopy(classifier), rows_bench)
    with torch.no_grad():
        for batch in batches:
            wanted = classifier.goal.outputs(classifier.network.eval(), batch)
            assert_close(made.goal.outputs(made.network.eval(), batch), wanted, atol=1e-4, rtol=1e-4)
    for scores in importance(made, rows_bench.batches(method.calibration_batches)):
        for each in scores:
            assert bool((each[:-1] - each[1:] > -1e-3 * each.max()).all())


def test_heads_of_several_layers_allow_no_other_depth(classifier, rows_bench):
    classifier.network.reader.last_alone = False
    with pytest.raises(UserError, match="reads other layers than the last"):
        METHOD.check(classifier, rows_bench)
