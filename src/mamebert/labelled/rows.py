"""Labelled rows as examples of a task: where they come from, how they are parted, and what could not be used."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Annotated, Any, Self

import numpy as np
from pydantic import BeforeValidator, Field, model_validator

from mamebert.config import Changes, Config
from mamebert.corpus.readers import Reader
from mamebert.errors import UserError
from mamebert.evaluation.split import part_sizes, stratified_split
from mamebert.files.names import check_names, file_name
from mamebert.labelled.label_spellings import Spellings
from mamebert.progress import say
from mamebert.runs import Source, StageConfig
from mamebert.tasks import NoColumn, Parts, Task
from mamebert.tasks.data.features import Example, Unusable

PARTS = ("train", "valid", "test")
UNLABELLED = "unlabelled"
"""What rows without labels are called, beside the parts."""
MAX_ROWS_LACKING = 1000
"""A column that so many rows do not have is looked for no longer."""


def _a_bare_task_is_its_kind(value: Any) -> Any:
    return {"kind": value} if isinstance(value, str) else value


TaskChanges = Annotated[dict[str, Any], BeforeValidator(_a_bare_task_is_its_kind), Changes(Task)]
"""Settings to be laid over those of the task that a model was trained for."""


class Split(Config):
    """How the rows of one source are parted; every class keeps its share in every part."""

    train: float = Field(default=0.8, gt=0, lt=1)
    """Share of the rows that are learnt from; unset and with another `valid`, what that and a test part of a tenth
    leave. What neither `train` nor `valid` takes is tested on."""
    valid: float = Field(default=0.1, gt=0, lt=1)
    """Share of the rows that decide when to stop; where `train` is a source of its own, the share of its rows."""
    seed: int = Field(default=0, ge=0)
    """Which rows fall where. It is not the seed of the training, so all seeds and models see one split."""

    @model_validator(mode="before")
    @classmethod
    def _train_takes_what_is_left(cls, values: Any) -> Any:
        if not isinstance(values, Mapping) or "train" in values:
            return values
        valid = values.get("valid", 0.1)
        is_share = isinstance(valid, float) and 0.1 < valid < 0.9
        return {**values, "train": round(0.9 - valid, 6)} if is_share else values

    @model_validator(mode="after")
    def _something_is_left_to_test(self) -> Self:
        if self.train + self.valid >= 1:
            raise ValueError("split.train and split.valid leave nothing to test. Lower one of them.")
        return self


class RowSources(Config):
    """Where labelled rows come from."""

    source: Reader | None = None
    """All labelled rows, to be parted by `split`. Or give `train` and `test`."""
    train: Reader | None = None
    """Rows to learn from."""
    valid: Reader | None = None
    """Rows that decide when to stop and choose thresholds; unset, a share of `train` is kept for it."""
    test: Reader | None = None
    """Rows that models are judged on."""
    tests: dict[str, Reader] = Field(default={})
    """More rows to be judged on, by name: another language, another field."""
    split: Split = Split()
    max_rows: int = Field(default=0, ge=0)
    """Take this many rows of `source` or `train`, drawn by the seed of the split; 0 takes all."""
    max_test_rows: int = Field(default=0, ge=0)
    """Take this many rows of `valid`, `test` and each of `tests`, drawn in the same way; 0 takes all."""

    @model_validator(mode="after")
    def _rows_come_from_one_place(self) -> Self:
        if self.source and (self.train or self.valid or self.test):
            raise ValueError("Both source and train, valid or test are given. Give one source to part, or the parts.")
        return self

    @model_validator(mode="after")
    def _tests_have_names(self) -> Self:
        check_names("test", self.tests)
        if taken := self.tests.keys() & {"source", UNLABELLED, *PARTS}:
            raise ValueError(f"tests.{min(taken)} has the name of a part. Give these rows another name.")
        return self

    def readers(self) -> dict[str, Reader]:
        """Return every source that is read, by what it is for."""
        named = {"source": self.source, "train": self.train, "valid": self.valid, "test": self.test, **self.tests}
        return {name: reader for name, reader in named.items() if reader}


class RowsConfig(RowSources, StageConfig):
    """What commands share that read labelled rows and make a run folder."""

    def fingerprint(self) -> list[Source]:
        """Return the text behind the rows."""
        return [each for reader in self.readers().values() for each in reader.fingerprint()]


class LabelledSources(RowSources):
    """A task and the rows it is learnt from and judged on."""

    task: Task = Field(default_factory=Task.find("classification"))

    @model_validator(mode="after")
    def _there_is_something_to_learn_from(self) -> Self:
        if not self.source and not (self.train and self.test):
            raise ValueError("There are no labelled rows. Give source, or train and test.")
        return self


class LabelledConfig(LabelledSources, RowsConfig):
    """What commands share that learn a task and make a run folder."""


NO_MODEL = "No model is given. Name one as model=FOLDER, or several as models.NAME=FOLDER."


def one_model_needs_no_name(values: Any) -> Any:
    """Return settings in which `model = FOLDER` has become one of `models`."""
    if not isinstance(values, dict) or "model" not in values:
        return values
    if "models" in values:
        raise ValueError("Both model and models are given. Name all of them as models.NAME=FOLDER.")
    return {name: value for name, value in values.items() if name != "model"} | {"models": {"model": values["model"]}}


def answers_file(model: str, part: str) -> str:
    """Return the name of the file with the answers of a model to one of the parts it is judged on."""
    return file_name(model if part == "test" else f"{model}-{part}") + ".jsonl"


@dataclass(frozen=True)
class Labelled:
    """The examples of a task, parted."""

    parts: Parts
    tests: dict[str, list[Example]]
    """More test parts, by name."""
    unusable: dict[str, dict[str, int]]
    """For each source, why rows were left out and how many."""

    def all_tests(self) -> dict[str, list[Example]]:
        """Return every part that models are judged on."""
        return {"test": self.parts.test, **self.tests}


def read_labelled(config: LabelledSources) -> Labelled:
    """Read and part all rows; too few, or none, is a UserError."""
    found, unusable = read_sources(config.task, config.readers())
    seed, most, most_tests = config.split.seed, config.max_rows, config.max_test_rows
    tests = {name: drawn(found[name], most_tests, seed) for name in config.tests}
    if config.source:
        parts = parted(config.task, config.split, drawn(found["source"], most, seed))
    elif config.valid:
        valid, test = (drawn(found[part], most_tests, seed) for part in ("valid", "test"))
        parts = Parts(drawn(found["train"], most, seed), valid, test)
    else:
        train, valid, _ = parted(config.task, config.split, drawn(found["train"], most, seed), keep_test=False)
        parts = Parts(train, valid, drawn(found["test"], most_tests, seed))
    for part, examples in zip(PARTS, parts, strict=True):
        if not examples:
            raise UserError(f"The {part} part has no rows. Give more rows, or other shares in split.")
    return Labelled(parts, tests, unusable)


def read_sources(task: Task, readers: dict[str, Reader]) -> tuple[dict[str, list[Example]], dict[str, dict[str, int]]]:
    """Return the rows of each source that a task can use, and why others were left out and how many.

    A source without any is a UserError.
    """
    found, unusable = {}, {}
    for name, reader in readers.items():
        found[name], unusable[name] = read_examples(task, reader)
        if not found[name]:
            reasons = f" ({_listed(unusable[name])})" if unusable[name] else ""
            raise UserError(
                f"There are no labelled rows in {name}{reasons}. Check the path, and the names of the columns in task."
            )
    return found, unusable


def read_examples(task: Task, reader: Reader, labelled: bool = True) -> tuple[list[Example], dict[str, int]]:
    """Return the rows a task can use, and why others were left out and how many; it is also told.

    With `labelled=False` nothing but what is asked about is read of a row: examples have no right answer.
    """
    examples, reasons, spellings = [], Counter[str](), Spellings(task)
    lacking: dict[str, UserError] = {}
    met: set[str] = set()
    for number, row in enumerate(reader.rows()):
        met |= row.keys()
        try:
            inputs = task.inputs(row)
            examples.append(Example(inputs, task.gold(row, inputs) if labelled else None, number))
            if labelled:
                spellings.hear(row)
        except Unusable as why:
            reasons[str(why)] += 1
        except NoColumn as error:  # writers of JSON leave out what a row does not have
            reasons[f"no column {error.column!r}"] += 1
            lacking.setdefault(error.column, UserError(f"Row {number}: {error}" if number else str(error)))
            if error.column not in met and number >= MAX_ROWS_LACKING:
                break
        except UserError as error:
            raise UserError(f"Row {number}: {error}" if number else str(error)) from error
    if mistaken := next((error for column, error in lacking.items() if column not in met), None):
        raise mistaken
    if reasons:
        say(f"Rows left out: {_listed(reasons)}; {len(examples)} are used.")
    if labelled:
        spellings.tell(task.describe(examples))
    return examples, dict(reasons)


def usable(task: Task, reader: Reader) -> Iterator[Example]:
    """Yield the rows a task can use, and say nothing of the others."""
    for number, row in enumerate(reader.rows()):
        with suppress(Unusable, NoColumn):
            inputs = task.inputs(row)
            yield Example(inputs, task.gold(row, inputs), number)


def parted(task: Task, shares: Split, examples: list[Example], keep_test: bool = True) -> Parts:
    """Return the examples by the shares of the split; without a test part, training takes what validation leaves."""
    rates = (shares.train, shares.valid, 1 - shares.train - shares.valid)
    if not keep_test:
        rates = (1 - shares.valid, shares.valid, 0.0)
    strata = task.strata(examples)
    rows: Sequence[Any]
    if strata:
        rows = stratified_split(strata, rates, shares.seed)
    else:
        order = np.random.default_rng(shares.seed).permutation(len(examples))
        num_train, num_valid, _ = part_sizes(len(examples), rates)
        rows = [np.sort(each) for each in np.split(order, [num_train, num_train + num_valid])]
    return Parts(*([examples[i] for i in part] for part in rows))


def drawn(examples: list[Example], most: int, seed: int) -> list[Example]:
    """Return so many of the examples, drawn by a seed and in their order; all where `most` is 0."""
    if not 0 < most < len(examples):
        return examples
    return [examples[i] for i in np.sort(np.random.default_rng(seed).permutation(len(examples))[:most])]


def _listed(reasons: dict[str, int]) -> str:
    return ", ".join(f"{count} with {reason}" for reason, count in sorted(reasons.items()))
