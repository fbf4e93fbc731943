"""The settings of a training: its length, its rate, its network's part in it."""

from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from mamebert.config import Config


class OpenTraining(Config):
    """Batches, optimizer and learning rate. What is unset is decided by what is trained, and on how much."""

    epochs: int = Field(default=0, ge=0)
    """Times the corpus is read. Give this or `steps`."""
    steps: int = Field(default=0, ge=0)
    """Optimizer steps. Give this or `epochs`."""
    batch_tokens: int | None = Field(default=None, ge=16)
    """Tokens of one step; sequences are packed up to it, so no padding counts."""
    batch_ramp: int = Field(default=0, ge=0)
    """Tokens of pretraining in which batches grow: a third of them is read in batches of an eighth of batch_tokens, a
    third in batches of a quarter, a third of a half."""
    micro_batch_tokens: int = Field(default=0, ge=0)
    """Tokens computed at a time: a batch is cut into parts of about so many and their gradients are added up, so
    that a large batch fits into memory. 0 computes a batch, or a process's share of it, at once."""
    parallel: Literal["ddp", "fsdp"] = "ddp"
    """What the processes of torchrun keep: ddp a copy of everything each, fsdp (FSDP2) a share of weights, gradients
    and optimizer state each, which saves memory and costs traffic. One process keeps everything."""
    peak_lr: float | None = Field(default=None, gt=0)
    """Highest learning rate, reached when the warm-up ends. Small encoders tolerate more than BERT's 1e-4."""
    warmup_rate: float | None = Field(default=None, ge=0, le=1)
    """Share of all steps in which the learning rate rises from 0."""
    schedule: Literal["linear", "cosine", "warmup_stable_decay"] = "linear"
    """How the rate falls to 0 after the warm-up: evenly, along half a cosine, or only in the last `decay_rate`."""
    decay_rate: float = Field(default=0.2, gt=0, le=1)
    """Share of all steps, at the end, in which warmup_stable_decay falls (as 1 - sqrt; Hägele et al., 2024)."""
    optimizer: Literal["adamw", "bert_adamw", "stable_adamw", "lamb", "muon", "sgd"] = "adamw"
    """bert_adamw is BERT's own AdamW, without correction of the first steps; stable_adamw (ModernBERT's) shortens the
    steps of a matrix whose gradients have just grown; lamb makes steps a share of each matrix's length, for large
    batches and rates of about 1e-2 (You et al., 2020). muon takes Muon for the matrices of the encoder's layers, and
    AdamW for all else. sgd is plain gradient descent, which wants much higher rates."""
    weight_decay: float = Field(default=0.01, ge=0)
    """Decoupled decay of matrices; biases, LayerNorm and embeddings with frozen rows have none."""
    beta_1: float = Field(default=0.9, ge=0, lt=1)
    """Adam's memory of the mean gradient."""
    beta_2: float = Field(default=0.98, ge=0, lt=1)
    """Adam's memory of the squared gradient. BERT used 0.999, which is slow to react in short runs."""
    muon_momentum: float = Field(default=0.95, ge=0, lt=1)
    """Muon's memory of the mean gradient."""
    epsilon: float = Field(default=1e-8, gt=0)
    """Added to the root of the squared gradient. With BERT's 1e-6 the attention of small encoders is slower to begin:
    its first gradients are smaller than that."""
    clip_norm: float = Field(default=1.0, gt=0)
    """Gradients longer than this are shortened to it."""
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    """Type of the arithmetic; auto takes bfloat16 where the hardware multiplies it natively. Weights stay float32."""
    compile_layers: bool = False
    """Let torch compile the layers: for GPUs, where it joins what the CPU's native kernels join. Slower on CPUs."""
    device: str = "auto"
    """cpu, cuda, cuda:1 ...; auto takes a GPU where there is one."""

    @model_validator(mode="after")
    def _the_fall_begins_after_the_warmup(self) -> Self:
        warmup_rate = self.warmup_rate or 0.0
        if self.schedule == "warmup_stable_decay" and warmup_rate + self.decay_rate > 1:
            raise ValueError(
                f"training.warmup_rate {warmup_rate} and training.decay_rate {self.decay_rate} are more than all "
                "steps. Choose shares whose sum is at most 1."
            )
        return self

    @model_validator(mode="after")
    def _at_most_one_length(self) -> Self:
        if self.epochs and self.steps:
            raise ValueError(
                "How long to train is said by both training.epochs and training.steps. Give exactly one of them."
            )
        return self

    def closed(self) -> "Training":
        """Return the same with nothing open: a batch that is counted otherwise has any number of tokens."""
        return Training(**self.model_dump(exclude_none=True))


class Training(OpenTraining):
    """Batches, optimizer and learning rate."""

    newer: ClassVar[tuple[str, ...]] = ("beta_2_half_life", "average_decay")

    batch_tokens: int = Field(default=8192, ge=16)
    """Tokens of one step; sequences are packed up to it, so no padding counts."""
    peak_lr: float = Field(default=1e-3, gt=0)
    """Highest learning rate, reached when the warm-up ends. Small encoders tolerate more than BERT's 1e-4."""
    warmup_rate: float = Field(default=0.06, ge=0, le=1)
    """Share of all steps in which the learning rate rises from 0."""
    beta_2_half_life: int = Field(default=0, ge=0)
    """Tokens of pretraining after which the memory of squared gradients has faded to a half, whatever the size of
    batches: beta_2 is 0.5^(tokens of the batch / these) then (Marek et al., 2025). 0 takes beta_2."""
    average_decay: float = Field(default=0.0, ge=0, lt=1)
    """Keep, measure and save a running mean of pretraining's weights: after each step so much of what was and the rest
    of what is (LTG-BERT: 0.999). 0 saves the weights themselves."""

    @model_validator(mode="after")
    def _there_is_a_length(self) -> Self:
        if not self.epochs and not self.steps:
            raise ValueError(
                "How long to train is said by neither training.epochs nor training.steps. Give exactly one of them."
            )
        return self

    def betas_for(self, num_tokens: int) -> tuple[float, float]:
        """Return Adam's two memories in a step over a batch of so many tokens."""
        beta_2 = 0.5 ** (num_tokens / self.beta_2_half_life) if self.beta_2_half_life else self.beta_2
        return self.beta_1, beta_2

    def batch_tokens_at(self, tokens_read: int) -> int:
        """Return the tokens of the batch that begins when `tokens_read` are read; they double with the ramp."""
        if tokens_read >= self.batch_ramp:
            return self.batch_tokens
        return max(16, self.batch_tokens >> (3 - 3 * tokens_read // self.batch_ramp))
