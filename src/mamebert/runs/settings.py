"""What the settings of every command share."""

from pathlib import Path
from typing import Annotated, Any, ClassVar, Self

from pydantic import BeforeValidator, Field

from mamebert.config.base import Config
from mamebert.files.names import new_folder
from mamebert.runs.identity import Source


def _new_folder(value: Any) -> Any:
    return new_folder(value) if isinstance(value, str | Path) else value  # to be refused by the type


class StageConfig(Config):
    """What the settings of every command share."""

    command: ClassVar[str]
    in_processes: ClassVar[bool] = False
    """Whether the processes of torchrun can share its work."""
    grows_by: ClassVar[tuple[str, ...]] = ()
    """Lists that may get more items when the run is there: it goes on, and does what is new."""
    output: Annotated[Path, BeforeValidator(_new_folder)]
    """The run folder to make."""
    seed: int = Field(default=0, ge=0)
    """Every random choice derives from it."""

    def fingerprint(self) -> list[Source]:
        """Return the outside text that the stage reads itself; as a rule none."""
        return []

    def places(self) -> list[str]:
        """Return the places in the output that may be given to other stages, as patterns; "" is the output itself."""
        return [""]

    def settled(self) -> Self:
        """Return the settings with what other folders decide filled in; as a rule as they are."""
        return self
