"""The lines of metrics.jsonl as TensorBoard's event files, for those who look at many runs there."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mamebert.extras import import_extra
from mamebert.reports.text.number_format import is_number

PLACES = {"step", "epoch", "tokens", "seconds"}


class Board:
    """Event files in one folder. Every line is on disk when `add` returns, as it is in metrics.jsonl."""

    def __init__(self, folder: Path, first_step: int) -> None:
        """Begin at `first_step`: points of that step and later ones, made before a stop, are dropped by TensorBoard."""
        writers = import_extra("tensorboard", "torch.utils.tensorboard")
        self._writer = writers.SummaryWriter(str(folder), purge_step=first_step)

    def add(self, line: Mapping[str, Any]) -> None:
        """Write every number of a line under its own name."""
        for name, value in line.items():
            if name not in PLACES and is_number(value):
                self._writer.add_scalar(name, value, line["step"])
        self._writer.flush()

    def close(self) -> None:
        """End the file."""
        self._writer.close()
