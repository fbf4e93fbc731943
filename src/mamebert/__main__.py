"""`python -m mamebert`."""

from mamebert.cli import main

main()
