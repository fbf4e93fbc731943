"""Drop whole layers and nothing else (Sajjad et al., 2023)."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, ClassVar, Literal, Self

import numpy as np
import torch
from pydantic import Field, model_validator
from torch.nn.functional import cosine_similarity

from mamebert.compression.contract import Bench, Subject
from mamebert.compression.methods import Compressor, Paper
from mamebert.compression.pruning.layers import keep_layers, shape_of_layers
from mamebert.encoder.settings import EncoderConfig
from mamebert.errors import UserError
from mamebert.training.settings import Training

CALIBRATION_BATCHES = 8


class DropLayers(Compressor):
    """Remove layers by their place, or those that change the [CLS] vector least."""

    paper: ClassVar[Paper] = Paper(
        "Sajjad et al., 2023 (Poor Man's BERT, 2020)", "40 % of the layers dropped, 98 % of the quality kept"
    )
    strategy: Literal["top", "bottom", "odd_alternate", "even_alternate", "symmetric", "contribution"] = "top"
    """Which go: the topmost; the lowest; every second one from the top, odd or even (counted from 0); those in the
    middle; or those that change [CLS] least, whose input and output have a mean cosine above `threshold`."""
    drop: int = Field(default=0, ge=0)
    """How many layers go. 0 takes a third, rounded down; for contribution all above the threshold."""
    threshold: float = Field(default=0.95, gt=0, le=1)
    """Cosine above which contribution drops a layer."""
    recover: bool = True
    """Train again afterwards. The paper drops before fine-tuning: give a pretrained encoder, with recover=false, and
    fine-tune what comes out."""
    training: Training = Training(epochs=3, batch_tokens=4096, peak_lr=2e-4)
    """How it trains again."""

    @model_validator(mode="after")
    def _the_threshold_is_of_contribution(self) -> Self:
        default = type(self).model_fields["threshold"].default
        if self.threshold != default and self.strategy != "contribution":
            raise ValueError("threshold belongs to strategy = 'contribution'. Leave it out, or choose that.")
        return self

    def shape_after(self, shape: EncoderConfig, teacher: EncoderConfig) -> EncoderConfig:
        """Return the shape without the layers; to drop every one, or more than a strategy can, is a UserError."""
        layers = shape.num_hidden_layers
        number = self._number(layers)
        if number >= layers:
            raise UserError(f"The model has {layers} layers and {self.drop} are to go. Drop fewer.")
        if self.strategy == "contribution":
            return shape  # how many go is measured
        if not number:
            raise UserError(f"A third of {layers} layers is less than one. Say how many go, as drop=1.")
        gone = dropped(self.strategy, layers, number)
        return shape_of_layers(shape, [n for n in range(layers) if n not in gone])

    def compress(self, subject: Subject, bench: Bench) -> Subject:
        """Return the model without those layers."""
        layers = subject.bert.config.num_hidden_layers
        cosines: list[float] = []
        if self.strategy == "contribution":
            cosines = layer_cosines(subject, bench.batches(CALIBRATION_BATCHES))
            gone = least_contributing(cosines, self.threshold, self.drop)
        else:
            gone = dropped(self.strategy, layers, self._number(layers))
        kept = [n for n in range(layers) if n not in gone]
        smaller = keep_layers(subject, kept)
        smaller.notes |= {"layers_kept": kept, "layers_dropped": sorted(gone)}
        if cosines:
            smaller.notes["cosines"] = [round(each, 4) for each in cosines]
        if self.recover:
            bench.learn(smaller, self.training)
        return smaller

    def _number(self, layers: int) -> int:
        return self.drop or (0 if self.strategy == "contribution" else layers // 3)


def dropped(strategy: str, num_layers: int, number: int) -> list[int]:
    """Return which layers, counted from 0, a strategy drops; for 12 layers and 4 the paper's choice."""
    if strategy == "top":
        return list(range(num_layers - number, num_layers))
    if strategy == "bottom":
        return list(range(number))
    if strategy == "symmetric":
        first = (num_layers - number) // 2
        return list(range(first, first + number))
    highest = num_layers - 1
    start = highest if highest % 2 == (strategy == "odd_alternate") else highest - 1
    every_second = list(range(start, -1, -2))
    if number > len(every_second):
        raise UserError(
            f"{number} layers cannot be every second one of {num_layers}. Drop at most {len(every_second)}, "
            "or choose another strategy."
        )
    return every_second[:number]


def least_contributing(cosines: Sequence[float], threshold: float, most: int = 0) -> list[int]:
    """Return the layers whose cosine is above the threshold, the highest first; at most so many, and never all."""
    order = [int(n) for n in np.argsort([-each for each in cosines], kind="stable") if cosines[n] > threshold]
    return order[: min(most or len(cosines), len(cosines) - 1)]


@torch.no_grad()
def layer_cosines(subject: Subject, batches: Sequence[Any]) -> list[float]:
    """Return, for each layer, the mean cosine between the [CLS] vectors that go in and that come out."""
    subject.network.eval()
    found = []
    for batch in batches:
        firsts = [hidden[batch.packed.firsts].float() for hidden in subject.bert.hidden_states(batch.packed)]
        found.append(torch.stack([cosine_similarity(a, b) for a, b in pairwise(firsts)]))
    means: list[float] = torch.cat(found, 1).mean(1).tolist()
    return means
