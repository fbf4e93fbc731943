"""Where the tokens of one text look, head by head."""

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from mamebert.encoder.model import Encoder
from mamebert.encoder.packing import Packed
from mamebert.encoder.trace import Padded
from mamebert.errors import not_finite


@torch.no_grad()
def attention_to_itself(encoder: Encoder, ids: npt.NDArray[np.int64]) -> list[Tensor]:
    """Return the attention of each layer to a text, float64 [heads, tokens, tokens]; rows sum to 1.

    `ids` are all of the text, [CLS] and [SEP] among them. A layer may have no head. Shares that are no numbers are a
    UserError; the encoder is in evaluation mode afterwards.
    """
    encoder.eval()
    trace = encoder.trace(Padded.of(Packed.of([ids]).to(encoder.device)))
    layers = [layer[0].double().cpu() for layer in trace.attention]
    if not all(layer.isfinite().all() for layer in layers):
        raise not_finite()
    return layers
