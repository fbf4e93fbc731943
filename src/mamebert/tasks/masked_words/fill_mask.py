"""The words that an encoder would put in the place of [MASK]."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple, Union

import numpy as np
import numpy.typing as npt

from mamebert.errors import UserError, not_finite
from mamebert.tasks.data.shares import softmax
from mamebert.tasks.masked_words.ready_words import ReadyWords
from mamebert.tokenizer.encoding import Tokenizer

if TYPE_CHECKING:
    from mamebert.encoder.model import PretrainingNetwork

Network = Union["PretrainingNetwork", ReadyWords]
Floats = npt.NDArray[np.floating]
Candidates = list[tuple[str, float]]


BATCH_TOKENS = 16_384
BATCH_MASKS = 256
"""Rows of scores that are held at once: each has a number for every token of the vocabulary."""


class MaskedText(NamedTuple):
    """A text as the encoder reads it."""

    ids: np.ndarray
    """int64 [tokens], with [CLS] and [SEP]."""
    places: np.ndarray
    """int64 [masks]: where [MASK] is."""


def fill_mask(
    network: Network, tokenizer: Tokenizer, texts: Sequence[str], top: int = 5, targets: Sequence[str] = ()
) -> list[list[Candidates]]:
    """Return, for every text and every [MASK] in it, the `top` tokens with their probabilities.

    With `targets`, words that are one token, or tokens, only these are candidates; another one is a UserError.
    Probabilities are a softmax over the whole vocabulary all the same. A text without [MASK], or one that is longer
    than the encoder reads, is a UserError, as are scores that are not finite.
    """
    known = _ids(tokenizer, targets)
    return fill(network, tokenizer, masked_texts(network, tokenizer, texts), [top] * len(texts), known)


def masked_texts(network: Network, tokenizer: Tokenizer, texts: Sequence[str]) -> list[MaskedText]:
    """Return texts as the encoder reads them; one without [MASK], or longer than it reads, is a UserError."""
    config = network.config if isinstance(network, ReadyWords) else network.bert.config
    room = config.max_position_embeddings
    return [_masked(tokenizer, text, room) for text in texts]


def fill(
    network: Network,
    tokenizer: Tokenizer,
    masked: Sequence[MaskedText],
    tops: Sequence[int],
    candidates: Sequence[int] = (),
) -> list[list[Candidates]]:
    """Return, for every text and every [MASK] in it, as many of the likeliest tokens as `tops` has for the text.

    Texts share batches; what is answered to one is the same in each (decision 14). `candidates` are the numbers of the
    tokens that are told, without any all that there are.
    """
    # A table may have more rows than there are tokens, and a vocabulary ids that stand for none.
    known = np.array(candidates or [number for number, token in enumerate(tokenizer.tokens) if token])
    found: dict[int, list[Candidates]] = {}
    for rows in _batches(masked):
        chances, end = _chances(network, [masked[row] for row in rows]), 0
        for row in rows:
            start, end = end, end + len(masked[row].places)
            found[row] = [
                [(tokenizer.spelt(int(known[place])), float(each[place])) for place in _largest(each, tops[row])]
                for each in chances[start:end, known]
            ]
    return [found[row] for row in range(len(masked))]


def _masked(tokenizer: Tokenizer, text: str, room: int) -> MaskedText:
    pieces = tokenizer.encode(text, special="token").ids
    ids = np.concatenate([[tokenizer.cls_id], pieces, [tokenizer.sep_id]]).astype(np.int64)
    if len(ids) > room:
        raise UserError(f"The text has {len(ids)} tokens and the encoder reads {room}. Give a shorter text.")
    places = np.flatnonzero(ids == tokenizer.mask_id)
    if not len(places):
        mask = tokenizer.tokens[tokenizer.mask_id]
        raise UserError(f"There is no {mask} in {text!r}. Put {mask} where a word is wanted.")
    return MaskedText(ids, places)


def _batches(masked: Sequence[MaskedText]) -> Iterator[list[int]]:
    """Yield numbers of texts of like length, which attention groups, up to so many tokens and masks; one at least."""
    rows: list[int] = []
    tokens = masks = 0
    for row in sorted(range(len(masked)), key=lambda row: -len(masked[row].ids)):
        ids, places = masked[row]
        if rows and (tokens + len(ids) > BATCH_TOKENS or masks + len(places) > BATCH_MASKS):
            yield rows
            rows, tokens, masks = [], 0, 0
        rows.append(row)
        tokens, masks = tokens + len(ids), masks + len(places)
    if rows:
        yield rows


def _chances(network: Network, masked: Sequence[MaskedText]) -> Floats:
    """Return the probability of every row of the table for each [MASK] of the texts: [masks, rows]."""
    starts = np.cumsum([0, *(len(each.ids) for each in masked)])
    places = np.concatenate([start + each.places for start, each in zip(starts, masked, strict=False)])
    found: Floats | None = None
    if isinstance(network, ReadyWords):
        found = network.answered(np.concatenate([each.ids for each in masked]), starts, places)
    if found is None:
        found = _by_modules(network.whole if isinstance(network, ReadyWords) else network, masked, places)
    if not np.isfinite(found).all():
        raise not_finite()
    return softmax(found)


def _by_modules(network: "PretrainingNetwork", masked: Sequence[MaskedText], places: npt.NDArray[np.int64]) -> Floats:
    import torch

    from mamebert.encoder.packing import Packed

    network.eval()
    with torch.no_grad():
        batch = Packed.of([each.ids for each in masked]).to(next(network.parameters()).device)
        found: Floats = network.cls.predictions(network.bert(batch)[torch.from_numpy(places)]).cpu().numpy()
    return found


def _largest(chances: Floats, most: int) -> npt.NDArray[np.intp]:
    """Return the places of the largest numbers, the largest first; of equal ones the first."""
    most = min(most, len(chances))
    best = np.sort(np.argpartition(-chances, most - 1)[:most])
    return best[np.argsort(-chances[best], kind="stable")]


def _ids(tokenizer: Tokenizer, targets: Sequence[str]) -> list[int]:
    # "she" is the word, which behind a space has a token of its own in some vocabularies; what is no word is a token.
    ids = {token: number for number, token in enumerate(tokenizer.tokens) if token} | tokenizer.whole_words
    for target in targets:
        if target not in ids:
            pieces = [tokenizer.tokens[number] for number in tokenizer.encode(target).ids]
            raise UserError(
                f"{target!r} is no token of this vocabulary (it is read as {' '.join(pieces) or 'nothing'}), and "
                "[MASK] stands for one. Leave it out of targets."
            )
    return list(dict.fromkeys(ids[target] for target in targets))
