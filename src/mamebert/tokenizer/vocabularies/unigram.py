"""Unigram (Kudo, 2018): a text is cut into the pieces that together are likeliest; as SentencePiece learns them."""

from collections import Counter
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import model_validator

from mamebert.extras import require_extra
from mamebert.tokenizer.learning.filled import require_filled
from mamebert.tokenizer.learning.marked import MarkedVocabulary
from mamebert.tokenizer.learning.saving import Model
from mamebert.tokenizer.learning.unigrams import learn_unigrams
from mamebert.tokenizer.pieces import SPECIAL_TOKENS
from mamebert.tokenizer.sampling import Sample
from mamebert.tokenizer.vocabularies.wordpiece import Wordpiece

BEGINS, INSIDE = "▁", "##"


class Unigram(MarkedVocabulary):
    """Pieces with probabilities, chosen so that the text is likely. Needs the extra `unigram`."""

    matching: Literal["likeliest", "longest"] = "likeliest"
    """How a word is cut: into the likeliest pieces, or, as BERTje and gaBERT do, by the longest piece that fits first:
    the vocabulary is then saved as WordPiece, and any tool that reads BERT's reads it."""

    @model_validator(mode="after")
    def _accents_stay_in_japanese(self) -> Self:
        if self.matching == "longest":
            self._as_wordpiece()
        return self

    def check(self) -> None:
        """Look for SentencePiece, and for MeCab where it is asked for."""
        require_extra("unigram")
        super().check()

    def train(self, sample: Sample, folder: Path) -> dict[str, Any]:
        """Learn the pieces from the words of `sample`; see `Vocabulary.train`."""
        if self.matching == "likeliest":
            return super().train(sample, folder)
        wordpiece = self._as_wordpiece()
        counts, told = wordpiece.words_of(sample)
        kept, alphabet = self._kept(counts)
        pieces = learn_unigrams(Counter({BEGINS + word: count for word, count in kept.items()}), self.size)
        vocab = self._converted(pieces, kept, set(alphabet))
        require_filled(len(vocab), self.size)
        wordpiece.save(vocab, folder, sample)
        return told

    def _converted(self, pieces: list[tuple[str, float]], counts: Counter[str], alphabet: set[str]) -> list[str]:
        """Return the tokens: each character as it is needed, so that no word is unknown, then the likeliest pieces."""
        starts = sorted({word[0] for word in counts} & alphabet)
        inside = sorted({INSIDE + character for word in counts for character in word[1:]})
        names = [p.removeprefix(BEGINS) if p.startswith(BEGINS) else INSIDE + p for p, _ in pieces if p != BEGINS]
        return list(dict.fromkeys([*SPECIAL_TOKENS, *starts, *inside, *names]))[: self.size]

    def _as_wordpiece(self) -> Wordpiece:
        shared = {name: value for name, value in self.model_dump().items() if name not in ("kind", "matching")}
        return Wordpiece(**shared, split_cjk=False)

    def _learn(self, counts: Counter[str]) -> Model:
        kept, _ = self._kept(counts)
        pieces = learn_unigrams(kept, self.size - len(SPECIAL_TOKENS))[: self.size - len(SPECIAL_TOKENS)]
        vocab = [*((token, 0.0) for token in SPECIAL_TOKENS), *pieces]
        return Model(
            [piece for piece, _ in vocab], {"type": "Unigram", "unk_id": 1, "vocab": vocab, "byte_fallback": False}
        )
