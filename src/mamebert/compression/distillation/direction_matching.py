"""Directions rather than lengths: distillation from a teacher of floats to a network of signs.

Direction-matching distillation (Qin et al., 2022): the similarities between the tokens' queries, keys, values and the
hidden states are laid to length 1 before they are compared, for a binary network cannot have the teacher's lengths.
"""

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor

from mamebert.compression.distillation.distiller import Pass, Term

Matched = Literal["queries", "keys", "values", "hidden"]


def direction_gap(student: Tensor, teacher: Tensor) -> Tensor:
    """Return || s/||s|| - t/||t|| || over whole tensors: from 0, for the same direction, to 2."""
    unit_s, unit_t = (each.float() / each.float().norm().clamp_min(1e-12) for each in (student, teacher))
    gap: Tensor = torch.linalg.vector_norm(unit_s - unit_t)
    return gap


def similarities(vectors: Tensor, visible: Tensor) -> Tensor:
    """Return X Xᵀ / sqrt(width) [batch, heads, longest, longest] of [batch, heads, longest, width]; 0 at padding."""
    pairs = visible[:, None, :, None] & visible[:, None, None, :]
    found: Tensor = vectors @ vectors.transpose(2, 3) / vectors.shape[-1] ** 0.5
    return found.masked_fill(~pairs, 0.0)


def same_directions(what: Matched, weight: float = 1.0) -> Term:
    """Return the sum of the direction gaps of all layers as a term.

    A student of fewer layers is compared with the last teacher layer of each block, and its embeddings with the
    teacher's.
    """
    return Term(what, weight, _hidden_gaps if what == "hidden" else _similarity_gaps(what), "inside")


def _hidden_gaps(student: Pass, teacher: Pass) -> Tensor:
    block = (len(teacher.states) - 1) // (len(student.states) - 1)
    return torch.stack(
        [direction_gap(s, t) for s, t in zip(student.states, teacher.states[::block], strict=True)]
    ).sum()


def _similarity_gaps(what: str) -> Callable[[Pass, Pass], Tensor]:
    def gaps(student: Pass, teacher: Pass) -> Tensor:
        assert student.inside is not None
        assert teacher.inside is not None
        visible = student.inside.batch.visible
        found, wanted = getattr(student.inside, what), getattr(teacher.inside, what)
        block = len(wanted) // len(found)
        return torch.stack(
            [
                direction_gap(similarities(s, visible), similarities(t, visible))
                for s, t in zip(found, wanted[block - 1 :: block], strict=True)
            ]
        ).sum()

    return gaps
