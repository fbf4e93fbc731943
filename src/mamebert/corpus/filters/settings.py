"""Settings of the filters: a preset, and what is to differ from it."""

from typing import Any, Literal, TypeVar

from pydantic import Field

from mamebert.config import Config
from mamebert.corpus.filters.presets import PRESETS, Preset
from mamebert.corpus.filters.writing import LATIN, scripts_of

Share = Field(default=None, ge=0, le=1)
Count = Field(default=None, ge=0)


class SentenceRules(Config):
    """Rules of sentences. Unset is as the preset has it; a share of 1 (or 0, of what is to be there) drops nothing."""

    min_words: int | None = Count
    """Fewest words. Where no spaces part words, two characters count as one."""
    max_words: int | None = Field(default=None, ge=1)
    """Most words."""
    max_word_characters: int | None = Field(default=None, ge=1)
    """Longest word; in Japanese and the like, longest run of ASCII characters."""
    markup: Literal["keep", "drop"] | None = None
    """Sentences with tags or entities of HTML, or with brackets of wikitext."""
    max_punctuation: float | None = Share
    """Largest share of punctuation in characters that are no spaces."""
    max_digits: float | None = Share
    """Largest share of digits in characters that are no spaces."""
    max_upper_case: float | None = Share
    """Largest share of capitals in the letters, of sentences with ten letters or more."""
    min_script_share: float | None = Share
    """Smallest share of the language's script in the letters. Unset, `strict` asks for all where the script is Latin,
    and for half elsewhere: names are written in Latin letters in any script."""
    min_language_confidence: float | None = Share
    """Smallest probability of the language, by py3langid (extra `filters`)."""
    language_letters: int | None = Count
    """Sentences of fewer letters need less confidence, for little tells their language: a quarter with half of them."""


class DocumentRules(Config):
    """Rules of documents, which look at them as they were read. Unset is as the preset has it."""

    min_sentences: int | None = Count
    """Fewest sentences."""
    max_sentences: int | None = Field(default=None, ge=1)
    """Most sentences."""
    min_tokens: int | None = Count
    """Fewest tokens between spaces. Where no spaces part words, two characters count as one."""
    max_tokens: int | None = Field(default=None, ge=1)
    """Most tokens between spaces."""
    min_words: int | None = Count
    """Fewest regular words: two letters or more, small but for the first."""
    min_mean_words: float | None = Field(default=None, ge=0)
    """Smallest mean number of regular words in a sentence."""
    max_wordless_sentences: float | None = Share
    """Largest share of sentences without a regular word."""
    max_punctuation: float | None = Share
    """Largest share of ASCII punctuation in all characters."""
    max_upper_case: float | None = Share
    """Largest share of capitals in all characters."""
    max_digits: float | None = Share
    """Largest share of digits in all characters."""
    max_foreign_letters: float | None = Share
    """Largest share of letters that are neither of the language's script nor Latin, in all characters."""
    max_repeated_lines: float | None = Share
    """Largest share of sentences that stand in the document before."""
    max_repeated_ngrams: float | None = Share
    """Largest share of runs of five words (ten characters in Japanese and the like) that came before."""
    language: Literal["any", "likeliest"] | None = None
    """Whether the language has to be the likeliest one of the document, by py3langid (extra `filters`)."""


class Filters(Config):
    """Which sentences and documents are dropped, and why: each rule is counted, with examples, in run.json."""

    preset: Preset = "none"
    """Rules to begin with. The four levels of gaBERT: `none`; `documents`, heuristics of whole documents; `basic`,
    sentences by length, long words, markup, punctuation and digits; `strict`, these and script and language.
    `wikibert`: `documents` with upper bounds, for articles. `web`: all of `strict` and `documents`, and capitals,
    repetition and boilerplate."""
    sentences: SentenceRules = SentenceRules()
    documents: DocumentRules = DocumentRules()
    max_documents_per_line: int | None = Field(default=None, ge=1)
    """A line that stood in so many documents is boilerplate, and dropped from all that follow. Unset is as the preset
    has it."""

    def resolved(self, language: str) -> "Filters":
        """Return the rules that hold for a language: those of the preset, but what is set."""
        preset = PRESETS[self.preset]
        sentences = dict(preset.sentences)
        if "min_script_share" in sentences and scripts_of(language) != LATIN:
            sentences["min_script_share"] = 0.5
        return Filters(
            sentences=_over(self.sentences, sentences),
            documents=_over(self.documents, preset.documents),
            max_documents_per_line=self.max_documents_per_line or preset.max_documents_per_line,
        )

    def told(self) -> dict[str, float | str]:
        """Return the rules that hold, by name."""
        rules = {
            f"{name}.{rule}": value
            for name, group in (("sentences", self.sentences), ("documents", self.documents))
            for rule, value in group.model_dump(exclude_none=True).items()
        }
        boilerplate = self.max_documents_per_line
        return rules | ({} if boilerplate is None else {"max_documents_per_line": boilerplate})


R = TypeVar("R", SentenceRules, DocumentRules)


def _over(given: R, preset: dict[str, Any]) -> R:
    return type(given)(**{**preset, **given.model_dump(exclude_none=True)})
