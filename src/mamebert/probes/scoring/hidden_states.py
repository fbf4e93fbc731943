"""What every layer of an encoder makes of texts."""

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from mamebert.encoder.packing import Packed
from mamebert.errors import UserError, not_finite
from mamebert.probes import Asked

TOKENS_AT_ONCE = 8192
Ids = npt.NDArray[np.int64]


@torch.no_grad()
def hidden_states(asked: Asked, texts: Sequence[Ids]) -> Iterator[tuple[int, Tensor]]:
    """Yield (number of the text, float32 [layers + 1, pieces, width]), in order of length; [CLS] and [SEP] left out.

    The first of the layers is the embeddings. Longer texts than the encoder reads are a UserError, as are numbers that
    are not finite; the network is in evaluation mode afterwards.
    """
    asked.network.eval()
    longest = max(map(len, texts), default=0)
    if longest > asked.room:
        raise UserError(f"A text has {longest} pieces and the encoder reads {asked.room}. Leave it out, or cut it.")
    device = next(asked.network.parameters()).device
    for some in _groups(texts):
        ends = asked.tokenizer.cls_id, asked.tokenizer.sep_id
        packed = Packed.of([np.concatenate([ends[:1], texts[number], ends[1:]]) for number in some])
        layers = torch.stack([hidden.float().cpu() for hidden in asked.network.bert.hidden_states(packed.to(device))])
        if not layers.isfinite().all():
            raise not_finite()
        for number, part in zip(some, layers.split(list(packed.lengths), dim=1), strict=True):
            yield number, part[:, 1:-1]


def mean_vectors(asked: Asked, texts: Sequence[Ids]) -> npt.NDArray[np.float32]:
    """Return the means over the pieces of texts: float32 [layers + 1, texts, width]; an empty text is a UserError."""
    if not all(map(len, texts)) or not len(texts):
        raise UserError("There is a text without a single piece, or none at all. Leave empty lines out.")
    found: list[npt.NDArray[np.float32]] = [np.zeros(0, np.float32)] * len(texts)
    for number, layers in hidden_states(asked, texts):
        found[number] = layers.mean(1).numpy()
    return np.stack(found, axis=1)


def layer_names(number: int) -> list[str]:
    """Return what the embeddings and the layers above them are called in tables."""
    return ["embeddings", *(f"layer {layer}" for layer in range(1, number))]


def _groups(texts: Sequence[Ids]) -> Iterator[list[int]]:
    some, tokens = list[int](), 0
    for number in np.argsort([len(text) for text in texts], kind="stable").tolist():
        length = len(texts[number]) + 2
        if some and tokens + length > TOKENS_AT_ONCE:
            yield some
            some, tokens = [], 0
        some.append(number)
        tokens += length
    if some:
        yield some
