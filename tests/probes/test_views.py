"""Texts as an encoder has them: maps, planes, nearest texts and words."""

import numpy as np
import pytest
import torch

from mamebert.encoder.model import PretrainingNetwork
from mamebert.encoder.settings import EncoderConfig
from mamebert.errors import UserError
from mamebert.probes import Asked
from mamebert.probes.scoring.attention_maps import attention_to_itself
from mamebert.probes.scoring.plane import cosines_of_all, principal_plane

TEXTS = ["The old boat holds the rope.", "The wet boat holds the pot.", "The old leaf meets the rope.", "A wet leaf."]


def of(examples, about):
    return [each for each in examples if each.about.startswith(about)]


def test_a_plane_is_the_one_in_which_vectors_were_laid():
    rng = np.random.default_rng(0)
    flat = rng.normal(size=(20, 2)) * [5, 1]
    turned, _ = np.linalg.qr(rng.normal(size=(6, 6)))
    plane = principal_plane((flat @ turned[:2] + 3).astype(np.float32))
    assert plane.shares.sum() == pytest.approx(1)
    apart = np.linalg.norm(flat[:, None] - flat, axis=-1)
    assert np.allclose(np.linalg.norm(plane.places[:, None] - plane.places, axis=-1), apart, atol=1e-4)
    assert plane.places[np.abs(plane.places[:, 0]).argmax(), 0] > 0


def test_vectors_along_one_line_have_no_second_direction_and_equal_ones_no_plane():
    line = np.arange(4, dtype=np.float32)[:, None] * np.ones(3, np.float32)
    assert principal_plane(line).shares.tolist() == pytest.approx([1, 0])
    assert principal_plane(np.ones((4, 3), np.float32)) is None


def test_none_is_nearest_to_itself():
    cosines = cosines_of_all(np.eye(4, dtype=np.float32))
    assert not np.isfinite(np.diagonal(cosines)).any()


def test_attention_maps_are_those_of_plain_transformers(asked, encoders):
    from transformers import AutoModel, AutoTokenizer

    folder = encoders("N") / "model"
    plain = AutoTokenizer.from_pretrained(folder)(TEXTS[0], return_tensors="pt")
    model = AutoModel.from_pretrained(folder, attn_implementation="eager").eval()
    with torch.no_grad():
        theirs = model(**plain, output_attentions=True).attentions
    ours = attention_to_itself(asked.network.bert, plain["input_ids"][0].numpy())
    for one, other in zip(ours, theirs, strict=True):
        assert torch.allclose(one, other[0].double(), atol=1e-5)


def test_a_text_said_twice_is_nearest_to_itself_said_again(ask_about):
    found = ask_about("views", texts=[*TEXTS, TEXTS[0]], layer=1, nearest=2)
    first = of(found.examples, "Nearest texts, layer 1")[0]
    assert first.answers[0] == (TEXTS[0], pytest.approx(1, abs=1e-4))
    word = of(found.examples, "Nearest words where they stand, layer 1")[2]
    assert word.prompt == "The old »boat« holds the rope."
    assert word.answers[0][1] == pytest.approx(1, abs=1e-4)


def test_maps_and_the_plane_are_of_the_texts(ask_about):
    found = ask_about("views", texts=TEXTS, maps=2, map_length=3)
    assert [each.tokens[0] for each in found.maps] == ["[CLS]", "[CLS]"]
    assert np.shape(found.maps[0].attention)[2:] == (5, 5)
    assert np.allclose(np.sum(found.maps[0].attention, -1), 1, atol=0.01)
    plane = found.tables[0]
    assert [row.name for row in plane.rows] == TEXTS
    assert (plane.plot.kind, found.figures["layer"], found.figures["texts"]) == ("points", 2, 4)


def test_labels_are_held_against_the_nearest_text(ask_about, rows_file):
    rows = [{"text": text, "kind": n % 2} for n, text in enumerate(TEXTS) for _ in range(2)]
    found = ask_about("views", source=rows_file(*rows), label_column="kind")
    assert next(iter(found.figures.items())) == ("nearest_has_its_label", 1)
    assert found.figures["by_chance"] == pytest.approx(3 / 7, abs=1e-5)
    assert {row.label for row in found.tables[0].rows} == {"0", "1"}


def test_words_are_told_where_they_first_stand(ask_about):
    found = ask_about("views", texts=TEXTS, words=["LEAF"])
    (only,) = of(found.examples, "Nearest words")
    assert only.prompt == "The old »leaf« meets the rope."


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"texts": []}, "0 texts, and a plane needs at least 3"),
        ({"texts": TEXTS[:1]}, "1 texts, and a plane"),
        ({"texts": ["", "", ""]}, "0 texts that the encoder knows"),
        ({"texts": TEXTS[:1] * 3}, "the same vector"),
        ({"texts": TEXTS, "layer": 3}, "no layer 3: this encoder has 2"),
        ({"texts": TEXTS, "layer": -4}, "no layer -4"),
        ({"texts": TEXTS, "words": ["unheardof"]}, "No text has the word 'unheardof'"),
    ],
)
def test_bad_input_is_one_sentence(ask_about, settings, told):
    with pytest.raises(UserError, match=told):
        ask_about("views", **settings)


def test_rows_without_text_or_label_are_told(ask_about, rows_file):
    with pytest.raises(UserError, match="no 'kind'"):
        ask_about("views", source=rows_file({"text": "a"}), label_column="kind")
    with pytest.raises(UserError, match="no text"):
        ask_about("views", source=rows_file({"other": "a"}))


@pytest.fixture
def headless(asked) -> Asked:
    """Return an encoder none of whose layers has a head left."""
    shape = EncoderConfig(
        hidden_size=32, num_hidden_layers=2, num_attention_heads=2, layer_heads=[0, 0], max_position_embeddings=64
    )
    return Asked(PretrainingNetwork(shape, asked.tokenizer.vocab_size), asked.tokenizer)


@pytest.mark.parametrize(("kind", "texts"), [("views", {"texts": TEXTS}), ("attention", {})])
def test_an_encoder_without_heads_is_told(ask_about, headless, world, kind, texts):
    with pytest.raises(UserError, match="no head of attention"):
        ask_about(kind, of=headless, **(texts or {"texts": str(world / "text.txt")}))


def test_one_layer_without_heads_hinders_nobody(ask_about, asked, world):
    shape = EncoderConfig(
        hidden_size=32, num_hidden_layers=2, num_attention_heads=2, layer_heads=[2, 0], max_position_embeddings=64
    )
    pruned = Asked(PretrainingNetwork(shape, asked.tokenizer.vocab_size), asked.tokenizer)
    found = ask_about("attention", of=pruned, texts=str(world / "text.txt"), sample=4)
    assert [row.name for row in found.tables[0].rows] == ["layer 1"]
    (drawn,) = ask_about("views", of=pruned, texts=TEXTS).maps
    assert list(map(len, drawn.attention)) == [2, 0]
