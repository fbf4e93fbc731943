"""Robustness: how a fine-tuned model bears texts that are made worse, and whether it minds what it should mind.

Operators of two kinds, by strength. Invariant ones (typos, letters read wrong, speech, common words that are left out)
should not change answers; a sensitive one (the words that tell most are left out) should, and more than as many words
that are left out by chance. A model flat under both is robust and reads little (Novikova, 2021).
"""

from collections.abc import Callable, Sequence
from functools import partial
from math import sqrt
from pathlib import Path
from typing import ClassVar

import numpy as np
import torch
from pydantic import Field

from mamebert.checkpoints.load import load_pretraining
from mamebert.checkpoints.model_folder import ModelFolder, model_folder, tokenizer_for
from mamebert.config import RunPath
from mamebert.corpus.readers import Reader, Row
from mamebert.errors import UserError
from mamebert.probes import ROWS_LOOKED_AT, Asked, Findings, Probe
from mamebert.probes.scoring.guessed_words import Guesser
from mamebert.probes.scoring.intervals import SURE, share_plus_minus
from mamebert.probes.scoring.perturbations import (
    BY_CHANCE,
    GUESSED,
    INSENSITIVE,
    SENSITIVE,
    SYNONYMS,
    Change,
    change,
    drop,
    worth_of_words,
)
from mamebert.progress import progress
from mamebert.results.probe import FoundPlot, FoundRow, FoundTable
from mamebert.runs.identity import Source
from mamebert.tasks.data.vector_answers import unit
from mamebert.word2vec.neighbours import neighbours
from mamebert.word2vec.table import VectorTable

Words = Sequence[str]
Operator = Callable[[Words, float, np.random.Generator], list[str]]

WORDS = "share of words changed"
UNSPACED = 40
"""Letters between two spaces from which on they are no word of a language that writes spaces."""


class Robustness(Probe):
    """Accuracy and changed answers of a classifier by operator and strength."""

    about: ClassVar[str] = "Robustness"
    needs: ClassVar = "answers"
    explained: ClassVar = {
        "accuracy": "of the texts as they are",
        "changed_by_*": "answers that are another one at the greatest strength",
        "minds_informative_words": "how many more answers change without the words that tell most of the label "
        "than without as many drawn by chance",
        "rows": "asked",
    }
    source: Reader
    """Labelled rows."""
    text_column: str = "text"
    """Column of the text."""
    label_column: str = "label"
    """Column of the label."""
    sample: int = Field(default=200, ge=2)
    """Rows, drawn by chance."""
    strengths: list[float] = Field(default=[0.1, 0.2, 0.4], min_length=1)
    """Shares of the words that are changed; 0 is asked anyway."""
    operators: list[str] = Field(default=[*BY_CHANCE, INSENSITIVE, SENSITIVE, SYNONYMS])
    """What is done to texts: typos, ocr, speech, word_drop (the control), common_words_dropped,
    informative_words_dropped, synonyms (the nearest words in `vectors`, or in the model's own table of tokens), and
    guessed_words (what the `guesser` puts in the place of words, which may well have another meaning)."""
    guesser: RunPath | None = None
    """An encoder with a head for masked words, for guessed_words, which is asked without being named then."""
    vectors: RunPath | None = None
    """A run of vectors: synonyms are the nearest words in its table, not in the model's own."""
    newer: ClassVar[tuple[str, ...]] = ("guesser", "vectors")

    def look(self) -> None:
        """Raise UserError where rows lack a text or a label, or an operator is none."""
        known = (*BY_CHANCE, INSENSITIVE, SENSITIVE, SYNONYMS, GUESSED)
        if GUESSED in self.operators and not self.guesser:
            raise UserError("guessed_words needs an encoder that guesses. Name a pretrain run with guesser.")
        if not self.operators or (other := next((name for name in self.operators if name not in known), None)):
            named = f"There is no operator {other!r}" if self.operators else "There is no operator"
            raise UserError(f"{named}. Choose from: {', '.join(known)}.")
        if not all(0 < strength <= 1 for strength in self.strengths):
            raise UserError("A strength is a share of the words. Give strengths above 0 and up to 1.")
        for row in self.source.first_rows(ROWS_LOOKED_AT):
            self._row(row)

    def folders(self) -> list[tuple[Path, Sequence[str], Callable[[Path], object]]]:
        """Return the run of vectors, and the encoder that guesses."""
        found: list[tuple[Path, Sequence[str], Callable[[Path], object]]] = []
        if self.vectors:
            found.append((self.vectors, ("vectors", "contrast"), VectorTable.open))
        if self.guesser:
            found.append((self.guesser, ("pretrain", "compress"), _with_words))
        return found

    def fingerprint(self) -> list[Source]:
        """Return the labelled rows."""
        return self.source.fingerprint()

    def ask(self, asked: Asked, keep: Path, seed: int) -> Findings:
        """Return accuracy at the highest strength and without any, what changes answers, and both by strength."""
        rows = [self._row(row) for row in self.source.rows()]
        order = np.sort(np.random.default_rng(seed).permutation(len(rows))[: self.sample])
        texts, labels = [_words(rows[n][0], asked) for n in order], [rows[n][1] for n in order]
        if len(set(labels)) < 2:
            raise UserError("These rows have one label, so nothing can be told wrong. Give rows of several.")
        plain = self._answers(asked, texts)
        curves: dict[str, dict[float, list[str]]] = {}
        operators = self._operators(asked, texts, labels)
        for name, operator in progress(operators.items(), "robustness", "operators", total=len(operators)):
            for strength in sorted(set(self.strengths)):
                rng = np.random.default_rng([seed, round(strength * 1e6)])
                changed = [operator(words, strength, rng) for words in texts]
                curves.setdefault(name, {})[strength] = self._answers(asked, changed)
        return _findings(plain, curves, labels)

    def _answers(self, asked: Asked, texts: Sequence[Words]) -> list[str]:
        assert asked.answers is not None
        joined = [_joined(words) for words in texts]
        given = asked.answers([text if text.strip() else "." for text in joined])
        if any("label" not in each for each in given):
            raise UserError(
                "This model answers with something else than a label. Give a model for classification of single texts."
            )
        return [str(each["label"]) for each in given]

    def _operators(self, asked: Asked, texts: Sequence[Words], labels: Sequence[str]) -> dict[str, Operator]:
        worth = worth_of_words(texts, labels)
        near = self._synonyms(asked, texts) if SYNONYMS in self.operators else {}
        names = dict.fromkeys([*self.operators, *([GUESSED] if self.guesser else [])])
        known: dict[str, Operator] = {name: partial(_by_chance, how=how) for name, how in BY_CHANCE.items()}
        known[SYNONYMS] = partial(_by_chance, how=lambda word, _: [near.get(word.lower(), word)])
        known[SENSITIVE] = lambda words, strength, rng: drop(words, strength, worth, 1)
        known[INSENSITIVE] = lambda words, strength, rng: drop(words, strength, worth, -1)
        if self.guesser:
            known[GUESSED] = _guesser(self.guesser, next(asked.network.parameters()).device).change
        return {name: known[name] for name in names}

    def _synonyms(self, asked: Asked, texts: Sequence[Words]) -> dict[str, str]:
        if not self.vectors:
            if asked.is_altered:
                raise UserError(
                    "The table of tokens of a quantised model tells no synonyms. Name a run of vectors with vectors, "
                    "or leave synonyms out of operators."
                )
            return _nearest(asked, texts)
        words = sorted({word.lower() for text in texts for word in text if word.isalpha()})
        found = neighbours(VectorTable.open(self.vectors), words).items()
        whole = {word: [other for other, _ in near if other.isalpha()] for word, near in found}
        return {word: others[0] for word, others in whole.items() if others}

    def _row(self, row: Row) -> tuple[str, str]:
        text, label = row.get(self.text_column), row.get(self.label_column)
        if not isinstance(text, str) or label is None:
            raise UserError(
                f"A row needs a text and a label; its columns are {', '.join(map(repr, row))}. "
                "Name them with text_column and label_column."
            )
        return text, str(label)


def _with_words(path: Path) -> Path:
    place = model_folder(path)
    if not ModelFolder.open(place).has_weights("cls.predictions."):
        raise UserError(f"{place} has no head for masked words. Name a pretrain run as guesser.")
    return place


def _guesser(path: Path, device: torch.device) -> Guesser:
    place = _with_words(path)
    network = load_pretraining(place, ("bert.pooler.", "cls.seq_relationship."))
    return Guesser(network.to(device), tokenizer_for(place, network.bert.embeddings.word_embeddings.num_embeddings))


def _by_chance(words: Words, strength: float, rng: np.random.Generator, how: Change) -> list[str]:
    return change(words, strength, how, rng)


def _words(text: str, asked: Asked) -> list[str]:
    """Return the words of a text: those between spaces, or, where nobody writes spaces, those of the tokenizer."""
    words = text.split()
    if len(words) > 1 and max(map(len, words)) < UNSPACED:
        return words
    (located,) = asked.tokenizer.encode_with_offsets([text])
    starts = [int(at) for at, begins in zip(located.starts, located.word_starts, strict=True) if begins]
    ends = [*starts[1:], len(text)]
    return [text[start:end] for start, end in zip(starts, ends, strict=True) if text[start:end].strip()]


def _joined(words: Words) -> str:
    has_spaces = sum(word.isascii() for word in words) * 2 >= len(words)
    return (" " if has_spaces else "").join(words)


def _nearest(asked: Asked, texts: Sequence[Words]) -> dict[str, str]:
    """Return for each word that is a token the nearest other whole word in the model's table of tokens."""
    ids = asked.tokenizer.whole_words
    table = asked.network.bert.embeddings.word_embeddings.weight.detach().float().cpu().numpy()
    names, whole = [word for word in ids if word.isalpha()], np.array([ids[word] for word in ids if word.isalpha()])
    wanted = sorted({word.lower() for words in texts for word in words if word.lower() in ids and word.isalpha()})
    if not wanted or not len(whole):
        return {}
    directions = unit(table)
    directions = directions - directions[whole].mean(0)
    cosines = directions[[ids[word] for word in wanted]] @ directions[whole].T
    cosines[whole[None, :] == np.array([ids[word] for word in wanted])[:, None]] = -np.inf
    return {word: names[best] for word, best in zip(wanted, cosines.argmax(1), strict=True)}


def _findings(plain: list[str], curves: dict[str, dict[float, list[str]]], labels: Sequence[str]) -> Findings:
    """Return two tables, of accuracy and of changed answers, with a row for each strength."""
    strengths = [0.0, *next(iter(curves.values()))]
    accuracy, flips = list[FoundRow](), list[FoundRow]()
    for strength in strengths:
        given = {name: found.get(strength, plain) for name, found in curves.items()}
        right = {name: _share(some, labels) for name, some in given.items()}
        changed = {name: round(1 - _share(some, plain), 6) for name, some in given.items()}
        accuracy.append(FoundRow(name=f"{strength:g}", figures={"strength": strength, **right}))
        flips.append(FoundRow(name=f"{strength:g}", figures={"strength": strength, **changed}))
    last = flips[-1].figures
    accurate = _share(plain, labels)
    figures = {"accuracy": accurate, "plus_minus": round(share_plus_minus(accurate, len(labels)), 6)}
    figures |= {f"changed_by_{name}": last[name] for name in curves}
    if SENSITIVE in curves and "word_drop" in curves:
        more = np.array(_changed(curves[SENSITIVE][strengths[-1]], plain), float)
        more -= _changed(curves["word_drop"][strengths[-1]], plain)
        figures["minds_informative_words"] = round(float(more.mean()), 6)
        # Both are asked of the same rows, so that the interval is that of their differences.
        figures["minds_informative_words_plus_minus"] = round(SURE * float(more.std(ddof=1)) / sqrt(len(more)), 6)
    tables = [
        FoundTable(
            title=title,
            rows=rows,
            plot=FoundPlot(kind="curves", x="strength", y=list(curves), x_title=WORDS, y_title=title.lower()),
        )
        for title, rows in (("Accuracy", accuracy), ("Changed answers", flips))
    ]
    return Findings({**figures, "rows": len(labels)}, tables)


def _changed(given: Sequence[str], plain: Sequence[str]) -> list[bool]:
    return [now != before for now, before in zip(given, plain, strict=True)]


def _share(one: Sequence[str], other: Sequence[str]) -> float:
    return round(float(np.mean([a == b for a, b in zip(one, other, strict=True)])), 6)
