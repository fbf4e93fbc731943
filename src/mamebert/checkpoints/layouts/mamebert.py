"""Our own: what no plain class holds, such as layers of different sizes. Only this toolkit opens it."""

from typing import Any, ClassVar

from mamebert.checkpoints.layouts import Layout
from mamebert.encoder.settings import EncoderConfig


class Mamebert(Layout):
    """The networks of this package under their own names, as small as they are."""

    prefix: ClassVar[str] = "MameBert"
    base: ClassVar[str] = "bert."
    classes: ClassVar[frozenset[str]] = Layout.classes | {"ForPreTraining"}
    pretraining: ClassVar[str] = "ForPreTraining"

    def holds(self, shape: EncoderConfig) -> bool:
        """Hold anything."""
        return True

    def read(self, config: dict[str, Any]) -> dict[str, Any]:
        """Return the settings."""
        return {name: config[name] for name in self.shape_class.model_fields if name in config}

    def write(self, shape: EncoderConfig) -> dict[str, Any]:
        """Return the settings."""
        return shape.model_dump()
