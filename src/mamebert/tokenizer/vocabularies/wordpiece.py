"""WordPiece (Schuster and Nakajima, 2012), as BERT uses it: pieces of words, "##" before those inside a word."""

import re
from collections import Counter
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, model_validator
from tokenizers import Tokenizer as RustTokenizer
from tokenizers import decoders
from tokenizers.models import WordPiece

from mamebert.files.disk import disk_errors, write_text
from mamebert.tokenizer.japanese import MecabWords
from mamebert.tokenizer.joining import learn_pieces
from mamebert.tokenizer.learning.as_encoded import parts_of
from mamebert.tokenizer.learning.saving import around, save_about, save_fast, with_rules
from mamebert.tokenizer.learning.threads import training_threads
from mamebert.tokenizer.normalising import rules_of_words
from mamebert.tokenizer.pieces import SPECIAL_TOKENS
from mamebert.tokenizer.sampling import Sample
from mamebert.tokenizer.vocabularies import Vocabulary

MAX_WORD = 100
"""A longer word becomes [UNK], here as in `transformers`."""
UNKNOWN = "[UNK]"
ASCII_PARTS = re.compile(r"[A-Za-z0-9]+|[^A-Za-z0-9\s]")
_PLAIN = {"lstrip": False, "normalized": False, "rstrip": False, "single_word": False, "special": True}
JAPANESE = {
    "added_tokens_decoder": {str(n): {"content": token, **_PLAIN} for n, token in enumerate(SPECIAL_TOKENS)},
    "backend": "custom",
    "do_subword_tokenize": True,
    "do_word_tokenize": True,
    "jumanpp_kwargs": None,
    "mecab_kwargs": {"mecab_dic": "unidic_lite"},
    "never_split": None,
    "subword_tokenizer_type": "wordpiece",
    "sudachi_kwargs": None,
    "tokenizer_class": "BertJapaneseTokenizer",
    "word_tokenizer_type": "mecab",
}
"""What a BertJapaneseTokenizer says of itself."""


class Wordpiece(Vocabulary):
    """Pieces of words, the longest that fits first."""

    words: Literal["whitespace", "mecab"] = "whitespace"
    """Words end at spaces and punctuation, or are found by MeCab (Japanese; NFKC is applied).

    Text in scripts without spaces (Thai, Lao, Khmer, Burmese) is learnt and cut in runs of up to 80 characters.
    """
    lowercase: bool = False
    """Read every letter as lower case."""
    strip_accents: bool = False
    """Read á as a; only with whitespace words. Irish, Estonian and many others need their accents."""
    split_cjk: bool = True
    """With whitespace words, make a word of every Chinese character, which is right for Chinese."""
    min_frequency: int = Field(default=2, ge=1)
    """A character seen less often is left out, and a pair of pieces seen less often is not joined to one."""
    limit_alphabet: int = Field(default=0, ge=0)
    """Keep this many characters, the most frequent; the rest becomes [UNK].

    0: a third of `size`, from 100 to 7,000; more where 99.5 % of the text takes more, up to three quarters of `size`;
    and as many as there is room for where nothing else fills the vocabulary, as in Chinese with every character a word.
    """
    max_length: int = Field(default=512, gt=2)
    """The longest input, in tokens, that `transformers` should cut texts to."""

    @model_validator(mode="after")
    def _accents_stay_in_japanese(self) -> Self:
        if self.words == "mecab" and self.strip_accents:
            raise ValueError(
                "With words='mecab' accents cannot be stripped, since BertJapaneseTokenizer would not strip them. "
                "Set strip_accents=false."
            )
        return self

    def check(self) -> None:
        """Look for MeCab, where it is asked for."""
        if self.words == "mecab":
            MecabWords()

    def train(self, sample: Sample, folder: Path) -> dict[str, Any]:
        """Learn the pieces from the words of `sample`; see `Vocabulary.train`."""
        counts, told = self.words_of(sample)
        with training_threads(sample.processes):
            pieces = learn_pieces(counts, self.size, self.min_frequency, self.limit_alphabet)
        self.save(pieces, folder, sample)
        return told

    def words_of(self, sample: Sample) -> tuple[Counter[str], dict[str, Any]]:
        """Return how often each word is learnt from, as the encoder will see it, and what is for run.json."""
        return self._finish_words(sample.count_words(self.words), _rust({UNKNOWN: 0}, self._rules(sample)))

    def _rules(self, sample: Sample) -> dict[str, Any]:
        return rules_of_words(sample.normal_form, self.split_cjk, self.strip_accents, self.lowercase)

    def _finish_words(self, found: Counter[str], rust: RustTokenizer) -> tuple[Counter[str], dict[str, Any]]:
        """Return the words as the encoder will see them, without those that it makes [UNK], which are counted."""
        counts, long = Counter[str](), Counter[str]()
        for word, count in self._parts(found, rust):
            if len(word) > MAX_WORD:
                long[word] += count
            # A piece that starts a word with "##" would look like one inside a word.
            elif "##" not in word:
                counts[word] += count
        lost = sum(len(word) * count for word, count in long.items())
        every = lost + sum(len(word) * count for word, count in counts.items())
        return counts, {"words_too_long": long.total(), "characters_too_long_rate": round(lost / max(every, 1), 6)}

    def _parts(self, found: Counter[str], rust: RustTokenizer) -> Iterator[tuple[str, int]]:
        if self.words == "whitespace":
            # Nothing in ASCII is normalised but its case, and its marks are words; to see to it here takes a tenth.
            plain = [text for text in found if text.isascii() and text.isprintable()]
            others = [text for text in found if not (text.isascii() and text.isprintable())]
            case = str.lower if self.lowercase else str
            return chain(
                ((part, found[text]) for text in plain for part in ASCII_PARTS.findall(case(text))),
                ((part, found[others[number]]) for number, part in parts_of(others, rust)),
            )
        words = ((word.lower() if self.lowercase else word, count) for word, count in found.items())
        return ((part, count) for word, count in words for part in word.split())

    def save(self, vocab: list[str], folder: Path, sample: Sample) -> None:
        """Write the tokenizer of a vocabulary in the order of its ids, special tokens first."""
        with disk_errors(folder):
            folder.mkdir(parents=True, exist_ok=True)
            write_text(folder / "vocab.txt", "".join(f"{token}\n" for token in vocab))
            if self.words == "mecab":
                save_about(folder, self.max_length, {**JAPANESE, "do_lower_case": self.lowercase})
                return
            # BertTokenizer would take the vocabulary from tokenizer.json and leave the rules for text there.
            rust = _rust({token: number for number, token in enumerate(vocab)}, self._rules(sample))
            save_fast(rust, folder, self.max_length, {})


def _rust(vocab: dict[str, int], rules: dict[str, Any]) -> RustTokenizer:
    """Return the tokenizer with the rules of `rules_of_words`, [CLS] and [SEP] around a text and a pair."""
    bare = RustTokenizer(WordPiece(vocab, unk_token=UNKNOWN, max_input_chars_per_word=MAX_WORD))
    bare.decoder = decoders.WordPiece(prefix="##")
    if "[CLS]" in vocab:
        bare.post_processor = around()
    return with_rules(bare, rules)
