"""ModernBERT of plain transformers and ours: the same weights, the same numbers, both ways."""

import json

import numpy as np
import pytest
import torch
from torch.testing import assert_close

from mamebert.checkpoints.layouts import encoder_config, layout_for
from mamebert.checkpoints.load import load_pretraining
from mamebert.checkpoints.model_folder import read_config
from mamebert.checkpoints.save import save_pretraining
from mamebert.checkpoints.start import start_pretraining
from mamebert.encoder.model import PretrainingNetwork
from mamebert.encoder.packing import Packed
from mamebert.encoder.readings import Reading
from mamebert.encoder.settings import EncoderConfig
from mamebert.errors import UserError
from mamebert.kernels import torch_only
from mamebert.tasks import Task
from mamebert.tasks.data.features import TaskState
from mamebert.tasks.network.task_network import TaskNetwork, open_network, plain_logits, save_network, start_network

transformers = pytest.importorskip("transformers")

VOCAB, LENGTHS = 120, (31, 30, 12, 3)
CLOSE = {"atol": 1e-5, "rtol": 1e-5}
BODY = {
    "hidden_size": 32, "num_hidden_layers": 4, "num_attention_heads": 2, "intermediate_size": 48,
    "max_position_embeddings": 40,
}  # fmt: skip
SHAPES = {
    "window": {"local_attention": 12},
    "as_released": {},
    "everywhere": {"local_attention": 0, "hidden_act": "relu"},
    "every_second": {"local_attention": 7, "global_attn_every_n_layers": 2, "biases": "all"},
    "never_again": {"local_attention": 6, "global_attn_every_n_layers": 9, "global_rope_theta": 500.0},
}
TASKS = {
    "classification": "SequenceClassification",
    "tagging": "TokenClassification",
    "span_qa": "QuestionAnswering",
    "multiple_choice": "MultipleChoice",
}


def shape(name="window"):
    return EncoderConfig(preset="modernbert", **BODY, **SHAPES[name])


def their_config(name="window", **more):
    about = {n: v for n, v in layout_for(shape(name)).write(shape(name)).items() if n not in more}
    return transformers.ModernBertConfig(vocab_size=VOCAB, **about, **more)


def scramble(network):
    """New norms have factors 1 and biases 0, which would hide a weight in the wrong place."""
    torch.manual_seed(7)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.1)
    return network.eval()


@pytest.fixture
def batch():
    rng = np.random.default_rng(3)
    return [rng.integers(1, VOCAB, n) for n in LENGTHS]


def asked(batch, model):
    ids = torch.nn.utils.rnn.pad_sequence([torch.from_numpy(x) for x in batch], batch_first=True)
    mask = torch.nn.utils.rnn.pad_sequence([torch.ones(n, dtype=torch.long) for n in LENGTHS], batch_first=True)
    choice = type(model).__name__.endswith("MultipleChoice")
    return {n: v[:, None] if choice else v for n, v in {"input_ids": ids, "attention_mask": mask}.items()}


def unpadded(values):
    return torch.cat([values[row, :n] for row, n in enumerate(LENGTHS)])


def opened(name, folder):
    theirs, about = getattr(transformers, name).from_pretrained(folder, output_loading_info=True)
    assert not any(about[kind] for kind in ("missing_keys", "unexpected_keys", "mismatched_keys"))
    return theirs.eval()


def assert_same(found, expected):
    for name, ours in found.items():
        theirs = expected[name]
        assert_close(ours, unpadded(theirs) if len(ours) == sum(LENGTHS) else theirs, **CLOSE)


@torch.no_grad()
@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("tied", [True, False])
def test_a_pretrained_network_of_ours_opens_in_transformers(name, tied, batch, tmp_path):
    ours = scramble(PretrainingNetwork(shape(name), VOCAB, tied))
    save_pretraining(ours, tmp_path, tmp_path / "model")
    assert read_config(tmp_path / "model")["architectures"] == ["ModernBertForMaskedLM"]
    theirs = opened("ModernBertForMaskedLM", tmp_path / "model")
    found = theirs(**asked(batch, theirs), output_hidden_states=True)
    states = list(ours.bert.hidden_states(Packed.of(batch)))
    for mine, each in zip(states, found.hidden_states, strict=True):
        assert_close(mine, unpadded(each), **CLOSE)
    assert_close(ours.cls.predictions(states[-1]), unpadded(found.logits), **CLOSE)
    again = load_pretraining(tmp_path / "model").eval()
    assert again.bert.config == ours.bert.config
    assert torch.equal(again.bert(Packed.of(batch)), states[-1])


@torch.no_grad()
@pytest.mark.parametrize("name", SHAPES)
def test_a_masked_language_model_of_transformers_opens_here(name, batch, tmp_path):
    theirs = scramble(transformers.ModernBertForMaskedLM(their_config(name)))
    theirs.save_pretrained(tmp_path)
    ours = load_pretraining(tmp_path).eval()
    found = ours.cls.predictions(ours.bert(Packed.of(batch)))
    assert_close(found, unpadded(theirs(**asked(batch, theirs)).logits), **CLOSE)


@pytest.mark.parametrize("path", ["native", "torch"])
@pytest.mark.parametrize("name", ["window", "every_second"])
def test_gradients_are_those_of_transformers(name, path, batch, tmp_path):
    theirs = scramble(transformers.ModernBertForMaskedLM(their_config(name)))
    theirs.save_pretrained(tmp_path)
    ours, packed = load_pretraining(tmp_path).eval(), Packed.of(batch)
    places = torch.tensor([1, 4, 20, 40, 74])
    targets = torch.arange(5)
    logits = unpadded(theirs(**asked(batch, theirs)).logits)[places]
    torch.nn.functional.cross_entropy(logits, targets).backward()
    if path == "torch":
        with torch_only():
            ours.cls.predictions.loss(ours.bert(packed, places), targets).backward()
    else:
        ours.cls.predictions.loss(ours.bert(packed, places), targets).backward()
    gradients = {name: parameter.grad for name, parameter in ours.named_parameters()}
    layout = layout_for(ours.bert.config)
    expected = {name: parameter.grad for name, parameter in theirs.named_parameters()}
    found = layout.theirs(gradients, ours.bert.config, "ModernBertForMaskedLM")
    assert found.keys() == expected.keys()
    for key, gradient in found.items():
        assert_close(gradient, expected[key], **CLOSE)


@torch.no_grad()
@pytest.mark.parametrize("kind", TASKS)
def test_a_finetuned_network_of_ours_opens_in_transformers(kind, batch, tmp_path):
    task = Task.find(kind)(max_length=40)
    learnt = TaskState(() if kind in ("span_qa", "multiple_choice") else ("a", "b", "c"))
    ours = scramble(TaskNetwork(task, shape(), VOCAB, learnt, Reading()))
    save_network(ours, task, learnt, Reading(), tmp_path, tmp_path / "model")
    assert not (tmp_path / "model" / "head.safetensors").exists()
    theirs = opened(f"ModernBertFor{TASKS[kind]}", tmp_path / "model")
    assert_same(plain_logits(tmp_path / "model", Packed.of(batch)), theirs(**asked(batch, theirs)))


@torch.no_grad()
@pytest.mark.parametrize("kind", ["classification", "regression", "multi_label"])
def test_a_network_of_ours_that_reads_means_opens_in_transformers(kind, batch, tmp_path):
    task, reading = Task.find(kind)(max_length=40), Reading(tokens="mean")
    learnt = TaskState(("score",) if kind == "regression" else ("a", "b", "c"))
    ours = scramble(TaskNetwork(task, shape(), VOCAB, learnt, reading))
    save_network(ours, task, learnt, reading, tmp_path, tmp_path / "model")
    assert not (tmp_path / "model" / "head.safetensors").exists()
    theirs = opened("ModernBertForSequenceClassification", tmp_path / "model")
    assert theirs.config.classifier_pooling == "mean"
    assert_same(plain_logits(tmp_path / "model", Packed.of(batch)), theirs(**asked(batch, theirs)))


@torch.no_grad()
def test_a_model_of_transformers_that_reads_means_opens_here(batch, tmp_path):
    theirs = their_config(classifier_pooling="mean", num_labels=3)
    theirs = scramble(transformers.ModernBertForSequenceClassification(theirs))
    theirs.save_pretrained(tmp_path)
    assert_same(plain_logits(tmp_path, Packed.of(batch)), theirs(**asked(batch, theirs)))


def test_a_folder_that_says_two_things_of_what_is_read_is_refused(tmp_path):
    task, reading, learnt = Task.find("classification")(max_length=40), Reading(tokens="mean"), TaskState(("a", "b"))
    save_network(
        TaskNetwork(task, shape(), VOCAB, learnt, reading), task, learnt, reading, tmp_path, tmp_path / "model"
    )
    (tmp_path / "model" / "SHA256SUMS").unlink()
    config = read_config(tmp_path / "model")
    (tmp_path / "model" / "config.json").write_text(json.dumps({**config, "classifier_pooling": "cls"}))
    with pytest.raises(UserError, match="two things"):
        open_network(tmp_path / "model")


@torch.no_grad()
@pytest.mark.parametrize("kind", [kind for kind in TASKS if kind != "multiple_choice"])
def test_a_finetuned_model_of_transformers_opens_here(kind, batch, tmp_path):
    config = their_config(num_labels=2 if kind == "span_qa" else 3)
    theirs = scramble(getattr(transformers, f"ModernBertFor{TASKS[kind]}")(config))
    theirs.save_pretrained(tmp_path)
    task, learnt, _ = open_network(tmp_path)
    assert task.kind == kind
    assert len(learnt.labels) == config.num_labels or kind == "span_qa"
    assert_same(plain_logits(tmp_path, Packed.of(batch)), theirs(**asked(batch, theirs)))


@torch.no_grad()
def test_a_task_starts_from_the_head_that_pretraining_learnt_as_in_transformers(batch, tmp_path):
    ours = scramble(PretrainingNetwork(shape(), VOCAB))
    save_pretraining(ours, tmp_path, tmp_path / "model")
    task, learnt = Task.find("tagging")(max_length=40), TaskState(("a", "b"))
    network = start_network(task, tmp_path / "model", learnt, Reading())
    assert torch.equal(network.bert.pooler.dense.weight, ours.cls.predictions.transform.dense.weight)
    theirs = transformers.ModernBertForTokenClassification.from_pretrained(tmp_path / "model")
    assert torch.equal(theirs.head.dense.weight, network.bert.pooler.dense.weight)


@torch.no_grad()
def test_pretraining_starts_from_a_bare_encoder(batch, tmp_path):
    theirs = scramble(transformers.ModernBertModel(their_config()))
    theirs.save_pretrained(tmp_path)
    ours, new = start_pretraining(tmp_path)
    assert new == ["pooler", "masked words"]
    hidden = unpadded(theirs(**asked(batch, theirs)).last_hidden_state)
    assert_close(ours.eval().bert(Packed.of(batch)), hidden, **CLOSE)


def released(**more):
    """What config.json of the released ModernBERT-base says, written before transformers 5."""
    return {
        "model_type": "modernbert", "architectures": ["ModernBertForMaskedLM"], "vocab_size": 50_368,
        "hidden_size": 768, "intermediate_size": 1152, "num_attention_heads": 12, "num_hidden_layers": 22,
        "global_attn_every_n_layers": 3, "global_rope_theta": 160_000.0, "local_rope_theta": 10_000.0,
        "local_attention": 128, "norm_eps": 1e-5, "norm_bias": False, "attention_bias": False, "mlp_bias": False,
        "classifier_bias": False, "classifier_activation": "gelu", "classifier_pooling": "mean", "decoder_bias": True,
        "position_embedding_type": "absolute", "max_position_embeddings": 8192, "pad_token_id": 50_283, **more,
    }  # fmt: skip


def test_the_released_shape_is_the_preset_and_has_its_size():
    found = encoder_config(released(), "x")
    assert layout_for(found).kind == "modernbert"
    asked = {"hidden_size": 768, "num_hidden_layers": 22, "max_position_embeddings": 8192, "pad_token_id": 50_283}
    assert found == EncoderConfig(preset="modernbert", **asked)
    with torch.device("meta"):
        network = PretrainingNetwork(found, 50_368)
    assert sum(each.numel() for each in network.parameters()) / 1e6 == pytest.approx(149.66, abs=0.005)


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"norm_bias": True}, "some false"),
        ({"decoder_bias": False}, "decoder_bias"),
        ({"layer_types": ["full_attention"] * 21}, "layer_types"),
        ({"layer_types": ["full_attention", "sliding_attention"] * 10 + ["full_attention"] * 2}, "repeat"),
        ({"rope_parameters": {"full_attention": {"rope_type": "yarn"}}}, "rope_type"),
        ({"rope_parameters": ["default"]}, "rope_type"),
        ({"architectures": ["ModernBertForMultipleChoice"]}, "classifier_pooling"),
        ({"architectures": ["ModernBertForSequenceClassification"], "classifier_pooling": "max"}, "classifier_pooling"),
        ({"classifier_activation": "silu"}, "pooler_act"),
        ({"local_attention": -4}, "local_attention"),
        ({"global_attn_every_n_layers": "x"}, "global_attn_every_n_layers"),
    ],
)
def test_what_is_not_known_of_a_modernbert_is_refused_in_a_sentence(more, reason):
    with pytest.raises(UserError, match=reason):
        encoder_config(released(**more), "x")


def test_a_matrix_that_is_not_three_is_refused(tmp_path):
    from safetensors.torch import load_file, save_file

    save_pretraining(PretrainingNetwork(shape(), VOCAB), tmp_path, tmp_path / "model")
    (tmp_path / "model" / "SHA256SUMS").unlink()
    file = tmp_path / "model" / "model.safetensors"
    tensors = load_file(file)
    save_file({**tensors, "model.layers.1.attn.Wqkv.weight": torch.zeros(97, 32)}, file)
    with pytest.raises(UserError, match="attention"):
        load_pretraining(tmp_path / "model")
    save_file({**tensors, "model.layers.0.attn_norm.weight": torch.ones(32)}, file)
    with pytest.raises(UserError, match="asks for no such part"):
        load_pretraining(tmp_path / "model")


def test_choices_that_no_plain_class_has_are_kept_in_our_own_layout(batch, tmp_path):
    mixed = EncoderConfig(**BODY, positions="rotary", norm_place="pre", local_attention=6)
    assert layout_for(mixed) is None
    ours = scramble(PretrainingNetwork(mixed, VOCAB))
    save_pretraining(ours, tmp_path, tmp_path / "model")
    assert json.loads((tmp_path / "model" / "config.json").read_text())["model_type"] == "mamebert"
    again = load_pretraining(tmp_path / "model").eval()
    assert again.bert.config == mixed
    assert torch.equal(again.bert(Packed.of(batch)), ours.bert(Packed.of(batch)))
