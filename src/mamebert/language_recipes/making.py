"""`mamebert init`: a corpus and a language in, a checked recipe and advice out."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from shlex import quote
from typing import Any

import torch

from mamebert.config import build
from mamebert.corpus.filters.writing import is_spaced
from mamebert.errors import Refusals, UserError
from mamebert.evaluation.cost.peak_flops import product_peak
from mamebert.files.disk import temporary_folder, write_text
from mamebert.files.names import new_folder
from mamebert.language_recipes.advice import (
    MOST_EPOCHS,
    SIZES,
    TOKENS_PER_PARAMETER,
    Advice,
    advise,
    seconds_of,
    vocabulary_size,
)
from mamebert.language_recipes.drawing import as_source, draw, reader_of
from mamebert.language_recipes.languages import SHORT, Language, language_of
from mamebert.language_recipes.looking import Corpus, cleaned, kind_there, vocabulary_tried
from mamebert.language_recipes.recipe_text import about, recipe_text
from mamebert.recipes import look_ahead, plan, refuse_ahead
from mamebert.results.vocab import VocabResults
from mamebert.stages.clean import CleanConfig
from mamebert.training.devices import pick_device, pick_precision

SOONEST_TOLD = (
    "ModernBERT's layout, word embeddings that begin as word2vec's, and is asked for words alone: what knew most after "
    "as many tokens of all that we tried with small ones"
)
LEAST_IN_LANGUAGE = 0.5
"""Share of the longer sentences; below it somebody should look."""
LEAST_SENTENCES, LEAST_DOCUMENTS = 2.0, 20
"""Mean number in a document, and documents, below which there is nothing to ask about pairs of sentences."""


def make_recipe(
    code: str,
    corpus: str,
    out: Path,
    overwrite: bool = False,
    hours: float = 8.0,
    reader: Mapping[str, Any] | None = None,
) -> list[str]:
    """Write a recipe for a corpus to `out`; return what was found and advised, a line each.

    Only a sample of the corpus is read. `hours` is how long pretraining may take on this machine. A corpus that cannot
    be read, a recipe that would be refused, and a file that is there already, are UserErrors.
    """
    _require_place(out, overwrite)
    language, is_known = language_of(code)
    code = build(CleanConfig, {"sources": "x", "language": code, "output": new_folder("x")}).language
    opened = reader_of(corpus, reader or {})
    with temporary_folder() as scratch:
        drawn = draw(opened, scratch)
        run, found = cleaned(drawn, language, code, scratch)
        kind, missing = kind_there(language)
        size = vocabulary_size(found.words, language)
        fits = vocabulary_tried(run, kind, size, scratch)
        if found.share >= 1:  # else the whole may fill what its sample does not
            size = _rounded(min(size, fits.size or size))
        tokens = round(found.characters / (fits.characters_per_piece or 1.0))
        objective, alone = objective_of(language, found)
        advice = advise(tokens, tokens / max(found.documents, 1), size, objective, hours)
        if advice.learns_soonest:
            alone = ""
        head = _head(language, is_known, code, corpus, out, found, tokens, advice)
        source = as_source(drawn, corpus, reader or {})
        text = recipe_text(language, code, advice, kind, [source], f"runs/{out.stem}", head, found.preset, objective)
        stages = _checked(text, out, scratch)
    write_text(out, text)
    notes = [*found.notes, *([missing] if missing else []), *([alone] if alone else [])]
    return [
        *_language_told(language, is_known, found),
        *_corpus_told(found, tokens),
        *notes,
        _vocabulary_told(language, size, fits, found),
        *_advice_told(advice, objective, tokens, found, hours),
        *stages,
        f"{out} is written, and nothing of it would be refused. Next: mamebert run {quote(str(out))}",
    ]


def _require_place(out: Path, overwrite: bool) -> None:
    if out.suffix != ".toml":
        raise UserError(f"{out} is no name of a recipe. Give one that ends in .toml.")
    if not out.absolute().parent.is_dir():
        raise UserError(f"There is no folder {out.parent} to write {out.name} to. Make it, or give another with --out.")
    if out.is_dir() or (out.exists() and not overwrite):
        raise UserError(f"{out} is there already. Give another name with --out, or --overwrite to replace it.")


def objective_of(language: Language, found: Corpus) -> tuple[dict[str, Any], str]:
    """Return what is asked, and why the question about pairs of sentences is left out where it is."""
    objective, documents = dict(language.objective), max(found.documents, 1)
    if objective["kind"] == "masked_lm":
        return objective, ""
    if documents < LEAST_DOCUMENTS:
        why = f"There are {documents:,} documents"
    elif found.sentences < LEAST_SENTENCES * documents:
        why = f"Documents have {found.sentences / documents:.1f} sentences"
    else:
        return objective, ""
    told = f"{why}, too few to ask about pairs of sentences: objective.kind=masked_lm and not {objective['kind']}."
    return {**objective, "kind": "masked_lm"}, f"{told} An empty line parts documents in .txt files."


def _checked(text: str, out: Path, scratch: Path) -> list[str]:
    """Return a line for each stage of the recipe; what `mamebert run --dry-run` would refuse is a UserError."""
    trial = scratch / out.name
    write_text(trial, text)
    prospects = list(look_ahead(plan([str(trial)])))
    try:
        refuse_ahead(prospects)
    except Refusals as refusals:  # one sentence for the person who asked
        raise UserError(str(refusals.errors[0])) from refusals
    except UserError as error:
        way_out = " Or give another name with --out: its runs then lie elsewhere."
        raise UserError(f"{error}{way_out if f'runs/{out.stem}' in str(error) else ''}") from error
    return [f"  {each.stage.name}: {each.outlook}" for each in prospects if each.outlook]


def _head(
    language: Language,
    is_known: bool,
    code: str,
    corpus: str,
    out: Path,
    found: Corpus,
    tokens: int,
    advice: Advice,
) -> Sequence[str]:
    known = about(language) if is_known else ["Nothing is known here of encoders for this language: general settings."]
    if advice.learns_soonest:
        known = [*known, f"The encoder is small and has {SOONEST_TOLD}."]
    return [
        f"An encoder for {language.name}, from {corpus}: about {_short(found.words)} words, {_short(tokens)} tokens.",
        f"Written by `mamebert init --language {code}`.",
        "",
        *known,
        "",
        f"  mamebert run {out.name} --dry-run     what each stage will take",
        f"  mamebert run {out.name}               (stop it whenever you like, it goes on)",
    ]


def _language_told(language: Language, is_known: bool, found: Corpus) -> list[str]:
    lines = [f"{language.name}: settings after {language.model}."]
    if not is_known:
        lines = [f"Nothing is known here of encoders for the language {language.code!r}: {language.model}."]
    if found.in_language is not None and found.in_language < LEAST_IN_LANGUAGE:
        lines.append(
            f"Only {found.in_language:.0%} of the longer sentences look like {language.name}. Is --language right?"
        )
    return lines


def _corpus_told(found: Corpus, tokens: int) -> list[str]:
    read = "all of it was read" if found.share >= 1 else f"{found.share:.1%} of it was read, the rest is reckoned"
    files = f"{found.num_files:,} file{'' if found.num_files == 1 else 's'}"
    most = sorted(found.dropped.items(), key=lambda each: -each[1])[:4]
    dropped = ", ".join(f"{number:,} {name.replace('_', ' ')}" for name, number in most)
    return [
        f"Corpus: {files}, {found.num_bytes / 1e6:,.1f} MB; {read}.",
        f"  {_short(found.documents)} documents, {_short(found.sentences)} sentences, {_short(found.words)} words, "
        f"{_short(found.characters)} characters, {_short(tokens)} tokens",
        f"  filters.preset={found.preset} keeps {found.kept:.1%} of the characters"
        + (f" (dropped from the sample: {dropped})" if dropped else ""),
    ]


def _vocabulary_told(language: Language, size: int, fits: VocabResults, found: Corpus) -> str:
    words = "word" if is_spaced(language.code) or language.vocabulary.get("words") else "run of characters"
    told = f"Vocabulary: {size:,} pieces; {fits.pieces_per_word:.2f} for each {words}, {fits.unknown_rate:.2%} unknown"
    learnt = "" if fits.size == size else f" (tried at {fits.size:,} on the sample)"
    return f"{told}{learnt}. {language.most_pieces:,} is the most that is advised, for far more text."


def _advice_told(advice: Advice, objective: dict[str, Any], tokens: int, found: Corpus, hours: float) -> list[str]:
    seen = sum(phase.tokens for phase in advice.phases)
    seconds = seconds_of(advice, objective)
    device = pick_device("auto")
    peak = product_peak(device, pick_precision("auto", device), torch.get_num_threads())
    lengths = " and then ".join(
        f"{each.steps:,} steps of {each.batch_tokens:,} tokens in sequences of {each.max_length}"
        for each in advice.phases
    )
    soonest = [f"  It has {SOONEST_TOLD}."] if advice.learns_soonest else []
    lines = [
        f"Model: {advice.hidden_size} wide, {advice.num_hidden_layers} layers: the largest that reads "
        f"{TOKENS_PER_PARAMETER} tokens for each parameter of its layers in {hours:g} hours and {MOST_EPOCHS} passes.",
        *soonest,
        f"Steps: {lengths}: the text {seen / max(tokens, 1):.1f} times.",
        f"Time: about {_time(seconds)} of pretraining on this machine ({peak.flops / 1e9:,.0f} GFLOP/s, {peak.source}, "
        f"{torch.get_num_threads()} threads), and {_time(found.clean_seconds)} of one core to clean the text.",
    ]
    if len(advice.phases) == 1:
        lines.append(f"Documents are shorter than {SHORT} tokens: no long sequences are made of them.")
    return lines


def _rounded(size: int) -> int:
    """Return a size that a text supports in round numbers, a little below where it was odd."""
    unit = int(10 ** max(len(str(size)) - 2, 0))
    return size if size in SIZES else size // unit * unit


def _short(number: int) -> str:
    if number < 10_000:
        return f"{number:,}"
    return f"{number / 1e6:,.1f} M" if number >= 1_000_000 else f"{number / 1e3:,.0f} k"


def _time(seconds: float) -> str:
    if seconds < 90:
        return f"{max(seconds, 1):.0f} seconds"
    return f"{seconds / 60:,.0f} minutes" if seconds < 5400 else f"{seconds / 3600:,.1f} hours"
