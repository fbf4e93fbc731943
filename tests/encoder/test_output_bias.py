import pytest
import torch
from torch.testing import assert_close

from mamebert.encoder.fixed_embeddings import words
from mamebert.encoder.model import PretrainingNetwork
from mamebert.encoder.output_bias import start_from_frequencies
from mamebert.encoder.settings import EncoderConfig


def test_a_network_that_sees_nothing_guesses_words_as_often_as_they_occur():
    network = PretrainingNetwork(EncoderConfig(hidden_size=8, num_hidden_layers=1), vocab_size=4)
    start_from_frequencies(network, torch.tensor([0, 9, 29, 58]))
    with torch.no_grad():
        words(network).zero_()
    guessed = network.cls.predictions(torch.randn(2, 8)).softmax(-1)
    assert_close(guessed, torch.tensor([[0.01, 0.10, 0.30, 0.59]] * 2))


@pytest.mark.parametrize("counts", [[0, 0, 0], [10**9, 0, 1]])
def test_words_never_seen_have_a_finite_score(counts):
    network = PretrainingNetwork(EncoderConfig(hidden_size=8, num_hidden_layers=1), vocab_size=3)
    start_from_frequencies(network, torch.tensor(counts))
    assert network.cls.predictions.bias.isfinite().all()
