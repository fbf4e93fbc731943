"""Attention: where the heads of every layer look (Clark et al., 2019)."""

from pathlib import Path
from typing import ClassVar

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from mamebert.corpus.readers import Reader
from mamebert.encoder.packing import Packed
from mamebert.encoder.trace import Padded
from mamebert.errors import UserError, not_finite
from mamebert.probes import ROWS_LOOKED_AT, Asked, Findings, Probe
from mamebert.probes.scoring.ngrams import text_of
from mamebert.results.probe import FoundPlot, FoundRow, FoundTable
from mamebert.runs.identity import Source

AT_ONCE = 16
PLACES = ("itself", "the_one_before", "the_one_after", "cls_and_sep")


class Attention(Probe):
    """How much of its attention each head gives to the token itself, to its neighbours and to [CLS] and [SEP]."""

    about: ClassVar[str] = "Attention"
    needs: ClassVar = "encoder"
    explained: ClassVar = {
        "itself": "share of its attention that a token gives to itself, mean over heads",
        "the_one_before": "to the token before",
        "the_one_after": "to the token after",
        "cls_and_sep": "to [CLS] and [SEP]",
        "tokens_away": "how far what is looked at lies, mean, in tokens",
        "spread_nats": "entropy of a token's attention in nats: 0 looks at one token alone",
        "tokens": "read",
    }
    texts: Reader
    """Texts that are read; of each as much as the encoder takes."""
    sample: int = Field(default=64, ge=1)
    """Texts, the first ones."""
    length: int = Field(default=128, ge=2)
    """Pieces of a text that are read, at most."""

    def look(self) -> None:
        """Raise UserError where the first rows have no text."""
        for row in self.texts.first_rows(ROWS_LOOKED_AT):
            text_of(row)

    def fingerprint(self) -> list[Source]:
        """Return the texts."""
        return self.texts.fingerprint()

    def ask(self, asked: Asked, keep: Path, seed: int) -> Findings:
        """Return shares of attention and how spread it is, for every head and on the average of a layer."""
        lines = []
        for row in self.texts.rows():
            lines += [line for line in text_of(row).split("\n") if line.strip()]
            if len(lines) >= self.sample:
                break
        most = min(self.length, asked.room)
        ids = [each.ids[:most].astype(np.int64) for each in asked.tokenizer.encode_many(lines[: self.sample])]
        ids = sorted((each for each in ids if len(each) > 1), key=len)
        if not ids:
            raise UserError("There is no text of two pieces or more. Give some in texts.")
        sums, tokens = _sums(asked, ids)
        means = [(some / tokens).numpy() for some in sums]  # of each layer: heads figures
        if not sum(map(len, means)):
            raise UserError("This encoder has no head of attention. Ask one that has some.")
        names = [*PLACES, "tokens_away", "spread_nats"]
        heads = [
            FoundRow(name=f"layer {layer}, head {head}", figures=_told(names, each))
            for layer, some in enumerate(means, 1)
            for head, each in enumerate(some, 1)
        ]
        layers = [
            FoundRow(name=f"layer {layer}", figures={"layer": layer, **_told(names, some.mean(0))})
            for layer, some in enumerate(means, 1)
            if len(some)
        ]
        plot = FoundPlot(kind="curves", x="layer", y=list(PLACES), y_title="share of attention")
        drawn = FoundPlot(kind="dots", y=["spread_nats"], y_title="spread of attention (entropy in nats)")
        tables = [
            FoundTable(title="Layers", rows=layers, plot=plot),
            FoundTable(title="Heads", rows=heads, plot=drawn),
        ]
        return Findings({**_told(names, np.concatenate(means).mean(0)), "tokens": int(tokens)}, tables)


def _told(names: list[str], values: "np.ndarray[tuple[int], np.dtype[np.float64]]") -> dict[str, float]:
    return {name: round(float(value), 6) for name, value in zip(names, values, strict=True)}


@torch.no_grad()
def _sums(asked: Asked, ids: list["np.ndarray[tuple[int], np.dtype[np.int64]]"]) -> tuple[list[Tensor], int]:
    """Return the figures of each layer summed over tokens, float64 [heads, figures], and the number of tokens."""
    asked.network.eval()
    device = next(asked.network.parameters()).device
    total, tokens = list[Tensor](), 0
    for start in range(0, len(ids), AT_ONCE):
        ends = [asked.tokenizer.cls_id], [asked.tokenizer.sep_id]
        packed = Packed.of([np.concatenate([ends[0], each, ends[1]]) for each in ids[start : start + AT_ONCE]])
        trace = asked.network.bert.trace(Padded.of(packed.to(device)))
        found = [figures(layer.double().cpu(), packed.lengths) for layer in trace.attention]
        total = [before + each for before, each in zip(total, found, strict=True)] if total else found
        tokens += sum(packed.lengths) - 2 * len(packed.lengths)
    if not all(each.isfinite().all() for each in total):
        raise not_finite()
    return total, tokens


def figures(attention: Tensor, lengths: tuple[int, ...]) -> Tensor:
    """Return shares and spreads summed over all tokens but [CLS] and [SEP]: float64 [heads, 6].

    `attention` is [texts, heads, longest, longest], its rows sum to 1 over the tokens that are there.
    """
    found = torch.zeros(attention.shape[1], 6, dtype=torch.float64)
    for each, length in zip(attention, lengths, strict=True):
        own = each[:, 1 : length - 1, :length]  # heads tokens seen
        at = torch.arange(1, length - 1)
        away = (at[:, None] - torch.arange(length)).abs().double()
        found[:, 0] += own[:, at - 1, at].sum(-1)
        found[:, 1] += own[:, at - 1, at - 1].sum(-1)
        found[:, 2] += own[:, at - 1, at + 1].sum(-1)
        found[:, 3] += own[:, :, [0, length - 1]].sum((-1, -2))
        found[:, 4] += (own * away).sum((-1, -2))
        found[:, 5] -= (own * own.clamp_min(1e-30).log()).sum((-1, -2))
    return found
