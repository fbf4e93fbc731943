"""Settings: a TOML file, `key=value` pairs and a Python call build one dictionary, checked once."""

from mamebert.config.base import Config, build
from mamebert.config.choice import Changes, Choice
from mamebert.config.describing import describe, described
from mamebert.config.meanings import meaning
from mamebert.config.merging import merge
from mamebert.config.pairs import parse_pair
from mamebert.config.reading import is_file, read_file, read_settings, with_environment
from mamebert.config.run_path import RunPath
from mamebert.config.walking import walk

__all__ = [
    "Changes",
    "Choice",
    "Config",
    "RunPath",
    "build",
    "describe",
    "described",
    "is_file",
    "meaning",
    "merge",
    "parse_pair",
    "read_file",
    "read_settings",
    "walk",
    "with_environment",
]
