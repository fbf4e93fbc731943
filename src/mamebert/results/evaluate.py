"""What `mamebert evaluate` ends with."""

from mamebert.results.labelled import LabelledResults


class EvaluateResults(LabelledResults):
    """The results of an evaluation."""
