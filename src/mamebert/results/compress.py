"""What `mamebert compress` ends with."""

from collections.abc import Mapping
from typing import Any, Self

from pydantic import Field

from mamebert.results.entry import Entry
from mamebert.results.labelled import MetricScores, RowsResults
from mamebert.results.pretrain import Verified


class Paper(Entry):
    """Where a method comes from."""

    source: str | None = None
    headline: str | None = None
    """What is reported there."""


class Step(Entry):
    """A method of the chain."""

    kind: str = ""
    settings: dict[str, Any] = Field(default={})
    paper: Paper | None = None


class Latency(Entry):
    """Milliseconds to answer one text, without the making of tokens."""

    p50: float | None = None
    """Within so long half of the texts were answered."""
    p95: float | None = None
    """Within so long 95 of 100."""


class FormCost(Entry):
    """What it takes to run a form, on the processor; nothing of it but `not_measured` where it could not be run."""

    latency_ms: Latency | None = None
    texts_per_second: float | None = None
    """At `batch_size`, the fastest of a few."""
    batch_size: int | None = None
    peak_memory_bytes: int | None = None
    """Of the whole process, one text at a time."""
    own_memory_bytes: int | None = None
    """What of that an empty process with the same imports does not hold."""
    flops: int | None = None
    """Floating-point operations of one text, mean over those that were timed."""
    tokenizing_ms: float | None = None
    """To make tokens of one text, median."""
    threads: int | None = None
    not_measured: str | None = None
    """Why not."""


class FormResult(FormCost):
    """One way in which a model lies on disk and runs."""

    name: str = "plain"
    """plain, compact, onnx or onnx_int8."""
    place: str = "."
    """Where it lies in the folder of the model."""
    opens_with: str = ""
    """The program that opens it."""
    bytes: int | None = None
    """Of weights and graph."""
    scores: dict[str, float | None] = Field(default={})
    """On the test rows, by metric, answered by this very form of the seed that was kept."""
    largest_difference: float | None = None
    """Between its outputs and those of the first form; for a plain first one, between plain transformers and ours."""

    def with_cost(self, found: Mapping[str, Any]) -> Self:
        """Return the form with what was measured of it."""
        return type(self)(**{**self.model_dump(exclude_unset=True), **found})


class Teacher(Entry):
    """The model that was made smaller."""

    name: str = "teacher"
    path: str | None = None
    scores: dict[str, float] = Field(default={})
    """By metric, the leading one first."""
    parameters: int | None = None
    forms: list[FormResult] = Field(default=[])
    flops: int | None = None
    """Of its first form."""


class CompressionSeed(Entry):
    """A compression with one seed."""

    seed: int | None = None
    scores: dict[str, float] = Field(default={})
    valid: float | None = None
    """Its score on validation rows, or minus the loss on held-out text: the highest is kept."""
    notes: list[dict[str, Any]] = Field(default=[])
    """For each method of the chain, what it decided."""
    seconds: float | None = None


class SmallerModel(Entry):
    """What came out."""

    name: str = ""
    scores: MetricScores = Field(default={})
    tests: dict[str, MetricScores] = Field(default={})
    """Empty; fine-tuned models have their further test rows here."""
    seeds: list[CompressionSeed] = Field(default=[])
    best_seed: int | None = None
    """The one whose model is kept."""
    parameters: int | None = None
    kept: float | None = None
    """Share of the teacher's leading score; None for a loss, and for a correlation below 0."""
    forms: list[FormResult] = Field(default=[])
    """The first is the one that scores are of."""
    flops: int | None = None
    """Of its first form."""


class CompressResults(RowsResults):
    """The results of a compression."""

    chain: list[Step] = Field(default=[])
    """The methods, in the order they were used."""
    teacher: Teacher | None = None
    models: list[SmallerModel] = Field(default=[])
    """One, when the run is finished."""
    verified: Verified | None = None
