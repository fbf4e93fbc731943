"""Models made smaller: how good they still are, and what each form of them costs; beside it what papers report."""

from collections.abc import Callable, Sequence

from mamebert.reports.page.comparison import Arena, arenas
from mamebert.reports.page.compression_plots import drawings
from mamebert.reports.page.methods_table import methods_table
from mamebert.reports.page.story import Story
from mamebert.reports.readings.compressions import WHAT_DIFFERS, ComparedModel, FormMeasured
from mamebert.reports.text.blocks import Block, Cell, Fold, Section, Table, cells, drop_empty_columns
from mamebert.reports.text.names import measure_name, value_of
from mamebert.reports.text.number_format import GLUE, amount, count, is_number, megabytes, percent, three_digits

DIGITS = 3
FEW = 8  # rows up to which the table of programs stands open
COSTS: dict[str, Callable[[FormMeasured], float | None]] = {
    "On disk": lambda form: form.num_bytes,
    "p50": lambda form: form.p50,
    "p95": lambda form: form.p95,
    "Texts/s": lambda form: form.known.texts_per_second,
    "Its own": lambda form: form.known.own_memory_bytes,
}
"""Columns whose best is marked, and their numbers."""
LEAD = (
    "Each model was made from its teacher by the methods in its name, one after the other; a form is one way in which "
    "it lies on disk and runs. The same numbers name the models in tables and drawings."
)


def tell(story: Story) -> list[Section]:
    """Return the section, with the tables and drawings of each data set."""
    blocks: list[Block] = []
    for arena in arenas(story):
        blocks += [_table(arena), *drawings(arena), methods_table(arena), *_programs(arena)]
    return [Section("smaller", "Smaller models", blocks, LEAD)] if blocks else []


def _table(arena: Arena) -> Table:
    kept = "Above teacher" if arena.lower_is_better else "Teacher kept"
    quality = [measure_name(arena.measure), kept, "Parameters", "FLOPs"]
    costs = ["On disk", "p50", "p95", "Texts/s", "Peak memory", "Its own"]
    rows = [
        [_named(arena, each, form), *_quality(arena, each, form), *_costs(form)]
        for each in arena.everyone
        for form in each.forms
    ]
    tests = f", {count(arena.num_test_rows)} test rows" if arena.num_test_rows else ""
    header, rows = drop_empty_columns(["Model", *quality, *costs], rows)
    return Table(f"{arena.title}{tests}", header, _best_marked(arena, header, rows), notes=_notes(arena))


def _named(arena: Arena, entrant: ComparedModel, form: FormMeasured) -> Cell:
    """Return the first field of a row; beside the main form, others tell which they are."""
    is_other = form is not entrant.main
    return Cell(f"{_numbered(arena, entrant)}{f', {form.name}' if is_other else ''}", quiet=is_other)


def _numbered(arena: Arena, entrant: ComparedModel) -> str:
    number = arena.number(entrant)
    return f"{number} {entrant.name}" if number else entrant.name


def _quality(arena: Arena, entrant: ComparedModel, form: FormMeasured) -> list[Cell]:
    """Return score, share kept, parameters and FLOPs; other forms have a score of their own alone."""
    if form is not entrant.main:
        told = value_of(arena.measure, form.score, digits=DIGITS) if form.score is not None else None
        return cells(told, "", "", "", quiet=True)
    mark = f"≈{GLUE}" if entrant.untold else ""
    return cells(
        f"{mark}{value_of(arena.measure, *entrant.score, DIGITS)}" if entrant.score else None,
        _kept(arena, entrant),
        amount(entrant.parameters) if entrant.parameters else None,
        amount(entrant.flops) if entrant.flops else None,
        quiet=entrant.role == "other",
    )


def _kept(arena: Arena, entrant: ComparedModel) -> str | None:
    if entrant.role != "smaller":
        return ""
    if arena.lower_is_better:
        above = arena.above_teacher(entrant)
        return f"{above:+.3f}" if above is not None else None
    return percent(entrant.kept) if entrant.kept is not None else None


def _costs(form: FormMeasured) -> list[Cell]:
    known = form.known
    return cells(
        _megabytes(form.num_bytes),
        *(f"{three_digits(ms)}{GLUE}ms" if ms else None for ms in (form.p50, form.p95)),
        three_digits(known.texts_per_second) if known.texts_per_second else None,
        *map(_megabytes, (known.peak_memory_bytes, known.own_memory_bytes)),
    )


def _megabytes(number: float | None) -> str | None:
    return megabytes(number) if is_number(number) else None


def _best_marked(arena: Arena, header: Sequence[str], rows: list[list[Cell]]) -> list[list[Cell]]:
    """Return the rows with the best of each cost, and the best score of a smaller model, in bold."""
    owners = [(each, form) for each in arena.everyone for form in each.forms]
    for column, name in enumerate(header):
        if name == measure_name(arena.measure):
            judged = {i: e for i, (e, f) in enumerate(owners) if e.role == "smaller" and f is e.main}
            known = {i: e.score.mean for i, e in judged.items() if e.score}
            best = (min if arena.lower_is_better else max)(known.values(), default=None)
        elif name in COSTS:
            known = {i: v for i, (_, f) in enumerate(owners) if (v := COSTS[name](f)) is not None}
            best = (max if name == "Texts/s" else min)(known.values(), default=None)
        else:
            continue
        for number, value in known.items():
            if value == best and len(known) > 1:
                rows[number][column] = Cell(rows[number][column].text, strong=True)
    return rows


def _notes(arena: Arena) -> list[str]:
    everyone = arena.everyone
    notes = ["Bold: the least of each cost, and the best score of a smaller model."]
    if any(each.score and each.score.spread is not None for each in arena.smaller):
        notes.append("± is the standard deviation over the seeds.")
    if any(each.score and each.score.spread is not None for each in arena.teachers):
        notes.append("The teacher is the seed that validated best; ± is of all seeds of its fine-tuning.")
    if any(each.untold for each in everyone):
        notes.append("≈ The difference from the teacher may be chance (paired bootstrap over the test rows, p ≥ 0.05).")
    if any(form.score is not None for each in everyone for form in each.forms[1:]):
        notes.append("The score beside another form is that of the seed that was kept, answered by this very form.")
    measured = [form for each in everyone for form in each.forms if form.p50]
    if measured:
        threads = {form.known.threads for form in measured if form.known.threads}
        on = f" on {' or '.join(map(str, sorted(threads)))} thread{'s' if threads != {1} else ''}" if threads else ""
        notes.append(
            f"p50 and p95: within so long half, and 95 of 100, of the texts were answered, one at a time{on}, without "
            "the making of tokens; texts a second in the fastest of a few batch sizes. Other work on the machine "
            "disturbs them: compare what was measured in one run."
        )
    if any(form.known.peak_memory_bytes for form in measured):
        notes.append(
            "Peak memory is that of the whole process, one text at a time; its own, what an empty process with the "
            "same libraries does not hold."
        )
    notes += [
        f"{_named(arena, each, form).text} is not measured: {form.known.not_measured}"
        for each in everyone
        for form in each.forms
        if form.known.not_measured
    ]
    if any(each.flops for each in everyone):
        notes.append("FLOPs: matrix products of one text, mean over the texts that were timed.")
    return notes


def _programs(arena: Arena) -> list[Block]:
    owners = [(each, form) for each in arena.everyone for form in each.forms if form.told]
    rows = [
        cells(
            _numbered(arena, each),
            form.name,
            form.place,
            form.opens_with or None,
            three_digits(gap) if (gap := form.difference) is not None else None,
        )
        for each, form in owners
    ]
    header = ["Model", "Form", "Where in its folder", "Opens with", "Largest difference"]
    known = any(form.difference is not None for _, form in owners)
    title = f"What opens them, {arena.title}"
    table = Table(title, *drop_empty_columns(header, rows), notes=[WHAT_DIFFERS] if known else [], num_text_columns=4)
    return [table if len(rows) <= FEW else Fold(title, [table])] if rows else []
