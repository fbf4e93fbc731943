"""Hidden states of several layers from one call, and heads over rows that are none of them."""

import numpy as np
import pytest
import torch

from mamebert.encoder.model import Encoder, initialise
from mamebert.encoder.named.one_call import in_one_call
from mamebert.encoder.packing import Packed
from mamebert.encoder.settings import EncoderConfig
from mamebert.kernels import native, status
from mamebert.kernels.native import INSTRUCTION_SETS, _processor_flags
from mamebert.kernels.packed_encoder import PackedHead
from mamebert.kernels.packed_parts import DenseParts, StepParts
from mamebert.kernels.ready_weights import BFloat16Weight, Float32Weight, make_ready

USABLE = [name for name, (needed, _) in INSTRUCTION_SETS.items() if needed <= _processor_flags()]
pytestmark = pytest.mark.skipif(status().path == "torch", reason=f"no native kernels here: {status().reason}")
SHAPES = {
    "post-norm": {"hidden_size": 64, "num_attention_heads": 4},
    "pre-norm": {"preset": "modernbert", "hidden_size": 64, "num_attention_heads": 2, "local_attention": 22},
    "widened": {"hidden_size": 64, "num_attention_heads": 2, "embedding_size": 32},
}
LENGTHS = (9, 31, 1, 2, 120, 17, 60, 5, 5, 33)
EPS = 1e-12


@pytest.fixture(params=USABLE)
def library(request, monkeypatch):
    """Each set of instructions that this processor has, as if it were all that it has."""
    found = native.Library(native._build(request.param))
    monkeypatch.setattr(native, "_library", lambda: found)
    return found


@pytest.fixture(params=(1, 3))
def threads(request):
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield request.param
    torch.set_num_threads(before)


def arrays(batch):
    return batch.ids.numpy(), batch.segments.numpy(), batch.starts.numpy()


@pytest.mark.parametrize("precision", ["float32", "bfloat16", "int8"])
@pytest.mark.parametrize("shape", SHAPES)
@torch.no_grad()
def test_layers_come_back_as_one_by_one_whoever_is_beside(library, threads, shape, precision):
    torch.manual_seed(3)
    config = EncoderConfig(**SHAPES[shape], num_hidden_layers=3, max_position_embeddings=128)
    encoder = Encoder(config, 60).eval()
    initialise(encoder, 0.1)
    one_by_one = list(encoder.hidden_states(Packed.of(sequences := [np.arange(n) % 50 + 5 for n in LENGTHS])))
    encoder.make_ready(precision)
    about, batch = (config, 60), arrays(Packed.of(sequences))
    every = in_one_call(encoder.ready, about, batch, layers=range(4))
    nearness = {"float32": 1e-5, "bfloat16": 0.04, "int8": 0.12}[precision]
    for found, wanted in zip(every, one_by_one, strict=True):
        assert np.std(found - wanted.numpy()) < nearness * wanted.std()
    assert np.array_equal(every[3], in_one_call(encoder.ready, about, batch))
    for places in (np.array([0, 44, 160]), np.arange(0, len(batch[0]), 2)):
        for layers in ([0, 1, 2, 3], [2, 0, 2], [1], [3]):
            found = in_one_call(encoder.ready, about, batch, places, layers=layers)
            assert np.array_equal(found, every[layers][:, places])
    for number, start in enumerate(batch[2][:-1]):
        alone = in_one_call(encoder.ready, about, arrays(Packed.of([sequences[number]])), layers=range(4))
        assert np.array_equal(alone, every[:, start : start + LENGTHS[number]])


@torch.no_grad()
def test_a_head_over_rows_is_what_its_modules_are_row_by_row(library, threads):
    torch.manual_seed(5)
    first, norm, last = torch.nn.Linear(20, 48), torch.nn.LayerNorm(48, EPS), torch.nn.Linear(48, 5)
    for each in first, last:
        make_ready(each.weight, "float32")
    steps = [
        StepParts(DenseParts(first.weight, first.bias), "tanh", DenseParts(norm.weight, norm.bias)),
        StepParts(DenseParts(last.weight, last.bias)),
    ]
    head, rows = PackedHead.of(steps, 20, EPS), torch.randn(250, 20)
    found = head.of_rows(library, rows.numpy())
    np.testing.assert_allclose(found, last(norm(first(rows).tanh())), atol=1e-5)
    for some in (slice(0, 1), slice(7, 9), slice(100, 250), slice(0, 0)):
        assert np.array_equal(head.of_rows(library, rows[some].numpy()), found[some])
    assert PackedHead.of(steps, 21, EPS) is None
    make_ready(last.weight, "bfloat16")
    if not isinstance(last.weight.ready, Float32Weight):
        assert isinstance(last.weight.ready, BFloat16Weight)
        assert PackedHead.of(steps, 20, EPS) is None
