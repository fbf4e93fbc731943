"""A sample of a corpus through the first commands of its recipe, and what that tells of the whole."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mamebert import stages
from mamebert.config import build
from mamebert.corpus.documents import document_shards
from mamebert.corpus.filters.languages import confidence
from mamebert.corpus.filters.presets import Preset
from mamebert.errors import UserError
from mamebert.language_recipes.drawing import Drawn
from mamebert.language_recipes.languages import Language
from mamebert.results.clean import CleanResults
from mamebert.results.vocab import VocabResults
from mamebert.runs import Run
from mamebert.tokenizer.sampling import Sample, Words
from mamebert.tokenizer.vocabularies import Vocabulary

LOOSER: dict[Preset, Preset] = {
    "web": "strict", "strict": "basic", "basic": "none", "wikibert": "documents", "documents": "basic"
}  # fmt: skip
LEAST_KEPT = 0.5
"""Share of the characters: a filter that drops more was made for other text."""
TELLING, FEW_LETTERS = 200, 40
"""Sentences that are asked for their language, and letters below which they tell nothing."""


@dataclass(frozen=True)
class Corpus:
    """What is known of a corpus: everything but its bytes is reckoned from the sample."""

    num_files: int
    num_bytes: int
    share: float
    """Of it that was looked at; 1 is all."""
    documents: int
    """Kept, as all that follows."""
    sentences: int
    characters: int
    words: int
    kept: float
    """Share of the characters that the filters keep."""
    preset: Preset
    dropped: Mapping[str, int] = field(default_factory=dict)
    """In the sample, by reason."""
    clean_seconds: float = 0.0
    """To clean all of it, in one process."""
    in_language: float | None = None
    """Share of longer sentences that look like the language; None where nobody can tell."""
    notes: tuple[str, ...] = ()


def cleaned(drawn: Drawn, language: Language, code: str, folder: Path) -> tuple[Run, Corpus]:
    """Clean the sample as the recipe will, by looser filters where those of the language drop most of it."""
    preset = language.preset
    notes: list[str] = []
    while True:
        try:
            run = _clean(drawn, language, code, preset, folder / preset)
            results = CleanResults.read(run.results)
            kept = (results.characters or 0) / max(results.characters_read or 0, 1)
            if kept >= LEAST_KEPT or preset not in LOOSER:
                return run, _corpus(drawn, run, results, kept, preset, language, code, notes)
            why = f"keeps {kept:.0%} of the characters"
        except UserError as error:
            if preset not in LOOSER:
                raise
            why = f"cannot be taken: {error}"
        notes.append(f"filters.preset={preset} {why.rstrip('.')}; {LOOSER[preset]} is taken instead.")
        preset = LOOSER[preset]


def _clean(drawn: Drawn, language: Language, code: str, preset: Preset, output: Path) -> Run:
    settings: dict[str, Any] = {"sources": str(drawn.path), "language": code, "cleaning": dict(language.cleaning)}
    return _done("clean", {**settings, "filters": {"preset": preset}, "output": output})


def _corpus(
    drawn: Drawn,
    run: Run,
    results: CleanResults,
    kept: float,
    preset: Preset,
    language: Language,
    code: str,
    notes: list[str],
) -> Corpus:
    whole = 1 / max(drawn.share, 1e-9)
    by: Words = "mecab" if language.vocabulary.get("words") == "mecab" else "whitespace"
    sample = Sample.draw(document_shards(run.folder), 10**12, 0, 1)
    held = sample.held()
    counted = sum(sample.count_words(by).values()) / max(1 - len(held) / max(results.sentences or 1, 1), 0.1)
    return Corpus(
        drawn.num_files,
        drawn.num_bytes,
        drawn.share,
        documents=round((results.documents or 0) * whole),
        sentences=round((results.sentences or 0) * whole),
        characters=round((results.characters or 0) * whole),
        words=round(counted * whole),
        kept=kept,
        preset=preset,
        dropped=results.dropped,
        clean_seconds=(results.seconds or 0.0) * whole,
        in_language=_in_language(held, code),
        notes=tuple(notes),
    )


def _in_language(sentences: list[str], code: str) -> float | None:
    asked = [each for each in sentences if sum(map(str.isalpha, each)) >= FEW_LETTERS][:TELLING]
    try:
        found = [confidence(each, code)[1] for each in asked]
    except UserError:  # a language, or all of them, that nobody here can tell
        return None
    return sum(found) / len(found) if found else None


def vocabulary_tried(clean: Run, kind: Mapping[str, Any], size: int, folder: Path) -> VocabResults:
    """Learn a vocabulary from the cleaned sample, with fewer pieces where it does not fill the size."""
    settings = {"corpus": clean.folder, "vocabulary": {**kind, "size": size}, "too_large": "lower", "processes": 1}
    return VocabResults.read(_done("vocab", {**settings, "output": folder / "vocab"}).results)


def kind_there(language: Language) -> tuple[dict[str, Any], str]:
    """Return the vocabulary of a language, or WordPiece where that needs what is not installed, and why."""
    kind = dict(language.vocabulary)
    try:
        build(Vocabulary.find(kind["kind"]), {**kind, "size": language.most_pieces}).check()
    except UserError as error:
        if kind["kind"] == "wordpiece":
            raise
        return {"kind": "wordpiece"}, f"vocabulary.kind={kind['kind']} is not taken, but wordpiece: {error}"
    return kind, ""


def _done(command: str, settings: dict[str, Any]) -> Run:
    return stages.do(command, build(stages.find(command)[0], settings))
