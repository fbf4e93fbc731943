import pytest
import torch

from mamebert.compression.quantisation.bit_packing import pack_bits, packed_size, unpack_bits


@pytest.mark.parametrize("bits", range(1, 9))
def test_packing_loses_nothing_and_leaves_no_gap(bits):
    codes = torch.randint(0, 2**bits, (7, 13), generator=torch.Generator().manual_seed(bits))

    packed = pack_bits(codes, bits)

    assert packed.dtype == torch.uint8
    assert len(packed) == packed_size(91, bits) == -(-91 * bits // 8)
    assert torch.equal(unpack_bits(packed, bits, codes.shape), codes.to(torch.uint8))


@pytest.mark.parametrize(
    ("packed", "bits"),
    [
        (torch.zeros(3, dtype=torch.uint8), 4),
        (torch.zeros(8, dtype=torch.int64), 4),
        (torch.zeros(2, 4, dtype=torch.uint8), 4),
        (torch.zeros(8, dtype=torch.uint8), 10**9),
        (torch.zeros(0, dtype=torch.uint8), 0),
    ],
)
def test_what_is_not_packed_so_is_never_filled_up(packed, bits):
    with pytest.raises(ValueError, match="are not 16 numbers of"):
        unpack_bits(packed, bits, torch.Size([4, 4]))
