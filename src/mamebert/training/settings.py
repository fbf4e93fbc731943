"""How long, how fast and with what the network learns."""

from typing import Literal, Self

from pydantic import Field, model_validator

from mamebert.config import Config


class Training(Config):
    """One optimizer (AdamW), a warm-up and a linear fall to zero, as in BERT (Devlin et al., 2019)."""

    epochs: int = Field(default=0, ge=0)
    """Times the corpus is read. Give this or `steps`."""
    steps: int = Field(default=0, ge=0)
    """Optimizer steps. Give this or `epochs`."""
    batch_tokens: int = Field(default=8192, ge=16)
    """Tokens of one step; sequences are packed up to it, so no padding counts."""
    peak_lr: float = Field(default=1e-3, gt=0)
    """Highest learning rate, reached when the warm-up ends. Small encoders bear more than BERT's 1e-4."""
    warmup_rate: float = Field(default=0.06, ge=0, le=1)
    """Share of all steps in which the learning rate rises from 0."""
    weight_decay: float = Field(default=0.01, ge=0)
    """Decoupled decay of matrices; biases, LayerNorm and embeddings with frozen rows have none."""
    beta_1: float = Field(default=0.9, ge=0, lt=1)
    """Adam's memory of the mean gradient."""
    beta_2: float = Field(default=0.98, ge=0, lt=1)
    """Adam's memory of the squared gradient. BERT used 0.999, which is slow to react in short runs."""
    epsilon: float = Field(default=1e-6, gt=0)
    """Added to the root of the squared gradient."""
    clip_norm: float = Field(default=1.0, gt=0)
    """Gradients longer than this are shortened to it."""
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    """Type of the arithmetic; auto takes bfloat16 where the hardware multiplies it natively. Weights stay float32."""
    device: str = "auto"
    """cpu, cuda, cuda:1 ...; auto takes a GPU where there is one."""

    @model_validator(mode="after")
    def _one_length(self) -> Self:
        if bool(self.epochs) == bool(self.steps):
            given = (
                "both training.epochs and training.steps"
                if self.epochs
                else "neither training.epochs nor training.steps"
            )
            raise ValueError(f"How long to train is said by {given}. Give exactly one of them.")
        return self
