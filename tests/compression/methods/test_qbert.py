import pytest
import torch

from mamebert.compression.methods import Compressor
from mamebert.compression.methods.qbert import bits_by_sensitivity, owners_of_layers
from mamebert.compression.opening import open_subject
from mamebert.compression.quantisation.activation_range import ActivationRange
from mamebert.config import build
from mamebert.encoder.settings import EncoderConfig
from mamebert.errors import UserError
from mamebert.tasks.data.features import pack
from mamebert.tasks.network.task_network import open_network


def method(quick, **settings):
    return build(Compressor, {
        "kind": "qbert", "groups": 8, "shards": 2, "shard_tokens": 128, "power_steps": 3,
        "training": {"steps": 4, **quick}, **settings,
    })  # fmt: skip


def outputs(subject, batch):
    subject.network.eval()
    with torch.no_grad():
        return subject.goal.outputs(subject.network, batch)


def test_the_most_sensitive_layers_get_the_most_bits():
    assert bits_by_sensitivity([5.0, 1.0, 9.0, 2.0], [4, 2]) == [4, 2, 4, 2]
    assert bits_by_sensitivity([3.0, 2.0, 1.0], [2, 3, 8]) == [8, 3, 2]
    assert bits_by_sensitivity([3.0, 2.0, 1.0], [2, 3]) == [3, 2, 2]


def test_layers_that_share_all_their_weights_have_the_bits_of_one():
    assert owners_of_layers(EncoderConfig(num_hidden_layers=3, shared="all")) == [0, 0, 0]
    assert owners_of_layers(EncoderConfig(num_hidden_layers=3, shared="attention")) == [0, 1, 2]


@pytest.mark.parametrize("kind", ["classifier", "encoder"])
def test_what_is_saved_opens_with_the_same_outputs_to_the_last_bit(kind, request, quick, tmp_path):
    subject = request.getfixturevalue(kind)
    bench = request.getfixturevalue({"classifier": "rows_bench", "encoder": "text_bench"}[kind])
    batch = bench.batches(1, 256)[0]

    smaller = method(quick).compress(subject, bench)
    method(quick).save(smaller, tmp_path / "model")
    opened = open_subject(tmp_path / "model")

    assert torch.equal(outputs(opened, batch), outputs(smaller, batch))
    assert sorted(smaller.notes["bits_of_layers"]) == [2, 2, 4, 4]
    assert len(smaller.notes["sensitivity"]) == 4
    assert vars(opened.goal) == vars(smaller.goal)


def test_folders_of_before_have_symmetric_ranges(classifier, rows_bench, quick, as_before, tmp_path):
    settings = method(quick, bits=[8], activation_bits=4)
    smaller = settings.compress(classifier, rows_bench)
    settings.save(smaller, tmp_path / "model")
    batch = rows_bench.batches(1, 256)[0]
    before = outputs(smaller, batch)
    as_before(tmp_path / "model")
    for module in smaller.network.modules():
        if isinstance(module, ActivationRange):
            assert (module.scheme, module.largest) == ("asymmetric", 15)
            module.scheme, module.largest = "symmetric", 14
            module.low.copy_(-module.high)
    found = outputs(open_subject(tmp_path / "model"), batch)
    assert torch.equal(found, outputs(smaller, batch))
    assert not torch.equal(found, before)


def test_bytes_on_disk_are_as_few_as_the_bits_say(classifier, rows_bench, quick, tmp_path):
    settings = method(quick, bits=[2], groups=1, embedding_bits=4)
    smaller = settings.compress(classifier, rows_bench)
    settings.save(smaller, tmp_path / "model")
    small, plain = ((tmp_path / "model" / folder / "model.safetensors").stat().st_size for folder in (".", "dense"))

    assert 14 < smaller.notes["times_smaller_matrices"] < 16  # the pooler has 8 bits
    assert 4 < smaller.notes["times_smaller_embeddings"] < 8
    # Biases, LayerNorm and the head stay float32, and a file has a head of its own: much, for 32 dimensions.
    assert small < plain / 2.5


def test_the_plain_folder_holds_the_same_weights(classifier, rows_bench, quick, tmp_path):
    settings = method(quick, layer_bits=[2, 3, 4, 8], activation_bits=0)
    smaller = settings.compress(classifier, rows_bench)
    compact, plain = settings.save(smaller, tmp_path / "model")
    _, _, network = open_network(tmp_path / "model" / plain.place)
    batch = rows_bench.batches(1, 256)[0]

    assert (compact.place, compact.opens_with) == (".", "mamebert")
    assert plain.opens_with == "transformers BertForSequenceClassification"
    torch.testing.assert_close(smaller.goal.outputs(network.eval(), batch), outputs(smaller, batch))
    for layer, bits in zip(network.bert.encoder.layer, [2, 3, 4, 8], strict=True):
        groups = layer.intermediate.dense.weight.detach().reshape(8, -1)
        assert all(len(group.unique()) <= 2**bits for group in groups)


def test_rounded_activations_are_said_to_differ_from_the_plain_folder(classifier, rows_bench, quick, tmp_path):
    smaller = method(quick, bits=[8]).compress(classifier, rows_bench)
    *_, plain = method(quick).save(smaller, tmp_path / "model")

    assert plain.opens_with.endswith("with float32 activations")
    assert 0 < smaller.notes["plain_hidden_states_differ_by"] < 0.5


def test_training_with_the_rounding_mends_what_rounding_alone_breaks(classifier, rows_bench, quick):
    def loss(subject) -> float:
        features = rows_bench.part(subject, "valid").features
        batch = pack(features, range(len(features)))
        with torch.no_grad():
            return float(subject.goal.loss(subject.network.eval(), batch).total)

    settings = method({**quick, "peak_lr": 1e-9}, bits=[2])
    rounded = loss(settings.compress(classifier, rows_bench))
    again = method(quick, bits=[2], training={"epochs": 3, **quick})
    trained = loss(again.compress(rows_bench.teacher, rows_bench))

    assert trained < 0.8 * rounded


@pytest.mark.parametrize("bits", [1, 9])
def test_bits_outside_are_refused(bits):
    with pytest.raises(UserError, match="bits"):
        build(Compressor, {"kind": "qbert", "bits": [bits]})


def test_groups_and_layers_that_do_not_fit_are_refused(classifier, rows_bench, quick):
    with pytest.raises(UserError, match="cannot be cut into 7 groups"):
        method(quick, groups=7).check(classifier, rows_bench)
    with pytest.raises(UserError, match="bits of 2 layers, and the model has 4"):
        method(quick, layer_bits=[2, 3]).check(classifier, rows_bench)


def test_a_damaged_folder_is_refused(classifier, rows_bench, quick, tmp_path):
    settings = method(quick, bits=[8])
    settings.save(settings.compress(classifier, rows_bench), tmp_path / "model")
    (tmp_path / "model" / "model.safetensors").write_bytes(b"none")
    with pytest.raises(UserError, match="damaged"):
        open_subject(tmp_path / "model")
