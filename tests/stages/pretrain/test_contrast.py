"""Encoders that learn from crops that find each other."""

import json

import numpy as np
import pytest
from safetensors.torch import load_file

import mamebert
from mamebert.config import build
from mamebert.errors import UserError
from mamebert.runs import Run
from mamebert.stages.compress.settings import CompressConfig
from mamebert.stages.pretrain import pretrain
from mamebert.stages.pretrain.settings import PretrainConfig

ALONE = {"kind": "contrast", "max_length": 24, "masked_lm_weight": 0.0, "pairs": 4}
BESIDE = {**ALONE, "masked_lm_weight": 1.0}
TEXTS = ["The old harbour holds the boat .", "boat"]


@pytest.fixture(scope="module")
def learnt(tiny, world, tmp_path_factory):
    """Return a function that pretrains with an objective; saved folders are proved to be those of transformers."""
    made = {}

    def run(name, objective, **changes):
        if name not in made:
            output = tmp_path_factory.mktemp("contrast") / name
            settings = {**tiny, "objective": objective, "shards": world / "tokens", "output": output, **changes}
            made[name] = pretrain(build(PretrainConfig, settings)).folder
        return made[name]

    return run


def test_alone_it_leaves_an_encoder_and_measures_crops(learnt):
    folder = learnt("alone", ALONE)
    model, results = folder / "model", Run.open(folder).results
    assert json.loads((model / "config.json").read_text())["architectures"] == ["BertModel"]
    assert not [name for name in load_file(model / "model.safetensors") if "predictions" in name]
    assert results["verified"]["largest_difference"] < 1e-5
    last = results["epochs"][-1]
    assert "heldout_mlm_loss" not in last
    assert "order_gain" not in last
    assert 0 <= last["heldout_found"] <= 1
    assert "Loss of crops" in (folder / "loss.svg").read_text()
    card = (model / "README.md").read_text()
    assert "crops of one document that find each other" in card
    assert "SentenceTransformer(" in card


def test_beside_masked_words_it_answers_with_vectors_and_fills_masks_when_asked(learnt):
    folder = learnt("beside", BESIDE)
    last = Run.open(folder).results["epochs"][-1]
    assert last["heldout_mlm_loss"] > 0
    assert 0 <= last["heldout_found"] <= 1
    assert "vector" in mamebert.load(folder)(TEXTS)[0]
    assert mamebert.load(folder, "fill-mask")("the [MASK] boat")
    lines = [line for line in Run.open(folder).metrics() if "loss" in line]
    assert all(line["loss"] == pytest.approx(line["mlm_loss"] + line["contrast_loss"], rel=1e-5) for line in lines)


@pytest.mark.parametrize(("name", "objective"), [("alone", ALONE), ("beside", BESIDE)])
def test_sentence_transformers_opens_the_folder_and_agrees(learnt, name, objective):
    library = pytest.importorskip("sentence_transformers")
    folder = learnt(name, objective)
    expected = [answer["vector"] for answer in mamebert.load(folder)(TEXTS)]
    found = library.SentenceTransformer(str(folder / "model"), device="cpu").encode(TEXTS)
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_parts_of_a_batch_give_the_same_weights(learnt, tiny, unproved):
    exact = {**tiny["encoder"], "hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
    whole = learnt("whole", ALONE, encoder=exact)
    training = {**tiny["training"], "micro_batch_tokens": 100}
    parts = learnt("parts", ALONE, encoder=exact, training=training)
    first, second = (load_file(each / "model" / "model.safetensors") for each in (whole, parts))
    for name, tensor in first.items():
        np.testing.assert_allclose(tensor, second[name], atol=1e-5, err_msg=name)


def test_it_is_a_start_for_masked_words(learnt, unproved):
    started = learnt("after", {"kind": "masked_lm", "max_length": 24}, start=learnt("alone", ALONE))
    assert "masked words" in Run.open(started).results["start"]["new_heads"]


def test_an_encoder_is_not_made_smaller_by_crops_alone(tmp_path):
    settings = {"model": tmp_path, "output": tmp_path / "small", "shards": tmp_path, "method": {"kind": "q8bert"}}
    with pytest.raises(UserError, match=r"masks no words.*masked_lm_weight"):
        build(CompressConfig, {**settings, "objective": ALONE})
    assert build(CompressConfig, {**settings, "objective": BESIDE}).objective


def test_a_recipe_may_ask_it_for_vectors_before_it_is_made(world, mamebert, tmp_path):
    rows = tmp_path / "rows.jsonl"
    rows.write_text('{"text": "a boat", "second": "the boat", "label": 3.5}\n' * 4)
    recipe = f"""output = "{tmp_path}/runs"
[encoder]
command = "pretrain"
shards = "{world}/tokens"
objective = {{ kind = "contrast", max_length = 24 }}
training.steps = 1
[asked]
command = "evaluate"
model = "@encoder"
test = "{rows}"
"""
    (tmp_path / "recipe.toml").write_text(recipe, encoding="utf-8")
    assert mamebert("run", "--dry-run", tmp_path / "recipe.toml").code == 0
    (tmp_path / "recipe.toml").write_text(recipe.replace('"contrast"', '"masked_lm"'), encoding="utf-8")
    assert "answers no task" in mamebert("run", "--dry-run", tmp_path / "recipe.toml").mistake
