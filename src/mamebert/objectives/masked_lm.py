"""Masked words only, over runs of whole documents (RoBERTa's choice; Liu et al., 2019)."""

from typing import ClassVar

from mamebert.corpus.token_shards import TokenShards
from mamebert.objectives import Objective
from mamebert.objectives.data.examples import Examples
from mamebert.objectives.data.runs import runs_of_text


class MaskedLM(Objective):
    """Guess the masked tokens of a run of text."""

    asks_small_for_more: ClassVar[bool] = True

    def examples(self, shards: TokenShards, seed: int) -> Examples:
        """Cut every document into runs of the longest length.

        The first run of each is of random length, so that the cuts differ from epoch to epoch.
        """
        return runs_of_text(shards, self.max_length, seed)
