"""Sizes and steps: by rules that can be told in a sentence."""

import pytest

from mamebert.language_recipes import advice
from mamebert.language_recipes.advice import advise, sized, vocabulary_size
from mamebert.language_recipes.languages import language_of

MLM = {"kind": "masked_lm"}


@pytest.fixture(autouse=True)
def machine(monkeypatch):
    """A machine that takes a second for ten million weights that meet a token, whatever it has."""
    monkeypatch.setattr(
        advice, "seconds_of", lambda found, _: sum(p.tokens for p in found.phases) * found.hidden_size / 1e7
    )


@pytest.mark.parametrize(
    ("words", "code", "size"),
    [
        (10_000_000, "en", 8_000),
        (160_000_000, "ga", 30_101),  # gaBERT's own, for about as much text
        (400_000, "ga", 4_000),
        (400_000, "ja", 8_000),  # whose characters fill a smaller one
        (10**10, "cy", 20_000),
    ],
)
def test_vocabularies_grow_as_the_root_of_the_text(words, code, size):
    assert vocabulary_size(words, language_of(code)[0]) == size


def test_more_time_gives_a_larger_model_and_never_more_passes():
    found = [advise(50_000_000, 500, 8_000, MLM, hours) for hours in (0.1, 1, 10, 1000)]
    sizes = [(each.hidden_size, each.num_hidden_layers) for each in found]
    assert sizes == sorted(sizes)
    assert sizes[0] < sizes[-1]
    read = [sum(phase.tokens for phase in each.phases) for each in found]
    assert all(tokens <= 40 * 50_000_000 for tokens in read)
    assert read[-1] > 35 * 50_000_000


def test_a_tenth_is_read_in_long_sequences_but_of_short_documents():
    short, long = advise(10_000_000, 500, 8_000, MLM, 1).phases
    assert (short.max_length, long.max_length) == (64, 256)
    assert 0.08 < long.tokens / (short.tokens + long.tokens) < 0.12
    assert [each.max_length for each in advise(10_000_000, 30, 8_000, MLM, 1).phases] == [64]


def test_small_encoders_learn_as_soon_as_they_can_and_large_ones_as_in_papers():
    small, large = advise(10_000_000, 500, 8_000, MLM, 1), advise(10**9, 500, 8_000, MLM, 10_000)
    assert small.learns_soonest
    assert small.shape["preset"] == "modernbert"
    assert not large.learns_soonest
    assert "preset" not in large.shape
    assert [each.max_length for each in large.phases] == [128, 512]


def test_small_texts_are_read_in_small_batches_so_that_there_are_steps():
    tiny = sized(600_000, 300, 128, 2, has_long=False).phases[0]
    assert (tiny.batch_tokens, tiny.steps) == (512, 1_100)
    assert sized(10**9, 8_000, 128, 4).phases[0].batch_tokens == 4_096
    assert sized(10**9, 8_000, 768, 12).phases[0].batch_tokens == 32_768
