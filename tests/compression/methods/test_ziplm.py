"""ZipLM: structures removed until a speed-up is met."""

from copy import deepcopy
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch
from torch.testing import assert_close
from torch.utils.flop_counter import FlopCounterMode

from mamebert.compression.distillation.distiller import Pass
from mamebert.compression.methods import Compressor
from mamebert.compression.methods.ziplm import ZipLM, token_distance
from mamebert.compression.opening import open_form
from mamebert.compression.pruning.latency_table import Stopwatch
from mamebert.compression.pruning.layer_halves import cut_to, levels_of, prune_halves, sizes, stitch
from mamebert.compression.pruning.speedup import Cut, Race
from mamebert.config import build
from mamebert.errors import UserError
from mamebert.kernels import torch_only
from mamebert.training.settings import Training

FAST = {"measure_seconds": 0.3, "calibration_batches": 2, "search_starts": 2, "search_steps": 2}


@pytest.fixture
def steady(monkeypatch):
    """Let a call take as long as it has operations to do, and a little: on a busy machine times are no test."""

    def compare(self, calls):
        found = {}
        for name, call in calls.items():
            # Answers without gradients take kernels whose operations torch does not count.
            with FlopCounterMode(display=False) as counter, torch_only(), torch.enable_grad():
                call()
            found[name] = 1e-9 * counter.get_total_flops() + 1e-4
        return found

    def ratio(self, slow, fast):
        found = compare(self, {"slow": slow, "fast": fast})
        return found["slow"] / found["fast"]

    monkeypatch.setattr(Stopwatch, "compare", compare)
    monkeypatch.setattr(Stopwatch, "ratio", ratio)


def outputs(subject, batch):
    subject.network.eval()
    with torch.no_grad():
        return subject.goal.outputs(subject.network, batch)


def copied(subject):
    return replace(subject, network=deepcopy(subject.network))


def test_levels_fall_to_nothing_in_steps_that_kernels_take_well():
    assert levels_of(4, is_attention=True) == [4, 3, 2, 1, 0]
    widths = levels_of(1024, is_attention=False)
    assert widths[:3] == [1024, 928, 832]
    assert widths[-2:] == [16, 0]
    assert all(a > b and b % 16 == 0 for a, b in pairwise(widths))
    assert levels_of(10, is_attention=False) == [10, 0]


def test_whole_halves_change_nothing(classifier, rows_bench):
    batches = rows_bench.batches(2)
    before, halves = outputs(classifier, batches[0]), prune_halves(classifier, batches)
    assert len(halves) == 8
    cut_to(classifier.bert, halves, [0] * 8)
    assert_close(outputs(classifier, batches[0]), before)


def test_what_is_cut_gives_what_zeros_give(classifier, rows_bench):
    batches = rows_bench.batches(2)
    halves = prune_halves(classifier, batches)
    levels = [1, 3, 4, 5, 2, len(halves[5].snapshots) - 1, 0, 0]  # layer 1 without heads, layer 2 without neurons
    zeroed, compact = copied(classifier), copied(classifier)
    stitch(zeroed.bert, halves, levels)
    cut_to(compact.bert, halves, levels)

    assert compact.bert.config.heads_by_layer == [3, 4 - levels[2], 2, 4]
    assert compact.bert.config.widths_by_layer[2] == 0
    assert_close(outputs(compact, batches[0]), outputs(zeroed, batches[0]), rtol=1e-4, atol=1e-5)


def test_what_has_been_cut_can_be_cut_again(classifier, rows_bench):
    batches = rows_bench.batches(2)
    halves = prune_halves(classifier, batches)
    cut_to(classifier.bert, halves, [1, 3, 4, 5, 2, len(halves[5].snapshots) - 1, 0, 0])
    again = prune_halves(classifier, batches)
    assert [(half.layer, half.is_attention) for half in again] == [
        (0, True), (0, False), (1, False), (2, True), (3, True), (3, False),
    ]  # fmt: skip
    cut_to(classifier.bert, again, [1] * 6)
    assert classifier.bert.config.heads_by_layer == [2, 0, 1, 3]


def test_updated_weights_lose_less_than_zeros(classifier, rows_bench):
    batches = rows_bench.batches(4)
    whole = outputs(classifier, batches[0])
    halves = prune_halves(classifier, batches)
    levels = [2 if half.is_attention else len(half.snapshots) // 2 for half in halves]
    updated, zeroed = copied(classifier), copied(classifier)
    cut_to(updated.bert, halves, levels)
    for half, level in zip(halves, levels, strict=True):
        kept = half.snapshots[level].kept.repeat_interleave(half.size) * half.size
        kept += torch.arange(half.size).repeat(len(kept) // half.size)
        weight, mask = half.output(zeroed.bert).weight, torch.zeros(half.output(zeroed.bert).in_features)
        mask[kept] = 1
        weight.data *= mask
    gaps = [(outputs(each, batches[0]) - whole).square().mean() for each in (updated, zeroed)]
    assert gaps[0] < gaps[1]


def test_a_network_races_itself_to_a_draw(classifier, rows_bench):
    network = classifier.network.eval()
    race = Race(network, rows_bench.batches(1), Stopwatch(1, 1.0, torch.device("cpu")))
    assert race.speedup(deepcopy(network)) == pytest.approx(1, abs=0.3)
    assert race.most() > 1
    assert race.about["clock"] == "processor"


def test_the_target_comes_before_the_loss_and_the_loss_before_more_speed():
    def cut(measured, loss):
        return Cut(None, measured, measured, loss)

    assert cut(2.1, 0.9).is_better(cut(1.9, 0.1), target=2)
    assert not cut(1.9, 0.1).is_better(cut(2.1, 0.9), target=2)
    assert cut(2.1, 0.3).is_better(cut(2.6, 0.4), target=2)
    assert cut(1.8, 0.3).is_better(cut(1.7, 0.2), target=2)
    assert cut(1.8, 0.3).is_better(None, target=2)


@pytest.mark.usefixtures("steady")
@pytest.mark.parametrize(("subject", "bench"), [("classifier", "rows_bench"), ("encoder", "text_bench")])
def test_one_shot_meets_its_speedup_and_trains_nothing(subject, bench, request, monkeypatch):
    subject, bench = request.getfixturevalue(subject), request.getfixturevalue(bench)
    monkeypatch.setattr(bench, "learn", None)
    method = ZipLM(speedup=2.0, mode="one_shot", **FAST)
    method.check(subject, bench)
    found = method.compress(subject, bench)

    assert found.notes["speedup_met"]
    assert 2 <= found.notes["speedup_measured"] < 2.3
    assert found.notes["speedup_promised"] == pytest.approx(found.notes["speedup_measured"], rel=0.1)
    assert (found.notes["heads"], found.notes["neurons"]) == sizes(found.bert)
    assert found.notes["timed"]["threads"] == 1
    assert np.isfinite(bench.score(found))


@pytest.mark.usefixtures("steady")
def test_gradual_meets_one_speedup_after_the_other_and_keeps_what_the_model_can(classifier, rows_bench, quick):
    before = rows_bench.score(classifier)
    training = Training(epochs=2, **quick)
    found = ZipLM(speedup=2.0, on_the_way=[1.5], training=training, **FAST).compress(classifier, rows_bench)

    (first,) = found.notes["on_the_way"]
    assert 1.5 <= first["speedup_measured"] < 2 <= found.notes["speedup_measured"]
    assert all(b <= a for a, b in zip(first["heads"], found.notes["heads"], strict=True))
    assert all(b <= a for a, b in zip(first["neurons"], found.notes["neurons"], strict=True))
    assert rows_bench.score(found) > 0.9 * before


@pytest.mark.usefixtures("steady")
def test_a_target_is_met_where_the_table_promises_too_much(classifier, rows_bench, monkeypatch):
    monkeypatch.setattr(Race, "speedup", lambda self, network, honest=Race.speedup: honest(self, network) ** 0.8)
    found = ZipLM(speedup=1.8, mode="one_shot", **FAST).compress(classifier, rows_bench)
    assert found.notes["speedup_met"]
    assert found.notes["speedup_promised"] > 1.1 * found.notes["speedup_measured"]


@pytest.mark.usefixtures("steady")
def test_a_target_that_was_missed_is_told(classifier, rows_bench, monkeypatch, capsys):
    monkeypatch.setattr(Race, "speedup", lambda self, network: 1.5)
    found = ZipLM(speedup=2.0, mode="one_shot", **FAST).compress(classifier, rows_bench)
    assert not found.notes["speedup_met"]
    assert "the speed-up of 2 was missed: 1.50 was measured" in capsys.readouterr().err


@pytest.mark.usefixtures("steady")
def test_what_comes_out_is_saved_compact_and_dense_with_the_same_outputs(classifier, rows_bench, tmp_path):
    method = ZipLM(speedup=1.3, mode="one_shot", **FAST)
    found = method.compress(classifier, rows_bench)
    wanted = outputs(found, rows_bench.batches(1)[0])
    forms = {form.name: form for form in method.save(found, tmp_path / "model")}
    for name in ("compact", "plain"):  # the graph is asked by the contract of all methods
        opened = open_form(tmp_path / "model", forms[name]).subject
        assert_close(outputs(opened, rows_bench.batches(1)[0]), wanted, rtol=1e-4, atol=1e-5)


def test_tokens_are_compared_layer_by_layer():
    ours = [torch.zeros(3, 2), torch.zeros(3, 2), torch.ones(3, 2)]
    theirs = [torch.ones(3, 2), torch.full((3, 2), 2.0), torch.ones(3, 2)]
    found = token_distance(Pass(None, None, ours), Pass(None, None, theirs))
    assert float(found) == pytest.approx((8 + 0) / 2)


@pytest.mark.usefixtures("steady")
def test_a_speedup_beyond_all_layers_is_refused_with_the_most_there_can_be(classifier, rows_bench):
    with pytest.raises(UserError, match=r"cannot be met here.* times as fast\. Ask for less"):
        ZipLM(speedup=1e6, **FAST).check(classifier, rows_bench)


def test_layers_that_share_weights_are_refused(classifier, rows_bench):
    classifier.bert.config = classifier.bert.config.model_copy(update={"shared": "all"})
    with pytest.raises(UserError, match="share weights"):
        ZipLM(**FAST).check(classifier, rows_bench)


def test_altered_arithmetic_is_refused(classifier, rows_bench):
    classifier.bert.altered = True
    with pytest.raises(UserError, match="Put ziplm before it"):
        ZipLM(**FAST).check(classifier, rows_bench)


def test_missing_calibration_data_are_told(classifier, rows_bench, monkeypatch):
    monkeypatch.setattr(rows_bench, "batches", lambda *_: [])
    with pytest.raises(UserError, match="no training data to calibrate with"):
        ZipLM(**FAST).check(classifier, rows_bench)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"on_the_way": [1.5], "mode": "one_shot"}, "set mode=gradual"),
        ({"on_the_way": [2.5]}, "rise"),
        ({"soft_weight": 0, "token_weight": 0, "task_weight": 0}, "weight of the loss is 0"),
    ],
)
def test_settings_that_contradict_each_other_are_refused(settings, words):
    with pytest.raises(UserError, match=words):
        build(Compressor, {"kind": "ziplm", **settings})
