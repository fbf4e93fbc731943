"""A run folder: what a stage made, from which settings and inputs, on what machine, in how many seconds.

A stage works in `NAME.partial` beside its final name and renames it when everything is in it, so that a
half-written run can never be mistaken for a whole one. `run.json` tells what the run is; two runs with
equal identities are the same run, and a finished one is not done again.
"""

from mamebert.runs.identity import Source, identity, sources_behind
from mamebert.runs.locking import drop_empty
from mamebert.runs.machine import processor_name
from mamebert.runs.places import refuse_reading_itself, refuse_what_is_no_place
from mamebert.runs.run import Run, State
from mamebert.runs.settings import StageConfig

__all__ = [
    "Run",
    "Source",
    "StageConfig",
    "State",
    "drop_empty",
    "identity",
    "processor_name",
    "refuse_reading_itself",
    "refuse_what_is_no_place",
    "sources_behind",
]
