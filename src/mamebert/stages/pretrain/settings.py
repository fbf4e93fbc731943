"""The settings of `mamebert pretrain`."""

from typing import Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from mamebert.config import RunPath, build
from mamebert.encoder.first_positions import PositionEmbeddings, can_look_at_neighbours
from mamebert.encoder.fixed_embeddings import TokenEmbeddings
from mamebert.encoder.settings import EncoderConfig
from mamebert.objectives import Objective
from mamebert.runs import Source, StageConfig
from mamebert.stages.pretrain.defaults import decide
from mamebert.training.settings import Training
from mamebert.training.trouble import Trouble


class PretrainConfig(StageConfig):
    """Settings of `mamebert pretrain`."""

    command: ClassVar[str] = "pretrain"
    in_processes: ClassVar[bool] = True
    newer: ClassVar[tuple[str, ...]] = (
        "start",
        "start_layers",
        "start_vocabulary",
        "start_vectors",
        "pseudo_perplexity_tokens",
        "general_shards",
        "positions",
    )
    shards: RunPath
    """The token shards: output of `mamebert tokenize`."""
    start: RunPath | None = None
    """A pretrain run, or any BERT folder of Hugging Face, to go on learning from instead of new weights (domain- and
    task-adaptive pretraining: Gururangan et al., 2020). What is not given of `encoder` is the folder's; of what is
    given only the dropouts may differ, and max_position_embeddings be lower. Optimizer and schedule begin anew."""
    start_layers: list[int] = Field(default=[])
    """Which of its layers, counted from 0, the layers are copied from; empty takes all as they are. [0, 1, 0, 1] stacks
    a shallow encoder on itself, so that a deep one need not begin from nothing (Gong et al., 2019)."""
    start_vocabulary: Literal["same", "shared_rows", "focus"] = "same"
    """What if the shards have another vocabulary than `start`: refuse, or copy the rows of tokens that both have, as
    HerBERT did (Mroczkowski et al., 2021); others become the mean of their pieces in the old vocabulary, or random.
    With `focus` others first of all become a mean of the shared tokens that are like them by `start_vectors`, weighted
    by the sparsemax of their cosines (Dobler and de Melo, 2023)."""
    start_vectors: RunPath | None = None
    """Word vectors of the new text in the new vocabulary, for start_vocabulary=focus: a run of `mamebert vectors` over
    the same shards, of any width."""
    encoder: EncoderConfig = EncoderConfig()
    embeddings: TokenEmbeddings = TokenEmbeddings()
    positions: PositionEmbeddings = PositionEmbeddings()
    """What a small BERT begins with if nothing of it is given: init = sinusoidal, heads = neighbours and,
    without embeddings.vectors, frozen = true."""
    output_bias: Literal["frequencies", "zero"] = "frequencies"
    """What the score of each word starts from: the logarithm of its share of the text, which the network need not
    learn then, or 0 as in BERT. In short runs this lowered the held-out loss by 0.17 nats (docs/lab.md).
    With `start` the scores are that folder's, unless it has none."""
    objective: Objective = Field(default_factory=Objective.find("masked_lm_nsp"))
    """What the encoder is asked."""
    training: Training
    heldout_tokens: int = Field(default=100_000, gt=0)
    """Held-out tokens read at each evaluation."""
    evaluate_every: int = Field(default=200, gt=0)
    """Steps between evaluations on held-out text; the end of an epoch always has one."""
    pseudo_perplexity_tokens: int | None = Field(default=None, ge=0)
    """Held-out tokens masked one at a time before and after training, to see what the encoder has learnt of such text
    (Salazar et al., 2020); by default 2,000 with `start` and none (0) without."""
    general_shards: RunPath | None = None
    """Other shards whose held-out text is asked for in the same way, to see what was forgotten; never trained on."""
    record_every: int = Field(default=10, gt=0)
    """Steps between lines of metrics.jsonl."""
    snapshot_seconds: float = Field(default=60.0, ge=0)
    """Seconds between snapshots. A killed run goes on from the last one and ends with the same weights."""
    keep_snapshots: int = Field(default=2, ge=1)
    """Snapshots kept: should the disk have damaged the last one, the one before is taken."""
    inexact: bool = False
    """Go on from a snapshot made with other threads, device, precision or torch, which round otherwise: the finished
    weights then differ in their last bits from those of a run that was never stopped."""
    trouble: Trouble = Trouble()
    """What is done about a loss that is no number, or leaps up."""
    keep_models: int = Field(default=0, ge=0)
    """Model folders kept on the way, evenly spaced (as many as epochs: one each), to see what a task gains."""
    tensorboard: bool = False
    """Write TensorBoard's event files too, into the folder tensorboard/ of the run (extra `tensorboard`)."""
    probe_texts: list[str] = Field(default=[])
    """Sentences with [MASK] to be filled in at the end, for the report."""

    @model_validator(mode="before")
    @classmethod
    def _the_encoder_is_what_the_objective_makes_it(cls, values: Any) -> Any:
        follows = Objective.encoder_of(values.get("objective")) if isinstance(values, dict) else {}
        encoder = values.get("encoder", {}) if follows else None
        if isinstance(encoder, dict):
            return {**values, "encoder": {**follows, **encoder}}
        if isinstance(encoder, EncoderConfig):
            left_open = {name: value for name, value in follows.items() if name not in encoder.model_fields_set}
            return {**values, "encoder": encoder.model_copy(update=left_open)}
        return values

    @model_validator(mode="after")
    def _sequences_fit_the_encoder(self) -> Self:
        if self.start and "max_position_embeddings" not in self.encoder.model_fields_set:
            return self  # as many as the folder has, which may not be made yet
        if self.objective.max_length > self.encoder.max_position_embeddings:
            way_out = "Lower the first." if self.start else "Lower the first or raise the second."
            raise ValueError(
                f"objective.max_length {self.objective.max_length} is longer than encoder.max_position_embeddings "
                f"{self.encoder.max_position_embeddings}. {way_out}"
            )
        return self

    @model_validator(mode="after")
    def _the_encoder_answers_what_is_asked(self) -> Self:
        if self.start:  # whose shape, which may not be made yet, decides
            return self
        self.objective.require_asked_of(self.encoder)
        if not self.objective.fills_masks and (self.probe_texts or self.measured_tokens):
            raise ValueError(
                f"{self.objective.kind} learns to fill no masks. Leave out probe_texts and pseudo_perplexity_tokens."
            )
        if self.encoder.positions != "learnt" and self.positions != PositionEmbeddings():
            raise ValueError(
                f"positions belongs to a table of positions, and encoder.positions={self.encoder.positions} has none. "
                "Leave positions out."
            )
        if self.positions.heads == "neighbours" and not can_look_at_neighbours(self.encoder):
            raise ValueError(
                "positions.heads=neighbours wants a position table as wide as the encoder, which embedding_size or a "
                "bottleneck take away. Leave positions.heads out."
            )
        return self

    @model_validator(mode="after")
    def _what_belongs_together_is_given_together(self) -> Self:
        for name in ("start_vocabulary", "start_layers", "start_vectors"):
            if getattr(self, name) not in ("same", [], None) and not self.start:
                raise ValueError(f"{name} belongs to start. Give start, or leave {name} out.")
        if (self.start_vocabulary == "focus") != (self.start_vectors is not None):
            raise ValueError(
                "start_vocabulary=focus and start_vectors belong together. Give start_vectors=FOLDER, a run of "
                "`mamebert vectors` over the same shards, with start_vocabulary=focus, or leave both out."
            )
        if self.start_vectors and self.embeddings.vectors:
            raise ValueError(
                "embeddings.vectors replaces all rows of the table, those that start_vectors makes too. Leave one out."
            )
        if self.start and self.positions != PositionEmbeddings():
            raise ValueError("positions are for new weights, and start has its own. Leave one of the two out.")
        if self.general_shards and not self.measured_tokens:
            raise ValueError("Nothing is asked of general_shards. Raise pseudo_perplexity_tokens, or leave them out.")
        return self

    @model_validator(mode="after")
    def _what_is_sharded_learns_whole(self) -> Self:
        if self.training.parallel == "fsdp" and (
            self.embeddings.special_trainable or self.embeddings.unfreeze_after_epochs
        ):
            raise ValueError(
                "training.parallel=fsdp cannot train some rows of a table, or a table from some epoch on. "
                "Choose training.parallel=ddp."
            )
        return self

    def unwritten(self) -> set[str]:
        """Return the names of the settings that are left out of what is written; what is open would be decided anew."""
        return super().unwritten() - ({"positions"} & self.model_fields_set)

    def fingerprint(self) -> list[Source]:
        """Return the outside text that the objective reads."""
        return self.objective.fingerprint()

    def settled(self) -> Self:
        """Return the settings with what is open decided: by the size of new weights (`defaults`), or by `start`.

        One that contradicts the folder `start` is a UserError.
        """
        if self.start is None:
            return self._with_defaults()
        from mamebert.stages.pretrain.shape_of_start import shape_of_start

        shape, tied = shape_of_start(
            self.start,
            self.shards,
            self.encoder,
            self.embeddings,
            self.objective,
            self.start_layers,
            self.start_vocabulary,
        )
        embeddings = {**self.embeddings.model_dump(mode="json"), "tied": tied}
        return build(
            type(self), {**self.model_dump(mode="json"), "encoder": shape.model_dump(), "embeddings": embeddings}
        )

    def _with_defaults(self) -> Self:
        positions = self.positions if "positions" in self.model_fields_set else None
        words_are_new = self.embeddings.vectors is None
        decided = decide(self.encoder, self.objective, positions, self.training, words_are_new)
        if not any(decided.values()):
            return self
        groups = {name: getattr(self, name).model_copy(update=values) for name, values in decided.items() if values}
        return self.model_copy(update=groups)

    @property
    def measured_tokens(self) -> int:
        """Return how many held-out tokens are masked one at a time."""
        if self.pseudo_perplexity_tokens is None:
            return 2_000 if self.start and self.objective.fills_masks else 0  # some seconds for a small encoder
        return self.pseudo_perplexity_tokens

    def marks(self) -> set[int]:
        """Return the epochs, or else steps, after which a model is kept; the last of them is the finished model."""
        length, parts = self.training.epochs or self.training.steps, self.keep_models
        return {round(length * part / parts) for part in range(1, parts)}

    def places(self) -> list[str]:
        """Return the output, the folders in it that transformers opens, and those kept on the way."""
        return ["", *self.objective.folders, "kept/*"]
