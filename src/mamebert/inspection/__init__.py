"""`mamebert inspect`: labelled rows in, what a model would see of them and what training would refuse out."""

from mamebert.inspection.settings import InspectConfig


def inspect(config: InspectConfig) -> None:
    """Print counts, labels, lengths, duplicates and first rows, before anything is learnt from labelled rows."""
    from mamebert.inspection.inspecting import check_rows

    check_rows(config)
