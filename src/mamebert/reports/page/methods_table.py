"""The results that the paper of each method reports, beside ours."""

from mamebert.reports.page.comparison import Arena
from mamebert.reports.readings.compressions import Compression, FormMeasured
from mamebert.reports.text.blocks import Cell, Table, cells
from mamebert.reports.text.names import in_a_sentence
from mamebert.reports.text.number_format import GLUE, is_number, percent, three_digits
from mamebert.results.compress import Paper, Step


def methods_table(arena: Arena) -> Table:
    """Return a row for each use of a method alone; a method that was only used with others has those rows."""
    alone = {each.chain[0].kind for each in arena.compressions if len(each.chain) == 1}
    rows = [
        _row(arena, each, step)
        for each in arena.compressions
        for step in each.chain
        if each.result and (len(each.chain) == 1 or step.kind not in alone)
    ]
    header = ["Method", "Paper", "Reported there", "Model", "Here"]
    notes = [
        "Papers compress models of 100 million parameters and more, trained on far more text, mostly on GLUE: a method "
        "can do less here, where little is superfluous, or more, where the task is easy."
    ]
    return Table(f"Methods beside their papers, {arena.title}", header, rows, notes=notes, num_text_columns=5)


def _row(arena: Arena, each: Compression, step: Step) -> list[Cell]:
    paper = step.paper or Paper()
    number = arena.number(each.result) if each.result else 0
    told = cells(
        step.kind,
        paper.source or None,
        paper.headline or None,
        f"{number} {each.name}",
        here(arena, each),
    )
    return [told[0], *(Cell(cell.text, quiet=True) for cell in told[1:3]), *told[3:]]


def here(arena: Arena, each: Compression) -> str:
    """Return what a compression did: quality kept, times smaller and faster; and its fastest form, if another."""
    result = each.result
    if not result:
        return ""
    parts = [_quality(arena, each), *_gains(arena, each, result.main)]
    others = [form for form in result.forms if form is not result.main and form.p50]
    fastest = min(others, key=lambda form: form.p50 or 0, default=None)
    text = ", ".join(part for part in parts if part)
    if fastest and fastest.p50 and fastest.p50 < (result.main.p50 or float("inf")):
        text += f"; as {fastest.name} {', '.join(_gains(arena, each, fastest))}"
    return text


def times(ratio: float, more: str, less: str) -> str:
    """Return "2.1× faster", or "1.3× slower" for a ratio below 1."""
    return f"{three_digits(max(ratio, 1 / ratio))}×{GLUE}{more if ratio >= 1 else less}"


def _quality(arena: Arena, each: Compression) -> str:
    result = each.result
    if not result or not result.score:
        return ""
    if arena.lower_is_better:
        above = arena.above_teacher(result)
        return f"{in_a_sentence(arena.measure)} {above:+.3f}" if above is not None else ""
    return f"{percent(result.kept)} of the {in_a_sentence(arena.measure)}" if is_number(result.kept) else ""


def _gains(arena: Arena, each: Compression, form: FormMeasured) -> list[str]:
    smaller, faster = each.times_smaller(form), arena.times_faster(each, form)
    return [
        *([times(smaller, "smaller", "larger")] if smaller else []),
        *([times(faster, "faster", "slower")] if faster else []),
    ]
