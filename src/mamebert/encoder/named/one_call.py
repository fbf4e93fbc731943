"""Asking the one native call: what it needs of a batch, and what it says of one that it cannot answer."""

from collections.abc import Sequence

import numpy as np

from mamebert.encoder.named.kernel_parts import SEGMENTS
from mamebert.encoder.settings import EncoderConfig
from mamebert.kernels.native import ID, kernels, require_within
from mamebert.kernels.packed_encoder import Ints, PackedEncoder, PackedHead
from mamebert.kernels.ready_weights import Floats


def in_one_call(
    packed: PackedEncoder,
    about: tuple[EncoderConfig, int],
    batch: tuple[Ints, Ints, Ints],
    places: Ints | None = None,
    head: PackedHead | None = None,
    layers: Sequence[int] = (),
) -> Floats | None:
    """Return hidden states [tokens, hidden_size], or with `places` those [rows, ...], or what a head makes of them.

    With `layers` (0 are the embeddings) they are those of each of these, [layers, tokens or rows, hidden_size].

    `about` are the encoder's settings and the rows of its table; a batch is ids [tokens], segments [tokens], and where
    sequences begin [sequences + 1]. None where no kernels answer, there is no token, or places do not rise. A token
    that the encoder does not know is a UserError.
    """
    (ids, segments, starts), library = batch, kernels()
    if library is None or not len(ids):
        return None
    asked = None
    if places is not None:
        if len(places) > 1 and not (places[1:] > places[:-1]).all():
            return None
        if len(places) and not 0 <= places[0] <= places[-1] < len(ids):
            raise IndexError(f"There are {len(ids)} tokens, and places from {places[0]} to {places[-1]} are asked.")
        asked = places, np.searchsorted(places, starts)
    found = (
        packed.states(library, batch, layers, asked) if layers else packed(library, ids, segments, starts, asked, head)
    )
    if found is None:
        require_known(*about, batch)
    return found


def require_known(config: EncoderConfig, vocab_size: int, batch: tuple[Ints, Ints, Ints]) -> None:
    """Raise a UserError where an id, a position or a segment is none of the encoder's."""
    ids, segments, starts = batch
    require_within(ids, vocab_size, ID)
    longest = np.diff(starts).max(initial=0)
    require_within(np.array([longest - 1][: int(longest)]), config.max_position_embeddings, "position of a token")
    if config.type_vocab_size != 1:
        require_within(segments, config.type_vocab_size or SEGMENTS, ID)
