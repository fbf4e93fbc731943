"""What flows between layers on a grid from its smallest number to its largest."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn.functional import gelu

from mamebert.compression.quantisation.activation_range import (
    SCHEMES,
    ActivationGrid,
    ActivationRange,
    ranges_of_before,
    scheme_in,
)
from mamebert.compression.quantisation.rounding import step_for, to_integers
from mamebert.errors import UserError

NUMBERS = st.floats(-100, 100, width=32, allow_subnormal=False)
TENSORS = st.lists(NUMBERS, min_size=1, max_size=20).map(torch.tensor)
BITS = st.integers(2, 8)
schemes = st.sampled_from(SCHEMES)
some = settings(max_examples=30, deadline=None)


def followed(values: Tensor, bits: int = 8, scheme="asymmetric", decay: float = 0.9) -> ActivationRange:
    made = ActivationRange(bits, decay, scheme=scheme)
    made.observe(values)
    return made


@some
@given(TENSORS, BITS, schemes)
def test_zero_stays_zero_exactly(values, bits, scheme):
    assert followed(values, bits, scheme)(torch.zeros(1)).item() == 0
    grid = followed(values, bits, scheme).grid()
    assert grid.zero_point == grid.zero_point.round()
    assert 0 <= grid.zero_point <= grid.largest


@some
@given(TENSORS, BITS, schemes)
def test_no_number_of_the_range_moves_more_than_a_step_and_inside_no_more_than_half(values, bits, scheme):
    kept = followed(values, bits, scheme)
    step = float(kept.grid().step)
    moved = (kept(values) - values).abs()
    assert float(moved.max()) <= step * (1 + 1e-4)
    first, last = (float(bound) * step for bound in kept.grid().bounds())
    inside = (values > first) & (values < last)
    assert not inside.any() or float(moved[inside].max()) <= step / 2 * (1 + 1e-4)


@some
@given(TENSORS, BITS, schemes)
def test_no_more_values_than_the_bits_can_say(values, bits, scheme):
    found = followed(values, bits, scheme)(torch.linspace(-200, 200, 2001))
    assert found.unique().numel() <= 2**bits


@some
@given(TENSORS, TENSORS, BITS, schemes)
def test_rounding_twice_is_rounding_once(seen, values, bits, scheme):
    kept = followed(seen, bits, scheme)
    assert torch.equal(kept(kept(values)), kept(values))


@some
@given(TENSORS, TENSORS, BITS, schemes)
def test_the_gradient_is_that_of_the_identity_inside_the_range_and_beyond_it(seen, values, bits, scheme):
    upstream = torch.arange(1.0, len(values) + 1)
    values.requires_grad_()
    followed(seen, bits, scheme)(values).backward(upstream)
    assert torch.equal(values.grad, upstream)


@some
@given(TENSORS, TENSORS)
def test_it_rounds_as_the_fake_quantisation_of_torch(seen, values):
    kept = followed(seen)
    grid = kept.grid()
    theirs = torch.fake_quantize_per_tensor_affine(values, float(grid.step), int(grid.zero_point), 0, grid.largest)
    apart = (kept(values) - theirs).abs() / grid.step
    # torch multiplies by 1 / step and so puts what lies in the middle between two on the other one now and then
    places = values / grid.step
    tied = (places - places.floor() - 0.5).abs() < 1e-4
    assert float(apart[~tied].max() if (~tied).any() else 0) < 1e-4
    assert float(apart.max()) < 1 + 1e-4


@some
@given(TENSORS, TENSORS, BITS)
def test_a_symmetric_range_rounds_as_it_did_before(seen, values, bits):
    limit = seen.abs().max()
    step = step_for(limit, bits)
    assert torch.equal(followed(seen, bits, "symmetric")(values), to_integers(values, step, bits) * step)


def test_what_leaves_a_gelu_has_twice_as_many_values_as_by_a_symmetric_range():
    values = gelu(torch.cat([torch.linspace(-5, 1, 5000), torch.tensor([24.0])]))
    steps = [float(followed(values, scheme=scheme).grid().step) for scheme in SCHEMES]
    assert steps == [pytest.approx(24.17 / 255, rel=1e-3), pytest.approx(24 / 127)]
    moved = [float((followed(values, scheme=scheme)(values) - values).square().mean()) for scheme in SCHEMES]
    assert moved[0] < moved[1] / 2


def test_the_first_batch_begins_a_range_and_the_others_move_both_its_ends_slowly():
    kept = ActivationRange(8, decay=0.9)
    kept.observe(torch.tensor([-4.0, 1.0]))
    assert (kept.low, kept.high) == (-4, 1)
    kept.observe(torch.tensor([-2.0, 11.0]))
    assert (float(kept.low), float(kept.high)) == (pytest.approx(-3.8), pytest.approx(2.0))


@some
@given(st.lists(TENSORS, min_size=1, max_size=5), st.floats(0, 0.9999))
def test_a_range_is_the_moving_average_of_smallest_and_largest_numbers_zero_among_them(batches, decay):
    kept = ActivationRange(8, decay)
    low = high = None
    for values in batches:
        kept.observe(values)
        ends = min(float(values.min()), 0.0), max(float(values.max()), 0.0)
        low, high = ends if low is None else (decay * low + (1 - decay) * ends[0], decay * high + (1 - decay) * ends[1])
    np.testing.assert_allclose([kept.low, kept.high], [low, high], rtol=1e-4, atol=1e-4)


def test_a_range_holds_zero_whatever_it_has_seen():
    assert followed(torch.tensor([3.0, 5.0])).low == 0
    assert followed(torch.tensor([-3.0, -5.0])).high == 0


def test_a_symmetric_range_follows_the_largest_magnitude():
    kept = followed(torch.tensor([-4.0, 1.0]), scheme="symmetric")
    kept.observe(torch.tensor([14.0]))
    assert float(kept.high) == pytest.approx(5.0)
    assert kept.low == -kept.high


def test_a_dynamic_range_is_that_of_the_tensor_at_hand():
    values = torch.tensor([0.1, -0.2])
    dynamic = ActivationRange(8, mode="dynamic")
    dynamic.observe(torch.tensor([50.0]))
    expected = ActivationGrid.spanning(torch.tensor(-0.2), torch.tensor(0.1), 255).rounded(values)
    assert torch.equal(dynamic(values), expected)
    assert not dynamic.stays()


def test_bytes_fit_into_bfloat16():
    kept = followed(torch.tensor([-0.17, 24.0]))
    values = torch.linspace(-1, 30, 999).bfloat16()
    found = kept(values)
    assert found.dtype == torch.bfloat16
    assert float(found[-1]) == pytest.approx(24, abs=0.1)
    assert kept(torch.zeros(1).bfloat16()).item() == 0


def test_a_range_of_zeros_gives_zeros():
    assert not followed(torch.zeros(3))(torch.zeros(3)).any()


def test_what_was_stored_as_a_magnitude_goes_as_far_below_zero():
    stored = {"bert.a.inputs.limit": torch.tensor(2.0), "bert.a.inputs.num_batches": torch.tensor(3)}
    assert ranges_of_before(stored) == {"bert.a.inputs.low": -2, "bert.a.inputs.high": 2}


def test_a_folder_that_says_nothing_has_symmetric_ranges_and_an_unknown_word_is_refused():
    assert scheme_in({}) == "symmetric"
    assert scheme_in({"activation_range": "asymmetric"}) == "asymmetric"
    with pytest.raises(UserError, match="lopsided"):
        scheme_in({"activation_range": "lopsided"})
