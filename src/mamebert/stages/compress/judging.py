"""Scores of a compressed model: on the rows of its task, or on held-out text."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from mamebert.checkpoints.verify import pretraining_logits, verify
from mamebert.compression.bench import LearningBench, RowsBench, TextBench
from mamebert.compression.contract import Form, Subject
from mamebert.compression.goals import TaskGoal
from mamebert.compression.opening import open_form
from mamebert.config import build
from mamebert.corpus.readers import Reader
from mamebert.corpus.token_shards import TokenShards
from mamebert.errors import UserError
from mamebert.evaluation.metrics.bootstrap import Measure
from mamebert.labelled.comparing import write_answers
from mamebert.labelled.rows import PARTS, LabelledConfig, RowsConfig, drawn, read_labelled
from mamebert.results.compress import CompressResults
from mamebert.runs import Run
from mamebert.stages.compress.settings import CompressConfig
from mamebert.tasks import Answer, Parts, Raw, Task
from mamebert.tasks.data.features import TaskState
from mamebert.tasks.network.answering import answers_of, raw_outputs
from mamebert.tasks.network.task_network import plain_logits

NUM_SAMPLES = 64


@dataclass
class Scores:
    """How good a form of a model is."""

    scores: dict[str, float]
    """What counts first."""
    measure: Measure | None = None
    """The first score row by row, where there are rows."""
    answers: Sequence[Answer] = ()
    raws: Sequence[Raw] = ()
    """What the head gave for each row."""


class Judge(ABC):
    """Data for a bench, and a verdict on a model."""

    def __init__(self, config: CompressConfig, teacher: Subject, device: torch.device) -> None:
        self.config, self.teacher, self.device = config, teacher, device

    @abstractmethod
    def about(self) -> CompressResults:
        """Return what results begin with: the task, its labels, how many rows."""

    @abstractmethod
    def bench(self, seed: int, scratch: Path) -> LearningBench:
        """Return a bench with the data."""

    @abstractmethod
    def judge(self, folder: Path, form: Form) -> Scores:
        """Return how good a form of a model is on what nothing was learnt from."""

    @abstractmethod
    def samples(self) -> list[Any]:
        """Return what forms are asked while they are timed."""

    @abstractmethod
    def keep_answers(self, judged: Scores, path: Path) -> None:
        """Write the answers, where there are any."""

    @abstractmethod
    def verify(self, folders: list[Path]) -> dict[str, float]:
        """Return how far plain transformers' logits are from ours, for each folder."""


class RowsJudge(Judge):
    """The rows that a fine-tuned model learnt from and is tested on."""

    def __init__(self, config: CompressConfig, teacher: Subject, device: torch.device) -> None:
        super().__init__(config, teacher, device)
        assert isinstance(teacher.goal, TaskGoal)
        self.task = teacher.goal.task
        self.parts = read_parts(config, self.task)
        if teacher.goal.learnt == TaskState():  # a folder from elsewhere, which was asked without any rows
            teacher.goal = replace(teacher.goal, learnt=self.task.learn(self.parts.train))

    def about(self) -> CompressResults:
        """Return task, labels and rows."""
        goal = self.teacher.goal
        assert isinstance(goal, TaskGoal)
        return CompressResults(
            task=self.task.kind,
            labels=list(goal.learnt.labels),
            columns=self.task.columns(),
            example=self.task.example(),
            rows={name: len(part) for name, part in zip(PARTS, self.parts, strict=True)},
            split={name: self.task.describe(part) for name, part in zip(PARTS, self.parts, strict=True)},
        )

    def bench(self, seed: int, scratch: Path) -> LearningBench:
        """Return a bench with the training and validation rows."""
        rows = dict(zip(PARTS, self.parts, strict=True))
        return RowsBench(self.teacher, seed, scratch, self.device, rows, self.config.shards)

    def judge(self, folder: Path, form: Form) -> Scores:
        """Return the scores on the test rows."""
        opened = open_form(folder, form, self.device)
        goal, examples = opened.subject.goal, self.parts.test
        assert isinstance(goal, TaskGoal)
        features = goal.task.features(opened.tokenizer, examples, goal.learnt)
        raws = raw_outputs(goal.task, opened.subject.network, features)
        answers = answers_of(goal.task, raws, features, goal.learnt)
        measures = self.task.measures(examples, answers)
        return Scores({each.name: each.score for each in measures}, measures[0], answers, raws)

    def samples(self) -> list[Any]:
        """Return test rows as a caller would give them."""
        return [each.inputs for each in self.parts.test]

    def keep_answers(self, judged: Scores, path: Path) -> None:
        """Write the answers to the test rows."""
        write_answers(path, self.parts.test, judged.answers)

    def verify(self, folders: list[Path]) -> dict[str, float]:
        """Compare the logits of the task."""
        return verify(folders, plain_logits)


class TextJudge(Judge):
    """Held-out text, for a pretrained encoder."""

    def __init__(self, config: CompressConfig, teacher: Subject, device: torch.device) -> None:
        super().__init__(config, teacher, device)
        self.shards = refuse_without_text(config)

    def about(self) -> CompressResults:
        """Return what is asked."""
        return CompressResults(task="masked_lm", labels=[], rows={})

    def bench(self, seed: int, scratch: Path) -> LearningBench:
        """Return a bench with the text."""
        return TextBench(self.teacher, seed, scratch, self.device, self.shards, self.config.heldout_tokens)

    def judge(self, folder: Path, form: Form) -> Scores:
        """Return the loss on held-out masked tokens, in nats."""
        opened = open_form(folder, form, self.device)
        opened.subject.goal = self.teacher.goal
        return Scores({"heldout_mlm_loss": -self.bench(0, folder).score(opened.subject)})

    def samples(self) -> list[Any]:
        """Return held-out texts of many lengths; ids would be others to a model whose vocabulary was pruned."""
        shards = TokenShards.open(self.shards, "heldout")
        longest = self.teacher.bert.config.max_position_embeddings - 2
        sizes = np.random.default_rng(0).integers(1, min(longest, shards.num_tokens) + 1, NUM_SAMPLES)
        starts = np.random.default_rng(1).integers(0, shards.num_tokens - sizes + 1)
        tokenizer = self.teacher.tokenizer
        return [tokenizer.decode(shards.tokens(start, start + n)) for start, n in zip(starts, sizes, strict=True)]

    def keep_answers(self, judged: Scores, path: Path) -> None:
        """Write none: there are too many."""

    def verify(self, folders: list[Path]) -> dict[str, float]:
        """Compare the logits of the pretraining heads."""
        return verify(folders, pretraining_logits)


def refuse_without_text(config: CompressConfig) -> Path:
    """Return the token shards that a pretrained encoder is judged by; none is a UserError."""
    if config.shards is None:
        raise UserError(
            f"{config.model} holds a pretrained encoder, and there is no text to calibrate with, to learn from or "
            "to judge it by. Give shards, the output of `mamebert tokenize` with its tokenizer."
        )
    return config.shards


def rows_of(model: Path) -> dict[str, Reader]:
    """Return the sources that a model learnt from and was tested on."""
    settings = {name: value for name, value in _rows_behind(model).items() if name != "tests"}
    return build(RowsConfig, {"output": model, **settings}).readers()


def read_parts(config: CompressConfig, task: Task) -> Parts:
    """Return the rows: those of the settings, or else of the run that fine-tuned the model.

    The latter are parted as they were there, and only then is `max_rows` taken of the training rows (and
    `max_test_rows` of the others): no row that the model learnt from is ever tested on.
    """
    told = {"output": config.output, "task": task.model_dump(mode="json")}
    if config.readers():
        given = {name: getattr(config, name) for name in RowsConfig.model_fields}
        return read_labelled(build(LabelledConfig, {**given, **told})).parts
    rows = build(LabelledConfig, {**_rows_behind(config.model), **told})
    parts = read_labelled(rows).parts
    most = {"train": config.max_rows, "valid": config.max_test_rows, "test": config.max_test_rows}
    return Parts(*(drawn(part, most[name], rows.split.seed) for name, part in zip(PARTS, parts, strict=True)))


def _rows_behind(model: Path) -> dict[str, Any]:
    """Return the settings of the rows that a model learnt from, however often it was compressed since."""
    run = Run.around(model)
    found = {n: v for n, v in run.settings.items() if n in RowsConfig.model_fields} if run else {}
    if found.get("source") or found.get("train"):
        return found
    if run and run.command == "compress":
        return _rows_behind(Path(run.settings["model"]))
    raise UserError(
        f"{model} does not say what rows it learnt from, and there are none in the settings: nothing to calibrate "
        "with, to learn from, or to judge by. Give train and test, or source."
    )
