"""The space of a search for settings, and its method."""

from collections.abc import Iterator, Mapping
from typing import Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from mamebert.config import Config

SEARCHABLE = ("training", "learning", "reading", "dropout", "batch_rows", "patience")
NO_CAP = 1000
"""Epochs that no training comes to, for its patience is over before."""
RANGES: dict[str, dict[str, list[Any]]] = {
    "standard": {
        "training.peak_lr": [2e-5, 3e-5, 4e-5, 5e-5],
        "training.epochs": [3, 4],
        "batch_rows": [16, 32],
        "dropout": [0.1],
    },
    "broadened": {
        "training.peak_lr": [1e-5, 2e-5, 3e-5, 4e-5, 5e-5],
        "training.epochs": [NO_CAP],
        "training.warmup_rate": [0.0],  # a share of epochs that never come would be no warm-up but a standstill
        "batch_rows": [16, 32],
        "dropout": [0.1, 0.2],
    },
}

SMALL_RANGES: dict[str, dict[str, list[Any]]] = {
    "standard": {
        "training.peak_lr": [2e-4, 5e-4, 1e-3, 2e-3],
        "batch_rows": [16, 32],
    },
    "broadened": {**RANGES["broadened"], "training.peak_lr": [1e-4, 3e-4, 1e-3, 3e-3]},
}
"""The same for encoders as small as ours, which learn nothing at BERT's rates: SST-2 by 2,000 rows 0.535 at 2e-5, 0.606
at 2e-4. Their epochs are as many as the rows need."""


class Range(Config):
    """Numbers from one to another; whole ones where both ends are whole."""

    low: int | float
    """The smallest value that is tried."""
    high: int | float
    """The largest."""
    log: bool = False
    """Try as many values between 1e-5 and 1e-4 as between 1e-4 and 1e-3."""

    @model_validator(mode="after")
    def _low_comes_first(self) -> Self:
        if self.low >= self.high or (self.log and self.low <= 0):
            raise ValueError(f"A range cannot go from {self.low} to {self.high}. Give low < high, with log above 0.")
        return self


class Search(Config):
    """How settings are looked for before all seeds are trained with the best."""

    method: Literal["none", "grid", "optuna"] = "none"
    """grid tries all combinations; optuna tries `trials` of them, chosen by what came out before (TPE; Akiba et al.,
    2019)."""
    ranges: Literal["standard", "broadened"] = "standard"
    """What is tried unless `space` says it: Devlin et al.'s ranges, or those that Chalkidis et al. (2020, LEGAL-BERT)
    found better: lower rates, more dropout, and training until patience is over. For small encoders, higher rates."""
    space: dict[str, list[Any] | Range] = Field(default={})
    """Settings by dotted name, each with a list of values or, for optuna, {low, high, log}:
    {"training.peak_lr" = [2e-5, 3e-5], "batch_rows" = [16, 32]}."""
    trials: int = Field(default=16, ge=1)
    """Trainings that optuna asks for; the standard ranges have as many combinations."""

    @field_validator("space", mode="before", json_schema_input_type=dict[str, list[Any] | Range | dict[str, Any]])
    @classmethod
    def _tables_within_tables_are_dotted_names(cls, space: Any) -> Any:
        return dict(_dotted(space)) if isinstance(space, Mapping) else space

    @model_validator(mode="after")
    def _the_space_can_be_searched(self) -> Self:
        for name, values in self.space.items():
            if name.split(".")[0] not in SEARCHABLE:
                raise ValueError(f"{name} cannot be searched. Choose settings from: {', '.join(SEARCHABLE)}.")
            if isinstance(values, Range) and self.method == "grid":
                raise ValueError(f"A grid needs a list of values for {name}. Give one, or set search.method=optuna.")
            if values == []:
                raise ValueError(f"The list of values for {name} is empty. Give at least one.")
        return self

    @property
    def tried(self) -> dict[str, list[Any] | Range]:
        """What is tried."""
        return self.space or dict(RANGES[self.ranges])


def _dotted(space: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, Any]]:
    for name, values in space.items():
        if isinstance(values, Mapping) and "low" not in values:
            yield from _dotted(values, f"{path}{name}.")
        else:
            yield f"{path}{name}", values
