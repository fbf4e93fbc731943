"""How near a graph comes to the network that it was made of."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from mamebert.compression.forms.onnx_export import INPUTS, GraphModule
from mamebert.compression.forms.onnx_session import Session
from mamebert.kernels.native import torch_only

LENGTHS = (4, 32, 11, 32, 2, 19, 7, 25)
"""Tokens of the sequences that both are asked; they stand in one batch, so that there is padding too."""


@torch.no_grad()
def parity(module: GraphModule, graph: Path) -> dict[str, dict[str, float]]:
    """Return for each output how far the graph is from the network in float32, over sequences of random tokens.

    That is the largest difference, the root of the mean square of differences over that of the outputs, and for scores
    the share of places (tokens, or sequences) at which the same one is the largest.
    """
    session = Session(graph)
    given = _inputs(module)
    with torch_only():
        expected = module(*given)
    outputs = expected if isinstance(expected, tuple) else (expected,)
    names = dict(zip(INPUTS, given, strict=True))
    found = session(*(names[name] for name in session.names))
    seen = given[1].bool()
    told = {}
    for (name, sizes), mine, wanted in zip(module.outputs().items(), found, outputs, strict=True):
        by_token = "sequence" in sizes
        told[name] = _apart(name, mine[seen] if by_token else mine, wanted[seen] if by_token else wanted)
    return told


def _inputs(module: GraphModule) -> Sequence[Tensor]:
    bert: Any = module.network.bert
    lengths = [min(length, bert.config.max_position_embeddings) for length in LENGTHS]
    seen = torch.arange(max(lengths)) < torch.tensor(lengths)[:, None]
    ids = torch.randint(bert.vocab_size, seen.shape, generator=torch.Generator().manual_seed(0))
    ids = ids.masked_fill(~seen, bert.config.pad_token_id)
    return ids, seen.long(), torch.zeros_like(ids)


def _apart(name: str, found: Tensor, expected: Tensor) -> dict[str, float]:
    gap = (found - expected).double()
    told = {
        "largest_difference": float(gap.abs().max()),
        "relative_error": float(gap.norm() / expected.double().norm().clamp_min(1e-30)),
    }
    if name.endswith("logits") and expected.ndim > 1 and expected.shape[-1] > 1:
        told["same_choice"] = float((found.argmax(-1) == expected.argmax(-1)).double().mean())
    return told
