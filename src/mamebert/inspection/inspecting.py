"""Labelled rows looked at before anything is learnt from them: counts, labels, lengths, duplicates, first rows."""

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table as Drawn

from mamebert.checkpoints.model_folder import ModelFolder
from mamebert.config import build
from mamebert.corpus.kept_reader.settings import Kept
from mamebert.errors import UserError
from mamebert.inspection.settings import InspectConfig
from mamebert.labelled.data_tables import balance, between, duplicates_inside, first_rows, histogram, lengths_of
from mamebert.labelled.leaks import shifted
from mamebert.labelled.rows import PARTS, LabelledSources, RowSources, drawn, read_labelled, read_sources
from mamebert.reports.readings.word_order import bags_of_words_told, encoders_behind
from mamebert.reports.text.blocks import Table, cells
from mamebert.reports.text.number_format import count, percent
from mamebert.stages.evaluate.evaluating import read_as_kept, same_task
from mamebert.tasks import Task
from mamebert.tasks.data.features import Example, Features, TaskState
from mamebert.tasks.network.task_network import open_network
from mamebert.tokenizer.encoding import Tokenizer
from mamebert.tokenizer.unknown import Unknown

WIDTH = 120  # of a page where there is no terminal


def check_rows(config: InspectConfig) -> None:
    """Print everything; rows that cannot be read at all are a UserError."""
    task, tokenizer, learnt, kept = _task_and_tokenizer(config)
    config = read_as_kept(config, kept, task.columns(), print)
    parts, unusable = _parts(config, task)
    _print(_counts(parts))
    _print(*(_reasons(name, reasons) for name, reasons in unusable.items() if reasons))
    _print(*balance(task, parts))
    learnt, refusal = _learnt(task, parts, learnt)
    if refusal:
        print(f"Training would refuse these rows: {refusal}\n")
    features: dict[str, Sequence[Features]] = {}
    if tokenizer and learnt:
        unknown = {}
        for name, part in parts.items():
            tokenizer.unknown = unknown[name] = Unknown()
            features[name] = task.features(tokenizer, part, learnt)
        _print(_unknown(unknown))
        _tell_unseen(task, parts, learnt)
    _print(*histogram(lengths_of(parts, features), bool(features)))
    _print(*_truncated(task, features))
    _print(duplicates_inside(parts), *between(parts))
    _tell_shifts(task, parts)
    _tell_word_order(config)
    name = next(iter(parts))
    print("\n".join(first_rows(parts[name], features.get(name), tokenizer, name)))


def _tell_word_order(config: InspectConfig) -> None:
    """Say which encoders hardly know the order of words, where the runs that made them tell."""
    encoders = [encoders_behind(folder) for folder in config.models.values() if folder.exists()]
    if told := bags_of_words_told({name: results for found in encoders for name, results in found.items()}):
        print(f"{told}\n")


def _task_and_tokenizer(config: InspectConfig) -> tuple[Task, Tokenizer | None, TaskState | None, Kept]:
    """Return the task, a fine-tuned model's own where one is named, and the tokenizer of the first folder.

    Also what that model learnt besides weights, and how its training rows were read.

    That may also be the output of `mamebert vocab`.
    """
    folder = next(iter(config.models.values()), None)
    if folder is not None and folder.exists():
        only_tokenizer = (folder / "tokenizer").is_dir()
        if only_tokenizer:
            tokenizer = Tokenizer.open(folder / "tokenizer")
        else:
            opened = ModelFolder.open(folder)
            tokenizer = opened.tokenizer()
            if "task" in opened.about:
                task, learnt, _ = open_network(opened.path)
                kept = Kept.read(opened.about.get("reader"), opened.path)
                return same_task(config.task, {folder.name: task})[folder.name], tokenizer, learnt, kept
            return _task(config).starting_from(opened.path), tokenizer, None, Kept()
    else:
        tokenizer = None
        told = "No model is given" if folder is None else f"There is nothing in {folder} yet"
        print(f"{told}, so there is no tokenizer: lengths are in characters, and nothing is known of truncation.\n")
    return _task(config), tokenizer, None, Kept()


def _task(config: InspectConfig) -> Task:
    kind: type[Task] = Task.find(config.task.get("kind", "classification"))
    return build(kind, config.task)


def _parts(config: RowSources, task: Task) -> tuple[dict[str, list[Example]], dict[str, dict[str, int]]]:
    """Return the parts as a fine-tuning would have them; where it could not be begun, every source whole."""
    if config.source or (config.train and config.test):
        rows = {name: getattr(config, name) for name in RowSources.model_fields}
        labelled = read_labelled(LabelledSources(**rows, task=task))
        return {**dict(zip(PARTS, labelled.parts, strict=True)), **labelled.tests}, labelled.unusable
    if not config.readers():
        raise UserError("There are no labelled rows. Give source, or train and test.")
    found, unusable = read_sources(task, config.readers())
    most = {"train": config.max_rows}
    parts = {name: drawn(rows, most.get(name, config.max_test_rows), config.split.seed) for name, rows in found.items()}
    return parts, unusable


def _learnt(
    task: Task, parts: dict[str, list[Example]], learnt: TaskState | None
) -> tuple[TaskState | None, UserError | None]:
    try:
        return learnt or task.learn(next(iter(parts.values()))), None
    except UserError as refusal:
        return None, refusal


def _counts(parts: dict[str, list[Example]]) -> Table:
    total = sum(map(len, parts.values()))
    rows = [cells(name, count(len(part)), percent(len(part) / total)) for name, part in parts.items()]
    return Table("Rows", ["Part", "Rows", "Share"], rows)


def _reasons(name: str, reasons: dict[str, int]) -> Table:
    rows = [cells(why, count(number)) for why, number in sorted(reasons.items(), key=lambda each: -each[1])]
    return Table(f"Rows of {name} that cannot be used", ["They have", "Rows"], rows)


def _unknown(found: dict[str, Unknown]) -> Table:
    rows = [
        cells(name, count(each.pieces), percent(each.rate), percent(each.rate_of_texts)) for name, each in found.items()
    ]
    notes = [told for name, each in found.items() if (told := each.told(f"the part {name}"))]
    header = ["Part", "Pieces", "Unknown pieces", "Texts with one"]
    return Table("Unknown to the vocabulary ([UNK])", header, rows, notes=notes)


def _tell_unseen(task: Task, parts: dict[str, list[Example]], learnt: TaskState) -> None:
    for name, part in parts.items():
        for why, number in task.unseen(part, learnt).items():
            print(f"{name}: {count(number)} rows with {why}; they will count as answered wrongly.\n")


def _tell_shifts(task: Task, parts: dict[str, list[Example]]) -> None:
    first, *others = parts
    for name in others:
        if shift := shifted(task.describe(parts[first]), task.describe(parts[name])):
            label, before, now = shift
            told = f"{label!r} is {percent(now)} of {name} and {percent(before)} of {first}"
            print(f"Labels are shared out otherwise in {name} than in {first}: {told}.\n")


def _truncated(task: Task, features: dict[str, Sequence[Features]]) -> list[Table]:
    rows = []
    for name, part in features.items():
        cut = [each.num_truncated for each in part if each.num_truncated]
        rows.append(cells(name, count(len(cut)), percent(len(cut) / len(part)), count(sum(cut))))
    title = f"Longer than what is read of a row (task.max_length {task.max_length})"
    return [Table(title, ["Part", "Rows", "Share", "Pieces not read"], rows)] if rows else []


def _print(*tables: Table) -> None:
    console = Console(markup=False, emoji=False, highlight=False)
    if not console.is_terminal:
        console = Console(markup=False, emoji=False, highlight=False, width=WIDTH)
    for table in tables:
        drawn_table = Drawn(box=None, pad_edge=False)
        for number, name in enumerate(table.header):
            drawn_table.add_column(name, justify="left" if number < table.num_text_columns else "right")
        for row in table.rows:
            drawn_table.add_row(*(cell.text for cell in row))
        console.print(table.caption, style="bold")
        console.print(drawn_table, "")
        for note in table.notes:
            console.print(note, "")
