"""Weights laid out once: in float32 they give the same numbers, in int8 exact sums; each row alone as among others."""

from contextlib import nullcontext

import pytest
import torch
from torch.testing import assert_close

from mamebert.encoder.model import Encoder
from mamebert.encoder.packing import Packed
from mamebert.encoder.settings import EncoderConfig
from mamebert.kernels import torch_only
from mamebert.kernels.linear import linear, linear_side_by_side
from mamebert.kernels.native import native_of
from mamebert.kernels.ready_weights import (
    COLUMNS,
    LARGEST,
    LEVELS,
    WORD,
    BFloat16Weight,
    Float32Weight,
    Int8Weight,
    largest_weight,
    make_ready,
    ready_of,
)

PATHS = pytest.mark.parametrize("path", [nullcontext, torch_only])
SHAPES = [(1, 1), (7, 3), (32, 16), (33, 17), (100, 48), (384, 130), (1536, 64)]  # in, out
ROWS = [1, 2, 5, 6, 7, 13, 47, 48, 49, 97, 200]


def rounded(values, largest=LARGEST):
    """Whole numbers and their steps, row by row, in float64."""
    steps = values.abs().amax(dim=1, keepdim=True) / largest
    return (values / steps.clamp_min(1e-38)).round().double(), steps


def rounded_around_zeros(values):
    """The same of rows whose range is cut into LEVELS steps, above 0 and below it."""
    low, high = values.amin(dim=1, keepdim=True).clamp(max=0), values.amax(dim=1, keepdim=True).clamp(min=0)
    steps = high * (1 / LEVELS) - low * (1 / LEVELS)
    inverse = 1 / steps
    zeros = (-low * inverse).round()
    return ((values * inverse + zeros).round() - zeros).double(), steps


@PATHS
@pytest.mark.parametrize(("depth", "width"), SHAPES)
def test_sums_are_exact(depth, width, path):
    torch.manual_seed(0)
    weight, bias = torch.randn(width, depth), torch.randn(width)
    packed = Int8Weight.of(weight)
    whole, steps = rounded(weight, largest_weight())
    assert torch.equal(packed.whole().double(), whole)
    assert packed.panels.shape == (-(-width // COLUMNS), -(-depth // WORD), COLUMNS, WORD)
    for rows in ROWS:
        hidden = torch.randn(rows, depth)
        numbers, row_steps = rounded_around_zeros(hidden)
        expected = ((numbers @ whole.T).float() * (row_steps * steps.T) + bias).float()
        out = torch.full((rows, width + 3), -7.0)
        with path():
            packed.multiply(hidden, bias, out[:, 1 : width + 1])
        # Where a number lies between two whole ones, its neighbour may be taken: in few rows, and by a step.
        off = (out[:, 1 : width + 1] - expected).abs()
        beside = (off > 1e-5 * expected.abs().max()).any(dim=1).sum() <= 2 + rows // 20
        assert off.max() < 1e-5 * expected.abs().max() or (
            beside and off.max() < 2.02 * row_steps.max() * weight.abs().max()
        )
        assert (out[:, [0, width + 1, width + 2]] == -7.0).all()


@pytest.mark.parametrize(("depth", "width"), SHAPES)
def test_bfloat16_gives_sums_of_what_is_rounded_to_it_alone_and_among_others(depth, width):
    torch.manual_seed(0)
    weight, bias = torch.randn(width, depth), torch.randn(width)
    packed = BFloat16Weight.of(weight)
    if packed is None:
        pytest.skip("products of bfloat16 are no faster here")
    for rows in ROWS:
        hidden = torch.randn(rows, depth)
        expected = hidden.bfloat16().double() @ weight.bfloat16().double().T + bias
        out = torch.full((rows, width + 3), -7.0)
        packed.multiply(hidden, bias, out[:, 1 : width + 1])
        assert_close(out[:, 1 : width + 1].double(), expected, atol=1e-4, rtol=1e-4)
        assert (out[:, [0, width + 1, width + 2]] == -7.0).all()
        alone = torch.empty(1, width)
        packed.multiply(hidden[-1:], bias, alone)
        assert torch.equal(alone[0], out[-1, 1 : width + 1])


def test_where_bfloat16_is_no_faster_float32_is_taken():
    weight = torch.randn(32, 16)
    make_ready(weight, "bfloat16")
    wanted = BFloat16Weight if BFloat16Weight.of(weight) else Float32Weight
    assert ready_of(weight) is None or isinstance(ready_of(weight), wanted)


@PATHS
def test_sums_of_the_largest_numbers_are_exact_too(path):
    for sign in (1.0, -1.0):
        weight, hidden = torch.full((17, 96), sign), torch.ones(3, 96)
        packed, out = Int8Weight.of(weight), torch.empty(3, 17)
        with path():
            packed.multiply(hidden, None, out)
        assert_close(out, torch.full((3, 17), sign * 96))


@PATHS
def test_a_row_is_the_same_alone_and_among_others_on_any_number_of_threads(path):
    torch.manual_seed(1)
    packed, hidden = Int8Weight.of(torch.randn(70, 96)), torch.randn(130, 96)
    before, found = torch.get_num_threads(), []
    for threads in (1, 2, 3):
        torch.set_num_threads(threads)
        with path():
            out, alone = torch.empty(130, 70), torch.empty(130, 70)
            packed.multiply(hidden, None, out)
            for i in range(130):
                packed.multiply(hidden[i : i + 1], None, alone[i : i + 1])
        found += [out, alone]
    torch.set_num_threads(before)
    assert all(torch.equal(found[0], each) for each in found)


@PATHS
@pytest.mark.parametrize("scale", [1.0, 1e-30, 1e37])
def test_a_row_is_rounded_in_steps_of_its_own_range(path, scale):
    torch.manual_seed(2)
    packed = Int8Weight.of(torch.eye(40))
    hidden = torch.randn(400, 40)
    hidden[:100] = hidden[:100].abs() - 0.17  # as behind GELU
    hidden[100:200] = -hidden[100:200].abs()
    hidden[200:300, 3] = 30.0
    hidden *= scale
    out = torch.empty(400, 40)
    with path():
        packed.multiply(hidden, None, out)
    span = hidden.amax(dim=1, keepdim=True).clamp(min=0) - hidden.amin(dim=1, keepdim=True).clamp(max=0)
    assert ((out - hidden).abs() / span).max() < 0.51 / LEVELS


@PATHS
def test_rows_of_zeros_give_the_bias_and_what_is_not_finite_gives_nan(path):
    packed = Int8Weight.of(torch.randn(3, 8))
    hidden = torch.randn(4, 8)
    hidden[0], hidden[1, 2], hidden[2, 5] = 0, torch.nan, torch.inf
    out = torch.empty(4, 3)
    with path():
        packed.multiply(hidden, torch.ones(3), out)
    assert (out[0] == 1).all()
    assert out[1:3].isnan().all()
    assert out[3].isfinite().all()


@pytest.mark.parametrize(("depth", "width"), [*SHAPES, (64, 200)])
def test_in_float32_no_bit_is_another(depth, width):
    torch.manual_seed(0)
    weight, bias = torch.randn(width, depth), torch.randn(width)
    laid_out = weight.clone()
    make_ready(laid_out, "float32")
    assert isinstance(ready_of(laid_out), Float32Weight) == (native_of(weight) is not None)
    with torch.no_grad():
        for rows in ROWS:
            hidden = torch.randn(rows, depth)
            for shift in (bias, None):
                assert torch.equal(linear(hidden, laid_out, shift), linear(hidden, weight, shift))
            found = linear_side_by_side(hidden, [laid_out, laid_out], [bias, None])
            expected = linear_side_by_side(hidden, [weight, weight], [bias, torch.zeros(width)])
            assert torch.equal(found, expected)
            assert torch.equal(linear_side_by_side(hidden, [weight, weight], [bias, None]), expected)
        with torch_only():
            assert_close(linear(hidden, laid_out, bias), linear(hidden, weight, bias))


def test_only_what_is_asked_in_float32_is_rounded():
    torch.manual_seed(2)
    weight, hidden = torch.nn.Parameter(torch.randn(32, 16)), torch.randn(5, 16)
    exact = hidden @ weight.T
    make_ready(weight, "int8")
    assert ready_of(weight) is not None
    assert ready_of(weight.detach()) is None
    assert torch.equal(linear(hidden, weight), torch.nn.functional.linear(hidden, weight))  # it may be learning
    with torch.no_grad():
        asked = linear(hidden, weight)
        both = linear_side_by_side(hidden, [weight, weight], [None, torch.ones(32)])
        mixed = linear_side_by_side(hidden, [weight, weight.detach()], [None, None])
    assert not torch.equal(asked, exact)
    assert (asked - exact).std() < 0.03 * exact.std()
    assert_close(both, torch.cat([asked, asked + 1], 1))
    assert_close(mixed, torch.cat([exact, exact], 1))


@PATHS
@pytest.mark.parametrize("preset", [{}, {"preset": "modernbert"}])
def test_an_encoder_of_whole_numbers_is_near_the_one_it_was_and_answers_alike_in_any_batch(preset, path):
    torch.manual_seed(3)
    shape = {"hidden_size": 64, "num_hidden_layers": 3, "num_attention_heads": 2, "max_position_embeddings": 32}
    encoder = Encoder(EncoderConfig(**preset, **shape), 50).eval()
    sequences = [torch.randint(5, 50, (n,)).numpy() for n in (9, 31, 2, 17)]
    kinds = [0 * each for each in sequences]
    batch = Packed.of(sequences, kinds)
    with torch.no_grad(), path():
        exact = encoder(batch)
        encoder.make_ready("int8")
        found = encoder(batch)
        assert 0 < (found - exact).std() < 0.03 * exact.std()
        alone = [encoder(Packed.of([ids], [kind])) for ids, kind in zip(sequences, kinds, strict=True)]
        assert torch.equal(found, torch.cat(alone))
        firsts = batch.starts[:-1]
        assert torch.equal(encoder(batch, firsts.long()), found[firsts.long()])
