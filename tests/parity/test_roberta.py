"""RoBERTa and XLM-RoBERTa of plain transformers and ours: the same weights, the same numbers, both ways."""

import json

import numpy as np
import pytest
import torch
from torch.testing import assert_close

from mamebert.checkpoints.layouts import encoder_config, layout_for
from mamebert.checkpoints.load import load_pretraining
from mamebert.checkpoints.model_folder import ModelFolder, read_config
from mamebert.checkpoints.save import save_pretraining
from mamebert.checkpoints.start import start_pretraining
from mamebert.encoder.model import PretrainingNetwork
from mamebert.encoder.packing import Packed
from mamebert.encoder.readings import Reading
from mamebert.encoder.settings import EncoderConfig
from mamebert.errors import UserError
from mamebert.tasks import Task
from mamebert.tasks.data.features import TaskState
from mamebert.tasks.network.task_network import TaskNetwork, open_network, plain_logits, save_network

transformers = pytest.importorskip("transformers")

VOCAB, LENGTHS = 120, (40, 30, 12, 3)
CLOSE = {"atol": 1e-5, "rtol": 1e-5}
BODY = {
    "hidden_size": 32, "num_hidden_layers": 3, "num_attention_heads": 4, "intermediate_size": 48,
}  # fmt: skip
FAMILIES = {"Roberta": "roberta", "XLMRoberta": "xlm-roberta", "Camembert": "camembert"}
TASKS = {
    "classification": "ForSequenceClassification",
    "tagging": "ForTokenClassification",
    "span_qa": "ForQuestionAnswering",
    "multiple_choice": "ForMultipleChoice",
}


def shape(**more):
    return EncoderConfig(preset="roberta", **BODY, **{"max_position_embeddings": 40, "pad_token_id": 1, **more})


def theirs_of(name, **more):
    family = next(each for each in FAMILIES if name.startswith(each))
    config = getattr(transformers, f"{family}Config")(
        vocab_size=VOCAB, **BODY, max_position_embeddings=42, type_vocab_size=1, **more
    )
    return scramble(getattr(transformers, name)(config))


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
    return [rng.integers(2, VOCAB, n) for n in LENGTHS]


def asked(batch, model):
    padding = model.config.pad_token_id
    rows = [torch.from_numpy(ids) for ids in batch]
    inputs = {
        "input_ids": torch.nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=padding),
        "attention_mask": torch.nn.utils.rnn.pad_sequence([torch.ones(len(ids)) for ids in rows], batch_first=True),
    }
    choice = type(model).__name__.endswith("MultipleChoice")
    return {name: value[:, None] for name, value in inputs.items()} if choice else inputs


def unpadded(values):
    return torch.cat([values[row, :n] for row, n in enumerate(LENGTHS)])


def opened(folder):
    (name,) = read_config(folder)["architectures"]
    theirs, about = getattr(transformers, name).from_pretrained(folder, output_loading_info=True)
    assert not any(about[each] for each in ("missing_keys", "unexpected_keys", "mismatched_keys"))
    return theirs.eval()


def assert_same(found, expected):
    for name, ours in found.items():
        theirs = expected[name]
        assert_close(ours, unpadded(theirs) if len(ours) == sum(LENGTHS) else theirs, **CLOSE)


@torch.no_grad()
@pytest.mark.parametrize(("pad", "tied"), [(1, True), (0, True), (5, False)])
def test_a_pretrained_network_of_ours_opens_in_transformers(pad, tied, batch, tmp_path):
    batch = [np.where(ids == pad, pad + 1, ids) for ids in batch]
    ours = scramble(PretrainingNetwork(shape(pad_token_id=pad), VOCAB, tied))
    save_pretraining(ours, tmp_path, tmp_path / "model")
    theirs = opened(tmp_path / "model")
    assert type(theirs).__name__ == "RobertaForMaskedLM"
    assert theirs.config.max_position_embeddings == 41 + pad
    assert not (tmp_path / "model" / "head.safetensors").exists()
    logits = ours.cls.predictions(ours.bert(Packed.of(batch)))
    assert_close(logits, unpadded(theirs(**asked(batch, theirs)).logits), **CLOSE)
    again = load_pretraining(tmp_path / "model").eval()
    assert again.bert.config == ours.bert.config
    assert torch.equal(again.cls.predictions(again.bert(Packed.of(batch))), logits)
    assert start_pretraining(tmp_path / "model")[1] == []


@torch.no_grad()
@pytest.mark.parametrize("kind", TASKS)
def test_a_finetuned_network_of_ours_opens_in_transformers(kind, batch, tmp_path):
    names = () if kind in ("span_qa", "multiple_choice") else ("a", "b", "c")
    task, learnt = Task.find(kind)(max_length=40), TaskState(names)
    ours = scramble(TaskNetwork(task, shape(), VOCAB, learnt, Reading()))
    save_network(ours, task, learnt, Reading(), tmp_path, tmp_path / "model")
    theirs = opened(tmp_path / "model")
    assert type(theirs).__name__ == f"Roberta{TASKS[kind]}"
    assert_same(plain_logits(tmp_path / "model", Packed.of(batch)), theirs(**asked(batch, theirs)))


@torch.no_grad()
@pytest.mark.parametrize("family", FAMILIES)
def test_a_masked_language_model_of_transformers_opens_here(family, batch, tmp_path):
    theirs = theirs_of(f"{family}ForMaskedLM")
    theirs.save_pretrained(tmp_path)
    assert read_config(tmp_path)["model_type"] == FAMILIES[family]
    ours = load_pretraining(tmp_path).eval()
    assert ours.bert.config.max_position_embeddings == 40
    found = ours.cls.predictions(ours.bert(Packed.of(batch)))
    assert_close(found, unpadded(theirs(**asked(batch, theirs)).logits), **CLOSE)


@torch.no_grad()
@pytest.mark.parametrize("kind", [kind for kind in TASKS if kind != "multiple_choice"])
@pytest.mark.parametrize("family", ["Roberta", "XLMRoberta"])
def test_a_finetuned_model_of_transformers_opens_here(family, kind, batch, tmp_path):
    theirs = theirs_of(family + TASKS[kind], num_labels=2 if kind == "span_qa" else 3)
    theirs.save_pretrained(tmp_path)
    assert open_network(tmp_path)[0].kind == kind
    assert_same(plain_logits(tmp_path, Packed.of(batch)), theirs(**asked(batch, theirs)))


@torch.no_grad()
def test_pretraining_starts_from_a_bare_encoder(batch, tmp_path):
    theirs = theirs_of("RobertaModel")
    theirs.save_pretrained(tmp_path)
    ours, new = start_pretraining(tmp_path)
    assert new == ["masked words"]
    found = theirs(**asked(batch, theirs))
    states = ours.eval().bert(Packed.of(batch))
    assert_close(states, unpadded(found.last_hidden_state), **CLOSE)
    assert_close(ours.bert.pooled(states[Packed.of(batch).firsts]), found.pooler_output, **CLOSE)


def released(**more):
    return {
        "model_type": "roberta", "vocab_size": 50_265, "hidden_size": 768, "num_hidden_layers": 12,
        "num_attention_heads": 12, "intermediate_size": 3072, "max_position_embeddings": 514, "type_vocab_size": 1,
        "layer_norm_eps": 1e-5, "pad_token_id": 1, "attention_probs_dropout_prob": 0.1, **more,
    }  # fmt: skip


def test_the_released_shape_is_the_preset():
    found = encoder_config(released(), "x")
    asked = {"hidden_size": 768, "num_hidden_layers": 12, "max_position_embeddings": 512, "pad_token_id": 1}
    assert found == EncoderConfig(preset="roberta", attention_probs_dropout_prob=0.1, **asked)
    assert layout_for(found).kind == "roberta"
    with torch.device("meta"):
        network = PretrainingNetwork(found, 50_265)
    counted = [each.numel() for name, each in network.named_parameters() if "pooler" not in name]
    assert sum(counted) + 2 * 768 == 124_697_433  # RobertaForMaskedLM's, which has two more rows of positions


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"hidden_act": "relu"}, "has gelu whatever that says"),
        ({"max_position_embeddings": 5}, "max_position_embeddings"),
        ({"max_position_embeddings": True}, "max_position_embeddings"),
        ({"max_position_embeddings": "many"}, "max_position_embeddings"),
        ({"pad_token_id": 10**30}, "max_position_embeddings"),
        ({"is_decoder": True}, "decoder"),
    ],
)
def test_what_is_not_known_of_a_roberta_is_refused_in_a_sentence(more, reason):
    with pytest.raises(UserError, match=reason):
        encoder_config(released(**more), "x")


def test_a_table_of_positions_that_is_too_short_is_refused(tmp_path):
    theirs_of("RobertaForMaskedLM").save_pretrained(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    for rows in (43, 41):
        (tmp_path / "config.json").write_text(json.dumps({**config, "max_position_embeddings": rows}))
        with pytest.raises(UserError, match="position_embeddings"):
            ModelFolder.open(tmp_path)
