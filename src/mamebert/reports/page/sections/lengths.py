"""Lengths of the labelled rows in tokens, and where they are cut."""

from mamebert.reports.page.story import Story
from mamebert.reports.plots.histogram import Histogram
from mamebert.reports.readings.finetunings import Task
from mamebert.reports.readings.lengths import Lengths, lengths_of
from mamebert.reports.text.blocks import Block, Fold, Section, Text
from mamebert.reports.text.number_format import count, percent

FEW = 3  # sets whose lengths are shown at once
ADVICE = "A longer `task.max_length` reads more of them, as far as the encoder's positions go, and takes more time."


def tell(story: Story) -> list[Section]:
    """Return the section on lengths; none where no run wrote them down."""
    blocks: list[Block] = []
    for task in story.tasks:
        found = lengths_of(task)
        of_task = [block for each in found for block in _of(task, each, len(story.tasks) > 1, len(found) > 1)]
        folded = len(story.tasks) > FEW and of_task
        blocks += [Fold(f"{task.name}: lengths of rows", of_task)] if folded else of_task
    lead = "Special tokens included; tokens behind the cut count too, though the model does not read them."
    return [Section("lengths", "Lengths of rows", blocks, lead)] if blocks else []


def _of(task: Task, lengths: Lengths, several_tasks: bool, several_tokenizers: bool) -> list[Block]:
    of_whom = f", as {', '.join(map(task.shown, lengths.models))} sees them" if several_tokenizers else ""
    title = f"{f'{task.name}: rows' if several_tasks else 'Rows'} by length{of_whom}"
    told = [Text([sentence])] if (sentence := _cut_sentence(lengths)) else []
    return [*told, Histogram(title, lengths.edges, lengths.parts, lengths.max_length)]


def _cut_sentence(lengths: Lengths) -> str:
    known = [part for part in lengths.parts if part.cut is not None]
    if not known or lengths.max_length is None:
        return ""
    rows, cut = sum(part.num_rows for part in known), sum(part.cut or 0 for part in known)
    if not cut:
        return f"No row is longer than the {count(lengths.max_length)} tokens that are read."
    share = f"{count(cut)} of {count(rows)} rows ({percent(cut / rows)})"
    return f"Of {share} only the first {count(lengths.max_length)} tokens are read. {ADVICE}"
