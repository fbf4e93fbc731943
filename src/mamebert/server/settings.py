"""The settings of `mamebert serve`."""

from pathlib import Path
from typing import Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from mamebert.config import Config, RunPath
from mamebert.files.names import check_names

LOOPBACK = "127.0.0.1"
MEGABYTE = 2**20


class Limits(Config):
    """What a request may ask for, and how many may wait."""

    body_bytes: int = Field(default=2 * MEGABYTE, ge=1024)
    """Largest body of a request."""
    texts: int = Field(default=256, ge=1)
    """Most texts, or rows, of a request."""
    characters: int = Field(default=200_000, ge=1)
    """Longest text in characters, all columns of a row together: what is longer is refused before it is tokenised."""
    tokens: int = Field(default=65_536, ge=8)
    """Most tokens that the model reads of one text, in all its sequences together."""
    queue_texts: int = Field(default=1024, ge=1)
    """Texts that wait for each model. A request that finds no room is told to come again (429), at once."""
    queue_characters: int = Field(default=16_000_000, ge=1024)
    """Characters of the texts that wait for each model."""
    receive_seconds: float = Field(default=30.0, gt=0)
    """A client that has not sent its request by then, the lines before the body or the body, is given up (408)."""
    seconds: float = Field(default=30.0, gt=0)
    """A request that is not answered by then is given up (503)."""
    wait_seconds: float = Field(default=10.0, gt=0)
    """A request that would wait longer for its turn, by the speed so far, is told to come again (429): so that what is
    taken is answered in time, when the machine becomes slower meanwhile too."""

    @model_validator(mode="after")
    def _every_request_fits(self) -> Self:
        if self.texts > self.queue_texts:
            raise ValueError(
                f"A request may have {self.texts} texts and {self.queue_texts} may wait, so some would never be taken. "
                f"Set queue_texts to {self.texts} or more."
            )
        if self.texts > 1 and self.characters > self.queue_characters:
            raise ValueError(
                f"A text may have {self.characters} characters and all that wait {self.queue_characters}, so some "
                f"would never be taken. Set queue_characters to {self.characters} or more."
            )
        return self


class Batching(Config):
    """What is computed together."""

    tokens: int = Field(default=16_384, ge=8)
    """Most tokens of a batch; a text of more is a batch of its own."""
    seconds: float = Field(default=0.25, gt=0)
    """A batch is no larger than what the model answers in about so long, by the speed so far: others wait for it."""
    wait_seconds: float = Field(default=0.002, ge=0, le=1)
    """How long a text waits at most for others to be computed with while the model is idle. Without others in the
    queue nothing waits."""
    worker_seconds: float = Field(default=60.0, gt=0)
    """A worker that has not answered a batch by then hangs: it is ended, and a new one gets what it had."""


class ServeConfig(Config):
    """Settings of `mamebert serve`."""

    command: ClassVar[str] = "serve"

    models: dict[str, RunPath] = Field(default={})
    """The models by the names that clients call them: runs, or model folders. The first answers who names none."""
    kinds: dict[str, Literal["fill-mask", "task", "sentence_embeddings"]] = Field(default={})
    """What models are for, by their names, where a folder can do several things: an encoder gives words for [MASK],
    and vectors of texts with kinds.NAME=sentence_embeddings."""
    precision: Literal["auto", "float32", "bfloat16", "int8"] = "auto"
    """As in predict: on a CPU int8 is faster, and a little less exact; bfloat16 lies between."""
    threads: int = Field(default=0, ge=0)
    """Threads that each model computes with; 0 is one for each core."""
    host: str = LOOPBACK
    """The address that is listened at: this machine alone, unless 0.0.0.0 or another is given."""
    port: int = Field(default=8000, ge=0, le=65535)
    """The port; 0 takes a free one, which is told."""
    api_key_file: Path | None = None
    """A file whose first line is the key that clients send (Authorization: Bearer KEY). The environment variable
    MAMEBERT_API_KEY is one too; without either, whoever reaches the port is answered."""
    cors_origins: list[str] = Field(default=[])
    """Origins of web pages that may ask, such as https://example.org; none, unless they are named."""
    self_test: Path | None = None
    """A file that keeps the hash of what each model answers to its example. Made where it is missing; where the
    answers are others now, nothing is served."""
    watch_seconds: float = Field(default=1.0, ge=0)
    """How often the folders are looked at: a model that was replaced is taken over without a pause. 0 is never."""
    log: Literal["json", "none"] = "json"
    """Whether requests are told on stderr, a line of JSON each, without their texts."""
    limits: Limits = Field(default=Limits())
    """What a request may ask for, and how many may wait."""
    batching: Batching = Field(default=Batching())
    """What is computed together."""

    @model_validator(mode="before")
    @classmethod
    def _one_model_needs_no_name(cls, values: Any) -> Any:
        if not isinstance(values, dict) or "model" not in values:
            return values
        if "models" in values:
            raise ValueError("Both model and models are given. Name all of them as models.NAME=FOLDER.")
        return {**{k: v for k, v in values.items() if k != "model"}, "models": {"model": values["model"]}}

    @model_validator(mode="after")
    def _models_are_named(self) -> Self:
        check_names("model", self.models)
        if not self.models:
            raise ValueError("There is no model to serve. Give one or more: mamebert serve MODEL...")
        if others := sorted(self.kinds.keys() - self.models.keys()):
            raise ValueError(
                f"kinds names {others[0]!r}, and the models are {', '.join(self.models)}. Name one of these."
            )
        return self
