"""Byte-pair encoding on characters (Sennrich, Haddow and Birch, 2016): the most frequent pairs joined, one by one."""

from collections import Counter

from mamebert.tokenizer.learning.marked import MarkedVocabulary
from mamebert.tokenizer.learning.merges import learn_merges
from mamebert.tokenizer.learning.saving import Model


class Bpe(MarkedVocabulary):
    """Characters joined to pieces by learnt merges, in the order in which they were learnt."""

    def _learn(self, counts: Counter[str]) -> Model:
        kept, alphabet = self._kept(counts)
        return learn_merges(kept, alphabet, self.size, self.min_frequency)
