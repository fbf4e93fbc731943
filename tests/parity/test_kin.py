"""ALBERT, DistilBERT and ELECTRA of plain transformers and ours: the same weights, the same numbers, both ways."""

import json

import numpy as np
import pytest
import torch
from torch.testing import assert_close

from mamebert.checkpoints.layouts import encoder_config, layout_for, layout_of
from mamebert.checkpoints.load import load_pretraining
from mamebert.checkpoints.model_folder import read_config
from mamebert.checkpoints.save import save_pretraining
from mamebert.checkpoints.start import start_pretraining
from mamebert.encoder.model import Encoder, PretrainingNetwork
from mamebert.encoder.packing import Packed
from mamebert.encoder.readings import Reading
from mamebert.encoder.settings import EncoderConfig
from mamebert.errors import UserError
from mamebert.tasks import Task
from mamebert.tasks.data.features import TaskState
from mamebert.tasks.network.task_network import TaskNetwork, open_network, plain_logits, save_network

transformers = pytest.importorskip("transformers")

VOCAB, LENGTHS = 120, (31, 30, 12, 3)
CLOSE = {"atol": 1e-5, "rtol": 1e-5}
BODY = {
    "hidden_size": 32, "num_hidden_layers": 4, "num_attention_heads": 4, "intermediate_size": 48,
    "max_position_embeddings": 40,
}  # fmt: skip
SHAPES = {
    "albert": {"embedding_size": 16, "shared": "all"},
    "albert_groups": {"embedding_size": 16, "shared": "groups", "num_hidden_groups": 2, "hidden_act": "gelu_new"},
    "albert_wide": {"shared": "all"},
    "distilbert": {"type_vocab_size": 0},
    "distilbert_relu": {"type_vocab_size": 0, "hidden_act": "relu"},
    "electra": {"embedding_size": 16},
    "electra_shared": {"embedding_size": 16, "shared": "ffn"},
    "bert_attention": {"shared": "attention"},
    "bert_ffn": {"shared": "ffn", "hidden_act": "relu"},
    "bert_no_segments": {"type_vocab_size": 0, "pooler_act": "tanh"},
}
PREFIX = {"albert": "Albert", "distilbert": "DistilBert", "electra": "Electra", "bert": "Bert"}
TASKS = {
    "classification": "ForSequenceClassification",
    "tagging": "ForTokenClassification",
    "span_qa": "ForQuestionAnswering",
    "multiple_choice": "ForMultipleChoice",
}
KIN = {
    "albert": (transformers.AlbertConfig, {**BODY, "embedding_size": 16}),
    "albert_groups": (transformers.AlbertConfig, {**BODY, "embedding_size": 16, "num_hidden_groups": 2}),
    "albert_wide": (transformers.AlbertConfig, {**BODY, "embedding_size": 32, "hidden_act": "relu"}),
    "distilbert": (
        transformers.DistilBertConfig,
        {"dim": 32, "n_layers": 3, "n_heads": 4, "hidden_dim": 48, "max_position_embeddings": 40},
    ),
    "electra": (transformers.ElectraConfig, {**BODY, "embedding_size": 16}),
    "electra_wide": (transformers.ElectraConfig, {**BODY, "embedding_size": 32}),
}


def scramble(network):
    """New norms have factors 1 and shifts 0, which would hide a weight in the wrong place."""
    torch.manual_seed(7)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.1)
    return network.eval()


@pytest.fixture
def batch():
    rng = np.random.default_rng(3)
    return [rng.integers(1, VOCAB, n) for n in LENGTHS], [(np.arange(n) > n // 2).astype(np.int64) for n in LENGTHS]


def asked(batch, model):
    rows = [torch.nn.utils.rnn.pad_sequence([torch.from_numpy(x) for x in part], batch_first=True) for part in batch]
    mask = torch.nn.utils.rnn.pad_sequence([torch.ones(n, dtype=torch.long) for n in LENGTHS], batch_first=True)
    inputs = {"input_ids": rows[0], "token_type_ids": rows[1], "attention_mask": mask}
    if type(model).__name__.startswith("DistilBert"):
        del inputs["token_type_ids"]
    choice = type(model).__name__.endswith("MultipleChoice")
    return {name: value[:, None] for name, value in inputs.items()} if choice else inputs


def unpadded(values):
    return torch.cat([values[row, :n] for row, n in enumerate(LENGTHS)])


def opened(name, folder):
    theirs, about = getattr(transformers, name).from_pretrained(folder, output_loading_info=True)
    assert not about["missing_keys"]
    assert not about["unexpected_keys"]
    assert not about["mismatched_keys"]
    return theirs.eval()


def assert_same(found, expected):
    for name, ours in found.items():
        theirs = expected[name]
        assert_close(ours, unpadded(theirs) if len(ours) == sum(LENGTHS) else theirs, **CLOSE)


@torch.no_grad()
@pytest.mark.parametrize("name", SHAPES)
def test_a_pretrained_network_of_ours_opens_in_transformers(name, batch, tmp_path):
    ours = scramble(PretrainingNetwork(EncoderConfig(**BODY, **SHAPES[name]), VOCAB))
    save_pretraining(ours, tmp_path, tmp_path / "model")
    (architecture,) = read_config(tmp_path / "model")["architectures"]
    assert architecture.startswith(PREFIX[name.split("_")[0]])
    theirs = opened(architecture, tmp_path / "model")
    packed = Packed.of(*batch)
    hidden = ours.bert(packed)
    found = theirs(**asked(batch, theirs))
    logits = found.get("prediction_logits", found.get("logits"))
    assert_close(ours.cls.predictions(hidden), unpadded(logits), **CLOSE)
    if architecture.endswith("PreTraining"):
        pairs = ours.cls.seq_relationship(ours.bert.pooled(hidden[packed.firsts]))
        assert_close(pairs, found.get("sop_logits", found.get("seq_relationship_logits")), **CLOSE)
    again = load_pretraining(tmp_path / "model").eval()
    assert_close(again.cls.predictions(again.bert(packed)), ours.cls.predictions(hidden), **CLOSE)
    firsts = hidden[packed.firsts]  # what the class has no place for lies beside
    assert_close(again.bert.pooled(firsts), ours.bert.pooled(firsts), **CLOSE)


@torch.no_grad()
def test_what_is_saved_for_pretraining_opens_as_a_masked_language_model(batch, tmp_path):
    ours = scramble(PretrainingNetwork(EncoderConfig(**BODY, **SHAPES["albert"]), VOCAB))
    save_pretraining(ours, tmp_path, tmp_path / "model")
    theirs, about = transformers.AlbertForMaskedLM.from_pretrained(tmp_path / "model", output_loading_info=True)
    assert not about["missing_keys"]
    logits = unpadded(theirs.eval()(**asked(batch, theirs)).logits)
    assert_close(ours.cls.predictions(ours.bert(Packed.of(*batch))), logits, **CLOSE)


@torch.no_grad()
@pytest.mark.parametrize("name", ["albert", "distilbert", "electra"])
def test_an_output_matrix_of_its_own_is_kept(name, batch, tmp_path):
    ours = scramble(PretrainingNetwork(EncoderConfig(**BODY, **SHAPES[name]), VOCAB, tied=False))
    save_pretraining(ours, tmp_path, tmp_path / "model")
    (architecture,) = read_config(tmp_path / "model")["architectures"]
    theirs = opened(architecture, tmp_path / "model")
    found = theirs(**asked(batch, theirs))
    logits = ours.cls.predictions(ours.bert(Packed.of(*batch)))
    assert_close(logits, unpadded(found.get("prediction_logits", found.get("logits"))), **CLOSE)
    again = load_pretraining(tmp_path / "model").eval()
    assert_close(again.cls.predictions(again.bert(Packed.of(*batch))), logits, **CLOSE)


@torch.no_grad()
@pytest.mark.parametrize("kind", TASKS)
@pytest.mark.parametrize("name", ["albert_groups", "albert_wide", "distilbert", "electra", "bert_attention"])
def test_a_finetuned_network_of_ours_opens_in_transformers(name, kind, batch, tmp_path):
    task, learnt = (
        Task.find(kind)(max_length=40),
        TaskState(() if kind in ("span_qa", "multiple_choice") else ("a", "b", "c")),
    )
    shape = EncoderConfig(**BODY, **SHAPES[name])
    ours = scramble(TaskNetwork(task, shape, VOCAB, learnt, Reading()))
    save_network(ours, task, learnt, Reading(), tmp_path, tmp_path / "model")
    theirs = opened(PREFIX[name.split("_")[0]] + TASKS[kind], tmp_path / "model")
    assert_same(plain_logits(tmp_path / "model", Packed.of(*batch)), theirs(**asked(batch, theirs)))


@torch.no_grad()
@pytest.mark.parametrize("name", KIN)
def test_a_masked_language_model_of_transformers_opens_here(name, batch, tmp_path):
    kind, settings = KIN[name]
    config = kind(vocab_size=VOCAB, **settings)
    theirs = scramble(getattr(transformers, kind.__name__.replace("Config", "ForMaskedLM"))(config))
    theirs.save_pretrained(tmp_path)
    ours = load_pretraining(tmp_path).eval()
    found = ours.cls.predictions(ours.bert(Packed.of(*batch)))
    assert_close(found, unpadded(theirs(**asked(batch, theirs)).logits), **CLOSE)


@torch.no_grad()
@pytest.mark.parametrize("kind", [kind for kind in TASKS if kind != "multiple_choice"])
@pytest.mark.parametrize("name", ["albert", "albert_groups", "distilbert", "electra", "electra_wide"])
def test_a_finetuned_model_of_transformers_opens_here(name, kind, batch, tmp_path):
    family, settings = KIN[name]
    config = family(vocab_size=VOCAB, num_labels=2 if kind == "span_qa" else 3, **settings)
    theirs = scramble(getattr(transformers, family.__name__.replace("Config", TASKS[kind]))(config))
    theirs.save_pretrained(tmp_path)
    task, learnt, _ = open_network(tmp_path)
    assert task.kind == kind
    assert len(learnt.labels) == config.num_labels or kind == "span_qa"
    assert_same(plain_logits(tmp_path, Packed.of(*batch)), theirs(**asked(batch, theirs)))


@torch.no_grad()
@pytest.mark.parametrize("name", ["AlbertModel", "DistilBertModel", "ElectraModel", "ElectraForPreTraining"])
def test_pretraining_starts_from_a_bare_encoder(name, batch, tmp_path):
    family, settings = KIN[name.removesuffix("Model").removesuffix("ForPreTraining").lower()]
    theirs = scramble(getattr(transformers, name)(family(vocab_size=VOCAB, **settings)))
    theirs.save_pretrained(tmp_path)
    ours, new = start_pretraining(tmp_path)
    assert {"masked words", "next sentence"} <= set(new)
    body = theirs.electra if name == "ElectraForPreTraining" else theirs
    hidden = unpadded(body(**asked(batch, body)).last_hidden_state)
    assert_close(ours.eval().bert(Packed.of(*batch)), hidden, **CLOSE)


def test_a_released_configuration_may_leave_out_what_is_usual(tmp_path):
    about = {"model_type": "albert", "vocab_size": 90, **BODY}
    shape = encoder_config(about, "x")
    assert (shape.hidden_act, shape.embedding_size, shape.shared) == ("gelu_new", 128, "all")
    with pytest.raises(UserError, match=r"x has an invalid config\.json: inner_group_num"):
        encoder_config({**about, "inner_group_num": 2}, "x")


@pytest.mark.parametrize(
    ("family", "settings", "head", "millions"),
    [
        ("albert", {"hidden_size": 768, "num_attention_heads": 12, "num_hidden_layers": 12, "intermediate_size": 3072,
                    "embedding_size": 128, "vocab_size": 30_000, "max_position_embeddings": 512}, True, 11.22),
        ("distilbert", {"vocab_size": 30_522, "max_position_embeddings": 512, "dim": 768, "n_layers": 6, "n_heads": 12,
                        "hidden_dim": 3072}, False, 66.36),
    ],
)  # fmt: skip
def test_the_released_shapes_have_their_sizes(family, settings, head, millions):
    config = {"model_type": family, **settings}
    shape = encoder_config(config, "x")
    assert layout_for(shape).kind == layout_of(config, "x").kind == family
    with torch.device("meta"):
        network = PretrainingNetwork(shape, settings["vocab_size"])
    counted = dict(network.bert.named_parameters()) | (dict(network.cls.predictions.named_parameters()) if head else {})
    counted = [each for name, each in counted.items() if not name.startswith("pooler.") and "decoder" not in name]
    assert sum(each.numel() for each in counted) / 1e6 == pytest.approx(millions, abs=0.005)


@torch.no_grad()
def test_what_no_plain_class_holds_is_kept_in_our_own_layout(batch, tmp_path):
    shape = EncoderConfig(**BODY, layer_heads=[4, 0, 2, 1], layer_widths=[48, 16, 0, 32])
    assert layout_for(shape) is None
    ours = scramble(PretrainingNetwork(shape, VOCAB))
    save_pretraining(ours, tmp_path, tmp_path / "model")
    assert json.loads((tmp_path / "model" / "config.json").read_text())["model_type"] == "mamebert"
    again = load_pretraining(tmp_path / "model").eval()
    assert again.bert.config == shape
    assert torch.equal(again.bert(Packed.of(*batch)), ours.bert(Packed.of(*batch)))
    task, learnt = Task.find("classification")(max_length=40), TaskState(("a", "b"))
    network = scramble(TaskNetwork(task, shape, VOCAB, learnt, Reading()))
    save_network(network, task, learnt, Reading(), tmp_path, tmp_path / "task")
    assert torch.equal(
        open_network(tmp_path / "task")[2].eval().bert(Packed.of(*batch)), network.bert(Packed.of(*batch))
    )


@torch.no_grad()
def test_names_of_old_are_read(batch, tmp_path):
    from safetensors.torch import load_file, save_file

    ours = scramble(PretrainingNetwork(EncoderConfig(**BODY), VOCAB))
    save_pretraining(ours, tmp_path, tmp_path / "model")
    file = tmp_path / "model" / "model.safetensors"
    old = {
        n.replace("Norm.weight", "Norm.gamma").replace("Norm.bias", "Norm.beta"): t for n, t in load_file(file).items()
    }
    save_file(old, file)
    (tmp_path / "model" / "SHA256SUMS").unlink()
    assert torch.equal(
        load_pretraining(tmp_path / "model").eval().bert(Packed.of(*batch)), ours.bert(Packed.of(*batch))
    )


def test_layers_that_share_are_counted_and_learn_once():
    shared, own = (Encoder(EncoderConfig(**BODY, shared=mode), VOCAB) for mode in ("all", "none"))
    layer = sum(p.numel() for p in own.encoder.layer[0].parameters())
    count = [sum(p.numel() for p in each.parameters()) for each in (shared, own)]
    assert count[1] - count[0] == 3 * layer
