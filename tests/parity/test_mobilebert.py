"""MobileBERT of plain transformers and ours: the same weights, the same numbers, both ways."""

import numpy as np
import pytest
import torch
from torch.testing import assert_close

from mamebert.checkpoints.layouts import layout_for
from mamebert.checkpoints.load import load_pretraining
from mamebert.checkpoints.save import save_pretraining
from mamebert.encoder.mobilebert.settings import Bottleneck
from mamebert.encoder.model import Encoder, PretrainingNetwork
from mamebert.encoder.packing import Packed
from mamebert.encoder.readings import Reading
from mamebert.encoder.settings import EncoderConfig
from mamebert.encoder.trace import Padded
from mamebert.tasks.network.task_network import open_network, plain_logits, save_network

transformers = pytest.importorskip("transformers")

VOCAB = 120
LENGTHS = (31, 30, 12, 3)
CLOSE = {"atol": 1e-5, "rtol": 1e-5}
SHAPES = {
    "mobile": {},
    "ib_bert": {"intra_bottleneck_size": 48, "normalization_type": "layer_norm", "hidden_act": "gelu",
                "num_feedforward_networks": 1},
    "bottleneck_attention": {"use_bottleneck_attention": True, "classifier_activation": False},
    "wide_queries": {"intra_bottleneck_size": 32, "key_query_shared_bottleneck": False, "trigram_input": False},
}  # fmt: skip


def shape(**other):
    base = {
        "hidden_size": 32, "num_hidden_layers": 3, "num_attention_heads": 4, "intermediate_size": 40,
        "max_position_embeddings": 40, "hidden_dropout_prob": 0.0, "embedding_size": 8, "hidden_act": "relu",
    }  # fmt: skip
    inside = {"intra_bottleneck_size": 16, **{n: other[n] for n in Bottleneck.model_fields if n in other}}
    outside = {name: value for name, value in other.items() if name not in Bottleneck.model_fields}
    return EncoderConfig(**{**base, **outside}, bottleneck=Bottleneck(**inside))


def scramble(network):
    """New norms have factors 1 and shifts 0, which would hide a weight in the wrong place."""
    torch.manual_seed(7)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.1)
    return network.eval()


def without_padding_row(network):
    """Else plain transformers shows it to the last token of the shorter sequences of a padded batch."""
    with torch.no_grad():
        network.get_input_embeddings().weight[0].zero_()
    return network


@pytest.fixture
def batch():
    rng = np.random.default_rng(3)
    return [rng.integers(1, VOCAB, n) for n in LENGTHS], [(np.arange(n) > n // 2).astype(np.int64) for n in LENGTHS]


def padded(batch):
    rows = [torch.nn.utils.rnn.pad_sequence([torch.from_numpy(x) for x in part], batch_first=True) for part in batch]
    mask = torch.nn.utils.rnn.pad_sequence([torch.ones(n, dtype=torch.long) for n in LENGTHS], batch_first=True)
    return {"input_ids": rows[0], "token_type_ids": rows[1], "attention_mask": mask}


def unpadded(values):
    return torch.cat([values[row, :n] for row, n in enumerate(LENGTHS)])


def opened(name, folder):
    theirs, about = getattr(transformers, name).from_pretrained(folder, output_loading_info=True)
    assert not (about["missing_keys"])
    assert not (about["unexpected_keys"])
    assert not (about["mismatched_keys"])
    return theirs.eval()


@torch.no_grad()
@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("kind", SHAPES)
def test_ours_to_theirs(tmp_path, batch, kind, tied):
    ours = scramble(PretrainingNetwork(shape(**SHAPES[kind]), VOCAB, tied))
    ours.bert.embeddings.word_embeddings.weight[0] = 0
    (tmp_path / "tokenizer").mkdir()
    save_pretraining(ours, tmp_path / "tokenizer", tmp_path / "model")
    theirs = opened("MobileBertForPreTraining", tmp_path / "model")
    hidden = ours.bert(Packed.of(*batch))
    out = theirs(**padded(batch))
    assert_close(ours.cls.predictions(hidden), unpadded(out.prediction_logits), **CLOSE)
    follows = ours.cls.seq_relationship(ours.bert.pooled(hidden[Packed.of(*batch).firsts]))
    assert_close(follows, out.seq_relationship_logits, **CLOSE)
    assert load_pretraining(tmp_path / "model").bert.config == ours.bert.config


def config_of(kind, **more):
    fields = shape(**SHAPES[kind]).model_dump()
    return transformers.MobileBertConfig(vocab_size=VOCAB, **fields.pop("bottleneck"), **fields, **more)


@torch.no_grad()
@pytest.mark.parametrize("name", ["MobileBertForPreTraining", "MobileBertForMaskedLM"])
@pytest.mark.parametrize("kind", SHAPES)
def test_theirs_to_ours(tmp_path, batch, kind, name):
    theirs = without_padding_row(scramble(getattr(transformers, name)(config_of(kind))))
    theirs.save_pretrained(tmp_path)
    ours, packed = load_pretraining(tmp_path).eval(), Packed.of(*batch)
    out = theirs(**padded(batch))
    logits = out.logits if name == "MobileBertForMaskedLM" else out.prediction_logits
    assert_close(ours.cls.predictions(ours.bert(packed)), unpadded(logits), **CLOSE)


@torch.no_grad()
def test_sequences_read_alone_are_theirs_whatever_the_padding_row_holds(tmp_path, batch):
    theirs = scramble(transformers.MobileBertForMaskedLM(config_of("mobile")))
    theirs.save_pretrained(tmp_path)
    ours = load_pretraining(tmp_path).eval()
    found = ours.cls.predictions(ours.bert(Packed.of(*batch))).split(LENGTHS)
    for ids, segments, logits in zip(*batch, found, strict=True):
        alone = {"input_ids": torch.from_numpy(ids)[None], "token_type_ids": torch.from_numpy(segments)[None]}
        assert_close(logits, theirs(**alone).logits[0], **CLOSE)


TASKS = {
    "MobileBertForSequenceClassification": ("logits", False),
    "MobileBertForTokenClassification": ("logits", True),
    "MobileBertForQuestionAnswering": ("start_logits", True),
}


@torch.no_grad()
@pytest.mark.parametrize("name", TASKS)
def test_tasks_both_ways(tmp_path, batch, name):
    field, by_token = TASKS[name]
    labels = {"num_labels": 2 if name.endswith("Answering") else 3}
    theirs = without_padding_row(scramble(getattr(transformers, name)(config_of("mobile", **labels))))
    theirs.save_pretrained(tmp_path / "theirs")
    expected = getattr(theirs(**padded(batch)), field)
    assert_close(
        plain_logits(tmp_path / "theirs", Packed.of(*batch))[field],
        unpadded(expected) if by_token else expected,
        **CLOSE,
    )
    task, learnt, network = open_network(tmp_path / "theirs")
    save_network(network, task, learnt, Reading(), tmp_path / "theirs", tmp_path / "ours")
    again = getattr(opened(name, tmp_path / "ours")(**padded(batch)), field)
    assert_close(again, expected, **CLOSE)


@torch.no_grad()
@pytest.mark.parametrize("kind", [*SHAPES, "ib_bert_of_the_paper"])
def test_the_padded_pass_and_chosen_rows_are_the_packed_pass(batch, kind):
    paper = {**SHAPES["ib_bert"], "key_query_shared_bottleneck": False}
    bert, packed = scramble(Encoder(shape(**SHAPES.get(kind, paper)), VOCAB)), Packed.of(*batch)
    states, seen = list(bert.hidden_states(packed)), bert.trace(Padded.of(packed))
    # Without statistics nothing keeps numbers small, and float32 rounds in proportion.
    close = {"atol": 1e-5 * max(1.0, float(states[-1].abs().max())), "rtol": 1e-5}
    for ours, padded_one in zip(states, seen.hidden, strict=True):
        assert_close(seen.packed(padded_one), ours, **close)
    places = torch.tensor([0, 5, 40, 72])
    assert_close(bert(packed, places), states[-1][places], **close)
    assert len(bert.trace(Padded.of(packed), depth=2).attention) == 2


def test_the_papers_ib_bert_has_queries_that_no_plain_class_makes():
    paper = shape(**SHAPES["ib_bert"], key_query_shared_bottleneck=False)
    assert layout_for(paper) is None
    assert layout_for(shape(**SHAPES["ib_bert"])).kind == "mobilebert"


def test_the_released_shape_has_its_number_of_parameters():
    sizes = {"hidden_size": 512, "num_hidden_layers": 24, "num_attention_heads": 4, "intermediate_size": 512}
    released = EncoderConfig(**sizes, embedding_size=128, max_position_embeddings=512, bottleneck=Bottleneck())
    with torch.device("meta"):
        bert = Encoder(released, 30_522)
    assert round(sum(parameter.numel() for parameter in bert.parameters()) / 1e6, 2) == 24.84
