"""Vocabularies of marked words: what their kinds share."""

from abc import abstractmethod
from collections import Counter
from pathlib import Path
from typing import Any, Literal

from pydantic import Field
from tokenizers import Tokenizer as RustTokenizer
from tokenizers.models import WordLevel

from mamebert.tokenizer.japanese import MecabWords
from mamebert.tokenizer.joining import characters_by_frequency, sensible_alphabet, within_alphabet
from mamebert.tokenizer.learning.as_encoded import parts_of
from mamebert.tokenizer.learning.filled import require_filled
from mamebert.tokenizer.learning.saving import Model, save_description, with_rules
from mamebert.tokenizer.learning.threads import training_threads
from mamebert.tokenizer.marked_words import Mark, rules_of_marked_words
from mamebert.tokenizer.normalising import Rule
from mamebert.tokenizer.pieces import SPECIAL_TOKENS
from mamebert.tokenizer.sampling import Sample
from mamebert.tokenizer.vocabularies import Vocabulary

LONGEST_LEARNT = 100
"""Characters of a word; pieces of longer ones (addresses, runs without a space) are learnt from others."""


class MarkedVocabulary(Vocabulary):
    """Pieces that say whether a space stands before them, saved as a fast tokenizer that needs no analyser."""

    words: Literal["whitespace", "mecab"] = "whitespace"
    """Pieces stay within what stands between spaces and punctuation, or within the words that MeCab finds in Japanese
    (NFKC is applied). MeCab is asked when pieces are learnt, and for masks of whole words; ids come without it."""
    lowercase: bool = False
    """Read every letter as lower case."""
    strip_accents: bool = False
    """Read á as a. Irish, Estonian and many others need their accents."""
    min_frequency: int = Field(default=2, ge=1)
    """A character seen less often is left out, and a pair of pieces seen less often is not joined to one."""
    limit_alphabet: int = Field(default=0, ge=0)
    """Keep this many characters, the most frequent; the rest becomes [UNK]. 0 decides as for WordPiece. Bytes have no
    use for it."""
    max_length: int = Field(default=512, gt=2)
    """The longest input, in tokens, that `transformers` should cut texts to."""

    def check(self) -> None:
        """Look for MeCab, where it is asked for."""
        if self.words == "mecab":
            MecabWords()

    def train(self, sample: Sample, folder: Path) -> dict[str, Any]:
        """Learn the pieces from the words of `sample`; see `Vocabulary.train`."""
        rules = self._rules(sample)
        counts = self._marked(sample.count_words(self.words), rules)
        with training_threads(sample.processes):
            model = self._learn(counts)
        require_filled(len(model.tokens), self.size)
        save_description(model, rules, folder, self.max_length, self.words)
        return {}

    @abstractmethod
    def _learn(self, counts: Counter[str]) -> Model:
        """Return the model learnt from marked words: special tokens first, `size` tokens in all or fewer."""

    def _rules(self, sample: Sample) -> dict[str, Rule]:
        mark: Mark = "" if self.words == "mecab" else "▁"
        form = "NFKC" if self.words == "mecab" else sample.normal_form
        return rules_of_marked_words(form, self.strip_accents, self.lowercase, mark, False)

    def _alphabet(self, counts: Counter[str]) -> list[str]:
        frequencies = characters_by_frequency(counts, self.min_frequency)
        kept = self.limit_alphabet or sensible_alphabet(list(frequencies.values()), self.size)
        return list(frequencies)[: min(kept, self.size - len(SPECIAL_TOKENS))]

    def _kept(self, counts: Counter[str]) -> tuple[Counter[str], list[str]]:
        """Return the words that the alphabet can write, and the alphabet."""
        alphabet = self._alphabet(counts)
        return within_alphabet(counts, alphabet), alphabet

    def _marked(self, found: Counter[str], rules: dict[str, Rule]) -> Counter[str]:
        """Return the words as the encoder will see them, without those too long to learn from."""
        rust = with_rules(RustTokenizer(WordLevel({"[UNK]": 0}, unk_token="[UNK]")), rules)
        counts: Counter[str] = Counter()
        words = list(found)
        for number, word in parts_of(words, rust):
            if len(word) <= LONGEST_LEARNT:
                counts[word] += found[words[number]]
        return counts
