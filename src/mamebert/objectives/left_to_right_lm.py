"""The next word, guessed from what stands before it: BERT's left-to-right ablation, and GPT (Radford et al., 2018)."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, ClassVar, Literal, Self

import torch
from pydantic import model_validator

from mamebert.corpus.token_shards import TokenShards
from mamebert.encoder.packing import Packed
from mamebert.encoder.settings import EncoderConfig
from mamebert.errors import UserError
from mamebert.objectives import Objective
from mamebert.objectives.data.examples import Examples
from mamebert.objectives.data.pretraining_batch import PretrainingBatch
from mamebert.objectives.data.runs import runs_of_text
from mamebert.objectives.data.shuffled import shuffled

MASKING = (
    "mask_rate", "last_mask_rate", "mask_token_rate", "random_token_rate", "mask_unit", "hide_unit", "pmi_min_count",
    "pmi_rate",
)  # fmt: skip


class LeftToRightLM(Objective):
    """Guess every token of a run of text from those before it; the encoder sees no others, in fine-tuning neither."""

    hides: ClassVar[Literal["words", "nothing"]] = "nothing"
    fills_masks: ClassVar[bool] = False
    encoder: ClassVar[Mapping[str, Any]] = MappingProxyType({"is_decoder": True})

    @model_validator(mode="after")
    def _nothing_is_masked(self) -> Self:
        given = [name for name in MASKING if getattr(self, name) != type(self).model_fields[name].default]
        if given:
            raise ValueError(f"{given[0]} is for objectives that hide words, and this one hides none. Leave it out.")
        return self

    def require_asked_of(self, shape: EncoderConfig) -> None:
        """Raise a UserError where an encoder would see the words that it is asked for."""
        if not shape.is_decoder:
            raise UserError(
                f"{self.kind} asks for the next word, and an encoder that reads both ways would see it. "
                "Set encoder.is_decoder=true."
            )

    @property
    def scored_rate(self) -> float:
        """Return 1: every token is asked for."""
        return 1.0

    def examples(self, shards: TokenShards, seed: int) -> Examples:
        """Cut every document into runs of the longest length."""
        return runs_of_text(shards, self.max_length, seed)

    def pose(self, batch: PretrainingBatch) -> PretrainingBatch:
        """Ask for every token of the text, each where the one before it stands."""
        return _asked_for_the_next(batch.showing(batch.originals), batch)

    def shuffled(self, batch: PretrainingBatch, seed: int) -> PretrainingBatch:
        """Ask for the next tokens of the same words in another order."""
        return _asked_for_the_next(shuffled(batch, seed).packed, batch)


def _asked_for_the_next(packed: Packed, batch: PretrainingBatch) -> PretrainingBatch:
    # [CLS] a b c [SEP]: asked at [CLS], a and b. The [SEP] behind a run that was cut somewhere could not be guessed.
    is_last = torch.zeros(len(packed.ids) + 1, dtype=torch.bool, device=packed.ids.device)
    is_last[packed.starts[1:] - 1] = is_last[packed.starts[1:] - 2] = True
    chosen = torch.nonzero(~is_last[:-1]).flatten()
    return PretrainingBatch(packed, chosen, packed.ids[chosen + 1], batch.labels)
