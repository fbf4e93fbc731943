import pytest
import torch

from mamebert.encoder.model import PretrainingNetwork
from mamebert.encoder.settings import EncoderConfig


@pytest.fixture
def network():
    torch.manual_seed(0)
    shape = EncoderConfig(hidden_size=16, num_hidden_layers=2, num_attention_heads=2, initializer_range=0.5)
    return PretrainingNetwork(shape, 12)
