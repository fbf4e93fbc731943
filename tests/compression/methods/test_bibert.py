import json
from copy import deepcopy
from dataclasses import replace

import pytest
import torch

from mamebert.compression.methods import Compressor
from mamebert.compression.opening import open_subject
from mamebert.compression.pruning.layers import keep_layers
from mamebert.compression.quantisation.binary import binary_modules
from mamebert.config import build
from mamebert.errors import UserError


def method(quick, **settings):
    return build(Compressor, {"kind": "bibert", "training": {"steps": 3, **quick}, **settings})


def outputs(subject, batch):
    subject.network.eval()
    with torch.no_grad():
        return subject.goal.outputs(subject.network, batch)


def test_what_is_saved_is_one_bit_a_weight_and_opens_with_the_same_outputs(classifier, rows_bench, quick, tmp_path):
    smaller = method(quick).compress(classifier, rows_bench)
    [form] = method(quick).save(smaller, tmp_path / "model")
    opened = open_subject(tmp_path / "model")
    batch = rows_bench.batches(1, 256)[0]

    assert torch.equal(outputs(opened, batch), outputs(smaller, batch))
    assert vars(opened.goal) == vars(smaller.goal)
    assert form.name == "compact"
    assert form.opens_with.startswith("mamebert only")
    for _, module in binary_modules(opened.bert):
        assert all(len(row.unique()) <= 2 for row in module.weight)
    # A float for each row of 32 or 128 weights is as much again as their bits, or a quarter of it.
    assert smaller.notes["times_smaller_matrices"] > 16
    config = json.loads((tmp_path / "model" / "config.json").read_text(encoding="utf-8"))
    assert (config["model_type"], config["architectures"]) == ("mamebert", [])


@pytest.mark.parametrize(
    "changes",
    [
        {"altered_by": "q8bert", "how": {}},
        {"altered_by": "qbert", "how": {"bits": {"nothing": 4}}},
        {"altered_by": "distil"},
        {"altered_by": "../_bits"},
        {"shape": [1]},
        {"family": "../bert"},
        {"task": "classification"},
        {"reading": 3},
    ],
)
def test_a_config_that_says_something_else_is_one_sentence(classifier, rows_bench, quick, tmp_path, changes):
    method(quick).save(method(quick).compress(classifier, rows_bench), tmp_path / "model")
    (tmp_path / "model" / "SHA256SUMS").unlink()
    file = tmp_path / "model" / "config.json"
    config = json.loads(file.read_text(encoding="utf-8"))
    file.write_text(json.dumps({**config, "mamebert": {**config["mamebert"], **changes}}), encoding="utf-8")
    with pytest.raises(UserError, match=r"again|Give names and values|Choose from|Did you mean"):
        open_subject(tmp_path / "model")


def test_learning_brings_the_binary_network_nearer_to_the_teacher(classifier, rows_bench, quick):
    batch = rows_bench.batches(1, 256)[0]
    wanted = outputs(rows_bench.teacher, batch).log_softmax(-1)
    untaught = deepcopy(classifier)
    untaught = method(quick, training={"steps": 1, **quick, "peak_lr": 1e-9}).compress(untaught, rows_bench)
    taught = method(quick, training={"steps": 60, **quick}).compress(classifier, rows_bench)

    before, after = (
        float((wanted.exp() * (wanted - outputs(each, batch).log_softmax(-1))).sum(-1).mean())
        for each in (untaught, taught)
    )
    assert after < before


def test_what_cannot_be_compared_with_the_teacher_is_refused(classifier, rows_bench, quick):
    with pytest.raises(UserError, match="4 layers of the teacher cannot be shared evenly by the 3"):
        method(quick).check(keep_layers(classifier, [0, 1, 2]), rows_bench)
    method(quick).check(keep_layers(classifier, [0, 2]), rows_bench)
    shape = classifier.bert.config
    wide = replace(classifier, network=classifier.goal.network(shape.model_copy(update={"hidden_size": 64}), 50))
    with pytest.raises(UserError, match="another width"):
        method(quick).check(wide, rows_bench)
    other = replace(classifier, network=classifier.goal.network(shape, classifier.bert.vocab_size - 1))
    with pytest.raises(UserError, match="pruning the vocabulary"):
        method(quick).check(other, rows_bench)
    bent = replace(classifier, network=classifier.goal.network(shape.model_copy(update={"hidden_act": "relu"}), 50))
    with pytest.raises(UserError, match="ReLU"):
        method(quick).check(bent, rows_bench)
