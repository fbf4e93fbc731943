"""Long texts of which only the beginning is read."""

import random

import pytest

from mamebert.tokenizer.beginnings import encode_beginnings
from mamebert.tokenizer.encoding import Tokenizer


@pytest.fixture(scope="module")
def tokenizer(world):
    return Tokenizer.open(world / "tokens" / "tokenizer")


def texts():
    rng = random.Random(0)
    words = ["boat", "old", "rope", "the", "leaf", "bean", ",", ".", "\n", "   ", "é", "日本", "x" * 300]
    yield from (
        "",
        " ",
        "boat",
        " " * 100_000 + "boat " * 50,
        "x" * 50_000,
        "boat" * 20_000,
        "日" * 30_000,
        "é" * 9_000,
    )
    yield from (" ".join(rng.choices(words, k=n)) for n in (3, 100, 5_000, 60_000))
    yield "x" * 200_000 + " boat rope"


@pytest.mark.parametrize("room", [8, 128, 512])
def test_what_is_read_of_a_text_is_what_would_be_read_of_all_of_it(tokenizer, room):
    asked = list(texts())
    for text, whole, beginning in zip(
        asked, tokenizer.encode_many(asked), encode_beginnings(tokenizer, asked, room), strict=True
    ):
        assert beginning.ids[:room].tolist() == whole.ids[:room].tolist(), text[:40]
        assert (len(beginning.ids) > room or beginning.num_left_out > 0) == (len(whole.ids) > room), text[:40]
        assert (beginning.num_left_out > 0) <= (len(whole.ids) > room)


def test_a_long_text_costs_what_is_read_of_it(tokenizer, monkeypatch):
    shown, encode = [], tokenizer.encode_many
    monkeypatch.setattr(tokenizer, "encode_many", lambda texts: (shown.extend(map(len, texts)), encode(texts))[1])
    text = "The old boat meets the rope. " * 20_000
    (beginning,) = encode_beginnings(tokenizer, [text], 32)
    assert sum(shown) < 5_000
    assert beginning.num_left_out == pytest.approx(len(encode([text])[0].ids) - len(beginning.ids), rel=0.05)
