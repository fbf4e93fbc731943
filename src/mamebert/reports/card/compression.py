"""The card of a compressed model: what it was made from and how, its cost, and its limits."""

import json
from collections.abc import Callable
from typing import Any

from mamebert.config import walk
from mamebert.reports.readings.compressions import FAR, WHAT_DIFFERS, ComparedModel, Compression
from mamebert.reports.text.blocks import Block, Section, Table, cells, drop_empty_columns
from mamebert.reports.text.names import in_a_sentence, measure_name, task_name, value_of
from mamebert.reports.text.number_format import GLUE, amount, count, megabytes, percent, three_digits
from mamebert.runs import Run

LONGEST = 200  # letters of what a method decided; the rest is in run.json


def what_it_is(run: Run) -> str:
    """Return one sentence: what was made of what, by which methods, and how small it is."""
    it = Compression(run)
    task = it.results.task or ""
    kind = "BERT encoder" if task in ("", "masked_lm") else f"BERT fine-tuned for {task_name(task).lower()}"
    kinds = [step.kind for step in it.chain]
    by = f" by {', then '.join(kinds)}" if kinds else ""
    return f"A {kind}, made smaller from {it.teacher.name}{by}{_how_small(it)}."


def _how_small(it: Compression) -> str:
    if it.result is None:
        return ""
    before, after = it.teacher.parameters, it.result.parameters
    if before and after and amount(before) != amount(after):
        return f": {amount(after)} parameters instead of {amount(before)}"
    told, found = (each.main.num_bytes for each in (it.teacher, it.result))
    return f": {megabytes(found)} instead of {megabytes(told)}" if told and found and found < told else ""


def compress_sections(run: Run) -> list[Section]:
    """Return how it was made, its numbers before and after, and its forms."""
    it = Compression(run)
    found = [
        Section("lineage", "How it was made", _lineage(it)),
        Section("results", "Before and after", _before_and_after(it)),
        Section("forms", "Forms", _forms(it)),
    ]
    return [section for section in found if section.blocks]


def compress_limits(run: Run) -> list[str]:
    """Return what to beware of."""
    it = Compression(run)
    names = {form.name for form in it.result.forms} if it.result else set()
    limits = [f"It learnt from {it.teacher.name}: what that does wrong, it does wrong as well."]
    if names and "plain" not in names:
        opens = dict.fromkeys(form.opens_with for form in it.result.forms) if it.result else {}
        limits.append(f"No class of plain transformers holds it: it opens with {' or '.join(opens) or 'mamebert'}.")
    if "onnx_int8" in names:
        limits.append("Integers round, and differently with the processor: its outputs can differ in the last digits.")
    limits += [
        f"The plain form ({form.place}) computes otherwise than the first one, whose scores are told: its outputs "
        f"differ by up to {three_digits(gap)}. Its own score stands in the table of forms."
        for form in (it.result.forms[1:] if it.result else [])
        if form.name == "plain" and (gap := form.difference or 0.0) > FAR
    ]
    if it.result and it.result.kept is not None:
        limits.append(
            f"That it keeps {percent(it.result.kept)} of its teacher's {in_a_sentence(it.measure)} was measured on "
            "test rows of the same kind as the training rows. Other texts may lose more: small models know less."
        )
    if any(form.p50 for form in (it.result.forms if it.result else [])):
        limits.append("Times and memory are those of the machine named below, which other work may have disturbed.")
    return limits


def _lineage(it: Compression) -> list[Block]:
    path = it.results.teacher.path if it.results.teacher else None
    teacher = [it.teacher.name, path or None, None, None]
    rows = [cells("0", *teacher)]
    for number, step in enumerate(it.chain):
        paper = step.paper.source if step.paper else None
        rows.append(
            cells(str(number + 1), step.kind, _short(dict(walk(step.settings))), _short(it.notes(number)), paper)
        )
    rows[0][2], rows[0][4] = cells("the teacher", None)
    header = ["Step", "Method", "Settings", "What it decided", "Paper"]
    return [Table("Lineage", *drop_empty_columns(header, rows), num_text_columns=5)] if it.chain else []


def _short(told: dict[str, Any]) -> str | None:
    text = ", ".join(f"{name} {_typed(value)}" for name, value in told.items() if value is not None and value != "")
    return f"{text[:LONGEST].rstrip()} … (run.json has all)" if len(text) > LONGEST else text or None


def _typed(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _before_and_after(it: Compression) -> list[Block]:
    if not it.result:
        return []
    both = (it.teacher, it.result)
    names = list(dict.fromkeys([it.measure, *(it.results.teacher.scores if it.results.teacher else ())]))
    rows = [cells(measure_name(name), _score(it, it.teacher, name), _score(it, it.result, name)) for name in names]
    if it.result.kept is not None:
        rows.append(cells(f"Share of the teacher's {in_a_sentence(it.measure)}", None, percent(it.result.kept)))
    rows += [cells(title, *(write(each) for each in both)) for title, write in _COSTS]
    rows = [row for row in rows if any(cell.text not in ("", "–") for cell in row[1:])]
    notes = ["± is the standard deviation over the seeds; the model kept is the one that validated best."]
    num_rows = it.results.rows.get("test", 0)
    tests = f", {count(num_rows)} test rows" if num_rows else ""
    return [
        Table(f"Before and after{tests}", ["", it.teacher.name, it.name], rows, notes=notes if it.seeds[1:] else [])
    ]


def _score(it: Compression, entrant: ComparedModel, name: str) -> str | None:
    found = it.scores(entrant).get(name)
    return value_of(name, found.mean, found.spread if len(it.seeds) > 1 else None) if found else None


_COSTS: tuple[tuple[str, Callable[[ComparedModel], str | None]], ...] = (
    ("Parameters", lambda e: count(e.parameters) if e.parameters else None),
    ("FLOPs of a text", lambda e: amount(e.flops) if e.flops else None),
    ("On disk", lambda e: megabytes(e.main.num_bytes) if e.main.num_bytes else None),
    ("Latency, p50", lambda e: _milliseconds(e.main.p50)),
    ("Latency, p95", lambda e: _milliseconds(e.main.p95)),
    ("Texts a second", lambda e: three_digits(n) if (n := e.main.known.texts_per_second) else None),
    ("Peak memory", lambda e: megabytes(n) if (n := e.main.known.peak_memory_bytes) else None),
)


def _milliseconds(value: float | None) -> str | None:
    return f"{three_digits(value)}{GLUE}ms" if value else None


def _forms(it: Compression) -> list[Block]:
    forms = [form for form in (it.result.forms if it.result else []) if form.told]
    rows = [
        cells(
            form.name,
            "this folder" if form.place == "." else form.place,
            form.opens_with or None,
            megabytes(form.num_bytes) if form.num_bytes else None,
            value_of(it.measure, form.score) if form.score is not None else None,
            three_digits(gap) if (gap := form.difference) is not None else None,
            _milliseconds(form.p50),
            megabytes(held) if (held := form.known.peak_memory_bytes) else None,
        )
        for form in forms
    ]
    header = [
        "Form",
        "Where",
        "Opens with",
        "Size",
        measure_name(it.measure),
        "Largest difference",
        "p50",
        "Peak memory",
    ]
    notes = [WHAT_DIFFERS] if any(form.difference is not None for form in forms) else []
    table = Table("What opens it", *drop_empty_columns(header, rows), notes=notes, num_text_columns=3)
    return [table] if rows else []
