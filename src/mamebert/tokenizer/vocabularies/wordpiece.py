"""WordPiece (Schuster and Nakajima, 2012), as BERT uses it: pieces of words, "##" before those inside a word."""

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, model_validator
from tokenizers import Tokenizer as RustTokenizer
from tokenizers.models import WordPiece
from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer, WhitespaceSplit
from tokenizers.trainers import WordPieceTrainer

from mamebert.disk import disk_errors, write_text
from mamebert.errors import UserError
from mamebert.tokenizer.japanese import MecabWords
from mamebert.tokenizer.pieces import SPECIAL_TOKENS, mend
from mamebert.tokenizer.sampling import Sample
from mamebert.tokenizer.vocabularies import Vocabulary

MAX_WORD = 100
"""A longer word becomes [UNK], here as in `transformers`."""
MODEL_INPUTS = ["input_ids", "token_type_ids", "attention_mask"]
MIN_ALPHABET, MAX_ALPHABET = 100, 7_000  # Japanese models of 32,000 pieces know six to seven thousand characters
REPEATS = 10_000


class Wordpiece(Vocabulary):
    """Pieces of words, the longest that fits first."""

    words: Literal["whitespace", "mecab"] = "whitespace"
    """Words end at spaces and punctuation, or are found by MeCab (Japanese; NFKC is applied)."""
    lowercase: bool = False
    """Read every letter as lower case."""
    strip_accents: bool = False
    """Read á as a; only with whitespace words. Irish, Estonian and many others need their accents."""
    split_cjk: bool = True
    """With whitespace words, make a word of every Chinese character, which is right for Chinese."""
    min_frequency: int = Field(default=2, ge=1)
    """A character seen less often is left out, and a pair of pieces seen less often is not joined to one."""
    limit_alphabet: int = Field(default=0, ge=0)
    """Keep so many characters, the most frequent; the rest becomes [UNK]. 0: a third of `size`, from 100 to 7,000."""
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

    def train(self, sample: Sample, folder: Path) -> None:
        """Learn the pieces from the words of `sample`; see `Vocabulary.train`."""
        counts = self._limit(self._finish_words(sample.count_words(self.words)))
        vocab = _join_pairs(counts, self.size, self.min_frequency)
        if len(vocab) < self.size:
            raise UserError(
                f"The text supports a vocabulary of {len(vocab):,} pieces, not {self.size:,}. Set "
                f"vocabulary.size={len(vocab)} or less, or give more text."
            )
        if len(vocab) > self.size:
            raise UserError(
                f"The characters alone need {len(vocab):,} pieces, more than the vocabulary's {self.size:,}. Set a "
                "lower vocabulary.limit_alphabet or a larger vocabulary.size."
            )
        self._save(vocab, folder)

    def _finish_words(self, found: Counter[str]) -> Counter[str]:
        """Return the words as the encoder will see them, without those that it makes [UNK] or cannot tell apart."""
        normalizer = self._normalizer()
        counts: Counter[str] = Counter()
        for text, count in found.items():
            if self.words == "mecab":
                words = (text.lower() if self.lowercase else text).split()
            else:
                normal = normalizer.normalize_str(mend(text))
                words = [word for word, _ in BertPreTokenizer().pre_tokenize_str(normal)]
            for word in words:
                # A piece that starts a word with "##" would look like one inside a word.
                if len(word) <= MAX_WORD and "##" not in word:
                    counts[word] += count
        return counts

    def _limit(self, counts: Counter[str]) -> Counter[str]:
        """Leave out words with a character that is rare or not among the most frequent."""
        characters: Counter[str] = Counter()
        for word, count in counts.items():
            for character in word:
                characters[character] += count
        frequent = [character for character, count in characters.items() if count >= self.min_frequency]
        by_count = sorted(frequent, key=lambda character: (-characters[character], character))
        kept = set(by_count[: self.limit_alphabet or min(max(self.size // 3, MIN_ALPHABET), MAX_ALPHABET)])
        return Counter({word: count for word, count in counts.items() if kept.issuperset(word)})

    def _normalizer(self) -> BertNormalizer:
        return BertNormalizer(
            clean_text=True,
            handle_chinese_chars=self.split_cjk,
            strip_accents=self.strip_accents,
            lowercase=self.lowercase,
        )

    def _save(self, vocab: list[str], folder: Path) -> None:
        from transformers import BertJapaneseTokenizer, BertTokenizer

        with disk_errors(folder):
            folder.mkdir(parents=True, exist_ok=True)
            write_text(folder / "vocab.txt", "".join(f"{token}\n" for token in vocab))
            common: dict[str, Any] = {
                "do_lower_case": self.lowercase,
                "model_max_length": self.max_length,
                # BertJapaneseTokenizer leaves token_type_ids out unless told, and pairs would become one segment.
                "model_input_names": MODEL_INPUTS,
            }
            if self.words == "mecab":
                tokenizer = BertJapaneseTokenizer(
                    str(folder / "vocab.txt"),
                    word_tokenizer_type="mecab",
                    mecab_kwargs={"mecab_dic": "unidic_lite"},
                    **common,
                )
            else:
                tokenizer = BertTokenizer(
                    vocab={token: number for number, token in enumerate(vocab)},
                    strip_accents=self.strip_accents,
                    tokenize_chinese_chars=self.split_cjk,
                    **common,
                )
            tokenizer.save_pretrained(folder)


def _join_pairs(counts: Counter[str], size: int, min_frequency: int) -> list[str]:
    """Return the tokens in the order of their ids, found by the trainer of the `tokenizers` library."""
    starts = sorted({character for word in counts for character in word})
    inside = sorted({f"##{character}" for word in counts for character in word[1:]})
    trainer = WordPieceTrainer(
        vocab_size=size,
        min_frequency=min_frequency,
        # The trainer numbers characters in the order of a random hash and breaks ties by number. Given as special
        # tokens they keep the order of this list, and the same words give the same vocabulary.
        special_tokens=[*SPECIAL_TOKENS, *starts, *inside],
        show_progress=False,
    )
    learner = RustTokenizer(WordPiece(unk_token="[UNK]"))
    learner.pre_tokenizer = WhitespaceSplit()
    learner.train_from_iterator(_repeat(counts), trainer)
    vocab = json.loads(learner.to_str())["model"]["vocab"]
    return sorted(vocab, key=vocab.__getitem__)


def _repeat(counts: Counter[str]) -> Iterator[str]:
    # The trainer counts for itself; it cannot be given counts.
    for word, count in counts.items():
        for _ in range(count // REPEATS):
            yield " ".join([word] * REPEATS)
        yield " ".join([word] * (count % REPEATS))
