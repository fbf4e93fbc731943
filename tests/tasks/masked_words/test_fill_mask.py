import pytest
import torch

from mamebert.checkpoints.load import load_pretraining
from mamebert.errors import UserError
from mamebert.tasks.masked_words.fill_mask import fill_mask
from mamebert.tokenizer.encoding import Tokenizer

TEXTS = ["The old [MASK] holds the boat.", "[MASK]", "The [MASK] bean meets the [MASK] ."]


@pytest.fixture(scope="module")
def model(encoders):
    return load_pretraining(encoders("N")), Tokenizer.open(encoders("N") / "model")


@pytest.fixture(scope="module")
def pipe(encoders):
    from transformers import pipeline

    return pipeline("fill-mask", model=str(encoders("N") / "model"), device="cpu")


@pytest.mark.parametrize("text", TEXTS)
def test_candidates_are_those_of_the_transformers_pipeline(model, pipe, text):
    (ours,) = fill_mask(*model, [text], top=5)
    theirs = pipe(text, top_k=5)
    theirs = theirs if isinstance(theirs[0], list) else [theirs]
    assert len(ours) == len(theirs) == text.count("[MASK]")
    for found, expected in zip(ours, theirs, strict=True):
        assert [model[1].tokens.index(token) for token, _ in found] == [each["token"] for each in expected]
        assert [p for _, p in found] == pytest.approx([each["score"] for each in expected], abs=1e-5)


def test_probabilities_are_a_softmax_over_the_whole_vocabulary(model):
    ((candidates,),) = fill_mask(*model, TEXTS[:1], top=10_000)
    assert len(candidates) == model[1].vocab_size
    assert sum(p for _, p in candidates) == pytest.approx(1, abs=1e-5)
    assert [p for _, p in candidates] == sorted((p for _, p in candidates), reverse=True)


def test_asking_leaves_no_trace(model):
    network, _ = model
    network.train()
    torch.manual_seed(5)
    before = torch.get_rng_state()
    assert fill_mask(*model, TEXTS) == fill_mask(*model, TEXTS)
    assert torch.equal(torch.get_rng_state(), before)
    assert all(p.grad is None for p in network.parameters())


def test_a_text_without_a_mask_and_one_too_long_are_told(model):
    with pytest.raises(UserError, match=r"no \[MASK\] in 'Nothing'\. Put \[MASK\] where"):
        fill_mask(*model, ["Nothing"])
    with pytest.raises(UserError, match=r"has 92 tokens and the encoder reads 64\. Give a shorter text"):
        fill_mask(*model, ["[MASK] " * 90])


MANY = [
    f"The old {noun} {'meets ' * (n % 7)}[MASK]{' the [MASK]' * (n % 3)}."
    for n, noun in enumerate(["boat", "gull"] * 20)
]


def test_a_text_has_the_same_words_alone_and_among_others_bit_for_bit(model, monkeypatch):
    from mamebert.tasks.masked_words import fill_mask as module

    alone = [fill_mask(*model, [text])[0] for text in MANY]
    assert fill_mask(*model, MANY) == alone
    assert fill_mask(*model, MANY[::-1]) == alone[::-1]
    for name, most in (("BATCH_TOKENS", 30), ("BATCH_MASKS", 1)):  # a text larger than a batch is one of its own
        monkeypatch.setattr(module, name, most)
        assert fill_mask(*model, MANY) == alone


def test_texts_share_batches(model, monkeypatch):
    network, tokenizer = model
    calls = []
    monkeypatch.setattr(network.bert, "forward", lambda batch, f=network.bert.forward: calls.append(batch) or f(batch))
    fill_mask(network, tokenizer, MANY)
    assert [len(batch.lengths) for batch in calls] == [len(MANY)]


def test_each_text_may_want_another_number_of_words(model):
    from mamebert.tasks.masked_words.fill_mask import fill, masked_texts

    masked = masked_texts(*model, TEXTS)
    found = fill(*model, masked, [1, 3, 10_000])
    assert [len(each[0]) for each in found] == [1, 3, model[1].vocab_size]
    assert found[1] == fill_mask(*model, TEXTS[1:2], top=3)[0]
