"""Zero-shot transfer: models that learnt a task in one language, asked in the others (Pires et al., 2019)."""

from collections.abc import Iterator, Sequence

from mamebert.reports.page.story import Story
from mamebert.reports.readings.finetunings import Task
from mamebert.reports.readings.outcomes import Outcome, Score
from mamebert.reports.text.blocks import Block, Cell, Section, Table
from mamebert.reports.text.names import in_a_sentence, value_of
from mamebert.reports.text.number_format import NOT_MEASURED, count, score
from mamebert.results.probe import ProbeResults
from mamebert.runs import Run

LEAD = (
    "Each encoder learnt from one language alone. Grey is that language itself; the rest was never learnt from, "
    "and tells something where it is above the most frequent class."
)


def tell(story: Story) -> list[Section]:
    """Return the section with a matrix for each task that was learnt in two languages or more, and asked in both.

    Those are fine-tunings that have the names of each other's runs among their `tests`.
    """
    groups: dict[tuple[str, str], list[Task]] = {}
    for task in story.tasks:
        if any(_name_each_other(task, other) for other in story.tasks):
            groups.setdefault((task.kind, task.measure), []).append(task)
    notes = list(_overlaps(story.of("probe")))
    blocks: list[Block] = [_matrix(tasks, notes) for tasks in groups.values()]
    return [Section("transfer", "From one language to another", blocks, LEAD)] if blocks else []


def _name_each_other(one: Task, other: Task) -> bool:
    learnt = one.run.command == other.run.command == "finetune"
    alike = (one.kind, one.measure) == (other.kind, other.measure)
    return one is not other and learnt and alike and other.name in _asked(one) and one.name in _asked(other)


def _asked(task: Task) -> list[str]:
    return list(dict.fromkeys(name for model in task.final for name in model.tests))


def _matrix(tasks: Sequence[Task], notes: Sequence[str]) -> Table:
    columns = list(dict.fromkeys([*(task.name for task in tasks), *(name for task in tasks for name in _asked(task))]))
    models = dict.fromkeys(model.name for task in tasks for model in task.final)
    rows = []
    for name in models:
        for task in tasks:
            found = next((model for model in task.final if model.name == name), None)
            if found:
                cells = (_cell(task, _score(task, found, column), column) for column in columns)
                rows.append([Cell(name), Cell(task.name), *cells])
    rows += [_baseline(name, tasks, columns) for name in _baselines(tasks)]
    first = tasks[0]
    title = f"{first.kind}: {in_a_sentence(first.measure)} by the language it is asked in"
    return Table(title, ["Encoder", "Learnt from", *columns], rows, notes=notes, num_text_columns=2)


def _baselines(tasks: Sequence[Task]) -> list[str]:
    """Return the baselines that every language has, each learnt in its own."""
    names = [[each.name for each in task.baselines if not each.knows_answers] for task in tasks]
    return [name for name in names[0] if all(name in some for some in names)]


def _baseline(name: str, tasks: Sequence[Task], columns: Sequence[str]) -> list[Cell]:
    found = {task.name: (task, next(each for each in task.baselines if each.name == name)) for task in tasks}
    cells = (
        _cell(found[each][0], found[each][1].scores.get(found[each][0].measure), each)
        if each in found
        else Cell(NOT_MEASURED)
        for each in columns
    )
    return [Cell(name), Cell("the language asked in"), *cells]


def _score(task: Task, model: Outcome, column: str) -> Score | None:
    own = model.scores if column == task.name else {}
    return model.tests.get(column, own).get(task.measure)


def _cell(task: Task, found: Score | None, column: str) -> Cell:
    told = value_of(task.measure, *found) if found else NOT_MEASURED
    return Cell(told, quiet=column == task.name)


def _overlaps(probes: Sequence[Run]) -> Iterator[str]:
    """Yield what the crosslingual probes of the page tell of each encoder: shared pieces, and translations found."""
    for run in probes:
        results = ProbeResults.read(run.results)
        for model in results.models if results.kind == "crosslingual" else []:
            figures = model.figures
            if {"shared_pieces", "found", "chance", "searched"} <= figures.keys():
                shared, found, chance = (score(figures[name]) for name in ("shared_pieces", "found", "chance"))
                yield (
                    f"{model.name}: {shared} of the pieces of both languages stand in both; {found} of "
                    f"{count(figures['searched'])} sentences lie nearest to their translation (by chance {chance})."
                )
