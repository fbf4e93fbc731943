"""`mamebert pretrain`: token shards (and a word2vec table) in, an encoder that `transformers` opens out."""

from typing import Any, ClassVar, Self

from pydantic import Field, model_validator

from mamebert.config import RunPath
from mamebert.encoder.fixed_embeddings import TokenEmbeddings
from mamebert.encoder.settings import EncoderConfig
from mamebert.objectives import Objective
from mamebert.runs import Run, StageConfig
from mamebert.training.settings import Training


class PretrainConfig(StageConfig):
    """Settings of `mamebert pretrain`."""

    command: ClassVar[str] = "pretrain"
    shards: RunPath
    """The token shards: output of `mamebert tokenize`."""
    encoder: EncoderConfig = EncoderConfig()
    embeddings: TokenEmbeddings = TokenEmbeddings()
    objective: Objective = Field(default_factory=Objective.find("masked_lm_nsp"))
    """What the encoder is asked."""
    training: Training
    heldout_tokens: int = Field(default=100_000, gt=0)
    """Held-out tokens read at each evaluation."""
    evaluate_every: int = Field(default=200, gt=0)
    """Steps between evaluations on held-out text; the end of an epoch always has one."""
    record_every: int = Field(default=10, gt=0)
    """Steps between lines of metrics.jsonl."""
    snapshot_seconds: float = Field(default=60.0, ge=0)
    """Seconds between snapshots. A killed run goes on from the last one and ends with the same weights."""
    keep_models: int = Field(default=0, ge=0)
    """Model folders kept on the way, evenly spaced (as many as epochs: one each), to see what a task gains."""
    probe_texts: list[str] = Field(default=[])
    """Sentences with [MASK] to be filled in at the end, for the report."""

    @model_validator(mode="after")
    def _sequences_fit_the_encoder(self) -> Self:
        if self.objective.max_length > self.encoder.max_position_embeddings:
            raise ValueError(
                f"objective.max_length {self.objective.max_length} is longer than encoder.max_position_embeddings "
                f"{self.encoder.max_position_embeddings}. Lower the first or raise the second."
            )
        return self


def pretrain(config: PretrainConfig) -> Run:
    """Train an encoder from scratch; leave a folder that `transformers` opens."""
    from mamebert.stages._pretraining import Pretraining

    run = Run.start(config)
    if run.finished:
        return run
    work = Pretraining(config, run)
    work.resume()
    work.learn()
    work.save()
    run.finish()
    work.drop_snapshots()
    return run


def estimate(config: PretrainConfig) -> dict[str, Any]:
    """Return what this pretraining will take, from a few timed steps, without writing anything."""
    from mamebert.stages import _pretraining

    return _pretraining.estimate(config)
