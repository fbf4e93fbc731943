"""Folders as other programs leave them: classes, families, spellings of names and of settings."""

import json
import shutil

import numpy as np
import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file

from mamebert.errors import UserError
from mamebert.serving.load import FillMask, Model, load

TEXT = "The old boat meets the rope."
SHAPE = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
FAMILIES = {
    "Bert": SHAPE,
    "DistilBert": {"dim": 16, "n_layers": 2, "n_heads": 2, "hidden_dim": 32},
    "Albert": {**SHAPE, "embedding_size": 8},
    "Electra": {**SHAPE, "embedding_size": 8},
    "MobileBert": {**SHAPE, "embedding_size": 8, "intra_bottleneck_size": 8},
    "Roberta": {**SHAPE, "pad_token_id": 0, "type_vocab_size": 1},
}
TOKENIZER = ("tokenizer.json", "tokenizer_config.json", "vocab.txt")


@pytest.fixture
def made(encoders, tmp_path):
    """Return a function that saves a random model of a plain class, and gives its folder."""

    def make(name, family="Bert", dtype=torch.float32, **settings):
        torch.manual_seed(0)
        given = {**FAMILIES.get(family, SHAPE), "vocab_size": 80, "max_position_embeddings": 40, **settings}
        config = getattr(transformers, f"{family}Config")(**{"initializer_range": 0.2, **given})
        getattr(transformers, name)(config).to(dtype).save_pretrained(tmp_path / "made")
        for file in TOKENIZER:
            shutil.copy(encoders("N") / "model" / file, tmp_path / "made")
        return tmp_path / "made"

    return make


def tell(folder, **changes):
    told = json.loads((folder / "config.json").read_text())
    told = {name: value for name, value in {**told, **changes}.items() if value is not None}
    (folder / "config.json").write_text(json.dumps(told))
    return folder


def rename(folder, spelt):
    file = folder / "model.safetensors"
    save_file({spelt(name): tensor.clone() for name, tensor in load_file(file).items()}, file)
    return folder


def states_of(folder):
    """Return the last hidden states [tokens, width] that plain transformers gives."""
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    model = transformers.AutoModel.from_pretrained(folder).eval()
    with torch.no_grad():
        return model(**tokenizer(TEXT, return_tensors="pt")).last_hidden_state[0]


@pytest.mark.parametrize("family", FAMILIES)
def test_an_encoder_alone_answers_with_the_mean_of_its_tokens(made, family, capsys):
    folder = made(f"{family}Model", family)
    (answer,) = load(folder, device="cpu")(TEXT)
    np.testing.assert_allclose(answer["vector"], states_of(folder).mean(0), atol=1e-5)
    assert capsys.readouterr().err.count("the mean of the vectors of its tokens") == 1
    load(folder)
    assert "the mean" not in capsys.readouterr().err
    with pytest.raises(UserError, match=r"an encoder without a masked-word head .*, which does not do this\. Give"):
        load(folder, "fill-mask")


@pytest.mark.parametrize("family", FAMILIES)
def test_a_masked_word_model_gives_vectors_where_it_is_asked_for_them(made, family):
    folder = made(f"{family}ForMaskedLM", family)
    assert isinstance(load(folder), FillMask)
    (answer,) = load(folder, "sentence_embeddings", device="cpu")(TEXT)
    np.testing.assert_allclose(answer["vector"], states_of(folder).mean(0), atol=1e-5)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_read(made, dtype):
    folder = made("BertModel", dtype=dtype)
    model = transformers.BertModel.from_pretrained(folder, dtype=torch.float32).eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    with torch.no_grad():
        expected = model(**tokenizer(TEXT, return_tensors="pt")).last_hidden_state[0].mean(0)
    np.testing.assert_allclose(load(folder, device="cpu")(TEXT)[0]["vector"], expected, atol=1e-5)


def test_what_the_weights_hold_counts_where_the_class_says_something_else(made):
    assert isinstance(load(tell(made("BertModel"), architectures=["BertForMaskedLM"])), Model)
    assert isinstance(load(tell(made("BertForMaskedLM"), architectures=["BertModel"])), FillMask)
    assert isinstance(load(made("ElectraForPreTraining", "Electra")), Model)


def test_a_folder_that_names_no_class_is_told_by_its_weights(made):
    assert isinstance(load(tell(made("BertForMaskedLM"), architectures=None)), FillMask)
    assert isinstance(load(tell(made("BertModel"), architectures=None)), Model)
    with pytest.raises(UserError, match=r"does not say of which class it is\. Name it in its config\.json"):
        load(tell(made("BertForSequenceClassification"), architectures=None))


@pytest.mark.parametrize(
    "spelt",
    [
        lambda name: "model." + name,
        lambda name: "module." + name,
        lambda name: name.removeprefix("bert."),
        lambda name: "model." + name.removeprefix("bert."),
        lambda name: name.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta"),
    ],
)
def test_names_that_were_wrapped_bared_or_spelt_of_old_are_the_same_weights(made, spelt):
    folder = made("BertForSequenceClassification")
    before = load(folder)(TEXT)
    assert load(rename(folder, spelt))(TEXT) == before


@pytest.mark.parametrize(("other", "known"), [("gelu_python", "gelu"), ("gelu_pytorch_tanh", "gelu_new")])
def test_activations_of_another_name_are_known(made, other, known):
    folder = made("BertModel", hidden_act=known)
    before = load(folder)(TEXT)
    assert load(tell(folder, hidden_act=other))(TEXT) == before
    with pytest.raises(UserError, match="silu"):
        load(tell(folder, hidden_act="silu"))


def test_what_a_config_leaves_out_is_as_in_bert(made):
    folder = made("BertModel", max_position_embeddings=512)
    before = load(folder)(TEXT)
    assert load(tell(folder, max_position_embeddings=None, hidden_act=None, type_vocab_size=None))(TEXT) == before


def test_labels_are_texts_and_those_without_a_name_get_their_own(made):
    folder = tell(made("BertForSequenceClassification", num_labels=3), id2label={"0": "a", "1": 7, "2": None})
    assert load(folder).learnt.labels == ("a", "7", "LABEL_2")


@pytest.mark.parametrize(
    "names",
    [{"0": "a"}, {"0": "a", "5": "b"}, {"0": "a", "1": "b", "2": "c"}, {"a": 0, "b": 1}, {"0": ["a"], "1": "b"}],
)
def test_names_of_other_labels_than_there_are_are_refused(made, names):
    folder = tell(made("BertForSequenceClassification", num_labels=2), id2label=names)
    with pytest.raises(UserError, match=r"weights for 2 labels, and id2label in its config\.json does not name each"):
        load(folder)


def test_feed_forward_blocks_that_only_the_config_claims_are_refused_before_they_are_built(made):
    folder = made("MobileBertModel", "MobileBert")
    for number in (1000, 2_000_000_000):
        with pytest.raises(UserError, match=r"config\.json"):
            load(tell(folder, num_feedforward_networks=number))


@pytest.mark.parametrize(
    ("settings", "kind"),
    [
        ({"num_labels": 1}, "regression"),
        ({"num_labels": 2, "problem_type": "regression"}, "regression"),
        ({"num_labels": 3, "problem_type": "multi_label_classification"}, "multi_label"),
        ({"num_labels": 3}, "classification"),
    ],
)
def test_what_outputs_mean_is_as_transformers_reads_it(made, settings, kind):
    assert load(made("BertForSequenceClassification", **settings)).task.kind == kind


@pytest.mark.parametrize(
    ("name", "family", "why"),
    [
        ("BertLMHeadModel", "Bert", "a decoder, which reads to the left only"),
        ("BertForNextSentencePrediction", "Bert", r"which answers no task\. Fine-tune it first, or ask it for vectors"),
        ("MPNetModel", "MPNet", "holds a model of type 'mpnet', not a BERT"),
    ],
)
def test_what_cannot_be_asked_is_refused(made, name, family, why):
    with pytest.raises(UserError, match=why):
        load(made(name, family))


@pytest.mark.parametrize("name", ["MaskedLM", "SequenceClassification", "TokenClassification", "QuestionAnswering", ""])
def test_weights_so_huge_that_nothing_can_be_said_are_no_answer(made, mamebert, name):
    folder = made(f"BertFor{name}" if name else "BertModel")
    file = folder / "model.safetensors"
    save_file({n: t * 3e38 if n.endswith("LayerNorm.weight") else t for n, t in load_file(file).items()}, file)
    rows = folder / "rows.jsonl"
    rows.write_text(json.dumps({"question": "the", "context": TEXT, "text": TEXT}))
    said = mamebert(*(["fill-mask", folder, "[MASK]"] if name == "MaskedLM" else ["predict", folder, "--file", rows]))
    assert "numbers that are not finite" in said.mistake
    assert "nan" not in said.out.lower()
