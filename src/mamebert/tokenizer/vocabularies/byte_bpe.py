"""Byte-pair encoding on bytes (Radford et al., 2019), as RoBERTa uses it: nothing is unknown."""

from collections import Counter
from typing import Self

from pydantic import model_validator
from tokenizers.pre_tokenizers import ByteLevel

from mamebert.tokenizer.learning.marked import MarkedVocabulary
from mamebert.tokenizer.learning.merges import learn_merges
from mamebert.tokenizer.learning.saving import Model
from mamebert.tokenizer.marked_words import Mark, rules_of_marked_words
from mamebert.tokenizer.normalising import Rule
from mamebert.tokenizer.pieces import SPECIAL_TOKENS
from mamebert.tokenizer.sampling import Sample

LEAST = 256 + len(SPECIAL_TOKENS)


class ByteBpe(MarkedVocabulary):
    """Bytes joined to pieces by learnt merges; a character beyond ASCII that is rare is two to four pieces."""

    @model_validator(mode="after")
    def _bytes_have_room(self) -> Self:
        if self.size < LEAST:
            raise ValueError(f"All bytes and special tokens are {LEAST} pieces. Set vocabulary.size={LEAST} or more.")
        return self

    def _rules(self, sample: Sample) -> dict[str, Rule]:
        mark: Mark = "" if self.words == "mecab" else "Ġ"
        form = "NFKC" if self.words == "mecab" else sample.normal_form
        return rules_of_marked_words(form, self.strip_accents, self.lowercase, mark, True)

    def _learn(self, counts: Counter[str]) -> Model:
        return learn_merges(counts, ByteLevel.alphabet(), self.size, self.min_frequency)
