"""All layers in one call: the numbers that layers give one by one, for each text whoever is beside it."""

from copy import deepcopy

import numpy as np
import pytest
import torch
from torch.testing import assert_close

from mamebert.encoder.model import Encoder, initialise
from mamebert.encoder.named.kernel_parts import pooler_step
from mamebert.encoder.packing import Packed
from mamebert.encoder.settings import EncoderConfig
from mamebert.errors import UserError
from mamebert.kernels import native, torch_only
from mamebert.kernels.native import INSTRUCTION_SETS, _processor_flags, status
from mamebert.kernels.packed_parts import DenseParts, StepParts
from mamebert.kernels.ready_weights import make_ready

USABLE = [name for name, (needed, _) in INSTRUCTION_SETS.items() if needed <= _processor_flags()]
pytestmark = pytest.mark.skipif(status().path == "torch", reason=f"no native kernels here: {status().reason}")
PRECISIONS = pytest.mark.parametrize("precision", ["float32", "bfloat16", "int8"])
SHAPES = {
    "plain": {"hidden_size": 64, "num_attention_heads": 4, "intermediate_size": 144},
    "pruned": {"hidden_size": 48, "num_attention_heads": 3, "layer_heads": [1, 3, 2], "layer_widths": [16, 160, 48]},
    "shared": {"hidden_size": 32, "num_attention_heads": 1, "intermediate_size": 64, "shared": "all"},
    "modernbert": {"preset": "modernbert", "hidden_size": 64, "num_attention_heads": 2, "local_attention": 22},
    "mosaicbert": {"preset": "mosaicbert", "hidden_size": 96, "num_attention_heads": 3, "local_attention": 10},
    "albert": {"hidden_size": 64, "num_attention_heads": 2, "embedding_size": 32, "hidden_act": "gelu_new"},
    "relu": {"hidden_size": 64, "num_attention_heads": 2, "hidden_act": "relu", "norm_place": "pre"},
}
NEARNESS = {"float32": 1e-5, "bfloat16": 0.04, "int8": 0.12}
LENGTHS = (9, 31, 1, 2, 120, 17, 60, 5, 5, 33)


@pytest.fixture(params=USABLE)
def path(request, monkeypatch):
    """Each set of instructions that this processor has, as if it were all that it has."""
    library = native.Library(native._build(request.param))
    monkeypatch.setattr(native, "_library", lambda: library)
    return request.param


def encoder_of(shape, precision):
    torch.manual_seed(3)
    config = EncoderConfig(**SHAPES[shape], num_hidden_layers=3, max_position_embeddings=128)
    encoder = Encoder(config, 60).eval()
    initialise(encoder, 0.1 if "preset" in SHAPES[shape] else 0.2)  # gates multiply, and so do their errors
    for name, parameter in encoder.named_parameters():
        if name.endswith("bias"):
            torch.nn.init.normal_(parameter, std=0.2)
    exact = deepcopy(encoder)
    encoder.make_ready(precision)
    assert encoder.ready is not None
    return encoder, exact


def sequences_of(lengths):
    generator = torch.Generator().manual_seed(0)
    return [torch.randint(5, 60, (n,), generator=generator).numpy() for n in lengths]


@PRECISIONS
@pytest.mark.parametrize("shape", SHAPES)
@torch.no_grad()
def test_it_gives_what_layers_give_one_by_one(path, shape, precision):
    encoder, exact = encoder_of(shape, precision)
    batch = Packed.of(sequences_of(LENGTHS))
    found, packed = encoder(batch), encoder.ready
    encoder.ready = None
    one_by_one = encoder(batch)
    encoder.ready = packed
    with torch_only():
        wanted = exact(batch)
    assert (found - wanted).std() < NEARNESS[precision] * wanted.std()
    assert (found - one_by_one).std() < NEARNESS[precision] * wanted.std()
    if precision == "float32":
        assert_close(found, one_by_one, atol=5e-6, rtol=1e-5)


@PRECISIONS
@pytest.mark.parametrize("shape", ["plain", "modernbert"])
@torch.no_grad()
def test_a_text_is_answered_alike_alone_in_any_order_and_on_any_number_of_threads(path, shape, precision):
    encoder, _ = encoder_of(shape, precision)
    sequences, before = sequences_of(LENGTHS), torch.get_num_threads()
    alone = [encoder(Packed.of([each])) for each in sequences]
    orders = [[*range(len(LENGTHS))], [*reversed(range(len(LENGTHS)))], [4], [4, 4, 4, 4, 4], [6, 2], [3, 9, 0, 4]]
    try:
        for threads in (1, 2, 3, 5):
            torch.set_num_threads(threads)
            for order in orders:
                batch = Packed.of([sequences[n] for n in order])
                found = encoder(batch).split(batch.lengths)
                assert all(torch.equal(mine, alone[n]) for mine, n in zip(found, order, strict=True))
                firsts = encoder(batch, batch.firsts)
                assert torch.equal(firsts, torch.stack([each[0] for each in found]))
    finally:
        torch.set_num_threads(before)


@PRECISIONS
@pytest.mark.parametrize("shape", ["pruned", "modernbert", "mosaicbert"])
@torch.no_grad()
def test_only_what_is_asked_comes_back(path, shape, precision):
    encoder, _ = encoder_of(shape, precision)
    batch = Packed.of(sequences_of(LENGTHS))
    every = encoder(batch)
    for places in ([0], [3, 8, 9, 44, 160, 161, len(every) - 1], list(range(9)), list(range(len(every)))):
        asked = torch.tensor(places)
        assert torch.equal(encoder(batch, asked), every[asked])
    twice = torch.tensor([0, 0, 0, 5])
    again = encoder(batch, twice)  # what does not rise goes layer by layer
    assert (again - every[twice]).abs().max() < NEARNESS[precision] * every.abs().max()


def head_of(encoder, outputs):
    """Return a linear layer behind the pooler of an encoder made ready, as a module and as the kernel has both."""
    torch.manual_seed(4)
    last = torch.nn.Linear(encoder.config.hidden_size, outputs)
    for each in last, encoder.pooler.dense:
        make_ready(each.weight, "float32")
    head = encoder.ready.head(
        [pooler_step(encoder.config, dict(encoder.named_parameters())), StepParts(DenseParts(last.weight, last.bias))]
    )
    assert head is not None
    return last, head


@PRECISIONS
@pytest.mark.parametrize(("shape", "outputs"), [("plain", 3), ("modernbert", 1), ("relu", 33), ("albert", 70)])
@torch.no_grad()
def test_a_head_gives_what_its_modules_give_whoever_is_beside(path, shape, precision, outputs):
    encoder, _ = encoder_of(shape, precision)
    last, head = head_of(encoder, outputs)
    sequences, before = sequences_of((*LENGTHS, 40, 70, 8, 99)), torch.get_num_threads()
    packed = Packed.of(sequences)
    every = torch.arange(int(packed.starts[-1]))
    wanted = last(encoder.pooled(encoder(packed)))
    found = encoder.in_one_call(packed, every, head)
    assert found.shape == (len(every), outputs)
    assert_close(found, wanted, atol=1e-5, rtol=1e-5)
    try:
        for threads in (1, 2, 5):
            torch.set_num_threads(threads)
            for order in ([*range(14)], [*reversed(range(14))], [4], [6, 2], [3, 9, 0, 4]):
                batch = Packed.of([sequences[n] for n in order])
                firsts = torch.stack([found[packed.firsts[n]] for n in order])
                assert torch.equal(encoder.in_one_call(batch, batch.firsts, head), firsts)
    finally:
        torch.set_num_threads(before)


@torch.no_grad()
def test_a_token_that_is_not_there_cannot_be_asked_for(path):
    encoder, _ = encoder_of("plain", "float32")
    batch = Packed.of(sequences_of([5, 4]))
    for places in ([0, 9], [-1, 3]):
        with pytest.raises(IndexError, match="There are 9 tokens"):
            encoder(batch, torch.tensor(places))


@PRECISIONS
@torch.no_grad()
def test_few_tokens_that_are_asked_go_through_the_end_together_and_stay_the_same(path, precision):
    encoder, _ = encoder_of("plain", precision)
    sequences = sequences_of([5, 30, 64, 2] * 12)
    batch, before = Packed.of(sequences), torch.get_num_threads()
    every = encoder(batch)
    try:
        for threads in (1, 2, 3):
            torch.set_num_threads(threads)
            for places in (batch.firsts, batch.firsts[::5], batch.firsts[:1], torch.arange(0, len(every), 3)):
                assert torch.equal(encoder(batch, places), every[places])
    finally:
        torch.set_num_threads(before)


def test_a_head_that_the_kernel_does_not_read_is_none():
    encoder, _ = encoder_of("plain", "int8")
    weight, bias = torch.randn(24, 64), torch.randn(24)
    step = StepParts(DenseParts(weight, bias))
    assert encoder.ready.head([step]) is None  # not made ready
    make_ready(weight, "float32")
    assert encoder.ready.head([step]) is not None
    assert encoder.ready.head([step._replace(activation="gelu")]) is None  # its rows do not fill vectors
    assert encoder.ready.head([step._replace(activation="swish")]) is None
    assert encoder.ready.head([step, step]) is None
    assert encoder.ready.head([]) is None


@pytest.mark.parametrize(
    ("ids", "segments", "wrong"),
    [
        ([1, 60], [0, 0], "60 is none of the 60"),
        ([1, -1], [0, 0], "-1 is none of the 60"),
        ([1, 2**40], [0, 0], "none of the 60"),
        ([1, 1], [0, 2], "2 is none of the 2"),
        ([1] * 129, [0] * 129, "128 is none of the 128"),
    ],
)
@torch.no_grad()
def test_ids_without_a_row_are_refused(ids, segments, wrong):
    encoder, _ = encoder_of("plain", "int8")
    batch = Packed.of([np.array(ids)], [np.array(segments)])
    with pytest.raises(UserError, match=wrong):
        encoder(batch, batch.firsts)


@torch.no_grad()
def test_what_is_not_finite_stays_in_its_own_text(path):
    for precision in NEARNESS:
        encoder, _ = encoder_of("plain", precision)
        sequences = sequences_of((9, 31, 4))
        alone = encoder(Packed.of(sequences[2:]))
        sequences[1][3] = 7
        for each in sequences[0], sequences[2]:
            each[each == 7] = 8
        alone = encoder(Packed.of(sequences[2:]))
        encoder.embeddings.word_embeddings.weight[7] = torch.nan
        found = encoder(Packed.of(sequences))
        assert found[9:40].isnan().any()
        assert found[:9].isfinite().all()
        assert torch.equal(found[40:], alone)


def test_what_learns_or_is_looked_into_goes_layer_by_layer():
    encoder, _ = encoder_of("plain", "float32")
    batch = Packed.of(sequences_of((9, 31)))
    encoder(batch).sum().backward()  # with gradients
    assert encoder.encoder.layer[0].output.dense.weight.grad is not None
    assert deepcopy(encoder).ready is None
    with torch.no_grad():
        answered = encoder(batch)
        encoder.ready = lambda *_: pytest.fail("asked")
        encoder.ready.kernels = lambda: None
        with torch_only():
            assert_close(encoder(batch), answered, atol=1e-5, rtol=1e-5)
        encoder.ready.kernels = lambda: pytest.fail("asked")
        encoder.train()(batch)
        encoder.eval().gates = encoder.open_gates()
        encoder(batch)


@pytest.mark.parametrize(
    "other",
    [
        {"positions": "rotary", "num_attention_heads": 4},
        {"hidden_size": 24, "num_attention_heads": 2},
        {"layer_heads": [0, 2, 2]},
    ],
)
def test_layers_whose_rows_do_not_fill_vectors_go_one_by_one(other):
    shape = {"hidden_size": 64, "num_attention_heads": 2, "num_hidden_layers": 3, "max_position_embeddings": 32}
    encoder = Encoder(EncoderConfig(**{**shape, **other}), 60).eval()
    encoder.make_ready("float32")
    assert encoder.ready is None
    with torch.no_grad():
        assert encoder(Packed.of(sequences_of((9, 31)))).isfinite().all()
