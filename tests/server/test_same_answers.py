"""What is served is what `predict` and `fill-mask` give, byte for byte, whoever asks with whom."""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest
from tests.contracts.test_tasks import TOYS

from mamebert.serving.load import load
from mamebert.serving.spelling import as_json

ROUTES = {
    "classification": "classify",
    "long_documents": "classify",
    "multi_label": "classify",
    "taxonomy": "classify",
    "regression": "score",
    "sentence_embeddings": "embed",
    "tagging": "tag",
    "dependency_parsing": "parse",
    "extractive_summary": "summarise",
    "span_qa": "answer",
    "multiple_choice": "choose",
}
MASKED = ["The old [MASK] holds the boat.", "A [MASK] meets the [MASK]."]


def rows_of(toy):
    return json.loads(json.dumps(toy.rows, default=list))


@pytest.mark.parametrize("kind", TOYS)
def test_every_task_has_a_route_with_the_answers_of_predict(kind, everything, toy_folders):
    rows = rows_of(TOYS[kind])
    expected = [as_json(each) for each in load(toy_folders[kind])(rows)]
    body = {"inputs": rows, "model": kind}
    for route in (ROUTES[kind], "predict"):
        said = everything.ask(f"/v1/{route}", body)
        assert said.text == f'{{"model": "{kind}", "answers": [{", ".join(expected)}]}}'


def test_words_for_masks_are_those_of_fill_mask(everything, toy_folders):
    masks = load(toy_folders["words"], "fill-mask")(MASKED, top=3)
    lines = [as_json({"text": text, "masks": each}) for text, each in zip(MASKED, masks, strict=True)]
    said = everything.ask("/v1/fill-mask", {"inputs": MASKED, "top": 3})
    assert said.text == f'{{"model": "words", "answers": [{", ".join(lines)}]}}'


def test_words_are_the_same_whoever_else_asks(everything, toy_folders):
    """Texts of many requests share batches, the wrong ones among them take no other along, and `top` is each one's."""
    model = load(toy_folders["words"], "fill-mask")
    asked = [(f"The {'old ' * (n % 5)}[MASK] meets the {'[MASK] ' * (n % 3)}rope.", n % 4 + 1) for n in range(40)]
    asked[7] = asked[23] = ("no mask", 2)
    with ThreadPoolExecutor(16) as clients:
        body = ({"inputs": text, "top": top, "model": "words"} for text, top in asked)
        found = list(clients.map(lambda each: everything.ask("/v1/fill-mask", each), body))
    for (text, top), said in zip(asked, found, strict=True):
        if "[MASK]" not in text:
            assert (said.status, "There is no [MASK]" in said.sentence) == (422, True)
            continue
        expected = as_json({"text": text, "masks": model(text, top=top)[0]})
        assert said.text == f'{{"model": "words", "answers": [{expected}]}}'


def test_a_line_of_predict_is_the_text_and_what_is_served(everything, toy_folders, mamebert):
    text = "The old boat “meets” 舟 the rope."
    line = mamebert("predict", toy_folders["tagging"], text).out.rstrip("\n")
    said = everything.ask("/v1/tag", {"inputs": text, "model": "tagging"})
    (answer,) = said.json["answers"]
    assert as_json({"text": text, **answer}) == line
    assert line.removeprefix(f'{{"text": {as_json(text)}, ') in said.text


def test_special_tokens_in_a_text_are_text(everything, toy_folders):
    text = "The [SEP] boat [MASK] meets [CLS] the rope."
    model = load(toy_folders["sentence_embeddings"])
    said = everything.ask("/v1/embed", {"inputs": text})
    assert said.json["answers"] == model([text])
    assert said.json["answers"] != model(["The boat meets the rope."])


def test_one_text_that_cannot_be_answered_leaves_the_others_as_they_are(everything, toy_folders):
    texts = ["The old boat.", "", "A gull."]
    said = everything.ask("/v1/embed", {"inputs": texts})
    assert said.json["answers"] == load(toy_folders["sentence_embeddings"])(texts)
    assert said.json["answers"][1] == {"unanswered": "no text"}


def test_the_attention_of_each_head_sums_to_one(everything):
    said = everything.ask("/v1/attention", {"text": "The old boat meets the rope."}).json
    size = len(said["tokens"])
    assert (said["tokens"][0], said["tokens"][-1]) == ("[CLS]", "[SEP]")
    assert len(said["attention"]) == len(said["attention"][0]) == 2
    for layer in said["attention"]:
        for head in layer:
            assert [len(row) for row in head] == [size] * size
            assert [sum(row) for row in head] == pytest.approx([1] * size, abs=size * 1e-4)


def test_json_with_letters_of_all_kinds_comes_back_as_it_was_sent(everything):
    text = "舟 \U0001f6f6 שלום e\u0301 \u0000 [MASK]"
    said = everything.ask("/v1/fill-mask", {"inputs": text})
    assert said.json["answers"][0]["text"] == text
    assert json.loads(said.text) == said.json
