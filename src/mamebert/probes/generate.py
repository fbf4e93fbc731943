"""Generation: texts drawn from an encoder, token by token, and what they repeat (Wang and Cho, 2019)."""

import json
from itertools import islice
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from mamebert.corpus.readers import Reader
from mamebert.encoder.packing import Packed
from mamebert.errors import UserError, not_finite
from mamebert.files.disk import write_text
from mamebert.files.json_files import parse
from mamebert.probes import ROWS_LOOKED_AT, Asked, Findings, Probe
from mamebert.probes.scoring.bleu import ORDERS, corpus_bleu, self_bleu, unlike_each_other, unseen
from mamebert.probes.scoring.gibbs import Conditional, Order, Sampling, sample
from mamebert.probes.scoring.ngrams import text_of
from mamebert.progress import progress
from mamebert.results.probe import FoundExample, FoundPlot, FoundRow, FoundTable
from mamebert.runs.identity import Source

AT_ONCE = 64
"""Chains that walk side by side."""
SHOWN = 8


class Generate(Probe):
    """What an encoder writes: chains that begin with nothing but [MASK] and draw one token after another anew.

    Gibbs-like, and no sampling from a distribution of texts: by their authors' erratum, the answers of a masked-word
    head belong to none.
    """

    about: ClassVar[str] = "Generated texts"
    explained: ClassVar = {
        "self_bleu": "BLEU of each sample against the others: 1 where all are the same",
        "bleu": "BLEU against the corpus, in the encoder's own pieces: for encoders of one tokenizer alone",
        "samples": "drawn",
    }
    beginning: str = ""
    """Text that every sample begins with, and that stays."""
    length: int = Field(default=20, ge=1)
    """Tokens that are drawn."""
    samples: int = Field(default=64, ge=2)
    """Texts."""
    order: Order = "random"
    """Which token is drawn anew: a random one, one after the other (left_to_right), or all at once (parallel)."""
    iterations: int = Field(default=200, ge=1)
    """Draws for each text; parallel draws all of its tokens each time."""
    burn_in: int = Field(default=100, ge=0)
    """Draws from the whole distribution before `top_k` holds."""
    temperature: float = Field(default=1.0, gt=0)
    """Above 1, unlikely tokens come more often."""
    top_k: int = Field(default=100, ge=0)
    """Likeliest tokens that are drawn from after the burn-in; 0 draws from all."""
    corpus: Reader | None = None
    """Text that the samples are held against: BLEU, and n-grams that are not in it. Unset, only against each other."""
    references: int = Field(default=5000, ge=1)
    """Lines of the corpus that are read: sentences, or paragraphs."""

    def look(self) -> None:
        """Raise UserError where the corpus has no text."""
        for row in self.corpus.first_rows(ROWS_LOOKED_AT) if self.corpus else []:
            text_of(row)

    def fingerprint(self) -> list[Source]:
        """Return the text that samples are held against."""
        return self.corpus.fingerprint() if self.corpus else []

    def ask(self, asked: Asked, keep: Path, seed: int) -> Findings:
        """Return how alike the samples are, and how much of them is in the corpus; the first of them, to be read."""
        written = [ids for number in range(0, self.samples, AT_ONCE) for ids in self._some(asked, keep, seed, number)]
        tokens = asked.tokenizer.tokens
        texts = [[tokens[number] for number in ids] for ids in written]
        known = [[tokens[number] for number in ids] for ids in self._known(asked)]
        figures = {"self_bleu": self_bleu(texts)}
        if known:
            figures["bleu"] = corpus_bleu(texts, known)
        rows = [FoundRow(name=f"{order}-grams", figures=_share(texts, known, order)) for order in ORDERS]
        drawn = [name for name in rows[0].figures if name != "order"]
        plot = FoundPlot(kind="curves", x="order", y=drawn, x_title="length of the n-grams", y_title="share of n-grams")
        examples = [FoundExample(prompt=asked.tokenizer.decode(ids)) for ids in written[:SHOWN]]
        told = {name: round(value, 6) for name, value in figures.items()}
        return Findings({**told, "samples": len(texts)}, [FoundTable(title="N-grams", rows=rows, plot=plot)], examples)

    def _known(self, asked: Asked) -> list[list[int]]:
        if not self.corpus:
            return []
        lines = (line for row in self.corpus.rows() for line in text_of(row).split("\n") if line.strip())
        found = [each.ids.tolist() for each in asked.tokenizer.encode_many(islice(lines, self.references))]
        if not found:
            raise UserError("There is no text in the corpus. Name a file with some.")
        return found

    def _some(self, asked: Asked, keep: Path, seed: int, first: int) -> list[list[int]]:
        """Return the samples from `first` on that walk together: kept ones where they were drawn before."""
        number = min(AT_ONCE, self.samples - first)
        file = keep / f"samples-{first:06}.json"
        try:
            found: Any = parse(file.read_bytes(), whole=False)
        except (OSError, ValueError):
            found = None
        if not isinstance(found, list) or len(found) != number:
            found = self._walk(asked, number, torch.Generator().manual_seed(seed * 1_000_003 + first))
            write_text(file, json.dumps(found))
        return [list(map(int, ids)) for ids in found]

    def _walk(self, asked: Asked, number: int, rng: torch.Generator) -> list[list[int]]:
        tokenizer = asked.tokenizer
        begin = tokenizer.encode(self.beginning).ids.astype(np.int64)
        if (total := len(begin) + self.length) > asked.room:
            raise UserError(f"Samples would have {total} tokens and the encoder reads {asked.room}. Lower length.")
        row = [tokenizer.cls_id, *begin.tolist(), *[tokenizer.mask_id] * self.length, tokenizer.sep_id]
        free = torch.arange(1 + len(begin), 1 + total)
        how = Sampling(self.order, self.iterations, self.burn_in, self.temperature, self.top_k)
        asked.network.eval()
        chains = sample(torch.tensor([row] * number), free, tokenizer.mask_id, _conditional(asked), how, rng)
        ids = torch.tensor([row] * number)
        for ids in progress(chains, "generate", "draws", total=self.iterations):  # noqa: B007  # the last one counts
            pass
        return [each[1:-1] for each in ids.tolist()]


def _conditional(asked: Asked) -> Conditional:
    """Return the masked-word head as a function of chains; it never answers with a special token."""
    device = next(asked.network.parameters()).device
    never = [number for number, token in enumerate(asked.tokenizer.tokens) if not token] + asked.tokenizer.special_ids

    @torch.no_grad()
    def ask(ids: Tensor, places: Tensor) -> Tensor:
        packed = Packed.of(list(ids.numpy()))
        rows = (packed.starts[:-1, None] + places).flatten()
        hidden = asked.network.bert(packed.to(device), rows.to(device))
        logits: Tensor = asked.network.cls.predictions(hidden).float().cpu()
        if not logits.isfinite().all():
            raise not_finite()
        logits[:, never] = float("-inf")
        logits[:, len(asked.tokenizer.tokens) :] = float("-inf")
        return logits.view(*places.shape, -1)

    return ask


def _share(texts: list[list[str]], known: list[list[str]], order: int) -> dict[str, float]:
    unseen_share = {"unseen": round(unseen(texts, known, order), 6)} if known else {}
    return {"order": order, **unseen_share, "only_once": round(unlike_each_other(texts, order), 6)}
