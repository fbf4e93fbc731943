"""How much of a document says again what it said before (Gopher: Rae et al., 2021, appendix A)."""

from collections.abc import Sequence

from mamebert.corpus.filters.writing import is_spaced

NGRAM_WORDS, NGRAM_CHARACTERS = 5, 10


def repeated_lines(sentences: Sequence[str]) -> float:
    """Return the share of sentences that stand in the document before."""
    return 1 - len(set(sentences)) / len(sentences) if sentences else 0.0


def repeated_ngrams(sentences: Sequence[str], language: str) -> float:
    """Return the share of runs of five words (ten characters where no spaces part words) that came before."""
    if is_spaced(language):
        units: Sequence[str] = [word for sentence in sentences for word in sentence.split()]
        ngrams = list(zip(*(units[start:] for start in range(NGRAM_WORDS)), strict=False))
        return 1 - len(set(ngrams)) / len(ngrams) if ngrams else 0.0
    text = "".join(sentences)
    number = len(text) - NGRAM_CHARACTERS + 1
    if number < 1:
        return 0.0
    return 1 - len({text[start : start + NGRAM_CHARACTERS] for start in range(number)}) / number
