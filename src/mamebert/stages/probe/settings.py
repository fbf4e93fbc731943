"""The settings of `mamebert probe`."""

from typing import Any, ClassVar, Self

from pydantic import Field, model_validator

from mamebert.config import RunPath
from mamebert.files.names import check_names
from mamebert.labelled.rows import one_model_needs_no_name
from mamebert.probes import Probe
from mamebert.runs import StageConfig
from mamebert.runs.identity import Source


class ProbeConfig(StageConfig):
    """Settings of `mamebert probe`."""

    command: ClassVar[str] = "probe"
    models: dict[str, RunPath] = Field(default={})
    """Encoders with a head for masked words, by the names they have in the tables: runs of pretrain, or folders."""
    probe: Probe
    """What they are asked."""
    random_weights: bool = False
    """Ask each shape with freshly drawn weights too, in a row of its own: what is found there was never learnt."""
    device: str = "auto"
    """Where they are asked: auto, cpu, cuda."""

    @model_validator(mode="before")
    @classmethod
    def _one_model_needs_no_name(cls, values: Any) -> Any:
        return one_model_needs_no_name(values)

    @model_validator(mode="after")
    def _names_are_names(self) -> Self:
        check_names("model", self.models)
        return self

    def fingerprint(self) -> list[Source]:
        """Return the outside text that is asked."""
        return self.probe.fingerprint()
