"""Small whole numbers side by side in bytes, so that a file is as small as its numbers are narrow."""

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor, nn


def pack_bits(codes: Tensor, bits: int) -> Tensor:
    """Return uint8 [ceil(numel * bits / 8)]: numbers from 0 to 2^bits - 1 with no gap between them, high bits first.

    `codes` has any shape and whole values; `bits` is from 1 to 8.
    """
    flat = codes.detach().cpu().reshape(-1, 1).to(torch.uint8).numpy()
    return torch.from_numpy(np.packbits(np.unpackbits(flat, axis=1)[:, 8 - bits :]))


def unpack_bits(packed: Tensor, bits: int, shape: torch.Size) -> Tensor:
    """Return uint8 [*shape]: the numbers that `pack_bits` packed; a ValueError where these are not as many."""
    is_packed = packed.dtype == torch.uint8 and packed.dim() == 1 and 1 <= bits <= 8
    if not is_packed or len(packed) != packed_size(shape.numel(), bits):
        raise ValueError(f"{list(packed.shape)} {packed.dtype} are not {shape.numel():,} numbers of {bits} bits")
    digits = np.unpackbits(packed.cpu().numpy(), count=shape.numel() * bits).reshape(-1, bits)
    full = np.pad(digits, ((0, 0), (8 - bits, 0)))
    return torch.from_numpy(np.packbits(full, axis=1)).reshape(shape)


def packed_size(num_codes: int, bits: int) -> int:
    """Return the bytes that `pack_bits` makes of so many numbers."""
    return -(-num_codes * bits // 8)


def times_smaller(encoder: nn.Module, stored: Mapping[str, int]) -> dict[str, float]:
    """Return how many times smaller than float32 the matrices, the tables and the whole encoder are.

    `stored` has the bytes of each module's weight that is packed; for the whole all else is counted as float32.
    """
    sizes = {"matrices": [0, 0], "embeddings": [0, 0]}
    for name, small in stored.items():
        size = sizes["embeddings" if name.startswith("embeddings.") else "matrices"]
        size[0] += 4 * encoder.get_parameter(f"{name}.weight").numel()
        size[1] += small
    before = 4 * sum(each.numel() for each in encoder.parameters())
    sizes["encoder"] = [before, before - sum(full - small for full, small in sizes.values())]
    return {f"times_smaller_{name}": round(full / small, 2) for name, (full, small) in sizes.items() if small}
