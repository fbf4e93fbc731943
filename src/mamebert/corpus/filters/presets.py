"""Presets of the filters: numbers of the papers that they are from."""

from dataclasses import dataclass, field
from typing import Any, Literal

Preset = Literal["none", "documents", "wikibert", "basic", "strict", "web"]


@dataclass(frozen=True)
class Rules:
    """Rules by the names of their settings."""

    sentences: dict[str, Any] = field(default_factory=dict)
    documents: dict[str, Any] = field(default_factory=dict)
    max_documents_per_line: int | None = None


# Barry et al., 2022 (gaBERT): the filters of OpusFilter that their repository configures (jbrry/Irish-BERT).
_BASIC = {
    "min_words": 1,
    "max_words": 100,
    "max_word_characters": 40,
    "markup": "drop",
    "max_punctuation": 0.4,
    "max_digits": 0.4,
}
# gaBERT asks langid and CLD2 for 0.8. py3langid divides its scores by the root of the length: at 0.8 it drops 25 in
# 1,000 good English sentences of 40 letters or more, at 0.5 four, and nearly as much noise (docs/lab.md, 2026-11-30).
_STRICT = _BASIC | {"min_script_share": 1.0, "min_language_confidence": 0.5, "language_letters": 40}
# Pyysalo et al., 2021 (WikiBERT): config/filter.sh of spyysalo/wiki-bert-pipeline. gaBERT lifted the upper bounds.
_DOCUMENTS = {
    "min_sentences": 3,
    "min_tokens": 20,
    "min_words": 30,
    "min_mean_words": 4,
    "max_wordless_sentences": 0.2,
    "max_punctuation": 0.075,
    "max_upper_case": 0.1,
    "max_digits": 0.075,
    "max_foreign_letters": 0.02,
    "language": "likeliest",
}
# Rae et al., 2021 (Gopher), appendix A: duplicate lines, duplicate 5-grams.
_REPETITION = {"max_repeated_lines": 0.3, "max_repeated_ngrams": 0.15}

PRESETS: dict[Preset, Rules] = {
    "none": Rules(),
    "documents": Rules(documents=_DOCUMENTS),
    "wikibert": Rules(documents=_DOCUMENTS | {"max_sentences": 1000, "max_tokens": 10_000}),
    "basic": Rules(_BASIC),
    "strict": Rules(_STRICT),
    "web": Rules(_STRICT | {"max_upper_case": 0.5}, _DOCUMENTS | _REPETITION, max_documents_per_line=10),
}
