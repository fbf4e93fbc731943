"""Leaks between test and training data: the same rows, the same sentences, other labels."""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from math import sqrt
from pathlib import Path
from typing import NamedTuple

from mamebert.config import build
from mamebert.corpus.documents import MAKERS, cleaned_with, document_shards, read_shard
from mamebert.corpus.readers import Reader
from mamebert.corpus.sentences import split_sentences
from mamebert.errors import UserError
from mamebert.files.names import file_name
from mamebert.labelled.data_tables import texts_in
from mamebert.labelled.rows import RowsConfig, drawn, parted, usable
from mamebert.progress import say
from mamebert.results.labelled import RepeatedRows
from mamebert.runs import Run
from mamebert.tasks import Task
from mamebert.tasks.bases.word_task import WordTask
from mamebert.tasks.data.features import Example

BETWEEN_WORDS = re.compile(r"[\W_]+")
MIN_CHARACTERS = 12
"""Shorter sentences ("Thank you.") are the same in texts that have nothing to do with each other."""
MAX_SENTENCES = 5_000_000
"""Sentences of a corpus that are looked at, about a quarter of a minute; the first ones."""
MOST = 0.8
"""Share of the characters of a row, in sentences long enough, that one document must have for the row to be seen."""
SEEN = 0.01
"""Share of the rows from which on an encoder is said to have seen the test texts; below it is chance."""
SHIFT, SURE = 0.1, 3.0
"""Labels have shifted where so large a share of the rows would have to change theirs, and so many times chance."""


LABELLED = ("finetune", "compress")
"""The stages that learn from labelled rows."""


class Repeated(NamedTuple):
    """Rows that another part has too."""

    rows: int
    otherwise: int
    """Those of them that have another right answer there."""


def plain(text: str) -> str:
    """Return a text's letters and digits alone, in one case and one Unicode form."""
    return BETWEEN_WORDS.sub("", unicodedata.normalize("NFKC", text).casefold())


def repeated(part: Sequence[Example], train: Sequence[Example]) -> Repeated:
    """Return how many examples of a part ask what a training example asks, letters and digits compared."""
    known: dict[tuple[str, ...], set[str]] = {}
    for example in train:
        known.setdefault(_key(example), set()).add(repr(example.gold))
    found = [(repr(example.gold), known[_key(example)]) for example in part if _key(example) in known]
    return Repeated(len(found), sum(gold not in golds for gold, golds in found))


def shifted(train: Mapping[str, int], test: Mapping[str, int]) -> tuple[str, float, float] | None:
    """Return the label whose share differs most and both shares, if labels are parted otherwise than by chance."""
    sizes = [sum(train.values()), sum(test.values())]
    if not all(sizes) or len({*train, *test}) < 2:
        return None
    shares = {name: (train.get(name, 0) / sizes[0], test.get(name, 0) / sizes[1]) for name in {*train, *test}}
    moved = sum(abs(a - b) for a, b in shares.values()) / 2
    pooled = [(train.get(name, 0) + test.get(name, 0)) / sum(sizes) for name in shares]
    by_chance = sum(sqrt(p * (1 - p) * (1 / sizes[0] + 1 / sizes[1])) for p in pooled) / 2
    if moved < max(SHIFT, SURE * by_chance):
        return None
    label = max(sorted(shares), key=lambda name: abs(shares[name][0] - shares[name][1]))
    return label, *shares[label]


class SeenTexts:
    """Which test rows stand in one document of the text an encoder was pretrained on, sentence by sentence."""

    def __init__(self, task: Task, examples: Sequence[Example]) -> None:
        self.task, self.examples = task, examples
        self._found: dict[tuple[Path, ...], int | None] = {}

    def behind(self, model: Path) -> int | None:
        """Return how many rows stand in the text behind a model; None where that text cannot be read any more."""
        try:
            corpora = tuple(dict.fromkeys(clean_runs_behind(model)))
        except UserError:  # a record of another version, or a damaged one
            return None
        if corpora not in self._found:
            try:
                self._found[corpora] = self._count(corpora) if corpora else None
            except UserError:
                self._found[corpora] = None
        return self._found[corpora]

    def has_seen(self, model: Path, test: Reader | None) -> bool:
        """Tell whether the text behind a model holds the test rows, or where that is gone, the file they come from."""
        rows = self.behind(model)
        if rows is not None:
            if rows:
                say(f"{rows:,} of {len(self.examples):,} test rows stand in the text behind {model}.")
            return rows >= SEEN * len(self.examples) and rows > 0
        return bool(test and _files_behind(model) & {source.sha256 for source in test.fingerprint()})

    def _count(self, corpora: tuple[Path, ...]) -> int:
        language = str(cleaned_with(corpora[0]).get("language", "en"))
        rows = [set(_sentences(_texts(example, self.task), language)) for example in self.examples]
        return len(rows_in(_documents_of(corpora), rows))


def clean_runs_behind(path: Path) -> Iterator[Path]:
    """Yield the folders of documents behind a model, as far as the runs before it are there.

    Of documents that were selected from others, the selection alone: the rest was not read.
    """
    yield from (run.final for run in runs_behind(path, until=MAKERS) if run.command in MAKERS)


def runs_behind(path: Path, until: Sequence[str] = ()) -> Iterator[Run]:
    """Yield the run that made a folder, and those behind it as far as they are there, or `until` one of some commands.

    Of the encoders that a fine-tuning compares, the one that the model in the folder began as.
    """
    run = Run.around(path)
    if run is None:
        return
    yield run
    for entry in _inputs_of(run, path).values() if run.command not in until else ():
        yield from runs_behind(Path(entry["path"]), until)


def _files_behind(path: Path) -> set[str]:
    """Return the SHA-256 of the unlabelled files behind a model."""
    run = next(runs_behind(path), None)
    if run is None:
        return set()
    if run.command not in LABELLED:
        return {source["sha256"] for source in run.sources}
    return {file for entry in _inputs_of(run, path).values() for file in _files_behind(Path(entry["path"]))}


def _inputs_of(run: Run, path: Path) -> dict[str, dict[str, str]]:
    inside = path.relative_to(run.final).parts
    if run.command != "finetune" or len(inside) < 2 or inside[0] != "models":
        return run.inputs
    return {name: entry for name, entry in run.inputs.items() if file_name(name.removeprefix("models.")) == inside[1]}


def rows_behind(path: Path, task: Task) -> Iterator[Example]:
    """Yield the labelled rows that a model has learnt from or was chosen by.

    Rows whose files have gone elsewhere, or changed so that they cannot be read, are left out.
    """
    for run in runs_behind(path):
        told = {name: run.settings.get(name) for name in RowsConfig.model_fields}
        if run.command in LABELLED and (told["source"] or told["train"]):
            with suppress(UserError):
                asked = run.settings.get("task")
                own = build(Task, asked) if asked else task  # type: ignore[type-abstract]  # `kind` makes it concrete
                config = build(RowsConfig, {name: value for name, value in told.items() if value is not None})
                yield from _learnt(own, config)


def _learnt(task: Task, config: RowsConfig) -> list[Example]:
    most, seed = config.max_rows, config.split.seed
    if config.source:
        parts = parted(task, config.split, drawn(list(usable(task, config.source)), most, seed))
        return [*parts.train, *parts.valid]
    found = [(config.train, most), (config.valid, config.max_test_rows)]
    return [row for reader, size in found if reader for row in drawn(list(usable(task, reader)), size, seed)]


def _documents_of(corpora: Sequence[Path]) -> Iterator[set[str]]:
    """Yield the sentences of each document, up to `MAX_SENTENCES`."""
    left = MAX_SENTENCES
    for corpus in corpora:
        for shard in document_shards(corpus):
            for document in read_shard(shard):
                yield set(map(plain, document))
                left -= len(document)
                if left < 0:
                    return


def rows_in(documents: Iterable[set[str]], rows: Sequence[set[str]]) -> set[int]:
    """Return which rows, each a set of sentences, have `MOST` of their characters in one document."""
    rows_with = _by_rare_sentences(rows)
    seen: set[int] = set()
    for document in documents:
        # Not document.intersection(rows_with), which walks through all sentences of the rows for every document.
        asked = {row for sentence in filter(rows_with.__contains__, document) for row in rows_with[sentence]}
        found = {row for row in asked if sum(map(len, rows[row] & document)) >= _enough(rows[row])}
        for sentence in {sentence for row in found for sentence in rows[row] if sentence in rows_with}:
            rows_with[sentence] -= found
        seen |= found
    return seen


def _by_rare_sentences(rows: Sequence[set[str]]) -> dict[str, set[int]]:
    """Return rows by some of their sentences: a document that holds `MOST` of a row holds one of these.

    The rarest ones, for a sentence that stands in a thousand rows would have them all compared with every document
    that holds it (a prefix filter; Chaudhuri et al., 2006).
    """
    frequency = Counter(sentence for row in rows for sentence in row)
    found: dict[str, set[int]] = {}
    for number, row in enumerate(rows):
        may_be_missing, listed = sum(map(len, row)) - _enough(row), 0
        for sentence in sorted(row, key=lambda sentence: (frequency[sentence], -len(sentence), sentence)):
            found.setdefault(sentence, set()).add(number)
            listed += len(sentence)
            if listed > may_be_missing:
                break
    return found


def _enough(row: set[str]) -> float:
    """Return the characters of a row that one document must have for the row to be seen."""
    return MOST * sum(map(len, row))


def _texts(example: Example, task: Task) -> list[str]:
    """Return what an example asks as texts; words given one by one are one text."""
    texts = list(texts_in(example.inputs))
    return [" ".join(texts)] if isinstance(task, WordTask) else texts


def _sentences(texts: Sequence[str], language: str) -> Iterator[str]:
    for text in texts:
        for line in text.splitlines():
            found = (plain(sentence) for sentence in split_sentences(line, language))
            yield from (sentence for sentence in found if len(sentence) >= MIN_CHARACTERS)


def _key(example: Example) -> tuple[str, ...]:
    return tuple(plain(text) for text in texts_in(example.inputs))


def tell_repeated(train: Sequence[Example], parts: Mapping[str, Sequence[Example]]) -> dict[str, RepeatedRows]:
    """Return, and say, which rows of each part are in the training part too; parts without any are left out."""
    told = {}
    for name, part in parts.items():
        found = repeated(part, train)
        if found.rows:
            told[name] = RepeatedRows(rows=found.rows, with_another_answer=found.otherwise)
            share = f"{found.rows:,} of {len(part):,} rows ({found.rows / len(part):.1%})"
            otherwise = f", {found.otherwise:,} of them with another answer" if found.otherwise else ""
            say(f"{name}: {share} are in the training part too{otherwise}.")
    return told


def tell_shifts(
    task: Task, train: Sequence[Example], parts: Mapping[str, Sequence[Example]]
) -> dict[str, dict[str, str | float]]:
    """Return, and say, the label of each part whose share is farthest from that in training, where it is far."""
    told: dict[str, dict[str, str | float]] = {}
    for name, part in parts.items():
        if shift := shifted(task.describe(train), task.describe(part)):
            label, before, now = shift
            told[name] = {"label": label, "train": before, name: now}
            say(f"{name}: labels are shared out otherwise than in training: {label!r} {now:.1%}, not {before:.1%}.")
    return told
