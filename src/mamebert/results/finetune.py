"""What `mamebert finetune` ends with."""

from typing import Any

from pydantic import Field

from mamebert.results.entry import Entry
from mamebert.results.labelled import LabelledResults
from mamebert.results.pretrain import Verified


class Search(Entry):
    """The search for settings of one model."""

    model: str = ""
    best: dict[str, Any] = Field(default={})
    """Values by the dotted names of settings."""
    trials: list[dict[str, Any]] = Field(default=[])
    """Of each: its number (trial), settings, valid (None where training failed), and what its training tells."""


class FinetuneResults(LabelledResults):
    """The results of a fine-tuning."""

    search: list[Search] = Field(default=[])
    verified: Verified | None = None
