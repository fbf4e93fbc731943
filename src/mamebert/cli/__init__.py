"""The command line."""

from mamebert.cli.commands import app
from mamebert.cli.order import GROUPS, ORDER
from mamebert.cli.program import main

__all__ = ["GROUPS", "ORDER", "app", "main"]
