"""The words that an encoder would put in the place of [MASK]."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from mamebert.encoder.model import PretrainingNetwork
from mamebert.encoder.packing import Packed
from mamebert.errors import UserError, not_finite
from mamebert.tokenizer.encoding import Tokenizer

Candidates = list[tuple[str, float]]


@torch.no_grad()
def fill_mask(
    network: PretrainingNetwork, tokenizer: Tokenizer, texts: Sequence[str], top: int = 5, targets: Sequence[str] = ()
) -> list[list[Candidates]]:
    """Return, for every text and every [MASK] in it, the `top` tokens with their probabilities.

    With `targets`, tokens of the vocabulary, only these are candidates; one that is no token is a UserError.
    Probabilities are a softmax over the whole vocabulary all the same. A text without [MASK], or one that is longer
    than the encoder reads, is a UserError, as are scores that are not finite.
    """
    network.eval()
    # A table may have more rows than there are tokens, and a vocabulary ids that stand for none.
    known = torch.tensor(_ids(tokenizer, targets) or [number for number, token in enumerate(tokenizer.tokens) if token])
    return [_fill(network, tokenizer, text, top, known) for text in texts]


def _fill(network: PretrainingNetwork, tokenizer: Tokenizer, text: str, top: int, known: Tensor) -> list[Candidates]:
    pieces = tokenizer.encode(text, special="token").ids
    ids = np.concatenate([[tokenizer.cls_id], pieces, [tokenizer.sep_id]]).astype(np.int64)
    room = network.bert.config.max_position_embeddings
    if len(ids) > room:
        raise UserError(f"The text has {len(ids)} tokens and the encoder reads {room}. Give a shorter text.")
    places = np.flatnonzero(ids == tokenizer.mask_id)
    if not len(places):
        mask = tokenizer.tokens[tokenizer.mask_id]
        raise UserError(f"There is no {mask} in {text!r}. Put {mask} where a word is wanted.")
    batch = Packed.of([ids]).to(next(network.parameters()).device)
    logits = network.cls.predictions(network.bert(batch)[torch.from_numpy(places)])
    if not logits.isfinite().all():
        raise not_finite()
    best = logits.softmax(-1).cpu()[:, known].topk(min(top, len(known)))
    rows = zip(known[best.indices].tolist(), best.values.tolist(), strict=True)
    return [[(tokenizer.spelt(i), p) for i, p in zip(*row, strict=True)] for row in rows]


def _ids(tokenizer: Tokenizer, targets: Sequence[str]) -> list[int]:
    ids = {token: number for number, token in enumerate(tokenizer.tokens) if token}
    for target in targets:
        if target not in ids:
            pieces = [tokenizer.tokens[number] for number in tokenizer.encode(target).ids]
            raise UserError(
                f"{target!r} is no token of this vocabulary (it is read as {' '.join(pieces) or 'nothing'}), and "
                "[MASK] stands for one. Leave it out of targets."
            )
    return list(dict.fromkeys(ids[target] for target in targets))
