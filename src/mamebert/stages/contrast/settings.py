"""The settings of `mamebert contrast`."""

from typing import ClassVar, Self

from pydantic import Field, model_validator

from mamebert.config import RunPath
from mamebert.runs import StageConfig


class ContrastConfig(StageConfig):
    """Settings of `mamebert contrast`."""

    command: ClassVar[str] = "contrast"
    shards: RunPath
    """Output folder of `mamebert tokenize`: unlabelled text, best of the kind that documents will be asked about."""
    vectors: RunPath | None = None
    """Output folder of `mamebert vectors`, or of another `mamebert contrast`, whose table it starts from; without one
    it starts from random vectors, and should read more."""
    vector_size: int = Field(default=512, gt=0, le=2**16)
    """Width of a vector, where it does not start from `vectors`; 512 told topics and sentences apart better than 256,
    in twice the time (docs/lab.md)."""
    tokens: int = Field(default=40_000_000, ge=0)
    """Tokens of crops that are read, the same ones again where the text is shorter. 0 learns nothing: the table is
    then that of frequency-weighted word vectors (SIF; Arora, Liang and Ma, 2017)."""
    epochs: float = Field(default=0.0, ge=0, le=10_000)
    """Instead of `tokens`: crops of so many times the tokens of the text are read."""
    pairs: int = Field(default=256, ge=2)
    """Pairs of crops in a step; each crop is to find its partner among the partners of all."""
    crop_tokens: int = Field(default=40, ge=4)
    """Longest crop in tokens; a short document is cut into halves."""
    shortest_crop: int = Field(default=0, ge=0)
    """Shortest crop in tokens; the crops of a pair are equally long, of any length up to `crop_tokens`. 0 makes every
    crop as long as it can be."""
    window_tokens: int = Field(default=100, ge=24)
    """Both crops of a pair lie within so many tokens of their document: what stands near each other is more alike than
    what a whole document has in common. Topics and sentences gained by it (docs/lab.md)."""
    temperature: float = Field(default=0.04, gt=0)
    """What cosines are divided by: the lower it is, the more the nearest wrong partners count."""
    vectors_lr: float = Field(default=2e-3, gt=0)
    """Highest learning rate of the vectors, reached when the warm-up ends."""
    weights_lr: float = Field(default=1e-2, gt=0)
    """Highest learning rate of the weights of words."""
    warmup_rate: float = Field(default=0.05, ge=0, le=1)
    """Share of all steps in which the rates rise from 0; then they fall to 0 evenly."""
    heldout_pairs: int = Field(default=1000, ge=2)
    """Held-out documents at most that are asked for a pair of crops, before learning and after it."""
    snapshot_seconds: float = Field(default=60.0, ge=0)
    """Seconds between snapshots. A killed run goes on from the last one and ends with the same table."""
    inexact: bool = False
    """Go on from a snapshot made with other threads or another torch, which round otherwise."""

    @model_validator(mode="after")
    def _both_crops_have_room(self) -> Self:
        if self.window_tokens < 2 * self.crop_tokens:
            raise ValueError(
                f"window_tokens {self.window_tokens} has no room for two crops of {self.crop_tokens} tokens. Raise it "
                f"to {2 * self.crop_tokens}, or lower crop_tokens."
            )
        return self

    def places(self) -> list[str]:
        """Return the output, and the folder in it that answers."""
        return ["", "model"]
