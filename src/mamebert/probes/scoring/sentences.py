"""Sentences as pieces that can be asked for."""

from collections.abc import Sequence

import numpy as np

from mamebert.errors import UserError
from mamebert.probes import Asked
from mamebert.probes.scoring.pseudo_likelihood import Scored

MOST_UNKNOWN = 0.5
"""Share of pieces that are [UNK] from which on nothing is asked: what is left of the sentences tells nothing."""


def scored(texts: Sequence[str], asked: Asked) -> list[Scored]:
    """Return the pieces of sentences; no sentence, one that is too long, and mostly unknown ones are a UserError."""
    found = [Scored(each.ids.astype(np.int64), each.word_starts) for each in asked.tokenizer.encode_many(texts)]
    require_readable(found, asked)
    return found


def require_readable(texts: Sequence[Scored], asked: Asked) -> None:
    """Raise UserError where there are no sentences, where one is too long, or where most of them is unknown."""
    if not texts:
        raise UserError("There are no sentences to ask about. Give a file with some.")
    longest = max(len(each.ids) for each in texts)
    if longest > asked.room:
        raise UserError(
            f"One of the sentences has {longest} pieces and the encoder reads {asked.room}. "
            "Leave it out, or ask an encoder that reads more."
        )
    ids = np.concatenate([each.ids for each in texts])
    share = float((ids == asked.tokenizer.unk_id).mean()) if len(ids) else 1.0
    if share > MOST_UNKNOWN:
        raise UserError(
            f"{share:.0%} of the pieces of these sentences are unknown to the encoder's tokenizer, so their scores "
            "would tell nothing. Ask an encoder for this language."
        )
