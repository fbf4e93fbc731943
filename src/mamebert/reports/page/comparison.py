"""All models that were measured on the data of one set: teachers, what was made of them, and others."""

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from mamebert.files.names import file_name
from mamebert.reports.page.story import Story
from mamebert.reports.readings.compressions import ComparedModel, Compression, FormMeasured, data_of, ratio_of
from mamebert.reports.readings.finetunings import Task
from mamebert.reports.readings.outcomes import Outcome
from mamebert.reports.readings.paper_tables import is_livedoor
from mamebert.reports.text.names import task_name

LOSSES = ("loss", "perplexity")


@dataclass(frozen=True)
class Arena:
    """Models that can be compared."""

    compressions: list[Compression]
    """One at least."""
    tasks: list[Task]
    """Fine-tunings with the same data: they know the spread of teachers, and other models."""

    @property
    def measure(self) -> str:
        """Return what models are judged by."""
        return self.compressions[0].measure

    @property
    def lower_is_better(self) -> bool:
        """Tell whether that is a loss."""
        return self.measure.endswith(LOSSES)

    @property
    def title(self) -> str:
        """Return what is done, with which data."""
        first = self.compressions[0]
        labels, task = first.results.labels, first.results.task or ""
        if task == "masked_lm":
            return f"{first.teacher.name}: masked words"
        told = f"{len(labels)} classes" if task == "classification" and labels else task_name(task)
        of = next((f"{task.name}: " for task in self.tasks), f"{first.teacher.name}: ")
        return f"{of}{'Livedoor news, ' if is_livedoor(labels) else ''}{told}"

    @property
    def num_test_rows(self) -> int:
        """Return the number of test rows; 0 where it was not written down."""
        return self.compressions[0].results.rows.get("test", 0)

    @property
    def everyone(self) -> list[ComparedModel]:
        """Return teachers first, then what was made of them in the order of the runs, then the others."""
        return [*self.teachers, *self.smaller, *self.others]

    @cached_property
    def teachers(self) -> list[ComparedModel]:
        """Return the teachers, each once, with the spread over seeds where the run that made them is here."""
        return [self._with_spread(path, teacher) for path, teacher in self._measured_teachers.items()]

    @cached_property
    def _measured_teachers(self) -> dict[str, ComparedModel]:
        found: dict[str, ComparedModel] = {}
        for each in self.compressions:
            if each.teacher_path not in found or (each.teacher.main.p50 and not found[each.teacher_path].main.p50):
                found[each.teacher_path] = each.teacher
        return found

    @cached_property
    def smaller(self) -> list[ComparedModel]:
        """Return what was made."""
        return [each.result for each in self.compressions if each.result]

    @cached_property
    def others(self) -> list[ComparedModel]:
        """Return the other fine-tuned models of the same data, of which only scores and parameters are known."""
        paths = [each.teacher_path for each in self.compressions]
        return [
            ComparedModel(
                model.name if len(self.tasks) == 1 else f"{task.name}: {model.name}",
                "other",
                model.scores[self.measure],
                _parameters(task, model),
                None,
                [FormMeasured(None, self.measure)],
            )
            for task in self.tasks
            for model in task.final
            if self.measure in model.scores and not any(_lies_at(path, task, model) for path in paths)
        ]

    def number(self, entrant: ComparedModel) -> int:
        """Return what a model is called in tables and drawings, from 1; 0 for one that is not drawn."""
        return next((i for i, each in enumerate([*self.teachers, *self.smaller], 1) if each is entrant), 0)

    def above_teacher(self, entrant: ComparedModel) -> float | None:
        """Return how much higher the score of a smaller model is than its teacher's."""
        for each in self.compressions:
            if each.result is entrant and entrant.score and each.teacher.score:
                return entrant.score.mean - each.teacher.score.mean
        return None

    def times_faster(self, each: Compression, form: FormMeasured) -> float | None:
        """Return how many times sooner a form answers than the teacher of the table, whose fastest form counts."""
        return ratio_of(self.teacher_milliseconds(each), form.p50)

    def teacher_milliseconds(self, each: Compression) -> float | None:
        """Return how long the fastest form of a teacher took, as the table has it: its other runs have other times."""
        shown = self._measured_teachers.get(each.teacher_path, each.teacher)
        return min((form.p50 for form in shown.forms if form.p50), default=None)

    def _with_spread(self, path: str, teacher: ComparedModel) -> ComparedModel:
        for task in self.tasks:
            for model in task.final:
                if teacher.score and self.measure in model.scores and _lies_at(path, task, model):
                    return replace(teacher, score=teacher.score._replace(spread=model.scores[self.measure].spread))
        return teacher


def arenas(story: Story) -> list[Arena]:
    """Return the compressions of a page, those of one data set together."""
    found: dict[tuple[object, ...], list[Compression]] = {}
    for run in story.of("compress"):
        compression = Compression(run)
        if compression.result:
            found.setdefault(compression.data, []).append(compression)
    return [
        Arena(some, [task for task in story.tasks if task.run.command == "finetune" and data_of(task.results) == data])
        for data, some in found.items()
    ]


def _lies_at(path: str, task: Task, model: Outcome) -> bool:
    """Tell whether the model of a fine-tuning is the one in this folder."""
    folder = Path(path).absolute()
    return folder == (task.run.final / "models" / file_name(model.record)).absolute() or (
        folder == task.run.final.absolute() and len(task.final) == 1
    )


def _parameters(task: Task, model: Outcome) -> float | None:
    for told in task.results.models:
        if told.name == model.record and told.epoch == model.epoch:
            return told.parameters.total if told.parameters else None
    return None
