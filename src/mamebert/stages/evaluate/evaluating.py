"""An evaluation at work: one set of labelled rows, several fine-tuned models."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from time import monotonic
from typing import Any, TypeVar

from mamebert.checkpoints.model_folder import model_folder
from mamebert.checkpoints.purposes import VECTORS
from mamebert.config import build
from mamebert.corpus.formats.from_files import FromFiles
from mamebert.corpus.kept_reader.settings import Kept
from mamebert.corpus.readers import Reader
from mamebert.errors import UserError
from mamebert.evaluation.metrics.bootstrap import Measure
from mamebert.labelled.comparing import comparisons, scores_of, write_answers
from mamebert.labelled.leaks import SEEN, SeenTexts, repeated, rows_behind
from mamebert.labelled.lengths import count_lengths
from mamebert.labelled.rows import NO_MODEL, PARTS, RowSources, answers_file, drawn, parted, read_sources
from mamebert.progress import say
from mamebert.results.evaluate import EvaluateResults
from mamebert.results.labelled import RowLengths, TestedModel
from mamebert.runs import Run
from mamebert.serving.load import Model, load
from mamebert.stages.evaluate.settings import EvaluateConfig
from mamebert.tasks import Answer, Task
from mamebert.tasks.data.features import Example, Features
from mamebert.tasks.network.answering import answers_of, raw_outputs

C = TypeVar("C", bound=RowSources)


class Evaluating:
    """Rows, models and results of one evaluation."""

    def __init__(self, config: EvaluateConfig, run: Run) -> None:
        self.run = run
        if not config.models:
            raise UserError(NO_MODEL)
        self.models = {name: open_model(path, config, name) for name, path in config.models.items()}
        self.tasks = same_task(config.task, {name: model.task for name, model in self.models.items()})
        self.task = next(iter(self.tasks.values()))
        kept = first_kept(model.kept for model in self.models.values())
        self.config = config = read_as_kept(config, kept, self.task.columns(), say)
        self.parts, self.unusable = read_tests(config, self.task)
        self.measured: dict[str, Measure] = {}
        self.seen_texts = SeenTexts(self.task, self.parts["test"])

    def tell_rows(self) -> None:
        """Write down how many rows every part has, and what could not be used."""
        self.results = EvaluateResults(
            task=self.task.kind,
            labels=list(next(iter(self.models.values())).learnt.labels),
            columns=self.task.columns(),
            split={"test": self.task.describe(self.parts["test"])},
            rows={name: len(part) for name, part in self.parts.items()},
            unusable_rows={name: reasons for name, reasons in self.unusable.items() if reasons},
            unseen={},
            models=[],
            baselines=[],
            comparisons=[],
        )
        say("evaluate: " + ", ".join(f"{len(part)} {name}" for name, part in self.parts.items()) + " rows")

    def ask_models(self) -> None:
        """Let every model answer every part, and keep its answers and scores."""
        for name, model in self.models.items():
            started, scores, shown = monotonic(), {}, {}
            for part, examples in self.parts.items():
                answers, shown[part] = self._ask(model, self.tasks[name], examples)
                measures = self.task.measures(examples, answers)
                scores[part] = scores_of(measures)
                if part == "test":
                    self.measured[name] = measures[0]
                write_answers(self.run.folder / "answers" / answers_file(name, part), examples, answers)
                self._tell_unseen(name, part, model, examples)
            measure, value = next(iter(scores["test"].items()))
            say(f"{name}: {measure} {value:.4f}")
            if told := model.tokenizer.unknown.told("the rows"):
                say(f"{name}: {told}")
            self.results.measure = measure
            self.results.models.append(
                TestedModel(
                    name=name,
                    path=str(self.config.models[name]),
                    epoch=None,
                    scores=dict(scores.pop("test")),
                    tests={part: dict(found) for part, found in scores.items()},
                    unknown_rate=round(model.tokenizer.unknown.rate, 6),
                    truncated_share=sum(each.num_truncated > 0 for each in shown["test"]) / len(shown["test"]),
                    lengths=RowLengths(**count_lengths(shown, self.tasks[name].max_length)),
                    seen_test_text=self._has_seen_these_rows(name),
                    seconds=round(monotonic() - started, 3),
                )
            )

    def compare(self) -> None:
        """Test every pair of models on the same rows."""
        for line in comparisons(self.measured, self.config.seed):
            self.results.comparisons.append(line)
            say(f"{line.a} - {line.b}: {line.difference:+.4f}, p = {line.p:.4f}")
        self.run.results = self.results.written()

    def _ask(self, model: Model, task: Task, examples: list[Example]) -> tuple[list[Answer], list[Features]]:
        features = task.features(model.tokenizer, examples, model.learnt)
        raws = raw_outputs(task, model.network, features, self.config.batch_tokens)
        return answers_of(task, raws, features, model.learnt), features

    def _tell_unseen(self, name: str, part: str, model: Model, examples: list[Example]) -> None:
        reasons = self.task.unseen(examples, model.learnt)
        if reasons:
            where = part if len(self.models) == 1 else f"{part} ({name})"
            self.results.unseen[where] = reasons
            told = ", ".join(f"{count} with {why}" for why, count in reasons.items())
            say(f"{name}: counted as wrong in {where}: {told}.")

    def _has_seen_these_rows(self, name: str) -> bool:
        """Tell whether the test rows were learnt from, in the pretraining or the fine-tuning of a model."""
        place, test = model_folder(self.config.models[name]), self.parts["test"]
        rows = repeated(test, list(rows_behind(place, self.tasks[name]))).rows
        if rows:
            share = f"{rows:,} of {len(test):,} test rows"
            say(f"{name} has learnt from {share}: of these its scores tell nothing.")
        in_text = self.seen_texts.has_seen(place, self.config.test or self.config.source)
        return in_text or rows >= SEEN * len(test) > 0


def open_model(path: Path, config: EvaluateConfig, name: str = "") -> Model:
    """Return a fine-tuned model, or an encoder that is asked for vectors as it is; else a pretrained one is refused.

    `name` is what it has in the tables.
    """
    kind = VECTORS if config.task.get("kind") == VECTORS else "task"
    model = load(path, kind, config.device, config.precision.get(name, "auto"))
    assert isinstance(model, Model)
    return model


def same_task(changes: dict[str, Any], tasks: dict[str, Task]) -> dict[str, Task]:
    """Return the tasks with the `changes` that settings ask for; different kinds are a UserError."""
    (first, task), *others = tasks.items()
    for name, other in others:
        if other.kind != task.kind:
            raise UserError(
                f"{first} does {task.kind} and {name} does {other.kind}. Give models of one kind of task, and evaluate "
                "the others by themselves."
            )
    asked = changes.get("kind", task.kind)
    if asked != task.kind:
        raise UserError(f"{first} does {task.kind}, and the settings ask for {asked}. Give the rows of its own task.")
    return {name: changed(each, changes) for name, each in tasks.items()}


def changed(task: Task, changes: dict[str, Any]) -> Task:
    """Return a task with some of its settings changed."""
    return build(type(task), {**task.model_dump(), **changes})


def first_kept(found: Iterable[Kept]) -> Kept:
    """Return how the training rows of the first model were read that has kept it."""
    return next((each for each in found if each.settings), Kept())


def read_as_kept(config: C, kept: Kept, columns: Sequence[str], tell: Callable[[str], object]) -> C:
    """Return the settings with the readers of files completed by how the training rows of a model were read.

    What the settings say of a reader holds. The settings of the run stay what was said: the model is an input of it.
    """

    def completed(reader: Reader | None) -> Reader | None:
        if not isinstance(reader, FromFiles):
            return reader
        # `files` is also the kind of a path that tells none.
        unsaid = {"path", "kind"} if reader.kind == "files" else {"path"}
        given = {name: value for name, value in reader.model_dump(exclude_unset=True).items() if name not in unsaid}
        settings, told = kept.completed(Path(reader.path[0]).expanduser(), given, columns)
        for sentence in told:
            tell(sentence)
        return build(Reader, {"kind": reader.kind, **settings, "path": reader.path})  # type: ignore[type-abstract]

    found = {name: completed(getattr(config, name)) for name in ("source", *PARTS)}
    return config.model_copy(update={**found, "tests": {name: completed(each) for name, each in config.tests.items()}})


def readers_of(config: EvaluateConfig) -> dict[str, Reader]:
    """Return the sources that models are asked about; none is a UserError."""
    readers = config.tested()
    if "test" not in readers:
        raise UserError("There are no rows to ask about. Give test or source.")
    return readers


def read_tests(config: EvaluateConfig, task: Task) -> tuple[dict[str, list[Example]], dict[str, dict[str, int]]]:
    """Return the examples of every part that models are asked about, the leading one as "test"."""
    found, unusable = read_sources(task, readers_of(config))
    seed, most = config.split.seed, config.max_test_rows
    if config.source:
        rows = drawn(found["test"], config.max_rows, seed)
        found["test"] = parted(task, config.split, rows).test if config.part == "test" else rows
        if not found["test"]:
            raise UserError("The test part has no rows. Give more rows, or other shares in split.")
    return {name: drawn(rows, 0 if config.source and name == "test" else most, seed) for name, rows in found.items()}, (
        unusable
    )
