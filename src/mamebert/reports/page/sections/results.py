"""Every measure of every model with its spread over seeds, beside the baselines and the paper's best."""

from mamebert.reports.page.story import Story
from mamebert.reports.readings.finetunings import Task
from mamebert.reports.readings.outcomes import Outcome, Scores
from mamebert.reports.readings.paper_tables import BEST_ACCURACY, BEST_EPOCH, BEST_MODEL
from mamebert.reports.text.blocks import Block, Cell, Fold, Section, Table, cells, drop_empty_columns
from mamebert.reports.text.names import in_a_sentence, measure_name, value_of
from mamebert.reports.text.number_format import amount, clock, count, is_number, megabytes, score
from mamebert.results.pretrain import PretrainResults

SEEN = " †"
ABOUT = ["Seeds", "Parameters", "File", "Time per seed"]
FEW = 3  # tables of differences stand open where there are so few pairs


def tell(story: Story) -> list[Section]:
    """Return the section with the tables of every task."""
    several = len(story.tasks) > 1
    blocks = [block for task in story.tasks for block in _of_task(task, several)]
    only = story.tasks[0].measure if not several and blocks else ""
    return [Section("results", measure_name(only) if only else "Results", blocks)] if blocks else []


def _of_task(task: Task, several: bool) -> list[Block]:
    title = f"{task.name}: {task.title}" if several else task.title
    return [*tables(task, title), *_comparisons(task, title)]


def tables(task: Task, title: str) -> list[Block]:
    """Return the tables of a task: on its test rows, and on further ones."""
    return [_table(task, title), *_tests(task, title)] if task.final or task.baselines else []


def _table(task: Task, title: str) -> Table:
    everyone = (*task.final, *task.baselines)
    best = max((t.value for t in everyone if not t.knows_answers), default=None)
    rows = [
        [Cell(t.name + _after(t)), *_measured(task, t.scores, t.value == best), *cells(*_about(t))] for t in everyone
    ]
    if task.is_livedoor:
        printed = [score(BEST_ACCURACY) if name == "accuracy" else None for name in task.measures]
        paper = f"Paper's best: {BEST_MODEL}, epoch {BEST_EPOCH}"
        rows.append(cells(paper, *printed, "1", None, None, None, quiet=True))
    header = ["Model", *map(measure_name, task.measures), *ABOUT]
    tests = f", {count(task.num_rows('test'))} test rows" if task.num_rows("test") else ""
    return Table(f"{title}{tests}", *drop_empty_columns(header, rows), notes=_notes(task))


def _measured(task: Task, scores: Scores, is_best: bool) -> list[Cell]:
    """Return a field for each measure: the leading one with its spread, bold where it is the best."""
    lead, *others = task.measures
    rest = (value_of(name, scores[name].mean) if name in scores else None for name in others)
    return [Cell(value_of(lead, *scores[lead]), strong=is_best), *cells(*rest)]


def _about(tested: Outcome) -> list[str | None]:
    behind = tested.pretrained.results if tested.pretrained else PretrainResults()
    total = behind.parameters.total if behind.parameters else None
    return [
        str(tested.num_seeds) if tested.num_seeds else None,
        amount(total) if total else None,
        megabytes(behind.model_bytes),
        clock(tested.seconds),
    ]


def _after(tested: Outcome) -> str:
    epoch = f", after epoch {tested.epoch:g}" if tested.epoch is not None else ""
    return epoch + (SEEN if tested.seen_test_text else "")


def _notes(task: Task) -> list[str]:
    notes = []
    if any(t.spread is not None for t in task.final):
        notes.append("± is the standard deviation over the seeds of fine-tuning.")
    if any(t.seen_test_text for t in (*task.final, *task.baselines)):
        notes.append(
            "† The texts of the test rows (not their labels) were in the text that its encoder or vectors learnt from."
        )
    return notes + [f"{tested.name}: {doubt}" for tested in task.final for doubt in tested.doubts]


def _tests(task: Task, title: str) -> list[Block]:
    """Return the table of further test parts: another language, another field."""
    names = list(dict.fromkeys(name for model in task.final for name in model.tests))
    rows = []
    models = sorted(task.final, key=lambda model: -model.value)  # a narrow window shows the first columns
    for name in names:
        found = [model.tests.get(name, {}).get(task.measure) for model in models]
        best = max((each.mean for each in found if each), default=None)
        row = [Cell(value_of(task.measure, *s), strong=s.mean == best) if s else cells(None)[0] for s in found]
        rows.append([*cells(name, count(task.num_rows(name))), *row])
    header = ["Test rows", "Number", *(model.name + _after(model) for model in models)]
    told = f"{title}: {in_a_sentence(task.measure)} on other test rows"
    return [Table(told, header, rows)] if rows else []


def _comparisons(task: Task, title: str) -> list[Block]:
    pairs = [pair for pair in task.results.comparisons if is_number(pair.difference)]
    if not pairs:
        return []
    rows = [
        cells(
            f"{task.shown(pair.a)} − {task.shown(pair.b)}",
            f"{pair.difference:+.4f}",
            _range(pair.interval),
            _chance(pair.p),
        )
        for pair in pairs
    ]
    note = "Paired bootstrap over the test rows; of each model the seed that validated best."
    table = Table(
        f"{title}: differences in {in_a_sentence(task.measure)}",
        *drop_empty_columns(["Pair", "Difference", "95 % interval", "p"], rows),
        notes=[note],
    )
    return [table] if len(pairs) <= FEW else [Fold(f"Differences between any two, {title}", [table])]


def _range(interval: list[float]) -> str | None:
    return f"{interval[0]:+.4f} to {interval[1]:+.4f}" if len(interval) == 2 and all(map(is_number, interval)) else None


def _chance(p: float | None) -> str | None:
    if p is None or not is_number(p):
        return None
    return "< 0.001" if p < 0.001 else f"{p:.3f}"
