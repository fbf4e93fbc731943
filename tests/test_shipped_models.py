"""The models that come with the program: small, whole, answering at once, and opened by plain transformers."""

import json

import pytest
import torch
from safetensors import safe_open
from transformers import AutoModelForMaskedLM, AutoTokenizer

import mamebert
from mamebert.files.shipped import PLACE, shipped_names

MOST_BYTES = 8_000_000
QUESTIONS = {
    "mame-en": "She [MASK] a letter to her mother.",
    "mame-ja": "私は[MASK]が好きです。",
}
each = pytest.mark.parametrize("name", sorted(QUESTIONS))


def test_all_that_are_shipped_are_tested():
    assert shipped_names() == sorted(QUESTIONS)


@each
def test_it_is_small_and_says_what_it_is(name):
    folder = PLACE / name
    assert max(path.stat().st_size for path in folder.iterdir()) <= MOST_BYTES
    for weights in folder.glob("*.safetensors"):
        with safe_open(weights, framework="pt") as file:
            assert {file.get_slice(key).get_dtype() for key in file.keys()} == {"F16"}  # noqa: SIM118
    card = (folder / "README.md").read_text(encoding="utf-8")
    assert "license: cc-by-sa" in card
    assert "## How it was made" in card


@each
def test_it_answers_to_its_name_as_plain_transformers_does(name):
    text = QUESTIONS[name]
    answers = mamebert.load(name)(text, top=5)[0][0]
    tokenizer = AutoTokenizer.from_pretrained(PLACE / name)
    model = AutoModelForMaskedLM.from_pretrained(PLACE / name, dtype=torch.float32).eval()
    asked = tokenizer(text, return_tensors="pt")
    with torch.no_grad():
        scores = model(**asked).logits[0, asked["input_ids"][0].tolist().index(tokenizer.mask_token_id)]
    best = scores.softmax(-1).topk(5)
    assert [token for token, _ in answers] == tokenizer.convert_ids_to_tokens(best.indices.tolist())
    assert [probability for _, probability in answers] == pytest.approx(best.values.tolist(), abs=1e-5)


@each
def test_it_can_be_gone_on_with(name):
    config = json.loads((PLACE / name / "config.json").read_text())
    assert config["dtype"] == "float32"  # what plain transformers computes with, whatever is stored
    assert config["architectures"] == ["ModernBertForMaskedLM"]
