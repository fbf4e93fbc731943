"""A recipe as a person would write it: a TOML file with a table for each stage, and why it says what it says."""

import json
from collections.abc import Mapping, Sequence
from textwrap import wrap
from typing import Any

from mamebert.language_recipes.advice import Advice, Phase
from mamebert.language_recipes.languages import GAPS, Language, bert

WIDTH = 118
"""Of comments."""
Sources = Sequence[str | Mapping[str, Any]]


def recipe_text(
    language: Language,
    code: str,
    advice: Advice,
    vocabulary: Mapping[str, Any],
    sources: Sources,
    output: str,
    head: Sequence[str],
    preset: str,
    objective: Mapping[str, Any],
    with_paper: bool = False,
) -> str:
    """Return the file. `head` are sentences for its beginning; `with_paper` adds the paper's numbers as a variant."""
    stages = [
        ("clean", {
            "language": code,
            "sources": list(sources),
            **{f"cleaning.{name}": value for name, value in language.cleaning.items()},
            **({} if preset == "none" else {"filters.preset": preset}),
        }),
        ("vocab", {"corpus": "@clean", "vocabulary": {**vocabulary, "size": advice.vocabulary_size}}),
        ("tokenize", {"corpus": "@clean", "tokenizer": "@vocab"}),
        *(_vectors(advice) if advice.learns_soonest else ()),
        *_pretrainings(advice, objective),
    ]  # fmt: skip
    runs = [f"@{name}" for name, _ in stages]
    stages.append(("report", {"runs": runs, "title": f"An encoder for {language.name}"}))
    lines = [f"# {line}".rstrip() for told in head for line in (wrap(told, WIDTH) if len(told) > WIDTH else [told])]
    lines += [f"output = {as_toml(output)}", ""]
    for name, settings in stages:
        lines += [f"[{name}]", *(f"{key} = {as_toml(value)}" for key, value in settings.items()), ""]
    return "\n".join(lines if not with_paper else [*lines, *_variant(language), ""])


def _vectors(advice: Advice) -> list[tuple[str, dict[str, Any]]]:
    return [("vectors", {"shards": "@tokenize", "cbow.vector_size": advice.hidden_size, "cbow.epochs": 2})]


def _pretrainings(advice: Advice, objective: Mapping[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    found = []
    for number, phase in enumerate(advice.phases):
        is_last, is_first = phase is advice.phases[-1], number == 0
        settings: dict[str, Any] = {"command": "pretrain", "shards": "@tokenize"}
        settings |= {"encoder": advice.shape} if is_first else {"start": "@short"}
        if is_first and advice.learns_soonest:
            settings["embeddings"] = {"vectors": "@vectors", "frozen": False}
        settings["objective"] = advice.asked(phase, objective)
        settings["training"] = _training(phase, after=not is_first)
        settings["evaluate_every"] = max(1, phase.steps // 20)
        found.append(("encoder" if is_last else "short", settings))
    return found


def _training(phase: Phase, after: bool) -> dict[str, Any]:
    # Long sequences go on from short ones at half the rate, as in recipes/encoders.
    rates = {"peak_lr": phase.peak_lr} if phase.peak_lr else {}
    if after:
        rates = {"peak_lr": round((phase.peak_lr or 2e-3) / 2, 6)}
    return {"steps": phase.steps, "batch_tokens": phase.batch_tokens, **rates}


def _variant(language: Language) -> list[str]:
    numbers = {"vocab.vocabulary.size": language.most_pieces, **bert(), **language.paper}
    told = f"# {language.model}: as large and as long as it was, as far as that is known."
    return [told, "[variants.paper]", *(f"{name} = {as_toml(value)}" for name, value in numbers.items())]


def about(language: Language) -> list[str]:
    """Return what is known of the language's encoder, for the head of a file."""
    return [f"Settings after {language.model}.", *language.sources, *([GAPS] if language.sources else [])]


def as_toml(value: Any) -> str:
    """Return a value in TOML; whole numbers of five digits and more with marks between thousands."""
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{name} = {as_toml(each)}" for name, each in value.items()) + " }"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(as_toml, value)) + "]"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        return f"{value:_}" if abs(value) >= 10_000 else str(value)
    if isinstance(value, float):
        return repr(value)
    return json.dumps(str(value), ensure_ascii=False).replace("\x7f", "\\u007f")
