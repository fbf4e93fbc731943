"""Pseudo-log-likelihood: each token asked for in a sequence of its own, where it is masked."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch.nn.functional import cross_entropy

from mamebert.encoder.model import PretrainingNetwork
from mamebert.encoder.packing import Packed
from mamebert.errors import not_finite

TOKENS_AT_ONCE = 8192  # special tokens included

Hidden = Literal["token", "rest_of_word"]
"""What is masked besides the token that is asked for: nothing (Salazar, Liang, Nguyen and Kirchhoff, 2020), or what
follows it in its word, which would give it away (PLL-word-l2r; Kauf and Ivanova, 2023)."""


@dataclass(frozen=True)
class Scored:
    """Tokens that follow each other, to be asked for."""

    ids: npt.NDArray[np.int64]
    """Without [CLS] and [SEP]."""
    word_starts: npt.NDArray[np.bool_]
    """Whether each begins a word."""


class _Question(NamedTuple):
    owner: int
    shown: npt.NDArray[np.int64]
    place: int
    answer: int


@torch.no_grad()
def log_likelihoods(
    network: PretrainingNetwork,
    texts: Sequence[Scored],
    special: Mapping[str, int],
    hidden: Hidden = "token",
    asked_for: Sequence[npt.NDArray[np.bool_]] | None = None,
) -> npt.NDArray[np.float64]:
    """Return, for each text, the sum over its tokens of their log-probability in nats: float64 [texts].

    `special` has the ids of cls, sep, mask and unk. Tokens that are [UNK] stand for many words, so none is asked
    for; with `asked_for` only those tokens of each text are that it marks. It costs as many sequences as there are
    tokens; the network is in evaluation mode afterwards. Scores that are not finite are a UserError.
    """
    network.eval()
    sums = np.zeros(len(texts))
    for some in _batches(_questions(texts, special, hidden, asked_for)):
        np.add.at(sums, [each.owner for each in some], _ask(network, some))
    if not np.isfinite(sums).all():
        raise not_finite()
    return sums


def _questions(
    texts: Sequence[Scored],
    special: Mapping[str, int],
    hidden: Hidden,
    asked_for: Sequence[npt.NDArray[np.bool_]] | None,
) -> Iterator[_Question]:
    # By length, so that attention finds neighbours that are equally long.
    for owner in np.argsort([len(text.ids) for text in texts], kind="stable").tolist():
        text = texts[owner]
        whole = np.concatenate([[special["cls"]], text.ids, [special["sep"]]]).astype(np.int64)
        ends = _ends_of_words(text.word_starts) if hidden == "rest_of_word" else np.arange(len(text.ids)) + 1
        is_asked = text.ids != special["unk"]
        for place in np.flatnonzero(is_asked & asked_for[owner] if asked_for else is_asked):
            shown = whole.copy()
            shown[place + 1 : ends[place] + 1] = special["mask"]
            yield _Question(owner, shown, int(place) + 1, int(text.ids[place]))


def _batches(questions: Iterator[_Question]) -> Iterator[list[_Question]]:
    some, tokens = list[_Question](), 0
    for each in questions:
        if some and tokens + len(each.shown) > TOKENS_AT_ONCE:
            yield some
            some, tokens = [], 0
        some.append(each)
        tokens += len(each.shown)
    if some:
        yield some


def _ends_of_words(starts: npt.NDArray[np.bool_]) -> npt.NDArray[np.int64]:
    """Return, for each token, where the word after its own begins."""
    bounds = np.append(np.flatnonzero(starts), len(starts))
    return bounds[np.searchsorted(bounds, np.arange(len(starts)), side="right")]


def _ask(network: PretrainingNetwork, some: Sequence[_Question]) -> npt.NDArray[np.float64]:
    """Return the log-probability of each answer."""
    device = next(network.parameters()).device
    packed = Packed.of([each.shown for each in some])
    places = packed.starts[:-1] + torch.tensor([each.place for each in some])
    answers = torch.tensor([each.answer for each in some], device=device)
    logits = network.cls.predictions(network.bert(packed.to(device), places.to(device)))
    found: npt.NDArray[np.float64] = -cross_entropy(logits.float(), answers, reduction="none").cpu().double().numpy()
    return found
