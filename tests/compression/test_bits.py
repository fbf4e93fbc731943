import pytest
import torch

from mamebert.compression._bits import pack_bits, packed_size, unpack_bits


@pytest.mark.parametrize("bits", range(1, 9))
def test_packing_loses_nothing_and_leaves_no_gap(bits):
    codes = torch.randint(0, 2**bits, (7, 13), generator=torch.Generator().manual_seed(bits))

    packed = pack_bits(codes, bits)

    assert packed.dtype == torch.uint8
    assert len(packed) == packed_size(91, bits) == -(-91 * bits // 8)
    assert torch.equal(unpack_bits(packed, bits, codes.shape), codes.to(torch.uint8))
