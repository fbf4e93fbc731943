import subprocess
import sys

CODE = """
import sys
import torch
from mamebert.encoder.model import Encoder
from mamebert.encoder.settings import EncoderConfig
from mamebert.encoder.shapes_alone import shapes_alone
with shapes_alone():
    encoder = Encoder(EncoderConfig(hidden_size=65536, num_attention_heads=1), 10**9)
assert all(each.is_meta for each in encoder.parameters())
assert encoder.embeddings.word_embeddings.weight.shape == (10**9, 65536)
assert float(torch.nn.Linear(2, 2).weight.detach().abs().max()) > 0
assert "torch._dynamo" not in sys.modules
"""


def test_a_network_of_shapes_takes_no_memory_and_no_compiler():
    subprocess.run([sys.executable, "-c", CODE], check=True)
