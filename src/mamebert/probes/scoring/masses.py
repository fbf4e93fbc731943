"""Probabilities of some words at the first [MASK] of each of many texts, which are read together."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch

from mamebert.encoder.packing import Packed
from mamebert.errors import UserError, not_finite
from mamebert.probes import Asked

AT_ONCE = 256


@torch.no_grad()
def masses(asked: Asked, texts: Sequence[str], words: Sequence[str]) -> npt.NDArray[np.float64]:
    """Return the probabilities of `words`, each one token: float64 [texts, words], of a softmax over the vocabulary.

    Texts that are longer than the encoder reads are a UserError, as are scores that are not finite.
    """
    asked.network.eval()
    tokenizer, device = asked.tokenizer, next(asked.network.parameters()).device
    pieces = [each.ids.astype(np.int64) for each in tokenizer.encode_many(texts, special="token")]
    if (longest := max(map(len, pieces))) > asked.room:
        raise UserError(f"A text has {longest} pieces and the encoder reads {asked.room}. Ask one that reads more.")
    wanted = torch.tensor([tokenizer.whole_words[word] for word in words])
    found = np.zeros((len(texts), len(words)))
    order = np.argsort([len(each) for each in pieces], kind="stable")
    for start in range(0, len(order), AT_ONCE):
        some = order[start : start + AT_ONCE]
        whole = [np.concatenate([[tokenizer.cls_id], pieces[n], [tokenizer.sep_id]]) for n in some]
        packed = Packed.of(whole)
        places = packed.starts[:-1] + torch.tensor([int(np.argmax(each == tokenizer.mask_id)) for each in whole])
        logits = asked.network.cls.predictions(asked.network.bert(packed.to(device), places.to(device)))
        if not logits.isfinite().all():
            raise not_finite()
        found[some] = logits.float().softmax(-1).cpu()[:, wanted].double().numpy()
    return found
