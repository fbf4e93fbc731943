"""What is answered to one text does not depend on the texts beside it, nor on the number of threads: not in one bit."""

from contextlib import nullcontext

import numpy as np
import pytest
import torch
from torch.nn import functional
from torch.testing import assert_close

from mamebert.encoder.activations import ACTIVATIONS
from mamebert.encoder.model import Encoder
from mamebert.encoder.packing import Packed
from mamebert.encoder.settings import EncoderConfig
from mamebert.kernels import torch_only
from mamebert.kernels.linear import linear

PATHS = pytest.mark.parametrize("path", [nullcontext, torch_only])
SHAPES = [(1, 1), (7, 3), (32, 2), (32, 96), (100, 48), (384, 130), (1536, 64)]  # in, out
ROWS = [1, 2, 3, 5, 6, 7, 16, 17, 47, 48, 49, 95, 97, 200, 1600]


@pytest.fixture(params=[1, 2, 3])
def threads(request):
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield request.param
    torch.set_num_threads(before)


@PATHS
@pytest.mark.parametrize(("depth", "width"), SHAPES)
def test_it_is_the_product_of_torch(depth, width, path):
    torch.manual_seed(0)
    weight, bias = torch.randn(width, depth), torch.randn(width)
    for rows in ROWS:
        hidden = torch.randn(rows, depth)
        with path(), torch.no_grad():
            for shift in (bias, None):
                close = {"rtol": 1e-5, "atol": 1e-6 * depth}
                assert_close(linear(hidden, weight, shift), functional.linear(hidden, weight, shift), **close)
            assert linear(hidden[:, None], weight).shape == (rows, 1, width)
            assert linear(hidden[:0], weight).shape == (0, width)


@PATHS
@pytest.mark.parametrize(("depth", "width"), SHAPES)
def test_a_row_depends_on_no_other(depth, width, path, threads):
    torch.manual_seed(0)
    hidden, weight, bias = torch.randn(max(ROWS), depth), torch.randn(width, depth), torch.randn(width)
    with path(), torch.no_grad():
        whole = linear(hidden, weight, bias)
        for rows in ROWS:
            for start in {0, 1, max(ROWS) - rows}:
                part = slice(start, start + rows)
                assert torch.equal(linear(hidden[part], weight, bias), whole[part])


def test_the_native_product_does_not_depend_on_the_number_of_threads():
    torch.manual_seed(0)
    hidden, weight = torch.randn(900, 100), torch.randn(150, 100)
    found = []
    for count in (1, 2, 5):
        torch.set_num_threads(count)
        with torch.no_grad():
            found.append(linear(hidden, weight))
    torch.set_num_threads(1)
    assert torch.equal(found[0], found[1])
    assert torch.equal(found[0], found[2])


@pytest.mark.parametrize("name", ACTIVATIONS)
@pytest.mark.parametrize("width", [3, 48, 100])
def test_what_an_activation_makes_of_a_number_does_not_depend_on_its_place(name, width):
    torch.manual_seed(0)
    values, bend = 2 * torch.randn(300, width), ACTIVATIONS[name]
    with torch.no_grad():
        whole = bend(values)
        for start, end in [(0, 1), (1, 4), (7, 40), (299, 300)]:
            assert torch.equal(bend(values[start:end].clone()), whole[start:end])
    assert_close(whole, bend(values), rtol=1e-5, atol=1e-6)  # with gradients it is torch's own


@PATHS
@pytest.mark.parametrize(
    "shape",
    [
        {"hidden_size": 32, "num_attention_heads": 2, "intermediate_size": 64},
        {"hidden_size": 48, "num_attention_heads": 2, "intermediate_size": 100, "hidden_act": "gelu_new"},
        {"hidden_size": 384, "num_attention_heads": 6, "intermediate_size": 1536},
    ],
    ids=lambda shape: str(shape["hidden_size"]),
)
def test_a_sequence_does_not_depend_on_its_batch_mates(shape, path, threads):
    torch.manual_seed(0)
    encoder = Encoder(EncoderConfig(num_hidden_layers=2, max_position_embeddings=512, **shape), 200).eval()
    rng = np.random.default_rng(0)
    sequences = [rng.integers(5, 200, n) for n in (512, 130, 57, 57, 40, 33, 31, 16, 9, 3, 2, 1)]
    with path(), torch.no_grad():
        together = encoder(Packed.of(sequences)).split([len(s) for s in sequences])
        for alone, found in zip(sequences, together, strict=True):
            assert torch.equal(encoder(Packed.of([alone])), found)
        places = Packed.of(sequences).firsts
        assert torch.equal(encoder(Packed.of(sequences), places), torch.stack([found[0] for found in together]))
